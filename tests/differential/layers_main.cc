// Reads calls of layers from standard input and prints, for each that does not come out, its number and what is
// different. Ends with the number of calls. See layers.h.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>

#include "lamina/tests/differential/layers.h"

int main(int argc, char** argv) {
  namespace differential = lamina::differential;
  if (argc == 2 && std::string(argv[1]) == "--layers") {
    for (const auto& entry : differential::layer_table()) std::puts(entry.first.c_str());
    return 0;
  }
  long count = 0;
  for (std::string line; std::getline(std::cin, line); ++count) {
    std::string what;
    try {
      what = differential::layer_disagreement(line);
    } catch (const std::exception& e) {
      what = e.what();
    }
    std::replace(what.begin(), what.end(), '\n', ' ');
    if (!what.empty()) std::printf("%ld\t%s\n", count, what.c_str());
  }
  std::printf("calls\t%ld\n", count);
  return 0;
}
