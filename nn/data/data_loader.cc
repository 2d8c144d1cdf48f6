#include "lamina/nn/data/data_loader.h"

#include <algorithm>
#include <utility>

namespace lamina::nn::data {

DataLoader::DataLoader(Tensor x, Tensor y, const DataLoaderOptions& options)
    : x_(std::move(x)), y_(std::move(y)), options_(options) {
  constexpr const char* kName = "DataLoader";
  check_defined(kName, x_.data());
  check_defined(kName, y_.data());
  if (x_.dim() == 0 || y_.dim() == 0 || x_.size(0) != y_.size(0)) {
    fail<ShapeError>(kName, "expected as many samples in dimension 0 of both, got ",
                     x_.shape().str(), " and ", y_.shape().str());
  }
  if (options_.batch_size < 1) {
    fail<ValueError>(kName, "expected a batch size of at least 1, got ", options_.batch_size);
  }
}

int64_t DataLoader::batches() const {
  return samples() / options_.batch_size + (samples() % options_.batch_size != 0);
}

DataLoader::Iterator DataLoader::begin() {
  Tensor order;
  if (options_.shuffle) {
    // Pass p draws from the generator at a position of its own, so that the order depends on seed
    // and pass alone.
    Generator generator;
    generator.set_state({options_.seed, pass_ * static_cast<uint64_t>(samples())});
    order = random::permutation(samples(), generator);
  }
  ++pass_;
  return Iterator(this, 0, std::move(order));
}

Batch DataLoader::Iterator::operator*() const {
  const int64_t size = loader_->options_.batch_size, first = batch_ * size;
  const int64_t length = std::min(size, loader_->samples() - first);
  if (!order_.defined()) {
    return {loader_->x_.narrow(0, first, length), loader_->y_.narrow(0, first, length)};
  }
  const Tensor index = order_.narrow(0, first, length);
  return {loader_->x_.index_select(0, index), loader_->y_.index_select(0, index)};
}

}  // namespace lamina::nn::data
