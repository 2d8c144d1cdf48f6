#include "lamina/apps/estate_value/predictions.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::estate_value {
namespace {

using nn::data::Column;
using nn::data::Table;

std::string text_cell(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string number_cell(double number) {
  if (std::isnan(number)) return "";
  // A whole number as people write it, and not as 2e+06.
  if (number == std::trunc(number) && std::abs(number) < 1e15)
    return absl::StrFormat("%.0f", number);
  return internal::exact_text(number);
}

std::vector<std::string> cells_of(const Column& column) {
  std::vector<std::string> cells;
  if (!column.is_categorical()) {
    for (const double number : column.values.to_vector<double>()) {
      cells.push_back(number_cell(number));
    }
    return cells;
  }
  for (const int64_t code : column.values.to_vector<int64_t>()) {
    cells.push_back(code < 0 ? "" : text_cell(column.categories[static_cast<size_t>(code)]));
  }
  return cells;
}

bool has_column(const Table& table, absl::string_view name) {
  for (const Column& column : table.columns) {
    if (column.name == name) return true;
  }
  return false;
}

}  // namespace

std::string csv_with_prices(const Table& houses, std::string name,
                            const std::vector<double>& prices) {
  if (static_cast<int64_t>(prices.size()) != houses.rows) {
    fail<ShapeError>("csv_with_prices", "expected ", houses.rows, " prices, got ", prices.size());
  }
  const std::string first_name = name;
  for (int i = 2; has_column(houses, name); ++i) name = absl::StrCat(first_name, "_", i);
  std::vector<std::vector<std::string>> columns;
  std::string csv;
  for (const Column& column : houses.columns) {
    absl::StrAppend(&csv, text_cell(column.name), ",");
    columns.push_back(cells_of(column));
  }
  absl::StrAppend(&csv, text_cell(name), "\n");
  for (size_t row = 0; row < prices.size(); ++row) {
    for (const std::vector<std::string>& cells : columns) absl::StrAppend(&csv, cells[row], ",");
    absl::StrAppendFormat(&csv, "%.2f\n", prices[row]);
  }
  return csv;
}

}  // namespace lamina::apps::estate_value
