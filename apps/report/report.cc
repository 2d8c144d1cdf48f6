#include "lamina/apps/report/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/write_file.h"
#include "lamina/serialization/file.h"
#include "lamina/serialization/png.h"

namespace lamina::apps::report {
namespace {

// A table of seven columns and more has the page's width.
constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #ddd; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --faint: #3a3a3a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 82rem; margin: 2rem auto; padding: 0 1rem; }
main { display: grid; gap: 0 2.5rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p { white-space: pre-wrap; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .grid { stroke: var(--faint); } svg .axis { stroke: var(--ink); stroke-dasharray: 4 4; }
svg .cell { stroke: var(--faint); } svg .on-dark { fill: #fff; }
section { overflow-x: auto; } section:has(th:nth-child(7)) { grid-column: 1 / -1; }
table { border-collapse: collapse; } td, th { padding: 0.15rem 0.9rem 0.15rem 0; text-align: left; }
tr { border-bottom: 1px solid var(--faint); } td { font-variant-numeric: tabular-nums; }
.images { display: flex; flex-wrap: wrap; gap: 0.8rem; } figure { margin: 0; text-align: center; }
figure img { width: 84px; image-rendering: pixelated; border: 1px solid var(--faint); }
figcaption { font-size: 12px; }
)";

// One picture's values as bytes from 0 to 255.
NDArray bytes_of(const Tensor& image) {
  if (image.dtype() == uint8) return image.data();
  const Tensor x = image.to(float64);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : x.to_vector<double>()) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  NDArray bytes = NDArray::zeros(image.shape(), uint8);
  if (!(low < high)) return bytes;
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    const double share = std::clamp(share_between(values[i], low, high), 0.0, 1.0);
    bytes.data<uint8_t>()[i] = static_cast<uint8_t>(std::lround(255 * share));
  }
  return bytes;
}

}  // namespace

void Report::add_section(absl::string_view title, absl::string_view body) {
  absl::StrAppend(&sections_, "<section>\n<h2>", escaped(title), "</h2>\n", body, "</section>\n");
}

void Report::add_text(absl::string_view title, absl::string_view text) {
  add_section(title, absl::StrCat("<p>", escaped(text), "</p>\n"));
}

void Report::add_table(absl::string_view title, const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string body = "<table>\n";
  const auto add_row = [&body](const std::vector<std::string>& row, absl::string_view tag) {
    body += "<tr>";
    for (const std::string& cell : row) {
      absl::StrAppend(&body, "<", tag, ">", escaped(cell), "</", tag, ">");
    }
    body += "</tr>\n";
  };
  add_row(header, "th");
  for (const std::vector<std::string>& row : rows) {
    if (row.size() != header.size()) {
      fail<ValueError>("Report", "expected rows of ", header.size(), " cells, got one of ",
                       row.size());
    }
    add_row(row, "td");
  }
  add_section(title, body + "</table>\n");
}

void Report::add_chart(absl::string_view title, const std::vector<Series>& series,
                       const ChartOptions& options) {
  add_section(title, line_chart(series, options));
}

void Report::add_training(const std::vector<nn::train::EpochRecord>& history) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<Series>> charts;  // by quantity: "loss"
  for (size_t epoch = 0; epoch < history.size(); ++epoch) {
    for (const auto& [name, value] : history[epoch]) {
      const absl::string_view quantity = nn::train::ValueName(name).quantity;
      std::vector<Series>& chart = charts[std::string(quantity)];
      if (chart.empty()) order.emplace_back(quantity);
      Series* series = nullptr;
      for (Series& each : chart) {
        if (each.name == name) series = &each;
      }
      if (series == nullptr) series = &chart.emplace_back(Series{name, {}, {}});
      series->x.push_back(static_cast<double>(epoch + 1));
      series->y.push_back(value);
    }
  }
  for (const std::string& quantity : order) {
    ChartOptions options;
    options.x_label = "epoch";
    options.y_label = quantity;
    add_chart(quantity, charts[quantity], options);
  }
  if (history.empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : history.back()) {
    rows.push_back({name, absl::StrFormat("%.6g", value)});
  }
  add_table("After the last epoch", {"quantity", "value"}, rows);
}

void Report::add_confusion(const Tensor& counts, const std::vector<std::string>& classes) {
  add_section("Confusion matrix", matrix_chart(counts, classes, "label", "answer"));
}

void Report::add_images(absl::string_view title, const Tensor& images,
                        const std::vector<std::string>& captions) {
  if (images.dim() != 3 && !(images.dim() == 4 && images.size(1) == 3)) {
    fail<ShapeError>("Report", "expected pictures (n, h, w) or (n, 3, h, w), got ",
                     images.shape().str());
  }
  if (!is_floating(images.dtype()) && images.dtype() != uint8) {
    fail<DTypeError>("Report", "expected floating pictures or uint8, got ",
                     name_of(images.dtype()));
  }
  const int64_t n = images.size(0);
  if (!captions.empty() && static_cast<int64_t>(captions.size()) != n) {
    fail<ValueError>("Report", "expected a caption for each of ", n, " pictures, got ",
                     captions.size());
  }
  std::string body = "<div class=\"images\">\n";
  for (int64_t i = 0; i < n; ++i) {
    const std::string caption = captions.empty() ? "" : escaped(captions[static_cast<size_t>(i)]);
    absl::StrAppend(&body, "<figure><img alt=\"", caption, "\" src=\"data:image/png;base64,",
                    absl::Base64Escape(encode_png(bytes_of(images.select(0, i)))),
                    "\"/><figcaption>", caption, "</figcaption></figure>\n");
  }
  add_section(title, body + "</div>\n");
}

std::string Report::html() const {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width\"/>\n<title>",
      escaped(title_), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>",
      escaped(title_), "</h1>\n<main>\n", sections_, "</main>\n</body>\n</html>\n");
}

absl::Status Report::check_path(const std::string& path) {
  return serialization::AtomicFile::create(path).status();
}

absl::Status Report::write(const std::string& path) const { return write_file(path, html()); }

}  // namespace lamina::apps::report
