// What is random in init.h: moments and bounds beside theory, and the same bits at any number of
// threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/init.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::init {
namespace {

using test::kInf;

struct Sample {
  double mean = 0, variance = 0, least = kInf, largest = -kInf;
};

Sample sample_of(const std::vector<double>& values) {
  Sample s;
  const auto n = static_cast<double>(values.size());
  for (double v : values) s.mean += v / n;
  for (double v : values) {
    s.variance += (v - s.mean) * (v - s.mean) / n;
    s.least = std::min(s.least, v);
    s.largest = std::max(s.largest, v);
  }
  return s;
}

TEST(InitStatistics, ThousandTensorsHaveTheMomentsAndBoundsOfTheory) {
  struct Row {
    std::string name;
    std::function<Tensor()> make;
    double mean, variance;
    double bound = kInf;  // distance from the mean that no value exceeds and some come close to
  };
  const auto w = [] { return empty({20, 10}); };  // fan in 10, fan out 20
  const std::vector<Row> rows = {
      {"uniform_", [&] { return uniform_(w()); }, 0.5, 1.0 / 12, 0.5},
      {"uniform_ -1 3", [&] { return uniform_(w(), -1, 3); }, 1, 16.0 / 12, 2},
      {"normal_", [&] { return normal_(w()); }, 0, 1},
      {"normal_ 2 0.5", [&] { return normal_(w(), 2, 0.5); }, 2, 0.25},
      // 1 - 4 phi(2) / (2 Phi(2) - 1)
      {"trunc_normal_", [&] { return trunc_normal_(w()); }, 0, 0.7737413035499232, 2},
      {"xavier_uniform_", [&] { return xavier_uniform_(w()); }, 0, 2.0 / 30, std::sqrt(6.0 / 30)},
      {"xavier_uniform_ 3", [&] { return xavier_uniform_(w(), 3); }, 0, 18.0 / 30,
       std::sqrt(54.0 / 30)},
      {"xavier_normal_", [&] { return xavier_normal_(w()); }, 0, 2.0 / 30},
      {"xavier_normal_ 3", [&] { return xavier_normal_(w(), 3); }, 0, 18.0 / 30},
      {"kaiming_uniform_", [&] { return kaiming_uniform_(w()); }, 0, 2.0 / 10, std::sqrt(6.0 / 10)},
      {"kaiming_uniform_ fan out",
       [&] {
         return kaiming_uniform_(w(), {0, Fan::kOut, "relu"});
       },
       0, 2.0 / 20, std::sqrt(6.0 / 20)},
      {"kaiming_uniform_ slope 2", [&] { return kaiming_uniform_(w(), {2}); }, 0, 2.0 / 5 / 10,
       std::sqrt(3 * 2.0 / 5 / 10)},
      {"kaiming_normal_", [&] { return kaiming_normal_(w()); }, 0, 2.0 / 10},
      {"kaiming_normal_ tanh",
       [&] {
         return kaiming_normal_(w(), {0, Fan::kOut, "tanh"});
       },
       0, 25.0 / 9 / 20},
      {"orthogonal_ 2", [&] { return orthogonal_(w(), 2); }, 0, 4.0 / 20},
      {"sparse_ 0.3", [&] { return sparse_(w(), 0.3, 1); }, 0, 0.7},
      {"xavier_uniform", [] { return xavier_uniform(20, 10); }, 0, 2.0 / 30, std::sqrt(6.0 / 30)},
      {"xavier_normal", [] { return xavier_normal(20, 10); }, 0, 2.0 / 30},
      {"kaiming_uniform", [] { return kaiming_uniform(20, 10); }, 0, 2.0 / 20, std::sqrt(6.0 / 20)},
      {"kaiming_normal", [] { return kaiming_normal(20, 10); }, 0, 2.0 / 20},
  };
  manual_seed(6);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    std::vector<double> values;
    for (int i = 0; i < 1000; ++i) {
      for (double v : row.make().to_vector<double>()) values.push_back(v);
    }
    ASSERT_EQ(values.size(), 200000u);
    const Sample s = sample_of(values);
    EXPECT_LT(std::abs(s.mean - row.mean), 0.01);
    EXPECT_NEAR(s.variance / row.variance, 1, 0.02);
    if (row.bound == kInf) continue;
    // As float32 rounds the bounds.
    EXPECT_GE(s.least, static_cast<float>(row.mean - row.bound));
    EXPECT_LE(s.largest, static_cast<float>(row.mean + row.bound));
    EXPECT_LT(s.least, row.mean - 0.999 * row.bound);
    EXPECT_GT(s.largest, row.mean + 0.999 * row.bound);
  }
}

// P(a < z < b) of the standard normal distribution, without cancellation in the tails.
double mass(double a, double b) {
  if (b < 0) return mass(-b, -a);
  return (std::erfc(a / std::sqrt(2.0)) - std::erfc(b / std::sqrt(2.0))) / 2;
}
double density(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * M_PI); }
double moment(double z) { return std::isinf(z) ? 0 : z * density(z); }

TEST(InitStatistics, TruncNormalHasTheMomentsOfItsDistribution) {
  const std::vector<TruncNormalOptions> all = {
      {},                     // {0, 1, -2, 2}
      {0, 0.02, -2, 2},       // as good as not truncated
      {1, 3, -kInf, kInf},    // not truncated
      {5, 2, 4, 20},          // one side
      {5, 2, -kInf, 5},       // a half
      {-1, 0.5, -0.9, -0.2},  // narrow, beside the mean
      {0, 1, -0.1, 0.3},      // narrow, around it
      {0, 1, 0.49, 2.98},     // where the uniform proposals are at their worst
      {0, 1, 0.49, 3.01},     // and the normal ones
      {0, 1, 0.51, kInf},     // and the exponential ones
      {0, 2, 10, kInf},       // a tail
      {100, 3, -kInf, 70},    // and the other one
      {0, 1, 5, 5.1},         // a piece of a tail
      {3, 0.1, 2, 2.1},
  };
  constexpr int64_t n = 200000;
  manual_seed(7);
  for (const TruncNormalOptions& o : all) {
    SCOPED_TRACE(testing::Message() << o.mean << " " << o.std << " " << o.a << " " << o.b);
    const double alpha = (o.a - o.mean) / o.std, beta = (o.b - o.mean) / o.std;
    const double z = mass(alpha, beta), shift = (density(alpha) - density(beta)) / z;
    const double mean = o.mean + o.std * shift;
    const double variance =
        o.std * o.std * (1 + (moment(alpha) - moment(beta)) / z - shift * shift);
    const Sample s = sample_of(trunc_normal_(empty(n, float64), o).to_vector<double>());
    EXPECT_NEAR(s.mean, mean, 5 * std::sqrt(variance / n));
    EXPECT_NEAR(s.variance / variance, 1, 0.03);  // of the exponential distribution: 5 deviations
    EXPECT_GE(s.least, o.a);
    EXPECT_LE(s.largest, o.b);
  }
}

TEST(InitStatistics, TruncNormalReachesAsFarAsItIsTold) {
  // 1e6 deviations out, what is left falls off as exp(-1e6 t): the mean is 1e-6 beyond the bound.
  const Sample far =
      sample_of(trunc_normal_(empty(10000, float64), {0, 1, 1e6, kInf}).to_vector<double>());
  EXPECT_GE(far.least, 1e6);
  EXPECT_NEAR((far.mean - 1e6) * 1e6, 1, 0.05);
  EXPECT_CLOSE(trunc_normal_(zeros(2, float64), {0, 1e-300, 1e300, kInf}).data(), {1e300, 1e300});
  EXPECT_CLOSE(trunc_normal_(zeros(2, float64), {0, 1e-300, 1e300, 1e300}).data(), {1e300, 1e300});
  EXPECT_CLOSE(trunc_normal_(zeros(2), {0, 1, 0.75, 0.75}).data(), {0.75, 0.75});
  for (const DType dtype : {float32, float16, bfloat16}) {
    const Sample s =
        sample_of(trunc_normal_(empty(100000, dtype), {0, 1, -0.5, 0.25}).to_vector<double>());
    EXPECT_GE(s.least, -0.5);  // both are numbers of each dtype
    EXPECT_LT(s.least, -0.499);
    EXPECT_LE(s.largest, 0.25);
    EXPECT_GT(s.largest, 0.249);
  }
}

// The largest difference from gain^2 I of a a^T, or of a^T a if there are more rows than columns.
double distance_from_orthogonal(const std::vector<double>& a, int64_t rows, int64_t columns,
                                double gain) {
  const bool wide = rows <= columns;
  const int64_t n = wide ? rows : columns, inner = wide ? columns : rows;
  const auto at = [&](int64_t i, int64_t k) {
    return wide ? a[i * columns + k] : a[k * columns + i];
  };
  double worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double dot = 0;
      for (int64_t k = 0; k < inner; ++k) dot += at(i, k) * at(j, k);
      worst = std::max(worst, std::abs(dot - (i == j ? gain * gain : 0)));
    }
  }
  return worst;
}

TEST(InitStatistics, OrthogonalIsOrthogonal) {
  manual_seed(8);
  for (const Shape& shape : {Shape{1, 1}, Shape{5, 5}, Shape{3, 7}, Shape{7, 3}, Shape{64, 48},
                             Shape{100, 1}, Shape{4, 3, 5}, Shape{30, 2, 3, 3}}) {
    for (const double gain : {1.0, std::sqrt(2.0), -0.5}) {
      SCOPED_TRACE(shape.str());
      const int64_t rows = shape[0], columns = shape.numel() / rows;
      const auto distance = [&](DType dtype) {
        return distance_from_orthogonal(orthogonal_(empty(shape, dtype), gain).to_vector<double>(),
                                        rows, columns, gain);
      };
      EXPECT_LT(distance(float32), 1e-5);
      EXPECT_LT(distance(float64), 1e-13);
      EXPECT_LT(distance(bfloat16), 0.05);
    }
  }
  const Tensor x = zeros({6, 4});
  orthogonal_(x.t());  // strided: its rows are orthonormal, which are x's columns
  EXPECT_LT(distance_from_orthogonal(x.to_vector<double>(), 6, 4, 1), 1e-5);
}

TEST(InitStatistics, OrthogonalPrefersNoSign) {
  // Householder's reflections alone give the first column a negative diagonal element.
  manual_seed(9);
  for (const Shape& shape : {Shape{3, 3}, Shape{3, 4}, Shape{4, 3}}) {
    SCOPED_TRACE(shape.str());
    std::vector<double> sums(static_cast<size_t>(shape.numel()));
    constexpr int n = 4000;
    for (int i = 0; i < n; ++i) {
      const std::vector<double> values = orthogonal_(empty(shape)).to_vector<double>();
      for (size_t k = 0; k < sums.size(); ++k) sums[k] += values[k] / n;
    }
    // An element's variance is 1 over the longer side.
    for (double mean : sums) EXPECT_NEAR(mean, 0, 5 / std::sqrt(3.0 * n));
  }
}

TEST(InitStatistics, SparseHasItsZerosInEveryColumnAndAnyRow) {
  manual_seed(10);
  struct Row {
    double sparsity;
    int64_t zeros;  // of 30 rows: ceil(30 sparsity)
  };
  for (const Row& row : {Row{0, 0}, Row{0.01, 1}, Row{0.25, 8}, Row{0.5, 15}, Row{1, 30}}) {
    SCOPED_TRACE(row.sparsity);
    const std::vector<double> values = sparse_(empty({30, 400}), row.sparsity).to_vector<double>();
    std::vector<int64_t> by_row(30), by_column(400);
    double squares = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      by_row[i / 400] += values[i] == 0;
      by_column[i % 400] += values[i] == 0;
      squares += values[i] * values[i];
    }
    for (int64_t count : by_column) EXPECT_EQ(count, row.zeros);
    const double p = static_cast<double>(row.zeros) / 30;
    for (int64_t count : by_row) {
      EXPECT_NEAR(static_cast<double>(count), 400 * p, 5 * std::sqrt(400 * p * (1 - p)));
    }
    const double left = 400.0 * static_cast<double>(30 - row.zeros);
    EXPECT_NEAR(squares, left * 1e-4, 5 * 1e-4 * std::sqrt(2 * left));  // of deviation 0.01
  }
}

TEST(InitStatistics, TheSameSeedGivesTheSameBitsAtAnyNumberOfThreads) {
  const std::vector<std::function<Tensor()>> all = {
      [] {
        return uniform_(empty({300, 301}));
      },
      [] {
        return normal_(empty({300, 301}));
      },
      [] {
        return normal_(empty({300, 301}, float64));
      },
      [] {
        return trunc_normal_(empty({300, 301}));
      },
      [] {
        return trunc_normal_(empty({300, 301}, float64), {0, 1, 0.4, 3});
      },
      [] {
        return trunc_normal_(empty({300, 301}, bfloat16), {0, 1, 4, 9});
      },
      [] {
        return xavier_uniform_(empty({300, 301}));
      },
      [] {
        return xavier_normal_(empty({300, 301}));
      },
      [] {
        return kaiming_uniform_(empty({300, 301}));
      },
      [] {
        return kaiming_normal_(empty({300, 301}));
      },
      [] {
        return orthogonal_(empty({130, 20, 9}));
      },
      [] {
        return sparse_(empty({300, 301}), 0.1);
      },
      [] { return kaiming_uniform(300, 301); },
      [] {
        return randb({300, 301});
      },
  };
  const int before = get_num_threads();
  const auto run = [&](int threads) {
    set_num_threads(threads);
    manual_seed(11);
    std::vector<Tensor> results;
    for (const auto& make : all) results.push_back(make());
    return results;
  };
  const std::vector<Tensor> one = run(1);
  for (const int threads : {2, 3, 8}) {
    const std::vector<Tensor> many = run(threads);
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t bytes = one[i].numel() * size_of(one[i].dtype());
      EXPECT_EQ(std::memcmp(one[i].data().raw_data(), many[i].data().raw_data(), bytes), 0)
          << "initializer " << i << " with " << threads << " threads";
    }
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina::nn::init
