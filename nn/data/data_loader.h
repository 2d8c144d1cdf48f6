// DataLoader: the samples of in-memory tensors in batches.
//
//   data::DataLoader loader(images, labels, {.batch_size = 100, .shuffle = true, .seed = 1});
//   for (const data::Batch& batch : loader) loss = criterion(model(batch.x), batch.y);
#ifndef LAMINA_NN_DATA_DATA_LOADER_H_
#define LAMINA_NN_DATA_DATA_LOADER_H_

#include <cstdint>
#include <utility>

#include "lamina/autograd.h"

namespace lamina::nn::data {

struct Batch {
  Tensor x, y;
  int64_t size() const { return x.size(0); }
};

struct DataLoaderOptions {
  int64_t batch_size = 100;
  bool shuffle = false;
  // Of the shuffling: two loaders with one seed give the same order, pass after pass. The numbers
  // are others than those of default_generator() with this seed.
  uint64_t seed = 0;
};

// Each range-for is one pass over all samples: in order, as views of the data without a copy, or
// shuffled anew. The last batch is shorter if the batch size does not divide the number of samples.
class DataLoader {
 public:
  // x and y have the samples in dimension 0, as many each. Throws ShapeError otherwise, ValueError
  // for a batch size below 1.
  DataLoader(Tensor x, Tensor y, const DataLoaderOptions& options = {});

  int64_t samples() const;  // throws RuntimeError if it was moved from, as what follows does
  int64_t batches() const;

  class Iterator {
   public:
    Batch operator*() const;
    Iterator& operator++() {
      ++batch_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return batch_ != other.batch_; }
    bool operator==(const Iterator& other) const { return batch_ == other.batch_; }

   private:
    friend class DataLoader;
    Iterator(const DataLoader* loader, int64_t batch, Tensor order)
        : loader_(loader), batch_(batch), order_(std::move(order)) {}
    const DataLoader* loader_;
    int64_t batch_;
    Tensor order_;  // int64 (samples), undefined: as they are
  };
  Iterator begin();  // begins a pass
  Iterator end() const { return Iterator(this, batches(), Tensor()); }

 private:
  Tensor x_, y_;
  DataLoaderOptions options_;
  uint64_t pass_ = 0;  // how many have begun
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_DATA_LOADER_H_
