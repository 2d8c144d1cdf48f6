#include "lamina/nn/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> indices(const Sampler& sampler, int64_t pass = 0) {
  const Tensor indices = sampler.indices(pass);
  EXPECT_EQ(indices.dtype(), int64);
  EXPECT_EQ(indices.shape(), Shape{sampler.size()});
  return indices.to_vector<int64_t>();
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(SequentialSampler, IsAllInOrder) {
  const SequentialSampler sampler(5);
  EXPECT_EQ(sampler.size(), 5);
  EXPECT_FALSE(sampler.indices(3).defined());
}

TEST(RandomSampler, IsAPermutationInEachPass) {
  const RandomSampler sampler(50, {.seed = 3}), same(50, {.seed = 3}), other(50, {.seed = 4});
  EXPECT_EQ(sorted(indices(sampler, 0)), arange(50).to_vector<int64_t>());
  EXPECT_EQ(sorted(indices(sampler, 7)), arange(50).to_vector<int64_t>());
  EXPECT_NE(indices(sampler, 0), indices(sampler, 1));
  EXPECT_EQ(indices(sampler, 1), indices(same, 1));
  EXPECT_NE(indices(sampler, 1), indices(other, 1));
}

TEST(RandomSampler, TakesFewerOrMoreThanThereAre) {
  const std::vector<int64_t> few = indices(RandomSampler(20, {.num_samples = 5}));
  EXPECT_EQ(few.size(), 5u);
  std::vector<int64_t> distinct = sorted(few);
  EXPECT_EQ(std::unique(distinct.begin(), distinct.end()), distinct.end());
  // Two permutations and a part of a third.
  const RandomSampler sampler(20, {.num_samples = 45});
  const std::vector<int64_t> many = indices(sampler);
  std::vector<std::vector<int64_t>> rounds;
  for (int64_t i = 0; i < 2; ++i)
    rounds.emplace_back(many.begin() + 20 * i, many.begin() + 20 * i + 20);
  EXPECT_NE(rounds[0], rounds[1]);
  EXPECT_EQ(sorted(rounds[0]), arange(20).to_vector<int64_t>());
  EXPECT_EQ(sorted(rounds[1]), arange(20).to_vector<int64_t>());
  EXPECT_NE(many, indices(sampler, 1));
  EXPECT_THAT(indices(RandomSampler(3, {.num_samples = 0})), IsEmpty());
  EXPECT_THAT(indices(RandomSampler(0)), IsEmpty());
  EXPECT_THAT(indices(RandomSampler(0, {.replacement = true})), IsEmpty());
}

TEST(RandomSampler, WithReplacementDrawsEachIndexEquallyOften) {
  // Of 40,000 draws from 4, each 10,000 times with a standard deviation of 87.
  const RandomSampler sampler(4, {.replacement = true, .num_samples = 40000});
  std::map<int64_t, int> count;
  for (const int64_t i : indices(sampler)) ++count[i];
  ASSERT_EQ(count.size(), 4u);
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(count[i], 10000, 5 * 87) << i;
  EXPECT_NE(indices(sampler, 0), indices(sampler, 1));
  EXPECT_EQ(indices(sampler, 1), indices(sampler, 1));
}

TEST(WeightedRandomSampler, DrawsByWeight) {
  // Weights need not sum to 1. Of 60,000 draws 10,000, 0, 20,000 and 30,000, with a standard
  // deviation of at most 123.
  const WeightedRandomSampler sampler({0.5, 0, 1, 1.5}, 60000, {.seed = 1});
  std::map<int64_t, int> count;
  for (const int64_t i : indices(sampler)) ++count[i];
  EXPECT_EQ(count.count(1), 0u);
  EXPECT_NEAR(count[0], 10000, 5 * 123);
  EXPECT_NEAR(count[2], 20000, 5 * 123);
  EXPECT_NEAR(count[3], 30000, 5 * 123);
  EXPECT_NE(indices(sampler, 0), indices(sampler, 1));
}

TEST(WeightedRandomSampler, NeverDrawsAWeightOfZero) {
  for (const std::vector<double>& weights :
       {std::vector<double>{0, 0, 1e-300, 0}, {0, 0, 1e300, 0}, {0, 0, 1, 0}}) {
    EXPECT_THAT(indices(WeightedRandomSampler(weights, 1000)), Each(2));
  }
}

TEST(WeightedRandomSampler, WithoutReplacementDrawsAmongThoseThatAreLeft) {
  // The probability of first i and then j, from weights 1, 2, 3: w_i / 6 w_j / (6 - w_i).
  const std::vector<double> weights = {1, 2, 3, 0};
  const WeightedRandomSampler sampler(weights, 2, {.replacement = false});
  std::map<std::vector<int64_t>, int> count;
  constexpr int kPasses = 12000;
  for (int pass = 0; pass < kPasses; ++pass) ++count[indices(sampler, pass)];
  EXPECT_EQ(count.size(), 6u);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      if (i == j) continue;
      const double p = weights[i] / 6 * weights[j] / (6 - weights[i]);
      const double expected = kPasses * p, deviation = std::sqrt(kPasses * p * (1 - p));
      EXPECT_NEAR((count[{i, j}]), expected, 5 * deviation) << i << " " << j;
    }
  }
  EXPECT_THAT(sorted(indices(WeightedRandomSampler(weights, 3, {.replacement = false}))),
              ElementsAre(0, 1, 2));
}

TEST(Sampler, DoesNotTouchTheDefaultGenerator) {
  manual_seed(1);
  indices(RandomSampler(5));
  indices(RandomSampler(5, {.replacement = true}));
  indices(WeightedRandomSampler({1, 2}, 5));
  EXPECT_EQ(default_generator().state().position, 0u);
}

TEST(Sampler, ItsStateIsWhatFixesItsIndices) {
  const auto entries = [](const Sampler& sampler) {
    std::vector<std::string> entries;
    for (const auto& [name, value] : sampler.state_dict()) {
      entries.push_back(name);
      if (!value) continue;
      for (const double x : value->to_vector<double>()) {
        entries.back() += " " + std::to_string(static_cast<int64_t>(x));
      }
    }
    return entries;
  };
  EXPECT_THAT(entries(SequentialSampler(7)), ElementsAre("SequentialSampler", "samples 7"));
  EXPECT_THAT(
      entries(RandomSampler(7, {.seed = 5, .replacement = true, .num_samples = 9})),
      ElementsAre("RandomSampler", "samples 7", "num_samples 9", "replacement 1", "seed 5"));
  EXPECT_THAT(entries(WeightedRandomSampler({4, 6}, 9)),
              ElementsAre("WeightedRandomSampler", "weights 4 6", "num_samples 9", "replacement 1",
                          "seed 0"));
}

// ---- Misuse

TEST(Sampler, RefusesNumbersOfSamplesThatCannotBe) {
  EXPECT_THROWS(ValueError, "[SequentialSampler] expected at least 0 samples, got -1",
                SequentialSampler(-1));
  EXPECT_THROWS(ValueError, "[RandomSampler] expected at least 0 samples, got -1",
                RandomSampler(-1));
  EXPECT_THROWS(ValueError, "expected num_samples of at least 0, and 0 of no samples, got -2 of 3",
                RandomSampler(3, {.num_samples = -2}));
  EXPECT_THROWS(ValueError, "got 1 of 0", RandomSampler(0, {.num_samples = 1}));
  EXPECT_THROWS(ValueError, "[WeightedRandomSampler] expected num_samples of at least 1, got 0",
                WeightedRandomSampler({1}, 0));
  EXPECT_THROWS(ValueError, "at most as many samples as the 2 weights above 0, got 3",
                WeightedRandomSampler({1, 0, 1}, 3, {.replacement = false}));
}

TEST(RandomSampler, OfMoreIndicesThanMemoryCouldHoldIsRefusedAtOnce) {
  constexpr int64_t kMost = int64_t{1} << 40, kHuge = std::numeric_limits<int64_t>::max();
  for (const int64_t huge : {kMost + 1, kHuge}) {
    const std::string got = std::to_string(huge);
    const std::string text = "expected at most 2^40 indices of a pass, got num_samples of " + got;
    EXPECT_THROWS(ValueError, "[RandomSampler] " + text, RandomSampler(3, {.num_samples = huge}));
    EXPECT_THROWS(ValueError, "[RandomSampler] " + text,
                  RandomSampler(3, {.replacement = true, .num_samples = huge}));
    EXPECT_THROWS(ValueError, "[RandomSampler] " + text, RandomSampler(huge, {}));
    EXPECT_THROWS(ValueError,
                  "[RandomSampler] expected, without replacement, at most 2^40 samples, got " + got,
                  RandomSampler(huge, {.num_samples = 3}));
    EXPECT_THROWS(ValueError, "[WeightedRandomSampler] " + text,
                  WeightedRandomSampler({1, 2}, huge));
  }
  EXPECT_EQ(RandomSampler(3, {.num_samples = kMost}).size(), kMost);
  // Of few indices out of very many samples each is drawn by itself.
  const RandomSampler few(kHuge, {.replacement = true, .num_samples = 3});
  EXPECT_EQ(indices(few).size(), 3u);
}

TEST(WeightedRandomSampler, RefusesWeightsThatAreNone) {
  EXPECT_THROWS(
      ValueError,
      "[WeightedRandomSampler] expected finite weights of at least 0, got -0.5 at index 1",
      WeightedRandomSampler({1, -0.5}, 1));
  EXPECT_THROWS(ValueError, "got nan at index 0", WeightedRandomSampler({test::kNan}, 1));
  EXPECT_THROWS(ValueError, "got inf at index 0", WeightedRandomSampler({test::kInf}, 1));
  EXPECT_THROWS(ValueError, "expected weights with a finite sum above 0, got 0 for 2 weights",
                WeightedRandomSampler({0, 0}, 1));
  EXPECT_THROWS(ValueError, "got 0 for 0 weights", WeightedRandomSampler({}, 1));
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_THROWS(ValueError, "got inf for 2 weights", WeightedRandomSampler({kMost, kMost}, 1));
}

}  // namespace
}  // namespace lamina::nn::data
