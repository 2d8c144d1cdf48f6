#include "lamina/nn/data/csv_column.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace lamina::nn::data {
namespace {

// An array on the elements of a vector.
template <class T>
NDArray adopt(std::vector<T> values) {
  const auto owner = std::make_shared<std::vector<T>>(std::move(values));
  return NDArray::from_blob(owner->data(), {static_cast<int64_t>(owner->size())}, dtype_of<T>,
                            [owner](void*) {});
}

}  // namespace

void CsvColumn::restart(const absl::flat_hash_set<std::string>& missing) {
  if (kind == kMixed) kind = kTexts;
  error.clear();
  numbers_.clear();
  has_number_ = false;
  codes_.clear();
  code_of_.clear();
  categories_ = 0;
  for (const std::string& text : missing) code_of_.emplace(text, -1);
}

void CsvColumn::reserve(size_t rows) {
  if (kind == kNumbers) numbers_.reserve(rows);
  if (kind == kTexts) codes_.reserve(rows);
}

void CsvColumn::truncate(size_t rows) {
  if (numbers_.size() > rows) numbers_.resize(rows);
  if (codes_.size() > rows) codes_.resize(rows);
}

void CsvColumn::add_text(absl::string_view text) {
  const auto found = code_of_.find(text);
  if (found != code_of_.end()) {
    codes_.push_back(found->second);
  } else {
    code_of_.emplace(text, categories_);
    codes_.push_back(categories_++);
  }
}

void CsvColumn::turn_into_texts(size_t rows) {
  kind = has_number_ ? kMixed : kTexts;
  if (kind == kTexts) codes_.assign(rows, -1);
  std::vector<double>().swap(numbers_);
}

Column CsvColumn::finish() {
  if (kind == kNumbers) return {std::move(name), adopt(std::move(numbers_)), {}};
  // Rows that were left out may have had texts that no other has.
  std::vector<char> is_used(static_cast<size_t>(categories_));
  for (int64_t code : codes_) {
    if (code >= 0) is_used[static_cast<size_t>(code)] = 1;
  }
  std::vector<std::pair<absl::string_view, int64_t>> texts;
  for (const auto& [text, code] : code_of_) {
    if (code >= 0 && is_used[static_cast<size_t>(code)] != 0) texts.emplace_back(text, code);
  }
  std::sort(texts.begin(), texts.end());
  std::vector<std::string> categories;
  std::vector<int64_t> places(is_used.size());
  for (const auto& [text, code] : texts) {
    places[static_cast<size_t>(code)] = static_cast<int64_t>(categories.size());
    categories.emplace_back(text);
  }
  for (int64_t& code : codes_) {
    if (code >= 0) code = places[static_cast<size_t>(code)];
  }
  code_of_.clear();
  return {std::move(name), adopt(std::move(codes_)), std::move(categories)};
}

}  // namespace lamina::nn::data
