// Reads cases from standard input and prints, for each that does not come out, its number and what is different.
// Ends with the number of cases. See replay.h.
#include <cstdio>
#include <iostream>
#include <string>

#include "lamina/tests/differential/replay.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--operations") {
    for (const std::string& name : lamina::differential::operations()) std::puts(name.c_str());
    return 0;
  }
  long count = 0;
  for (std::string line; std::getline(std::cin, line); ++count) {
    std::string what;
    try {
      what = lamina::differential::disagreement(lamina::differential::parse_case(line));
    } catch (const std::exception& e) {
      what = e.what();
    }
    for (char& c : what) {
      if (c == '\n') c = ' ';
    }
    if (!what.empty()) std::printf("%ld\t%s\n", count, what.c_str());
  }
  std::printf("cases\t%ld\n", count);
  return 0;
}
