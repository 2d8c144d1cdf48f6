#include "lamina/nn/init.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::init {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

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
  for (Tensor (*draw)(const Tensor&, double, double) : {&uniform_, &normal_}) {
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

TEST(Init, WritesInPlaceWithoutHistoryAndReturnsTheTensor) {
  const std::vector<std::function<Tensor(const Tensor&)>> all = {
      [](const Tensor& x) { return constant_(x, 2); },
      [](const Tensor& x) { return zeros_(x); },
      [](const Tensor& x) { return ones_(x); },
      [](const Tensor& x) { return uniform_(x, 1, 2); },
      [](const Tensor& x) { return normal_(x); },
      [](const Tensor& x) { return trunc_normal_(x); },
      [](const Tensor& x) { return xavier_uniform_(x); },
      [](const Tensor& x) { return xavier_normal_(x); },
      [](const Tensor& x) { return kaiming_uniform_(x); },
      [](const Tensor& x) { return kaiming_normal_(x); },
      [](const Tensor& x) { return orthogonal_(x); },
      [](const Tensor& x) { return sparse_(x, 0.5); },
      [](const Tensor& x) { return eye_(x); },
      [](const Tensor& x) {
        dirac_(x.view({4, 3, 1}));
        return x;
      }};
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    const Tensor x = full({4, 3}, 7.f).requires_grad_();
    const char* where = x.data().raw_data();
    const Tensor y = all[i](x);
    EXPECT_EQ(y.impl(), x.impl());
    EXPECT_EQ(x.data().raw_data(), where);
    EXPECT_TRUE(x.is_leaf() && x.requires_grad());
    EXPECT_FALSE(x.grad().defined());
    EXPECT_THAT(x.to_vector<float>(), Not(Contains(7)));
  }
}

TEST(Init, ConstantsAreOfAnyDType) {
  for (const DType dtype : test::kAllDTypes) {
    const Tensor x = full({2, 2}, 3, dtype);
    EXPECT_CLOSE(zeros_(x).data(), {0, 0, 0, 0});
    EXPECT_CLOSE(ones_(x).data(), {1, 1, 1, 1});
    EXPECT_CLOSE(constant_(x, 0).data(), {0, 0, 0, 0});
    EXPECT_CLOSE(eye_(x).data(), {1, 0, 0, 1});
    EXPECT_CLOSE(dirac_(x.view({2, 1, 2})).data(), {0, 1, 0, 0});
  }
  EXPECT_CLOSE(constant_(empty({3}), -0.25).data(), {-0.25, -0.25, -0.25});
  EXPECT_THROWS(ValueError, "[constant_] expected a value that uint8 holds, got 300",
                constant_(zeros(2, uint8), 300));
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
  EXPECT_THROWS(ValueError, "[uniform_] expected low <= high, got 1 and 0", uniform_(x, 1, 0));
  EXPECT_THROWS(ValueError, "[uniform_] expected low <= high, got nan and 0", uniform_(x, nan, 0));
  EXPECT_THROWS(ValueError, "[normal_] expected a standard deviation >= 0, got -1",
                normal_(x, 0, -1));
  EXPECT_THROWS(ValueError, "[normal_] expected a standard deviation >= 0, got nan",
                normal_(x, 0, nan));
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(0, 0));
}

TEST(Init, WhatDrawsRefusesIntegerTensors) {
  const Tensor x = zeros({2, 2}, int64);
  const char* wanted = "_] expected a floating dtype, got int64";
  EXPECT_THROWS(DTypeError, "[uniform_] expected a floating dtype, got int64", uniform_(x));
  EXPECT_THROWS(DTypeError, wanted, normal_(x));
  EXPECT_THROWS(DTypeError, wanted, trunc_normal_(x));
  EXPECT_THROWS(DTypeError, wanted, xavier_uniform_(x));
  EXPECT_THROWS(DTypeError, wanted, xavier_normal_(x));
  EXPECT_THROWS(DTypeError, "[kaiming_uniform_] expected a floating", kaiming_uniform_(x));
  EXPECT_THROWS(DTypeError, wanted, kaiming_normal_(x));
  EXPECT_THROWS(DTypeError, wanted, orthogonal_(x));
  EXPECT_THROWS(DTypeError, wanted, sparse_(x, 0.5));
  EXPECT_THROWS(DTypeError, "[xavier_normal] expected a floating", xavier_normal(2, 2, 1, int32));
}

TEST(Init, EverythingRefusesUndefinedTensors) {
  const Tensor none;
  const char* wanted = "_] expected a defined array, got one without a value";
  EXPECT_THROWS(RuntimeError, "[constant_] expected a defined array", constant_(none, 1));
  EXPECT_THROWS(RuntimeError, "[zeros_] expected a defined array", zeros_(none));
  EXPECT_THROWS(RuntimeError, "[ones_] expected a defined array", ones_(none));
  EXPECT_THROWS(RuntimeError, wanted, uniform_(none));
  EXPECT_THROWS(RuntimeError, "[normal_] expected a defined array", normal_(none));
  EXPECT_THROWS(RuntimeError, wanted, trunc_normal_(none));
  EXPECT_THROWS(RuntimeError, "[calculate_fan_in_and_fan_out] expected a defined array",
                calculate_fan_in_and_fan_out(none));
  EXPECT_THROWS(RuntimeError, wanted, xavier_uniform_(none));
  EXPECT_THROWS(RuntimeError, wanted, xavier_normal_(none));
  EXPECT_THROWS(RuntimeError, wanted, kaiming_uniform_(none));
  EXPECT_THROWS(RuntimeError, "[kaiming_normal_] expected a defined", kaiming_normal_(none));
  EXPECT_THROWS(RuntimeError, wanted, orthogonal_(none));
  EXPECT_THROWS(RuntimeError, wanted, sparse_(none, 0.5));
  EXPECT_THROWS(RuntimeError, wanted, eye_(none));
  EXPECT_THROWS(RuntimeError, wanted, dirac_(none));
}

TEST(Init, ThrowsForShapesWithoutAMeaning) {
  EXPECT_THROWS(ShapeError,
                "[calculate_fan_in_and_fan_out] expected a weight (out, in, ...), got shape (3,)",
                calculate_fan_in_and_fan_out(zeros(3)));
  EXPECT_THROWS(ShapeError, "[xavier_uniform_] expected a weight (out, in, ...), got shape (3,)",
                xavier_uniform_(zeros(3)));
  EXPECT_THROWS(ShapeError, "[xavier_normal_]", xavier_normal_(zeros({})));
  EXPECT_THROWS(ShapeError, "[kaiming_uniform_] expected a weight (out, in, ...), got shape (3,)",
                kaiming_uniform_(zeros(3)));
  EXPECT_THROWS(ShapeError, "[kaiming_normal_]", kaiming_normal_(zeros({})));
  EXPECT_THROWS(ShapeError, "[orthogonal_] expected a rank of at least 2, got shape (4,)",
                orthogonal_(zeros(4)));
  EXPECT_THROWS(ShapeError, "[sparse_] expected a matrix (rows, columns), got shape (2, 2, 2)",
                sparse_(zeros({2, 2, 2}), 0.5));
  EXPECT_THROWS(ShapeError, "[eye_] expected a matrix (rows, columns), got shape (2,)",
                eye_(zeros(2)));
  EXPECT_THROWS(ShapeError,
                "[dirac_] expected a convolution's weight (out, in, ...) of rank 3 to 5, got shape "
                "(2, 2)",
                dirac_(zeros({2, 2})));
  EXPECT_THROWS(ShapeError, "[dirac_]", dirac_(zeros({1, 1, 1, 1, 1, 1})));
}

TEST(Init, ThrowsForOptionsOutsideTheirDomain) {
  const Tensor x = zeros({2, 2});
  EXPECT_THROWS(ValueError, "[xavier_uniform_] expected a finite gain >= 0, got -1",
                xavier_uniform_(x, -1));
  EXPECT_THROWS(ValueError, "[xavier_normal_] expected a finite gain >= 0, got inf",
                xavier_normal_(x, test::kInf));
  EXPECT_THROWS(ValueError, "[orthogonal_] expected a finite gain, got nan",
                orthogonal_(x, test::kNan));
  EXPECT_THROWS(ValueError, "[kaiming_normal_] expected one of linear, ",
                kaiming_normal_(x, {0, Fan::kIn, "gelu"}));
  EXPECT_THROWS(ValueError, "[sparse_] expected a sparsity from 0 to 1, got 1.1", sparse_(x, 1.1));
  EXPECT_THROWS(ValueError, "[sparse_] expected a sparsity from 0 to 1, got nan",
                sparse_(x, test::kNan));
  EXPECT_THROWS(ValueError, "[sparse_] expected a standard deviation >= 0, got -1",
                sparse_(x, 0.5, -1));
  const Tensor kernel = zeros({6, 2, 3});
  EXPECT_THROWS(ValueError, "[dirac_] expected groups that divide the 6 output channels, got 4",
                dirac_(kernel, 4));
  EXPECT_THROWS(ValueError, "[dirac_] expected groups that divide the 6 output channels, got 0",
                dirac_(kernel, 0));
  EXPECT_THROWS(ValueError, "[dirac_]", dirac_(kernel, -2));
  EXPECT_THAT(x.to_vector<float>(), Each(0));
}

TEST(Init, TruncNormalRefusesWhatIsNoDistribution) {
  const Tensor x = zeros(2);
  EXPECT_THROWS(ValueError,
                "[trunc_normal_] expected bounds a <= b with numbers between them, got 1 and 0",
                trunc_normal_(x, {0, 1, 1, 0}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected bounds",
                trunc_normal_(x, {0, 1, test::kNan, 0}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected bounds",
                trunc_normal_(x, {0, 1, test::kInf, test::kInf}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected a finite standard deviation > 0, got -1",
                trunc_normal_(x, {0, -1, -2, 2}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected a finite standard deviation > 0, got 0",
                trunc_normal_(x, {0, 0, -2, 2}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected a finite mean, got nan",
                trunc_normal_(x, {test::kNan, 1, -2, 2}));
  EXPECT_THROWS(ValueError, "[trunc_normal_] expected a value that float32 holds, got 1e+39",
                trunc_normal_(x, {0, 1, 0, 1e39}));
  EXPECT_THAT(x.to_vector<float>(), Each(0));
}

TEST(Init, EmptyTensorsStayEmpty) {
  for (const Shape& shape : {Shape{0, 3}, Shape{3, 0}, Shape{0, 0}}) {
    SCOPED_TRACE(shape.str());
    const Tensor x = empty(shape);
    xavier_uniform_(x);
    xavier_normal_(x);
    kaiming_uniform_(x);
    kaiming_normal_(x);
    orthogonal_(x);
    sparse_(x, 0.5);
    eye_(x);
    trunc_normal_(x);
  }
  dirac_(empty({0, 3, 3}), 2);
  dirac_(empty({2, 3, 0}));
  EXPECT_EQ(xavier_uniform(0, 4).shape(), Shape({0, 4}));
}

TEST(Init, GainsAreThoseOfTheCourse) {
  EXPECT_EQ(calculate_gain("identity"), 1);
  EXPECT_DOUBLE_EQ(calculate_gain("leaky_relu"), std::sqrt(2.0));  // the courses' slope of 0
  EXPECT_EQ(calculate_gain("SELU"), 0.75);                         // in any letter case
  EXPECT_THROWS(ValueError,
                "[calculate_gain] expected one of linear, identity, conv1d, conv2d, conv3d, "
                "conv_transpose1d, conv_transpose2d, conv_transpose3d, sigmoid, tanh, relu, selu, "
                "leaky_relu, got \"gelu\"",
                calculate_gain("gelu"));
}

TEST(Init, FactoriesMakeFanInByFanOut) {
  manual_seed(5);
  const Tensor x = xavier_uniform(300, 20, 2, float64);
  EXPECT_EQ(x.shape(), Shape({300, 20}));
  EXPECT_EQ(x.dtype(), float64);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_TRUE(x.is_leaf());
  // 2 sqrt(6 / 320), of 6,000 draws
  EXPECT_NEAR(x.abs().max().item<double>(), 0.27386127875258304, 1e-3);

  // sqrt(6 / 300) by fan_in, though it is the first extent here; sqrt(6 / 20) by fan_out
  const Tensor in = kaiming_uniform(300, 20), out = kaiming_uniform(300, 20, {0, Fan::kOut});
  EXPECT_EQ(in.shape(), Shape({300, 20}));
  EXPECT_TRUE(in.is_contiguous());
  EXPECT_NEAR(in.abs().max().item<double>(), 0.1414213562373095, 1e-3);
  EXPECT_NEAR(out.abs().max().item<double>(), 0.5477225575051661, 1e-3);

  EXPECT_EQ(rand({2, 3}, float64).dtype(), float64);
  EXPECT_CLOSE(rand(2, 4, 4).data(), {4, 4});
  EXPECT_CLOSE(randn(2, -3, 0).data(), {-3, -3});
  EXPECT_EQ(randb({2, 3}).dtype(), bool_);
  EXPECT_CLOSE(randb(3, 1, int64).data(), {1, 1, 1});
  EXPECT_CLOSE(constant({2, 1}, 2.5).data(), {2.5, 2.5});
  EXPECT_CLOSE(one_hot(tensor({int64_t{1}, int64_t{0}}), 3).data(), {0, 1, 0, 1, 0, 0});
  EXPECT_THROWS(ValueError, "[rand] expected low <= high, got 1 and 0", rand(2, 1, 0));
  EXPECT_THROWS(ShapeError, "[kaiming_normal]", kaiming_normal(-1, 2));
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

}  // namespace
}  // namespace lamina::nn::init
