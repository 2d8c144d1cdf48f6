// Dataset: samples by index, and data sets made of others: a part, a random split, several one after
// another, each sample through a function.
//
//   auto all = std::make_shared<data::TensorDataset>(images, labels);
//   auto parts = data::random_split(all, {50000, 10000});
//   data::DataLoader loader(parts[0], {.shuffle = true});
#ifndef LAMINA_NN_DATA_DATASET_H_
#define LAMINA_NN_DATA_DATASET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd.h"

namespace lamina::nn::data {

struct Sample {
  Tensor x, y;
};

struct Batch {
  Tensor x, y;  // of the samples, along a new dimension 0
  int64_t size() const { return x.size(0); }
};

// A class of your own needs size() and get(). Several threads may call at once. Results must follow
// from the data and the index alone: what is random belongs into DataLoaderOptions::transform.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;  // always the same
  // 0 <= index < size(). What it throws reaches the caller of the loader.
  virtual Sample get(int64_t index) const = 0;

  // Several samples, at least one. Unless overridden they are stacked, and so of one shape and
  // dtype.
  virtual Batch get_batch(absl::Span<const int64_t> indices) const;
  // Those from `first` on, which may be views of the data.
  virtual Batch get_range(int64_t first, int64_t length) const;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// The rows of x and y. Samples and ranges are views, batches copies.
class TensorDataset : public Dataset {
 public:
  // Throws ShapeError unless both have as many samples in dimension 0.
  TensorDataset(Tensor x, Tensor y);
  int64_t size() const override { return x_.size(0); }
  Sample get(int64_t index) const override;
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  Batch get_range(int64_t first, int64_t length) const override;

 private:
  Tensor x_, y_;
};

// Sample i is that at indices[i] of a data set. An index may come twice.
class Subset : public Dataset {
 public:
  // Throws IndexError for an index outside the data set.
  Subset(DatasetPtr dataset, std::vector<int64_t> indices);
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Sample get(int64_t index) const override;
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  Batch get_range(int64_t first, int64_t length) const override;
  const std::vector<int64_t>& indices() const { return indices_; }

 private:
  DatasetPtr dataset_;
  std::vector<int64_t> indices_;
};

// Cuts a data set into parts with these numbers of samples, at random: each sample is in one part.
// The same seed gives the same parts. Throws ValueError unless they are at least 0 and sum to
// size().
std::vector<std::shared_ptr<const Subset>> random_split(const DatasetPtr& dataset,
                                                        absl::Span<const int64_t> lengths,
                                                        uint64_t seed = 0);
// The same with shares of size(), each rounded down; what is left goes to the first parts, one
// each. Throws ValueError unless they are 0 to 1 and sum to 1 (to 1e-9).
std::vector<std::shared_ptr<const Subset>> random_split_by_fraction(
    const DatasetPtr& dataset, absl::Span<const double> fractions, uint64_t seed = 0);

// The samples of the first data set, then those of the second, ...
class ConcatDataset : public Dataset {
 public:
  // Throws ValueError for none, and for more samples than int64 counts.
  explicit ConcatDataset(std::vector<DatasetPtr> datasets);
  int64_t size() const override { return ends_.back(); }
  Sample get(int64_t index) const override;

 private:
  std::vector<DatasetPtr> datasets_;
  std::vector<int64_t> ends_;  // where each ends
};

// function(sample) of each sample, anew each time that it is asked for.
class MapDataset : public Dataset {
 public:
  MapDataset(DatasetPtr dataset, std::function<Sample(Sample)> function);
  int64_t size() const override { return dataset_->size(); }
  Sample get(int64_t index) const override { return function_(dataset_->get(index)); }

 private:
  DatasetPtr dataset_;
  std::function<Sample(Sample)> function_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_DATASET_H_
