#include "lamina/nn/data/table.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lamina/nn/edit_distance.h"

namespace lamina::nn::data {
namespace {

void check_categorical(const char* op, const Column& column) {
  if (!column.is_categorical()) {
    fail<DTypeError>(op, "expected a column of categories, got '", column.name, "' of numbers");
  }
}

// A column's codes, each of a category or -1.
std::vector<int64_t> checked_codes(const char* op, const Column& column) {
  check_categorical(op, column);
  std::vector<int64_t> codes = column.values.data().to_vector<int64_t>();
  const auto categories = static_cast<int64_t>(column.categories.size());
  for (size_t row = 0; row < codes.size(); ++row) {
    if (codes[row] >= -1 && codes[row] < categories) continue;
    fail<IndexError>(op, "expected codes of the ", categories, " categories of '", column.name,
                     "', or -1, got ", codes[row], " in row ", row);
  }
  return codes;
}

}  // namespace

absl::StatusOr<const Column*> Table::column(absl::string_view name) const {
  const Column* closest = nullptr;
  size_t least = 0;
  for (const Column& column : columns) {
    if (column.name == name) return &column;
    // Longer names would take time, and are nobody's typing error.
    constexpr size_t kMostBytes = 200;
    if (column.name.size() > kMostBytes || name.size() > kMostBytes) continue;
    const size_t at_least =
        std::max(column.name.size(), name.size()) - std::min(column.name.size(), name.size());
    if (closest != nullptr && at_least >= least) continue;
    const size_t distance = edit_distance(column.name, name);
    if (closest == nullptr || distance < least) {
      closest = &column;
      least = distance;
    }
  }
  return absl::NotFoundError(absl::StrCat(
      source, ": expected a column '", absl::Utf8SafeCEscape(name), "', got none",
      closest == nullptr
          ? ""
          : absl::StrCat("; the closest name is '", absl::Utf8SafeCEscape(closest->name), "'")));
}

Table Table::select(absl::Span<const int64_t> indices) const {
  for (int64_t index : indices) {
    if (index < 0 || index >= rows) {
      fail<IndexError>("select", "expected rows in [0, ", rows, "), got ", index);
    }
  }
  const auto count = static_cast<int64_t>(indices.size());
  const Tensor places = NDArray::from(indices, {count});
  Table selected;
  selected.source = source;
  selected.rows = count;
  selected.skipped_rows = skipped_rows;
  selected.first_errors = first_errors;
  for (const Column& column : columns) {
    selected.columns.push_back(
        {column.name, column.values.index_select(0, places), column.categories});
  }
  return selected;
}

Tensor one_hot(const Column& column) {
  const std::vector<int64_t> codes = checked_codes("one_hot", column);
  const auto rows = static_cast<int64_t>(codes.size());
  const auto categories = static_cast<int64_t>(column.categories.size());
  NDArray hot = NDArray::zeros({rows, categories});
  auto* to = hot.data<float>();
  for (const int64_t code : codes) {
    if (code >= 0) to[code] = 1;
    to += categories;
  }
  return hot;
}

Column recode(const Column& column, std::vector<std::string> categories) {
  std::vector<int64_t> codes = checked_codes("recode", column);
  absl::flat_hash_map<absl::string_view, int64_t> places;
  for (size_t i = 0; i < categories.size(); ++i) {
    places.emplace(categories[i], static_cast<int64_t>(i));
  }
  for (int64_t& code : codes) {
    if (code < 0) continue;
    const auto found = places.find(column.categories[static_cast<size_t>(code)]);
    code = found == places.end() ? -1 : found->second;
  }
  return {column.name, NDArray::from(codes, {static_cast<int64_t>(codes.size())}),
          std::move(categories)};
}

}  // namespace lamina::nn::data
