// Charts as SVG: lines, points and a matrix of counts. Text of HTML 5 that is well-formed XML, too.
#ifndef LAMINA_APPS_REPORT_SVG_CHART_H_
#define LAMINA_APPS_REPORT_SVG_CHART_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn.h"

namespace lamina::apps::report {

// & < > " ' as XML writes them. Control characters but \n and \t are left out; U+FFFD stands for each byte
// that is not UTF-8, and for each of U+FFFE and U+FFFF, which XML cannot have.
std::string escaped(absl::string_view text);

// (value - low) / (high - low), of any finite low < high.
double share_between(double value, double low, double high);

// At most about `count` round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high],
// which is finite and not empty.
std::vector<double> round_ticks(double low, double high, int count);

// Points (x[i], y[i]), as many of both; those that are not finite are left out, and a line is broken
// there.
struct Series {
  std::string name;
  std::vector<double> x, y;
};

struct ChartOptions {
  std::string x_label = {}, y_label = {};
  bool points = false;    // points instead of lines
  bool diagonal = false;  // draws y = x, and both axes have one range
};

// A chart of some series with axes and a legend. Without a finite point it says so. Throws ValueError for
// x and y of different lengths.
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);

// A matrix of counts (n, n) of any number dtype, rows against columns, the darker the larger a row's share.
// What is not finite is as light as 0. Throws ShapeError for another shape, ValueError unless there are n
// names.
std::string matrix_chart(const Tensor& counts, const std::vector<std::string>& names,
                         absl::string_view row_label, absl::string_view column_label);

}  // namespace lamina::apps::report

#endif  // LAMINA_APPS_REPORT_SVG_CHART_H_
