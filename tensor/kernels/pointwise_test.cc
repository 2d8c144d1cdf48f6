// The accuracy of exp and log against double precision, and what the kernels promise about
// positions.
#include "lamina/tensor/kernels/pointwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The distance in units of the last place of the exact value, rounded to float32; subnormals have
// the smallest unit.
double ulps(float actual, double exact) {
  if (std::isnan(exact)) return std::isnan(actual) ? 0 : kInf;
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(actual)) return actual == rounded ? 0 : kInf;
  int exponent;
  std::frexp(rounded, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::abs(static_cast<double>(actual) - exact) / unit;
}

template <class F>
void expect_ulps(NDArray (*op)(const NDArray&), const F& exact, const std::vector<float>& x,
                 double bound) {
  const std::vector<float> y =
      test::elements<float>(op(NDArray::from(x, Shape(static_cast<int64_t>(x.size())))));
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = ulps(y[i], exact(static_cast<double>(x[i])));
    if (!(error <= worst)) {
      worst = error;
      at = x[i];
    }
  }
  EXPECT_LE(worst, bound) << "at " << ::testing::PrintToString(at);
}

std::vector<float> every_nth_float(
    uint32_t step) {  // of both signs, with subnormals, infinities and NaN
  std::vector<float> all;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += step) {
    const uint32_t word = static_cast<uint32_t>(bits);
    float value;
    std::memcpy(&value, &word, sizeof(value));
    all.push_back(value);
  }
  return all;
}

std::vector<float> range(double low, double high, int n) {
  std::vector<float> all;
  for (int i = 0; i <= n; ++i) all.push_back(static_cast<float>(low + (high - low) * i / n));
  return all;
}

double exact_exp(double x) { return std::exp(x); }
double exact_log(double x) { return std::log(x); }

TEST(ExpTest, Float32IsWithin2UlpWhereTheResultIsNormal) {
  expect_ulps(exp, exact_exp, range(-87.3, 88.8, 200000), 2);
  expect_ulps(exp, exact_exp, range(-1, 1, 100000), 2);
  expect_ulps(exp, exact_exp,
              {-kInf, kInf, kNan, 0.0f, -0.0f, 1e-45f, -1e-45f, 1e-38f, 3e38f, -3e38f}, 2);
}

TEST(ExpTest, Float32IsWithin2UlpOverAllFloats) {
  expect_ulps(exp, exact_exp, every_nth_float(20011), 2);
}

TEST(ExpTest, Float32GoesThroughTheSubnormalsToZero) {
  expect_ulps(exp, exact_exp, range(-104.5, -87.3, 100000), 2);
  expect_ulps(exp, exact_exp, {-103.9f, -103.97f, -104.0f, -105.0f, -150.0f, -1e10f}, 2);
}

TEST(ExpTest, Float32OverflowsToInfinityWhereItMust) {
  expect_ulps(exp, exact_exp, range(88.6, 88.8, 20000), 2);
  expect_ulps(exp, exact_exp, {88.7f, 88.72283f, 88.72284f, 89.0f, 104.0f, 105.0f, 1e10f}, 2);
}

TEST(LogTest, Float32IsWithin2UlpOverAllFloats) {
  expect_ulps(log, exact_log, every_nth_float(20011), 2);
}

TEST(LogTest, Float32IsWithin2UlpNearOne) {
  expect_ulps(log, exact_log, range(0.5, 2, 200000), 2);
  expect_ulps(log, exact_log, range(0.9999, 1.0001, 10000), 2);
}

TEST(LogTest, Float32TakesSubnormalsAndSpecialValues) {
  expect_ulps(log, exact_log, {1e-45f, 1.17549421e-38f, 1.17549435e-38f, 1e-40f, 3.4e38f, 1.0f}, 2);
  EXPECT_CLOSE(log(NDArray::from({0.0f, -0.0f, -1.0f, -1e-45f, -kInf, kInf, kNan}, 7)),
               {-kInf, -kInf, kNan, kNan, kNan, kInf, kNan});
}

TEST(PointwiseTest, AnElementDoesNotDependOnItsPlace) {
  const NDArray x = test::noise({100}), e = exp(x), l = log(x);
  for (int64_t n = 1; n <= 40; ++n) {
    for (int64_t start : {0, 1, 5}) {
      EXPECT_EQ(test::elements(exp(x.narrow(0, start, n))), test::elements(e.narrow(0, start, n)));
      EXPECT_CLOSE(log(x.narrow(0, start, n)), test::elements(l.narrow(0, start, n)));
    }
  }
}

TEST(PointwiseTest, KernelsWriteNothingBeyondTheirElements) {
  for (int64_t n = 0; n <= 70; ++n) {
    std::vector<float> x(static_cast<size_t>(n), 1.0f), out(static_cast<size_t>(n) + 2, -7.0f);
    kernels::unary_kernel(kernels::UnaryOp::kExp, float32)(x.data(), out.data() + 1, n);
    EXPECT_EQ(out.front(), -7.0f);
    EXPECT_EQ(out.back(), -7.0f);
    std::fill(out.begin(), out.end(), -7.0f);
    kernels::binary_kernel(kernels::BinaryOp::kAdd, float32)(x.data(), 1, x.data(), 1,
                                                             out.data() + 1, n);
    EXPECT_EQ(out.front(), -7.0f);
    EXPECT_EQ(out.back(), -7.0f);
  }
}

TEST(PointwiseTest, TheTablesExcludeWhatTheHeaderExcludes) {
  using kernels::BinaryOp;
  using kernels::UnaryOp;
  EXPECT_EQ(kernels::binary_kernel(BinaryOp::kSub, bool_), nullptr);
  EXPECT_EQ(kernels::unary_kernel(UnaryOp::kNeg, bool_), nullptr);
  EXPECT_EQ(kernels::unary_kernel(UnaryOp::kRelu, bool_), nullptr);
  for (DType dtype : {bool_, uint8, int32, int64}) {
    EXPECT_EQ(kernels::binary_kernel(BinaryOp::kDiv, dtype), nullptr);
    EXPECT_EQ(kernels::binary_kernel(BinaryOp::kReluBackward, dtype), nullptr);
    EXPECT_EQ(kernels::unary_kernel(UnaryOp::kExp, dtype), nullptr);
    EXPECT_EQ(kernels::unary_kernel(UnaryOp::kLog, dtype), nullptr);
  }
}

}  // namespace
}  // namespace lamina
