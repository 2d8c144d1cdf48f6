#include "lamina/apps/report/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/serialization/text.h"

namespace lamina::apps::report {
namespace {

// Colours that people with any colour vision tell apart. Source: Okabe and Ito, "Color universal design",
// 2008.
constexpr std::array<const char*, 7> kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                "#e69f00", "#56b4e9", "#555555"};

constexpr double kWidth = 640, kHeight = 320;
// Room around the plot; to the left at least.
constexpr double kLeft = 70, kRight = 16, kTop = 34, kBottom = 46;
constexpr double kCharacter = 7.7;  // the width of a digit, in pixels

// A range of numbers and the pixels that show it.
struct Axis {
  double low, high, first, last;
  double at(double value) const { return first + share_between(value, low, high) * (last - first); }
};

// Of the one that begins the text, in bytes of UTF-8; 0 if there is none that XML can have.
size_t character_size(absl::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return 1;
  for (size_t size = 2; size <= 4 && size <= text.size(); ++size) {
    const absl::string_view one = text.substr(0, size);
    if (serialization::is_utf8(one)) return one == "\uFFFE" || one == "\uFFFF" ? 0 : size;
  }
  return 0;
}

std::string number(double value) { return absl::StrFormat("%.6g", value); }

std::string text(double x, double y, absl::string_view anchor, absl::string_view content,
                 absl::string_view more = "") {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y,
                         anchor, more, escaped(content));
}

std::string line(double x1, double y1, double x2, double y2, absl::string_view css_class) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
                         x1, y1, x2, y2, css_class);
}

std::string open_svg(double width, double height, absl::string_view label) {
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "
      "role=\"img\" aria-label=\"%s\">\n",
      width, height, width, height, escaped(label));
}

// The finite extremes, a little apart even if they are equal.
std::pair<double, double> padded(double low, double high) {
  using Limits = std::numeric_limits<double>;
  if (low < high) return {low, high};
  const double room = low == 0 ? 1 : std::max(std::abs(low) * 0.1, Limits::denorm_min());
  return {std::max(low - room, Limits::lowest()), std::min(high + room, Limits::max())};
}

// Both axes with their ticks, grid and labels.
std::string axes(const Axis& x, const Axis& y, const ChartOptions& options) {
  std::string svg;
  for (const double tick : round_ticks(x.low, x.high, 8)) {
    if (tick < x.low || tick > x.high) continue;
    absl::StrAppend(&svg, line(x.at(tick), y.first, x.at(tick), y.last, "grid"),
                    text(x.at(tick), y.first + 18, "middle", number(tick)));
  }
  for (const double tick : round_ticks(y.low, y.high, 6)) {
    if (tick < y.low || tick > y.high) continue;
    absl::StrAppend(&svg, line(x.first, y.at(tick), x.last, y.at(tick), "grid"),
                    text(x.first - 6, y.at(tick) + 4, "end", number(tick)));
  }
  absl::StrAppend(&svg, text((x.first + x.last) / 2, kHeight - 8, "middle", options.x_label),
                  text(0, 0, "middle", options.y_label,
                       absl::StrFormat(" transform=\"translate(14 %.1f) rotate(-90)\"",
                                       (y.first + y.last) / 2)));
  return svg;
}

std::string points_of(const Series& series, const Axis& x, const Axis& y, const char* color) {
  std::string svg = absl::StrCat("<g fill=\"", color, "\" fill-opacity=\"0.5\">\n");
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    absl::StrAppendFormat(&svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", x.at(series.x[i]),
                          y.at(series.y[i]));
  }
  return svg + "</g>\n";
}

std::string line_of(const Series& series, const Axis& x, const Axis& y, const char* color) {
  std::string path, last;
  int run = 0;  // the points of the stretch so far
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) {
      run = 0;
      continue;
    }
    absl::StrAppendFormat(&path, "%s%.1f %.1f ", run++ == 0 ? "M" : "L", x.at(series.x[i]),
                          y.at(series.y[i]));
  }
  std::string svg = absl::StrCat("<path d=\"", path, "\" fill=\"none\" stroke=\"", color,
                                 "\" stroke-width=\"2\"/>\n");
  // Of few points each is shown, so that a single one is seen.
  if (series.x.size() > 40) return svg;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    absl::StrAppendFormat(
        &svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s</title></circle>\n",
        x.at(series.x[i]), y.at(series.y[i]), color,
        escaped(absl::StrCat(series.name, ": ", number(series.y[i]), " at ", number(series.x[i]))));
  }
  return svg;
}

}  // namespace

std::string escaped(absl::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t size = character_size(text);
    if (size != 1) {
      constexpr absl::string_view kReplacement = "\uFFFD";
      absl::StrAppend(&result, size == 0 ? kReplacement : text.substr(0, size));
      text.remove_prefix(std::max<size_t>(size, 1));
      continue;
    }
    const char c = text[0];
    text.remove_prefix(1);
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') result += c;
    }
  }
  return result;
}

double share_between(double value, double low, double high) {
  const double range = high - low;
  if (std::isfinite(range)) return (value - low) / range;
  return (value / 2 - low / 2) / (high / 2 - low / 2);
}

std::vector<double> round_ticks(double low, double high, int count) {
  const double range = high - low;
  const double rough = std::isfinite(range) ? range / count : high / count - low / count;
  if (!std::isnormal(rough)) return {low, high};  // too small to divide by
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  // Multiples, not sums, whose errors would add up; from below `low` to above `high`. Far from 0 the steps
  // may be lost in rounding, so they are counted.
  const double first = std::floor(low / step);
  const auto steps = static_cast<int>(std::ceil(high / step) - first);
  for (int i = 0; i <= steps; ++i) ticks.push_back((first + i) * step);
  if (!(ticks.front() < ticks.back())) return {low, high};
  // Beyond float64 there is no rounder number than the end itself.
  if (!std::isfinite(ticks.front())) ticks.front() = low;
  if (!std::isfinite(ticks.back())) ticks.back() = high;
  return ticks;
}

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double x_low = kInfinity, x_high = -kInfinity, y_low = kInfinity, y_high = -kInfinity;
  for (const Series& each : series) {
    if (each.x.size() != each.y.size()) {
      fail<ValueError>("line_chart", "expected as many x as y, got ", each.x.size(), " and ",
                       each.y.size(), " of ", each.name);
    }
    for (size_t i = 0; i < each.x.size(); ++i) {
      if (!std::isfinite(each.x[i]) || !std::isfinite(each.y[i])) continue;
      x_low = std::min(x_low, each.x[i]);
      x_high = std::max(x_high, each.x[i]);
      y_low = std::min(y_low, each.y[i]);
      y_high = std::max(y_high, each.y[i]);
    }
  }
  if (!(x_low <= x_high)) return "<p>No finite values.</p>\n";
  if (options.diagonal) {
    x_low = y_low = std::min(x_low, y_low);
    x_high = y_high = std::max(x_high, y_high);
  }
  std::tie(x_low, x_high) = padded(x_low, x_high);
  std::tie(y_low, y_high) = padded(y_low, y_high);
  const std::vector<double> ticks = round_ticks(y_low, y_high, 6);
  size_t longest = 0;
  for (const double tick : ticks) longest = std::max(longest, number(tick).size());
  // Beside the numbers is the axis' name.
  const double left = std::max(kLeft, 30 + kCharacter * static_cast<double>(longest));
  const Axis x = {x_low, x_high, left, kWidth - kRight};
  const Axis y = {ticks.front(), ticks.back(), kHeight - kBottom, kTop};

  std::string svg = open_svg(kWidth, kHeight, options.y_label) + axes(x, y, options);
  if (options.diagonal) {
    absl::StrAppend(&svg, line(x.at(x_low), y.at(x_low), x.at(x_high), y.at(x_high), "axis"));
  }
  double legend = left;
  for (size_t i = 0; i < series.size(); ++i) {
    const char* color = kColors[i % kColors.size()];
    absl::StrAppend(
        &svg, options.points ? points_of(series[i], x, y, color) : line_of(series[i], x, y, color));
    absl::StrAppendFormat(&svg,
                          "<rect x=\"%.1f\" y=\"10\" width=\"12\" height=\"12\" fill=\"%s\"/>\n",
                          legend, color);
    absl::StrAppend(&svg, text(legend + 17, 20, "start", series[i].name));
    legend += 30 + kCharacter * static_cast<double>(series[i].name.size());
  }
  return svg + "</svg>\n";
}

std::string matrix_chart(const Tensor& counts, const std::vector<std::string>& names,
                         absl::string_view row_label, absl::string_view column_label) {
  if (counts.dim() != 2 || counts.size(0) != counts.size(1)) {
    fail<ShapeError>("matrix_chart", "expected counts (n, n), got ", counts.shape().str());
  }
  const int64_t n = counts.size(0);
  if (static_cast<int64_t>(names.size()) != n) {
    fail<ValueError>("matrix_chart", "expected ", n, " names, got ", names.size());
  }
  size_t longest = 0;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  const double cell = std::clamp(480.0 / static_cast<double>(std::max<int64_t>(n, 1)), 14.0, 44.0);
  const double left = 40 + 7.5 * static_cast<double>(longest), top = 52;
  const double side = cell * static_cast<double>(n);
  const std::vector<double> values = counts.to(float64).to_vector<double>();

  std::string svg = open_svg(left + side + 10, top + side + 10,
                             absl::StrCat(row_label, " against ", column_label));
  absl::StrAppend(
      &svg, text(left + side / 2, 16, "middle", column_label),
      text(0, 0, "middle", row_label,
           absl::StrFormat(" transform=\"translate(14 %.1f) rotate(-90)\"", top + side / 2)));
  for (int64_t r = 0; r < n; ++r) {
    double total = 0;
    for (int64_t c = 0; c < n; ++c) total += values[static_cast<size_t>(r * n + c)];
    const double y = top + cell * static_cast<double>(r);
    absl::StrAppend(&svg, text(left - 6, y + cell / 2 + 4, "end", names[static_cast<size_t>(r)]));
    for (int64_t c = 0; c < n; ++c) {
      const double value = values[static_cast<size_t>(r * n + c)],
                   x = left + cell * static_cast<double>(c);
      const bool has_share = total > 0 && std::isfinite(total) && std::isfinite(value);
      const double share = has_share ? std::clamp(value / total, 0.0, 1.0) : 0;
      if (r == 0)
        absl::StrAppend(&svg, text(x + cell / 2, top - 8, "middle", names[static_cast<size_t>(c)]));
      // The root lifts the few mistakes from the ground. What is right is blue, what is not orange.
      absl::StrAppendFormat(
          &svg,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"cell\" fill=\"%s\" "
          "fill-opacity=\"%.3f\"><title>%s</title></rect>\n",
          x, y, cell, cell, r == c ? kColors[0] : kColors[1], 0.9 * std::sqrt(share),
          escaped(absl::StrFormat("%s %s, %s %s: %s", row_label, names[static_cast<size_t>(r)],
                                  column_label, names[static_cast<size_t>(c)], number(value))));
      if (value != 0 && cell >= 24) {
        absl::StrAppend(&svg, text(x + cell / 2, y + cell / 2 + 4, "middle", number(value),
                                   share > 0.4 ? " class=\"on-dark\"" : ""));
      }
    }
  }
  return svg + "</svg>\n";
}

}  // namespace lamina::apps::report
