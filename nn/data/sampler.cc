#include "lamina/nn/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "lamina/nn/data/derived_seed.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::data {
namespace {

using nn::internal::saved;

constexpr int64_t kMostIndices = int64_t{1} << 40;

void check_samples(const char* op, int64_t samples) {
  if (samples < 0) fail<ValueError>(op, "expected at least 0 samples, got ", samples);
}

// Pass p draws from a position of its own, so that its indices depend on seed and pass alone. A
// pass takes at most `blocks` of the generator's.
Generator::State begin_of(uint64_t seed, int64_t pass, int64_t blocks) {
  return {internal::shuffling_seed(seed),
          static_cast<uint64_t>(pass) * static_cast<uint64_t>(blocks)};
}

}  // namespace

// ---- SequentialSampler

SequentialSampler::SequentialSampler(int64_t samples) : samples_(samples) {
  check_samples("SequentialSampler", samples);
}

StateDict SequentialSampler::state_dict() const {
  return {{"SequentialSampler", std::nullopt}, {"samples", saved(samples_)}};
}

// ---- RandomSampler

RandomSampler::RandomSampler(int64_t samples, const RandomSamplerOptions& options)
    : samples_(samples),
      num_samples_(options.num_samples.value_or(samples)),
      replacement_(options.replacement),
      seed_(options.seed) {
  constexpr const char* kName = "RandomSampler";
  check_samples(kName, samples);
  if (num_samples_ < 0 || (samples == 0 && num_samples_ > 0)) {
    fail<ValueError>(kName, "expected num_samples of at least 0, and 0 of no samples, got ",
                     num_samples_, " of ", samples);
  }
  if (num_samples_ > kMostIndices) {
    fail<ValueError>(kName, "expected at most 2^40 indices of a pass, got num_samples of ",
                     num_samples_);
  }
  if (!replacement_ && num_samples_ > 0 && samples > kMostIndices) {
    fail<ValueError>(kName, "expected, without replacement, at most 2^40 samples, got ", samples);
  }
}

Tensor RandomSampler::indices(int64_t pass) const {
  Generator generator;
  if (num_samples_ == 0) return NDArray::empty({0}, int64);
  if (replacement_) {
    generator.set_state(begin_of(seed_, pass, num_samples_));
    return random::integers(0, samples_, {num_samples_}, int64, generator);
  }
  const int64_t rounds = (num_samples_ - 1) / samples_ + 1;
  generator.set_state(begin_of(seed_, pass, rounds * samples_));
  if (rounds == 1) return random::permutation(samples_, generator).narrow(0, 0, num_samples_);
  // All memory at once, or none of it: the system may end a program that asks bit by bit.
  const NDArray all = NDArray::empty({rounds * samples_}, int64);
  for (int64_t i = 0; i < rounds; ++i) {
    NDArray round = all.narrow(0, i * samples_, samples_);
    round.copy_(random::permutation(samples_, generator));
  }
  return all.narrow(0, 0, num_samples_);
}

StateDict RandomSampler::state_dict() const {
  return {{"RandomSampler", std::nullopt},
          {"samples", saved(samples_)},
          {"num_samples", saved(num_samples_)},
          {"replacement", saved(replacement_)},
          {"seed", saved(static_cast<int64_t>(seed_))}};
}

// ---- WeightedRandomSampler

WeightedRandomSampler::WeightedRandomSampler(std::vector<double> weights, int64_t num_samples,
                                             const WeightedRandomSamplerOptions& options)
    : weights_(std::move(weights)),
      num_samples_(num_samples),
      replacement_(options.replacement),
      seed_(options.seed) {
  constexpr const char* kName = "WeightedRandomSampler";
  double sum = 0;
  int64_t positive = 0;
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (!(weights_[i] >= 0 && std::isfinite(weights_[i]))) {
      fail<ValueError>(kName, "expected finite weights of at least 0, got ", weights_[i],
                       " at index ", i);
    }
    sum += weights_[i];
    positive += weights_[i] > 0;
  }
  if (positive == 0 || !std::isfinite(sum)) {
    fail<ValueError>(kName, "expected weights with a finite sum above 0, got ", sum, " for ",
                     weights_.size(), " weights");
  }
  if (num_samples < 1) {
    fail<ValueError>(kName, "expected num_samples of at least 1, got ", num_samples);
  }
  if (num_samples > kMostIndices) {
    fail<ValueError>(kName, "expected at most 2^40 indices of a pass, got num_samples of ",
                     num_samples);
  }
  if (!replacement_ && num_samples > positive) {
    fail<ValueError>(kName, "expected, without replacement, at most as many samples as the ",
                     positive, " weights above 0, got ", num_samples);
  }
}

Tensor WeightedRandomSampler::indices(int64_t pass) const {
  const auto count = static_cast<int64_t>(weights_.size());
  const int64_t draws = replacement_ ? num_samples_ : count;
  Generator generator;
  generator.set_state(begin_of(seed_, pass, draws));
  const NDArray uniform = random::uniform({draws}, 0, 1, float64, generator);
  const double* u = uniform.data<double>();
  NDArray indices = NDArray::empty({num_samples_}, int64);
  auto* index = indices.data<int64_t>();
  if (replacement_) {
    std::vector<double> ends(weights_.size());
    std::partial_sum(weights_.begin(), weights_.end(), ends.begin());
    // The first that ends beyond u: never one of weight 0, which ends where the one before it does.
    const auto last = std::lower_bound(ends.begin(), ends.end(), ends.back());
    for (int64_t i = 0; i < num_samples_; ++i) {
      index[i] = std::upper_bound(ends.begin(), last, u[i] * ends.back()) - ends.begin();
    }
  } else {
    // Exponential variables of rates weights[i] arrive in the order of such draws: Efraimidis and
    // Spirakis, "Weighted random sampling with a reservoir", 2006.
    std::vector<std::pair<double, int64_t>> arrivals;
    for (int64_t i = 0; i < count; ++i) {
      const double weight = weights_[static_cast<size_t>(i)];
      if (weight > 0) arrivals.emplace_back(-std::log1p(-u[i]) / weight, i);
    }
    std::partial_sort(arrivals.begin(), arrivals.begin() + num_samples_, arrivals.end());
    for (int64_t i = 0; i < num_samples_; ++i) index[i] = arrivals[static_cast<size_t>(i)].second;
  }
  return indices;
}

StateDict WeightedRandomSampler::state_dict() const {
  return {{"WeightedRandomSampler", std::nullopt},
          {"weights", tensor(weights_, {static_cast<int64_t>(weights_.size())})},
          {"num_samples", saved(num_samples_)},
          {"replacement", saved(replacement_)},
          {"seed", saved(static_cast<int64_t>(seed_))}};
}

}  // namespace lamina::nn::data
