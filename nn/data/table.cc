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
  check_categorical("one_hot", column);
  const int64_t rows = column.values.numel();
  const auto categories = static_cast<int64_t>(column.categories.size());
  const NDArray codes = column.values.data().contiguous();
  NDArray hot = NDArray::zeros({rows, categories});
  const auto* code = codes.data<int64_t>();
  auto* to = hot.data<float>();
  for (int64_t i = 0; i < rows; ++i) {
    if (code[i] >= categories) {
      fail<IndexError>("one_hot", "expected codes below ", categories, ", got ", code[i]);
    }
    if (code[i] >= 0) to[i * categories + code[i]] = 1;
  }
  return hot;
}

Column recode(const Column& column, std::vector<std::string> categories) {
  check_categorical("recode", column);
  absl::flat_hash_map<absl::string_view, int64_t> places;
  for (size_t i = 0; i < categories.size(); ++i) {
    places.emplace(categories[i], static_cast<int64_t>(i));
  }
  std::vector<int64_t> codes = column.values.data().to_vector<int64_t>();
  for (int64_t& code : codes) {
    if (code < 0) continue;
    const auto found = places.find(column.categories.at(static_cast<size_t>(code)));
    code = found == places.end() ? -1 : found->second;
  }
  return {column.name, NDArray::from(codes, {static_cast<int64_t>(codes.size())}),
          std::move(categories)};
}

}  // namespace lamina::nn::data
