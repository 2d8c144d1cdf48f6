// Sampler: which samples a pass of the loader has, and in which order.
//
//   auto sampler = std::make_shared<data::WeightedRandomSampler>(weights, 1000);
//   data::DataLoader loader(dataset, {.sampler = sampler});
#ifndef LAMINA_NN_DATA_SAMPLER_H_
#define LAMINA_NN_DATA_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lamina/autograd.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::data {

class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual int64_t size() const = 0;  // samples of a pass
  // Their indices, int64 (size()), or undefined for 0, 1, ..., which lets the loader hand out views.
  // A function of the pass alone, so that a pass can be resumed.
  virtual Tensor indices(int64_t pass) const = 0;
  // What fixes the indices, by name: the sampler's own name, without a value, seed, sizes. A loader
  // keeps it in its state, and refuses a state in which it differs.
  virtual StateDict state_dict() const = 0;
};

// 0, 1, ..., samples - 1.
class SequentialSampler : public Sampler {
 public:
  explicit SequentialSampler(int64_t samples);
  int64_t size() const override { return samples_; }
  Tensor indices(int64_t /*pass*/) const override { return {}; }
  StateDict state_dict() const override;

 private:
  int64_t samples_;
};

struct RandomSamplerOptions {
  uint64_t seed = 0;
  bool replacement = false;                           // whether an index may come twice
  std::optional<int64_t> num_samples = std::nullopt;  // of a pass; as many as there are
};

// Each index equally often. Without replacement a pass of more samples than there are is one
// permutation after another.
//
// A pass's indices are in memory, 8 bytes each; without replacement, of whole permutations.
class RandomSampler : public Sampler {
 public:
  // Throws ValueError for negative numbers, for num_samples out of no samples, and for a pass of more
  // than 2^40 indices (8 TiB).
  explicit RandomSampler(int64_t samples, const RandomSamplerOptions& options = {});
  int64_t size() const override { return num_samples_; }
  Tensor indices(int64_t pass) const override;
  StateDict state_dict() const override;

 private:
  int64_t samples_, num_samples_;
  bool replacement_;
  uint64_t seed_;
};

struct WeightedRandomSamplerOptions {
  bool replacement = true;
  uint64_t seed = 0;
};

// Index i with probability weights[i] / their sum at each draw; without replacement, the sum of
// those that are left.
class WeightedRandomSampler : public Sampler {
 public:
  // Throws ValueError unless weights are finite and at least 0, not all 0, num_samples is 1 to 2^40,
  // and, without replacement, as many weights are above 0.
  WeightedRandomSampler(std::vector<double> weights, int64_t num_samples,
                        const WeightedRandomSamplerOptions& options = {});
  int64_t size() const override { return num_samples_; }
  Tensor indices(int64_t pass) const override;
  StateDict state_dict() const override;

 private:
  std::vector<double> weights_;
  int64_t num_samples_;
  bool replacement_;
  uint64_t seed_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_SAMPLER_H_
