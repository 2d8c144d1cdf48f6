// Reads graphs from standard input. For each that does not come out it prints "bad", its number and what is different;
// in the end "graphs", their number, the largest difference there was, and how many were refused. See graph.h.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "lamina/tests/differential/graph.h"

int main() {
  namespace differential = lamina::differential;
  long count = 0, refused = 0;
  double worst = 0;
  for (std::vector<std::string> lines; differential::read_graph(std::cin, lines); ++count) {
    std::string what;
    try {
      const differential::GraphReport report = differential::run_graph(lines);
      what = report.disagreement;
      worst = std::max(worst, report.worst);
      refused += report.refused;
    } catch (const std::exception& e) {
      what = e.what();
    }
    std::replace(what.begin(), what.end(), '\n', ' ');
    if (!what.empty()) std::printf("bad\t%ld\t%s\n", count, what.c_str());
  }
  std::printf("graphs\t%ld\t%.3g\t%ld\n", count, worst, refused);
  return 0;
}
