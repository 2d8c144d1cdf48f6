#include "lamina/nn/data/data_loader.h"

#include <algorithm>
#include <utility>

namespace lamina::nn::data {
namespace {

// A seed of the shuffling's own: weights drawn with the same seed must not come from the same
// numbers. The counter is arbitrary.
uint64_t shuffling_seed(uint64_t seed) {
  const auto mixed = philox({0x9E3779B9u, 0x243F6A89u, 0xB7E15163u, 0x6A09E667u},
                            {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return uint64_t{mixed[1]} << 32 | mixed[0];
}

}  // namespace

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

int64_t DataLoader::samples() const {
  if (!x_.defined()) {
    fail<RuntimeError>("DataLoader", "expected a live loader, got one that was moved from");
  }
  return x_.size(0);
}

int64_t DataLoader::batches() const {
  return samples() / options_.batch_size + (samples() % options_.batch_size != 0);
}

DataLoader::Iterator DataLoader::begin() {
  Tensor order;
  const int64_t n = samples();
  if (options_.shuffle) {
    // Pass p draws from the generator at a position of its own, so that the order depends on seed
    // and pass alone.
    Generator generator;
    generator.set_state({shuffling_seed(options_.seed), pass_ * static_cast<uint64_t>(n)});
    order = random::permutation(n, generator);
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
