#include "lamina/apps/estate_value/predictions.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace lamina::apps::estate_value {
namespace {

using nn::data::Column;
using nn::data::Table;

std::string text_cell(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// Cents, and six digits of what is small or huge.
std::string price_cell(double price) {
  const double size = std::abs(price);
  return size >= 100 && size < 1e15 ? absl::StrFormat("%.2f", price)
                                    : absl::StrFormat("%.6g", price);
}

bool has_column(const Table& table, absl::string_view name) {
  for (const Column& column : table.columns) {
    if (column.name == name) return true;
  }
  return false;
}

}  // namespace

std::string csv_with_prices(const Table& cells, std::string name,
                            const std::vector<double>& prices) {
  if (static_cast<int64_t>(prices.size()) != cells.rows) {
    fail<ShapeError>("csv_with_prices", "expected ", cells.rows, " prices, got ", prices.size());
  }
  const std::string first_name = name;
  for (int i = 2; has_column(cells, name); ++i) name = absl::StrCat(first_name, "_", i);
  std::vector<std::vector<int64_t>> columns;
  std::string csv;
  for (const Column& column : cells.columns) {
    absl::StrAppend(&csv, text_cell(column.name), ",");
    columns.push_back(column.values.to_vector<int64_t>());
  }
  absl::StrAppend(&csv, text_cell(name), "\n");
  for (size_t row = 0; row < prices.size(); ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto code = static_cast<size_t>(columns[i][row]);
      absl::StrAppend(&csv, text_cell(cells.columns[i].categories[code]), ",");
    }
    absl::StrAppend(&csv, price_cell(prices[row]), "\n");
  }
  return csv;
}

}  // namespace lamina::apps::estate_value
