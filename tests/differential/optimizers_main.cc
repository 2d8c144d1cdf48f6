// Reads runs of optimizers from standard input and prints, for each, the largest difference, or an error. Ends with the
// number of runs. See optimizers.h.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "lamina/tests/differential/optimizers.h"

int main(int argc, char** argv) {
  namespace differential = lamina::differential;
  if (argc == 2 && std::string(argv[1]) == "--optimizers") {
    for (const auto& entry : differential::optimizer_table()) std::puts(entry.first.c_str());
    return 0;
  }
  long count = 0;
  for (std::string line; std::getline(std::cin, line); ++count) {
    try {
      std::printf("%.3g\n", differential::optimizer_difference(line));
    } catch (const std::exception& e) {
      std::string what = e.what();
      std::replace(what.begin(), what.end(), '\n', ' ');
      std::printf("%s\n", what.c_str());
    }
  }
  std::printf("runs\t%ld\n", count);
  return 0;
}
