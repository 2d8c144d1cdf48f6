#include "lamina/nn/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_join.h"
#include "lamina/nn/data/derived_seed.h"

namespace lamina::nn::data {
namespace {

// Returns it, for an initialiser.
DatasetPtr checked(const char* op, DatasetPtr dataset) {
  if (dataset == nullptr) fail<ValueError>(op, "expected a data set, got a null pointer");
  return dataset;
}

void check_index(const char* op, int64_t index, int64_t size) {
  if (index >= 0 && index < size) return;
  fail<IndexError>(op, "expected an index of the ", size, " samples, got ", index);
}

}  // namespace

Batch Dataset::get_batch(absl::Span<const int64_t> indices) const {
  std::vector<Tensor> x, y;
  for (const int64_t index : indices) {
    Sample sample = get(index);
    x.push_back(std::move(sample.x));
    y.push_back(std::move(sample.y));
  }
  return {stack(x), stack(y)};
}

Batch Dataset::get_range(int64_t first, int64_t length) const {
  std::vector<int64_t> indices(static_cast<size_t>(length));
  std::iota(indices.begin(), indices.end(), first);
  return get_batch(indices);
}

// ---- TensorDataset

TensorDataset::TensorDataset(Tensor x, Tensor y) : x_(std::move(x)), y_(std::move(y)) {
  constexpr const char* kName = "TensorDataset";
  check_defined(kName, x_.data());
  check_defined(kName, y_.data());
  if (x_.dim() == 0 || y_.dim() == 0 || x_.size(0) != y_.size(0)) {
    fail<ShapeError>(kName, "expected as many samples in dimension 0 of both, got ",
                     x_.shape().str(), " and ", y_.shape().str());
  }
}

Sample TensorDataset::get(int64_t index) const {
  check_index("TensorDataset", index, size());
  return {x_.select(0, index), y_.select(0, index)};
}

Batch TensorDataset::get_batch(absl::Span<const int64_t> indices) const {
  for (const int64_t index : indices) check_index("TensorDataset", index, size());
  const Tensor index = tensor(std::vector<int64_t>(indices.begin(), indices.end()),
                              {static_cast<int64_t>(indices.size())});
  return {x_.index_select(0, index), y_.index_select(0, index)};
}

Batch TensorDataset::get_range(int64_t first, int64_t length) const {
  return {x_.narrow(0, first, length), y_.narrow(0, first, length)};
}

// ---- Subset

Subset::Subset(DatasetPtr dataset, std::vector<int64_t> indices)
    : dataset_(checked("Subset", std::move(dataset))), indices_(std::move(indices)) {
  const int64_t size = dataset_->size();
  for (const int64_t index : indices_) check_index("Subset", index, size);
}

Sample Subset::get(int64_t index) const {
  check_index("Subset", index, size());
  return dataset_->get(indices_[static_cast<size_t>(index)]);
}

Batch Subset::get_batch(absl::Span<const int64_t> indices) const {
  std::vector<int64_t> whole;
  whole.reserve(indices.size());
  for (const int64_t index : indices) {
    check_index("Subset", index, size());
    whole.push_back(indices_[static_cast<size_t>(index)]);
  }
  return dataset_->get_batch(whole);
}

Batch Subset::get_range(int64_t first, int64_t length) const {
  if (first < 0 || length < 0 || first > size() - length) {
    fail<IndexError>("Subset", "expected a range of the ", size(), " samples, got ", length,
                     " from ", first);
  }
  return dataset_->get_batch(
      absl::MakeConstSpan(indices_).subspan(static_cast<size_t>(first), length));
}

// ---- random_split

std::vector<std::shared_ptr<const Subset>> random_split(const DatasetPtr& dataset,
                                                        absl::Span<const int64_t> lengths,
                                                        uint64_t seed) {
  constexpr const char* kName = "random_split";
  const int64_t size = checked(kName, dataset)->size();
  int64_t left = size;
  bool fits = true;
  for (const int64_t length : lengths) {
    fits = fits && length >= 0 && length <= left;
    left -= fits ? length : 0;
  }
  if (!fits || left != 0) {
    fail<ValueError>(kName, "expected lengths of at least 0 that sum to ", size, ", got (",
                     absl::StrJoin(lengths, ", "), ")");
  }
  Generator generator(internal::splitting_seed(seed));
  const std::vector<int64_t> order = random::permutation(size, generator).to_vector<int64_t>();
  std::vector<std::shared_ptr<const Subset>> parts;
  auto from = order.begin();
  for (const int64_t length : lengths) {
    parts.push_back(std::make_shared<Subset>(dataset, std::vector<int64_t>(from, from + length)));
    from += length;
  }
  return parts;
}

std::vector<std::shared_ptr<const Subset>> random_split_by_fraction(
    const DatasetPtr& dataset, absl::Span<const double> fractions, uint64_t seed) {
  constexpr const char* kName = "random_split_by_fraction";
  const OpScope scope(kName);
  const int64_t size = checked(kName, dataset)->size();
  double sum = 0;
  bool fits = true;
  for (const double fraction : fractions) {
    fits = fits && fraction >= 0 && fraction <= 1;
    sum += fraction;
  }
  if (!fits || !(std::abs(sum - 1) <= 1e-9)) {
    fail<ValueError>(kName, "expected fractions from 0 to 1 that sum to 1, got (",
                     absl::StrJoin(fractions, ", "), ")");
  }
  std::vector<int64_t> lengths;
  int64_t left = size;
  for (const double fraction : fractions) {
    // The sum may be above 1 by a rounding.
    lengths.push_back(
        std::min(left, static_cast<int64_t>(std::floor(fraction * static_cast<double>(size)))));
    left -= lengths.back();
  }
  for (size_t i = 0; left > 0; i = (i + 1) % lengths.size(), --left) ++lengths[i];
  return random_split(dataset, lengths, seed);
}

// ---- ConcatDataset, MapDataset

ConcatDataset::ConcatDataset(std::vector<DatasetPtr> datasets) : datasets_(std::move(datasets)) {
  constexpr const char* kName = "ConcatDataset";
  if (datasets_.empty()) fail<ValueError>(kName, "expected at least one data set, got none");
  int64_t end = 0;
  for (const DatasetPtr& dataset : datasets_) {
    const int64_t size = checked(kName, dataset)->size();
    if (size < 0 || size > std::numeric_limits<int64_t>::max() - end) {
      fail<ValueError>(
          kName, "expected data sets of at least 0 and together at most 2^63 - 1 samples, got ",
          size, " after ", end);
    }
    end += size;
    ends_.push_back(end);
  }
}

Sample ConcatDataset::get(int64_t index) const {
  check_index("ConcatDataset", index, size());
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
  const DatasetPtr& part = datasets_[static_cast<size_t>(end - ends_.begin())];
  return part->get(index - (*end - part->size()));
}

MapDataset::MapDataset(DatasetPtr dataset, std::function<Sample(Sample)> function)
    : dataset_(checked("MapDataset", std::move(dataset))), function_(std::move(function)) {
  if (!function_) fail<ValueError>("MapDataset", "expected a function, got none");
}

}  // namespace lamina::nn::data
