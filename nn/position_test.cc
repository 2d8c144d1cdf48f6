#include "lamina/nn/position.h"

#include <cmath>
#include <complex>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

// Random calls are compared with float64 references in //tests/differential:golden_layers_test.

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

Tensor numbers(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return Tensor(random::normal(shape, 0, 1, float64, generator));
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(SinusoidalPositionEncoding, IsSinesAndCosinesOfWavesThatGrowLonger) {
  const Tensor table = functional::sinusoidal_position_encoding(2, 4, {.dtype = float64});
  EXPECT_THAT(table.to_vector<double>(),
              Pointwise(DoubleNear(1e-15), {0.0, 1.0, 0.0, 1.0,  // position 0
                                            0.8414709848078965, 0.5403023058681398,
                                            0.009999833334166664, 0.9999500004166653}));
  // Of an odd width the last wave has a sine only; 4^(2 / 3) = 2.5198...
  const Tensor odd =
      functional::sinusoidal_position_encoding(1, 3, {.base = 4, .offset = 2, .dtype = float64});
  EXPECT_THAT(
      odd.to_vector<double>(),
      Pointwise(DoubleNear(1e-15), {std::sin(2.0), std::cos(2.0), std::sin(2 / std::cbrt(16.0))}));
  EXPECT_EQ(functional::sinusoidal_position_encoding(0, 4).shape(), (Shape{0, 4}));
  EXPECT_EQ(functional::sinusoidal_position_encoding(3, 0).shape(), (Shape{3, 0}));
}

TEST(SinusoidalPositionEncoding, OfFarPositionsIsExactInFloat32) {
  const int64_t far = 123456789;
  const Tensor row = functional::sinusoidal_position_encoding(1, 2, {.offset = far});
  EXPECT_EQ(row.dtype(), float32);
  EXPECT_THAT(row.to_vector<float>(),
              ElementsAre(static_cast<float>(std::sin(static_cast<double>(far))),
                          static_cast<float>(std::cos(static_cast<double>(far)))));
}

TEST(SinusoidalPositionEncoding, IsAddedToEachSequence) {
  SinusoidalPositionEncoding positions(100);
  const Tensor x = numbers({2, 5, 6}, 1);
  const Tensor table =
      functional::sinusoidal_position_encoding(5, 6, {.base = 100, .dtype = float64});
  const Tensor y = positions(x);
  for (int64_t i = 0; i < 2; ++i) EXPECT_LT(largest_difference(y[i], x[i] + table), 1e-15);
  EXPECT_EQ(positions(x.to(float32)).dtype(), float32);
  // Token by token, what the whole sequence gives.
  for (int64_t t = 0; t < 5; ++t) {
    EXPECT_LT(largest_difference(positions.at(x.narrow(1, t, 1), t), y.narrow(1, t, 1)), 1e-15);
  }
  EXPECT_EQ(positions.str(), "SinusoidalPositionEncoding(base=100.0)");
}

// Feature pairs as complex numbers, times e^(i angle).
std::vector<double> naive_rotary(const Tensor& x, int64_t offset, double base, bool interleaved) {
  const int64_t length = x.size(0), d = x.size(1);
  std::vector<double> out(static_cast<size_t>(length * d));
  for (int64_t p = 0; p < length; ++p) {
    for (int64_t j = 0; j < d / 2; ++j) {
      const int64_t a = interleaved ? 2 * j : j, b = interleaved ? 2 * j + 1 : j + d / 2;
      const double angle = static_cast<double>(offset + p) *
                           std::exp(-std::log(base) * static_cast<double>(2 * j) / d);
      const std::complex<double> turned =
          std::complex<double>(x.at<double>({p, a}), x.at<double>({p, b})) * std::polar(1.0, angle);
      out[static_cast<size_t>(p * d + a)] = turned.real();
      out[static_cast<size_t>(p * d + b)] = turned.imag();
    }
  }
  return out;
}

TEST(RotaryPositionEncoding, TurnsPairsOfFeatures) {
  const Tensor one = tensor({1.0, 0.0}, {1, 2});
  EXPECT_THAT(functional::rotary_position_encoding(one, 1).to_vector<double>(),
              Pointwise(DoubleNear(1e-15), {0.5403023058681398, 0.8414709848078965}));
  const Tensor x = numbers({7, 6}, 2);
  for (const bool interleaved : {false, true}) {
    for (const int64_t offset : {0, 3, 5000}) {
      EXPECT_THAT(
          functional::rotary_position_encoding(x, offset, {.base = 500, .interleaved = interleaved})
              .to_vector<double>(),
          Pointwise(DoubleNear(1e-11), naive_rotary(x, offset, 500, interleaved)));
    }
  }
}

TEST(RotaryPositionEncoding, MakesProductsDependOnTheDistanceOnly) {
  const Tensor q = numbers({1, 8}, 3), k = numbers({1, 8}, 4);
  for (const bool interleaved : {false, true}) {
    RotaryPositionEncoding rotary({.interleaved = interleaved});
    const auto product = [&](int64_t i, int64_t j) {
      return (rotary.at(q, i) * rotary.at(k, j)).sum().item<double>();
    };
    EXPECT_NEAR(product(9, 2), product(107, 100), 1e-11);
    EXPECT_GT(std::abs(product(9, 2) - product(9, 3)), 1e-3);
  }
}

TEST(RotaryPositionEncoding, OfPartsIsThatOfTheWhole) {
  RotaryPositionEncoding rotary;
  const Tensor x = numbers({2, 3, 5, 4}, 5);  // (batch, heads, tokens, d)
  const Tensor y = rotary(x);
  EXPECT_LT(largest_difference(rotary.at(x.narrow(2, 2, 3), 2), y.narrow(2, 2, 3)), 1e-15);
  EXPECT_LT(largest_difference(rotary(x[1][2]), y[1][2]), 1e-15);
  EXPECT_EQ(rotary(ones({0, 4})).shape(), (Shape{0, 4}));
  EXPECT_EQ(rotary(ones({3, 0})).shape(), (Shape{3, 0}));
  EXPECT_EQ(rotary.str(), "RotaryPositionEncoding(base=10000.0, interleaved=False)");
}

TEST(RotaryPositionEncoding, HasFirstAndSecondDerivatives) {
  for (const bool interleaved : {false, true}) {
    const TensorFunction f = [&](absl::Span<const Tensor> x) {
      return functional::rotary_position_encoding(x[0], 2, {.interleaved = interleaved});
    };
    const std::vector<Tensor> inputs{numbers({2, 3, 4}, 6).requires_grad_()};
    EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
    EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
  }
}

TEST(Positions, RefuseWhatDoesNotFit) {
  EXPECT_THROWS(ValueError,
                "[sinusoidal_position_encoding] expected a length and a width of at least 0, got "
                "-1 and 4",
                functional::sinusoidal_position_encoding(-1, 4));
  EXPECT_THROWS(ValueError,
                "[sinusoidal_position_encoding] expected an offset of at least 0, got -2",
                functional::sinusoidal_position_encoding(1, 4, {.offset = -2}));
  EXPECT_THROWS(ValueError, "[SinusoidalPositionEncoding] expected a finite base above 0, got 0",
                SinusoidalPositionEncoding(0));
  EXPECT_THROWS(ShapeError,
                "[SinusoidalPositionEncoding] expected x (..., length, width), got shape (4,)",
                SinusoidalPositionEncoding()(ones(4)));
  EXPECT_THROWS(DTypeError, "[SinusoidalPositionEncoding]",
                SinusoidalPositionEncoding()(zeros({2, 4}, int64)));
  EXPECT_THROWS(ValueError, "[RotaryPositionEncoding] expected a finite base above 0, got -1",
                RotaryPositionEncoding({.base = -1}));
  EXPECT_THROWS(ShapeError,
                "[rotary_position_encoding] expected x (..., length, d) with an even d, got shape "
                "(2, 3)",
                functional::rotary_position_encoding(ones({2, 3})));
  EXPECT_THROWS(ValueError, "[rotary_position_encoding] expected an offset of at least 0, got -1",
                functional::rotary_position_encoding(ones({2, 4}), -1));
}

}  // namespace
}  // namespace lamina::nn
