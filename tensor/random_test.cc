#include "lamina/tensor/random.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/parallel.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers of Random123 (kat_vectors, philox 4x32 with 10 rounds).
TEST(PhiloxTest, GivesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(GeneratorTest, ItsStateBringsTheSameNumbersBack) {
  Generator generator(42);
  random::uniform(5, 0, 1, float32, generator);
  const Generator::State state = generator.state();
  EXPECT_EQ(state.seed, 42u);
  const std::vector<double> first = test::elements(random::normal(100, 0, 1, float64, generator));
  generator.set_state(state);
  EXPECT_EQ(test::elements(random::normal(100, 0, 1, float64, generator)), first);
  EXPECT_NE(test::elements(random::normal(100, 0, 1, float64, generator)), first);
}

TEST(GeneratorTest, SeedsBeginAtTheirFirstBlock) {
  Generator generator(7);
  generator.take(10);
  generator.manual_seed(8);
  EXPECT_EQ(generator.state().seed, 8u);
  EXPECT_EQ(generator.state().position, 0u);
  EXPECT_EQ(generator.take(3).position, 0u);
  EXPECT_EQ(generator.take(3).position, 3u);
}

TEST(GeneratorTest, ThreadsThatShareOneGetDifferentBlocks) {
  Generator generator(1);
  std::vector<std::vector<uint64_t>> positions(4);
  std::vector<std::thread> threads;
  for (auto& mine : positions) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) mine.push_back(generator.take(2).position);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const auto& mine : positions) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], 2 * i);
}

TEST(GeneratorTest, ManualSeedSeedsTheDefaultOne) {
  manual_seed(5);
  const std::vector<double> first = test::elements(random::uniform(10, 0, 1));
  manual_seed(5);
  EXPECT_EQ(test::elements(random::uniform(10, 0, 1)), first);
  Generator generator(5);
  EXPECT_EQ(test::elements(random::uniform(10, 0, 1, float32, generator)), first);
}

// From the first known answer: the top 24 bits of each word; the top 53 of two.
TEST(UniformTest, TakesTheTopBitsOfPhiloxWords) {
  Generator generator(0);
  EXPECT_CLOSE(random::uniform(4, 0, 1, float32, generator),
               {0x6627e8 * 0x1p-24, 0xe169c5 * 0x1p-24, 0xbc57ac * 0x1p-24, 0x9b00db * 0x1p-24});
  generator.manual_seed(0);
  EXPECT_CLOSE(random::uniform(2, 0, 1, float64, generator),
               {static_cast<double>(0x6627e8d5e169c58d >> 11) * 0x1p-53,
                static_cast<double>(0xbc57ac4c9b00dbd8 >> 11) * 0x1p-53});
}

TEST(UniformTest, SeedAndPositionUseAllTheirBits) {
  Generator a(1), b((uint64_t{1} << 40) + 1);
  EXPECT_NE(test::elements(random::uniform(4, 0, 1, float32, a)),
            test::elements(random::uniform(4, 0, 1, float32, b)));
  a.set_state({1, 0});
  b.set_state({1, uint64_t{1} << 32});
  EXPECT_NE(test::elements(random::uniform(4, 0, 1, float32, a)),
            test::elements(random::uniform(4, 0, 1, float32, b)));
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};
Moments moments(const std::vector<double>& x) {
  Moments m;
  const double n = static_cast<double>(x.size());
  m.mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  for (double v : x) m.variance += (v - m.mean) * (v - m.mean) / n;
  const double s = std::sqrt(m.variance);
  for (double v : x) {
    m.skewness += std::pow((v - m.mean) / s, 3) / n;
    m.kurtosis += std::pow((v - m.mean) / s, 4) / n;
  }
  return m;
}

TEST(UniformTest, HasTheMomentsAndTheHistogramOfTheDistribution) {
  for (DType dtype : test::kFloatingDTypes) {
    Generator generator(3);
    constexpr int kN = 200000;
    const std::vector<double> x = test::elements(random::uniform(kN, -2, 4, dtype, generator));
    const Moments m = moments(x);
    EXPECT_NEAR(m.mean, 1, 5 * std::sqrt(3.0 / kN)) << dtype;  // five standard errors
    EXPECT_NEAR(m.variance, 3, 0.03) << dtype;
    EXPECT_NEAR(m.skewness, 0, 0.03) << dtype;
    EXPECT_NEAR(m.kurtosis, 1.8, 0.03) << dtype;
    std::vector<int> bins(60);
    for (double v : x) ++bins.at(static_cast<size_t>((v + 2) * 10));  // at: [low, high)
    double chi2 = 0;
    for (int bin : bins) chi2 += std::pow(bin - kN / 60.0, 2) / (kN / 60.0);
    EXPECT_LT(chi2, 110) << dtype;  // 59 degrees of freedom: 99.99 % are below 105
  }
}

TEST(UniformTest, NeverReachesHigh) {
  // Between 1 and 1 + 4 ULP, rounding would reach the upper end often.
  Generator generator(4);
  const float high = 1 + 4 * std::numeric_limits<float>::epsilon();
  const std::vector<double> x = test::elements(random::uniform(10000, 1, high, float32, generator));
  EXPECT_EQ(*std::min_element(x.begin(), x.end()), 1);
  EXPECT_LT(*std::max_element(x.begin(), x.end()), high);
  const double high64 = 1 + 4 * std::numeric_limits<double>::epsilon();
  const std::vector<double> y =
      test::elements(random::uniform(10000, 1, high64, float64, generator));
  EXPECT_LT(*std::max_element(y.begin(), y.end()), high64);
}

TEST(UniformTest, AnEmptyIntervalGivesItsOnlyValue) {
  EXPECT_CLOSE(random::uniform({2, 2}, 3, 3), {3, 3, 3, 3});
}

TEST(UniformTest, RefusesWhatItCannotDraw) {
  EXPECT_THROWS(ValueError, "[uniform] expected low <= high", random::uniform(3, 1, 0));
  EXPECT_THROWS(ValueError, "[uniform] expected", random::uniform(3, NAN, 1));
  EXPECT_THROWS(ValueError, "[uniform] expected", random::uniform(3, 0, INFINITY));
  EXPECT_THROWS(ValueError, "[uniform] expected", random::uniform(3, -3e38, 3e38, float32));
  EXPECT_THROWS(DTypeError, "[uniform] expected a floating dtype, got int64",
                random::uniform(3, 0, 1, int64));
  EXPECT_THROWS(ShapeError, "expected extents of at least 0, got (-3,)", random::uniform(-3, 0, 1));
}

TEST(NormalTest, HasTheMomentsOfTheDistribution) {
  for (DType dtype : test::kFloatingDTypes) {
    Generator generator(5);
    constexpr int kN = 200000;
    const std::vector<double> x = test::elements(random::normal(kN, 3, 2, dtype, generator));
    const Moments m = moments(x);
    EXPECT_NEAR(m.mean, 3, 5 * 2 / std::sqrt(kN)) << dtype;
    EXPECT_NEAR(m.variance, 4, 0.07) << dtype;
    EXPECT_NEAR(m.skewness, 0, 0.03) << dtype;
    EXPECT_NEAR(m.kurtosis, 3, 0.06) << dtype;
    for (double sigmas : {0.5, 1.0, 2.0, 3.0}) {  // the share below -sigmas
      const double share = static_cast<double>(std::count_if(
                               x.begin(), x.end(), [&](double v) { return v < 3 - 2 * sigmas; })) /
                           kN;
      const double expected = std::erfc(sigmas / std::sqrt(2.0)) / 2;
      EXPECT_NEAR(share, expected, 5 * std::sqrt(expected / kN)) << dtype << " " << sigmas;
    }
    EXPECT_TRUE(std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); }));
  }
}

TEST(NormalTest, NeighboursAreNotCorrelated) {  // the two values of a Box-Muller pair least of all
  Generator generator(6);
  const std::vector<double> x = test::elements(random::normal(100000, 0, 1, float32, generator));
  for (size_t lag : {1, 2, 3, 4}) {
    double correlation = 0;
    for (size_t i = 0; i + lag < x.size(); ++i) correlation += x[i] * x[i + lag];
    EXPECT_NEAR(correlation / 100000, 0, 0.016) << lag;
  }
}

TEST(NormalTest, TakesBoxMullerOfTheFirstKnownAnswer) {
  Generator generator(0);
  const double u0 = 0x6627e8 * 0x1p-24, u1 = 0xe169c5 * 0x1p-24;
  const double radius = std::sqrt(-2 * std::log(1 - u0)), angle = 2 * std::acos(-1.0) * u1;
  EXPECT_CLOSE(random::normal(2, 10, 3, float32, generator),
               {10 + 3 * radius * std::cos(angle), 10 + 3 * radius * std::sin(angle)}, 1e-6);
}

// Every pair against Box and Muller's formula in double precision, at sizes that end inside a
// vector, a block and a chunk.
TEST(NormalTest, IsBoxMullerOfTheUniformNumbers) {
  for (int64_t n : {2, 30, 2048, 2050, 20000}) {
    Generator a(8), b(8);
    const std::vector<double> u = test::elements(random::uniform(n, 0, 1, float32, a));
    const std::vector<double> x = test::elements(random::normal(n, 0, 1, float32, b));
    for (size_t i = 0; i + 1 < u.size(); i += 2) {
      const double radius = std::sqrt(-2 * std::log(1 - u[i]));
      const double angle = 2 * std::acos(-1.0) * u[i + 1];
      ASSERT_NEAR(x[i], radius * std::cos(angle), 4e-7 * radius) << i << " of " << n;
      ASSERT_NEAR(x[i + 1], radius * std::sin(angle), 4e-7 * radius) << i << " of " << n;
    }
  }
}

// Kolmogorov and Smirnov: the distance from the distribution function, and the share of far values.
TEST(NormalTest, HasTheDistributionFunctionAndTheTails) {
  for (DType dtype : test::kFloatingDTypes) {
    Generator generator(15);
    constexpr int64_t kN = 2000000;
    std::vector<double> x = test::elements(random::normal(kN, 0, 1, dtype, generator));
    std::sort(x.begin(), x.end());
    double distance = 0;
    for (int64_t i = 0; i < kN; ++i) {
      const double f = 0.5 * std::erfc(-x[static_cast<size_t>(i)] / std::sqrt(2.0));
      distance = std::max({distance, std::abs(f - static_cast<double>(i) / kN),
                           std::abs(f - static_cast<double>(i + 1) / kN)});
    }
    EXPECT_LT(distance * std::sqrt(kN), 2.23) << dtype;  // 99.99 % are below
    const double far = static_cast<double>(
        std::count_if(x.begin(), x.end(), [](double v) { return std::abs(v) > 4; }));
    const double expected = kN * std::erfc(4 / std::sqrt(2.0));
    EXPECT_NEAR(far, expected, 5 * std::sqrt(expected)) << dtype;
  }
}

// The same sum of bits on every instruction set: random_target_*_test run this on the lower ones.
TEST(NormalTest, HasTheSameBitsOnEveryInstructionSet) {
  Generator generator(123);
  const std::vector<float> x = random::normal(100003, 1, 3, float32, generator).to_vector<float>();
  uint64_t sum = 0;
  for (float value : x) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    sum = sum * 6364136223846793005u + bits;
  }
  EXPECT_EQ(sum, 3159827528043061258u);
}

TEST(NormalTest, RefusesWhatItCannotDraw) {
  EXPECT_THROWS(ValueError, "[normal] expected a standard deviation >= 0, got -1",
                random::normal(3, 0, -1));
  EXPECT_THROWS(ValueError, "[normal]", random::normal(3, 0, NAN));
  EXPECT_THROWS(DTypeError, "[normal] expected a floating dtype, got bool",
                random::normal(3, 0, 1, bool_));
  EXPECT_CLOSE(random::normal(3, 2, 0), {2, 2, 2});
}

TEST(PermutationTest, IsAPermutation) {
  for (int64_t n : {0, 1, 2, 3, 10, 1000}) {
    const NDArray x = random::permutation(n);
    EXPECT_EQ(x.dtype(), int64);
    EXPECT_EQ(x.shape(), Shape(n));
    std::vector<int64_t> sorted = test::elements<int64_t>(x);
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
  }
}

TEST(PermutationTest, EveryOrderIsEquallyLikely) {
  Generator generator(9);
  std::vector<int> counts(24);
  constexpr int kN = 24000;
  for (int i = 0; i < kN; ++i) {
    const std::vector<int64_t> p = test::elements<int64_t>(random::permutation(4, generator));
    size_t rank = 0;
    for (size_t a = 0; a < 4; ++a) {
      size_t smaller = 0;
      for (size_t b = a + 1; b < 4; ++b) smaller += p[b] < p[a];
      rank = rank * (4 - a) + smaller;
    }
    ++counts[rank];
  }
  double chi2 = 0;
  for (int count : counts) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 58);  // 23 degrees of freedom: 99.99 % are below 55
}

TEST(PermutationTest, RefusesANegativeNumber) {
  EXPECT_THROWS(ValueError, "[permutation] expected n of at least 0, got -1",
                random::permutation(-1));
}

TEST(RandomTest, TheSameSeedGivesTheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  for (DType dtype : test::kFloatingDTypes) {
    std::vector<std::vector<double>> uniform, normal;
    for (int threads : {1, 2, 5}) {
      set_num_threads(threads);
      Generator generator(11);
      uniform.push_back(test::elements(random::uniform({3, 33333}, -1, 1, dtype, generator)));
      normal.push_back(test::elements(random::normal({99999}, 0, 1, dtype, generator)));
    }
    EXPECT_TRUE(uniform[0] == uniform[1] && uniform[0] == uniform[2]) << dtype;
    EXPECT_TRUE(normal[0] == normal[1] && normal[0] == normal[2]) << dtype;
  }
  std::vector<std::vector<double>> integers, coins;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    Generator generator(11);
    integers.push_back(test::elements(random::integers(-5, 1000, {99999}, int32, generator)));
    coins.push_back(test::elements(random::bernoulli({99999}, 0.3, bool_, generator)));
  }
  EXPECT_TRUE(integers[0] == integers[1] && integers[0] == integers[2]);
  EXPECT_TRUE(coins[0] == coins[1] && coins[0] == coins[2]);
  set_num_threads(before);
}

TEST(IntegersTest, AreEquallyLikelyFromLowToHigh) {
  Generator generator(16);
  constexpr int kN = 100000;
  for (DType dtype : {int64, int32, float32, uint8}) {
    const NDArray x = random::integers(3, 13, kN, dtype, generator);
    EXPECT_EQ(x.dtype(), dtype);
    std::vector<int> counts(10);
    for (double v : test::elements(x)) ++counts.at(static_cast<size_t>(v - 3));
    double chi2 = 0;
    for (int count : counts) chi2 += std::pow(count - kN / 10.0, 2) / (kN / 10.0);
    EXPECT_LT(chi2, 34) << dtype;  // 9 degrees of freedom: 99.99 % are below 33.7
  }
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int negative = 0;
  for (int64_t v : random::integers(kMin, kMax, 1000, int64, generator).to_vector<int64_t>())
    negative += v < 0;
  EXPECT_NEAR(negative, 500, 80);
  EXPECT_CLOSE(random::integers(-7, -6, {2, 2}), {-7, -7, -7, -7});
  EXPECT_THROWS(ValueError, "[randint] expected low < high, got 3 and 3",
                random::integers(3, 3, 2));
  EXPECT_THROWS(ValueError, "[randint] expected a value that uint8 holds, got 299",
                random::integers(0, 300, 2, uint8));
}

TEST(BernoulliTest, IsOneWithTheProbability) {
  Generator generator(17);
  constexpr int kN = 100000;
  for (DType dtype : {bool_, uint8, float16, float32, float64}) {
    const NDArray x = random::bernoulli(kN, 0.3, dtype, generator);
    EXPECT_EQ(x.dtype(), dtype);
    const std::vector<double> v = test::elements(x);
    const auto ones = std::count(v.begin(), v.end(), 1.0);
    EXPECT_EQ(ones + std::count(v.begin(), v.end(), 0.0), kN);
    EXPECT_NEAR(static_cast<double>(ones), 0.3 * kN, 5 * std::sqrt(0.21 * kN)) << dtype;
  }
  const NDArray p = NDArray::from({0.f, 1.f, 0.25f}).expand({kN, 3}).t();
  const std::vector<double> shares = test::elements(mean(random::bernoulli(p, generator), 1));
  EXPECT_EQ(shares[0], 0);
  EXPECT_EQ(shares[1], 1);
  EXPECT_NEAR(shares[2], 0.25, 5 * std::sqrt(0.1875 / kN));
  EXPECT_EQ(random::bernoulli(NDArray::full(3, 0.5, bfloat16)).dtype(), bfloat16);
  EXPECT_THROWS(ValueError, "[bernoulli] expected a probability from 0 to 1, got 1.5",
                random::bernoulli(3, 1.5));
  EXPECT_THROWS(ValueError, "[bernoulli] expected probabilities from 0 to 1, got nan at position 1",
                random::bernoulli(NDArray::from({0.f, NAN})));
  EXPECT_THROWS(DTypeError, "[bernoulli] expected a floating dtype, got int64",
                random::bernoulli(NDArray::ones(2, int64)));
}

TEST(GeneratorTest, AnotherOneGoesOnFromASavedState) {
  Generator a(21), b(0);
  random::normal(1000, 0, 1, float32, a);
  random::integers(0, 10, 33, int64, a);
  b.set_state(a.state());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(test::elements(random::bernoulli(99, 0.5, bool_, a)),
              test::elements(random::bernoulli(99, 0.5, bool_, b)));
    EXPECT_EQ(test::elements(random::permutation(50, a)),
              test::elements(random::permutation(50, b)));
  }
  EXPECT_EQ(a.state().position, b.state().position);
}

TEST(RandomTest, ALongerArrayBeginsWithTheShorterOne) {
  for (DType dtype : test::kFloatingDTypes) {
    Generator a(12), b(12);
    std::vector<double> longer = test::elements(random::uniform(1001, 0, 1, dtype, a));
    longer.resize(7);
    EXPECT_EQ(test::elements(random::uniform(7, 0, 1, dtype, b)), longer);
  }
}

TEST(RandomTest, EmptyAnd0dArraysWork) {
  EXPECT_EQ(random::uniform({0, 3}, 0, 1).numel(), 0);
  EXPECT_EQ(random::normal({}, 5, 0).item<float>(), 5);
}

TEST(UniformTest, HalfPrecisionStaysBelowTheUpperEnd) {
  for (DType dtype : {float16, bfloat16}) {
    const NDArray x = random::uniform({20000}, 0, 1, dtype);
    EXPECT_LT(max(x).item<float>(), 1);
    EXPECT_LT(max(random::uniform({20000}, -2, -1, dtype)).item<float>(), -1);
    EXPECT_LT(max(random::uniform({20000}, -1, 0, dtype)).item<float>(), 0);
  }
  EXPECT_THROWS(DTypeError, "[randint] expected a numeric dtype, got bool",
                random::integers(0, 2, {3}, bool_));
}

TEST(SamplersTest, RefuseBoundsThatTheDtypeDoesNotHold) {
  EXPECT_THROWS(ValueError, "[uniform] expected a value that float16 holds, got 1e+06",
                random::uniform(3, 0, 1e6, float16));
  EXPECT_THROWS(ValueError, "[uniform] expected a value that float16 holds, got 100000",
                random::uniform(3, 1e5, 1e6, float16));
  EXPECT_THROWS(ValueError, "[uniform] expected a value that float32 holds, got 1e+39",
                random::uniform(3, 1e39, 1e39));
}

// Such an integer would be rounded, perhaps to `high` or beyond.
TEST(SamplersTest, IntegersThatTheDtypeRoundsAreRefused) {
  EXPECT_THROWS(
      ValueError,
      "[randint] expected bounds between which float16 holds every integer, -2048 to 2048, "
      "got 65500 and 65504",
      random::integers(65500, 65504, 3, float16));
  EXPECT_THROWS(ValueError, "-16777216 to 16777216",
                random::integers((1 << 25) + 1, (1 << 25) + 2, 3, float32));
  EXPECT_THROWS(ValueError, "bfloat16 holds every integer, -256 to 256",
                random::integers(-257, 0, 3, bfloat16));
  EXPECT_CLOSE(random::integers(2048, 2049, 2, float16), {2048, 2048});
  EXPECT_CLOSE(random::integers(-(1 << 24), 1 - (1 << 24), 2, float32), {-0x1p24, -0x1p24});
}

TEST(SamplersTest, ErrorsOfSizesNameThem) {
  EXPECT_THROWS(ShapeError, "[uniform] expected extents", random::uniform(-1, 0, 1));
  EXPECT_THROWS(ShapeError, "[normal] expected extents", random::normal(-1, 0, 1));
  EXPECT_THROWS(ShapeError, "[randint] expected extents", random::integers(0, 1, -1));
  EXPECT_THROWS(ShapeError, "[bernoulli] expected extents", random::bernoulli(Shape{-1}, 0.5));
  EXPECT_THROWS(ShapeError, "[permutation] expected an array",
                random::permutation(int64_t{1} << 60));
}

}  // namespace
}  // namespace lamina
