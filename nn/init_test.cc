#include "lamina/nn/init.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::init {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr int64_t kMany = 200000;

// The moments of `values` about `mean`; [1] is 0 and [2] the variance if the mean is right.
std::vector<double> moments(const Tensor& x, double mean) {
  std::vector<double> sums(5);
  for (const double v : x.to_vector<double>()) {
    double power = 1;
    for (double& sum : sums) {
      sum += power;
      power *= v - mean;
    }
  }
  for (double& sum : sums) sum /= static_cast<double>(x.numel());
  return sums;
}

TEST(Init, UniformHasTheMomentsOfItsDistribution) {
  manual_seed(1);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = zeros(kMany, dtype);
    uniform_(x, 2, 5);
    for (const double v : x.to_vector<double>()) ASSERT_TRUE(v >= 2 && v < 5) << v;
    const std::vector<double> m = moments(x, 3.5);
    EXPECT_NEAR(m[1], 0, 5 * std::sqrt(0.75 / kMany));
    EXPECT_NEAR(m[2], 0.75, 0.01);    // 3^2 / 12
    EXPECT_NEAR(m[4], 1.0125, 0.03);  // 3^4 / 80
  }
}

TEST(Init, NormalHasTheMomentsOfItsDistribution) {
  manual_seed(2);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = zeros(kMany, dtype);
    normal_(x, -1, 2);
    const std::vector<double> m = moments(x, -1);
    EXPECT_NEAR(m[1], 0, 5 * std::sqrt(4.0 / kMany));
    EXPECT_NEAR(m[2], 4, 0.08);
    EXPECT_NEAR(m[3], 0, 0.5);
    EXPECT_NEAR(m[4], 48, 3);  // 3 stddev^4
  }
}

TEST(Init, DrawsFromTheDefaultGenerator) {
  for (void (*draw)(const Tensor&, double, double) : {&uniform_, &normal_}) {
    const Tensor a = zeros(9), b = zeros(9), c = zeros(9);
    manual_seed(3);
    draw(a, 0, 1);
    draw(b, 0, 1);
    manual_seed(3);
    draw(c, 0, 1);
    EXPECT_EQ(a.to_vector<float>(), c.to_vector<float>());
    EXPECT_NE(a.to_vector<float>(), b.to_vector<float>());
  }
}

TEST(Init, WritesInPlaceWithoutHistory) {
  const Tensor x = zeros(4).requires_grad_();
  const char* where = x.data().raw_data();
  uniform_(x, 1, 2);
  EXPECT_EQ(x.data().raw_data(), where);
  EXPECT_TRUE(x.is_leaf() && x.requires_grad());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Init, OfAViewWritesOnlyThere) {
  const Tensor x = zeros({2, 3});
  uniform_(x.select(1, 1), 7, 7);
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(0, 7, 0, 0, 7, 0));
}

TEST(Init, TheChangeIsSeenByBackward) {
  // y = x x keeps x; drawing new values must not give a gradient of the new ones.
  const Tensor x = ones(2).requires_grad_();
  const Tensor y = (x * x).sum();
  normal_(x, 0, 1);
  EXPECT_THROW(y.backward(), RuntimeError);
}

TEST(Init, TakesDegenerateDistributionsAndEmptyTensors) {
  const Tensor x = zeros(5);
  uniform_(x, 3, 3);
  EXPECT_THAT(x.to_vector<float>(), Each(3));
  normal_(x, 4, 0);
  EXPECT_THAT(x.to_vector<float>(), Each(4));
  uniform_(zeros({0, 3}), 0, 1);
  normal_(zeros({0}), 0, 1);
}

TEST(Init, ThrowsForArgumentsOutsideTheirDomain) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = zeros(2);
  EXPECT_THROWS(ValueError, "[uniform] expected low <= high, got 1 and 0", uniform_(x, 1, 0));
  EXPECT_THROWS(ValueError, "[uniform] expected low <= high, got nan and 0", uniform_(x, nan, 0));
  EXPECT_THROWS(ValueError, "[normal] expected a standard deviation >= 0, got -1",
                normal_(x, 0, -1));
  EXPECT_THROWS(ValueError, "[normal] expected a standard deviation >= 0, got nan",
                normal_(x, 0, nan));
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(0, 0));
}

TEST(Init, ThrowsForTensorsThatCannotHoldTheValues) {
  EXPECT_THROWS(DTypeError, "[uniform] expected a floating dtype, got int64",
                uniform_(zeros(2, int64), 0, 1));
  EXPECT_THROWS(RuntimeError, "[normal_] expected a defined array, got one without a value",
                normal_(Tensor(), 0, 1));
}

TEST(Init, GainsAreThoseOfPyTorch) {
  EXPECT_EQ(calculate_gain("linear"), 1);
  EXPECT_EQ(calculate_gain("sigmoid"), 1);
  EXPECT_DOUBLE_EQ(calculate_gain("tanh"), 1.6666666666666667);
  EXPECT_DOUBLE_EQ(calculate_gain("relu"), 1.4142135623730951);
  EXPECT_EQ(calculate_gain("selu"), 0.75);
  EXPECT_DOUBLE_EQ(calculate_gain("leaky_relu"), 1.4142135623730951);  // the courses' slope of 0
  EXPECT_DOUBLE_EQ(calculate_gain("leaky_relu", 0.2), 1.3867504905630728);
  EXPECT_DOUBLE_EQ(calculate_gain("Leaky_ReLU", std::sqrt(5.0)), 0.5773502691896257);
  EXPECT_THROWS(ValueError,
                "[calculate_gain] expected linear, sigmoid, tanh, relu, leaky_relu or selu, got "
                "\"gelu\"",
                calculate_gain("gelu"));
}

TEST(Init, KaimingHasTheBoundAndTheDeviationOfPyTorch) {
  // From PyTorch 1.13: sqrt(3) gain / sqrt(fan) and gain / sqrt(fan), with its gain and fan.
  struct Row {
    Shape shape;
    KaimingOptions options;
    double bound, deviation;
  };
  const std::vector<Row> rows = {
      {{30, 20}, {}, 0.5477225575051661, 0.31622776601683794},
      {{30, 20}, {std::sqrt(5.0)}, 0.22360679774997896, 0.12909944487358055},
      {{30, 20}, {0, Fan::kOut, "relu"}, 0.4472135954999579, 0.2581988897471611},
      {{8, 3, 5, 5}, {0.2}, 0.27735009811261456, 0.1601281538050871},
      {{8, 3, 5, 5}, {0, Fan::kOut, "linear"}, 0.1224744871391589, 0.07071067811865475}};
  manual_seed(4);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.shape.str());
    double largest = 0, squares = 0;
    int64_t n = 0;
    for (int i = 0; i < 100; ++i) {
      const Tensor x = zeros(row.shape, float64);
      kaiming_uniform_(x, row.options);
      for (const double v : x.to_vector<double>()) largest = std::max(largest, std::abs(v));
      kaiming_normal_(x, row.options);
      for (const double v : x.to_vector<double>()) squares += v * v;
      n += x.numel();
    }
    EXPECT_LE(largest, row.bound * (1 + 1e-15));
    EXPECT_GT(largest, row.bound * 0.999);                                // of 60,000 at least
    const double relative = 5 / std::sqrt(2.0 * static_cast<double>(n));  // five deviations
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(n)) / row.deviation, 1, relative);
  }
}

TEST(Init, KaimingRefusesWhatHasNoFan) {
  EXPECT_THROWS(ShapeError, "[kaiming_uniform_] expected a weight (out, in, ...), got shape (3,)",
                kaiming_uniform_(zeros(3)));
  EXPECT_THROWS(ShapeError, "[kaiming_normal_]", kaiming_normal_(zeros({})));
  EXPECT_THROWS(RuntimeError, "[kaiming_normal_] expected a defined array",
                kaiming_normal_(Tensor()));
  kaiming_uniform_(zeros({0, 3}));
  kaiming_normal_(zeros({3, 0}));
}

}  // namespace
}  // namespace lamina::nn::init
