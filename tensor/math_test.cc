// Mathematical functions at the edges of their domains. The values are PyTorch 1.13's.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::kFloatingDTypes;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(MathTest, SpecialValuesOfFunctionsOfOneArray) {
  const std::vector<double> x = {kNaN, kInf, -kInf, 0, 2.5, -2.5, -1.5, 1.5, 0.5, -0.5};
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = array(x, dtype);
    EXPECT_CLOSE(sign(a), {0, 1, -1, 0, 1, -1, -1, 1, 1, -1});
    EXPECT_CLOSE(round(a), {kNaN, kInf, -kInf, 0, 2, -2, -2, 2, 0, 0});
    EXPECT_CLOSE(trunc(a), {kNaN, kInf, -kInf, 0, 2, -2, -1, 1, 0, 0});
    EXPECT_CLOSE(frac(a), {kNaN, kNaN, kNaN, 0, 0.5, -0.5, -0.5, 0.5, 0.5, -0.5});
    EXPECT_CLOSE(square(a), {kNaN, kInf, kInf, 0, 6.25, 6.25, 2.25, 2.25, 0.25, 0.25});
    EXPECT_CLOSE(abs(a), {kNaN, kInf, kInf, 0, 2.5, 2.5, 1.5, 1.5, 0.5, 0.5});
    EXPECT_CLOSE(isnan(a), {1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_CLOSE(isinf(a), {0, 1, 1, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_CLOSE(isfinite(a), {0, 0, 0, 1, 1, 1, 1, 1, 1, 1});
    EXPECT_CLOSE(logical_not(a), {0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    EXPECT_CLOSE(relu(a), {kNaN, kInf, 0, 0, 2.5, 0, 0, 1.5, 0.5, 0});
    EXPECT_CLOSE(tanh(a.narrow(0, 0, 4)), {kNaN, 1, -1, 0});
    EXPECT_CLOSE(sigmoid(a.narrow(0, 0, 4)), {kNaN, 1, 0, 0.5});
    EXPECT_CLOSE(erf(a.narrow(0, 0, 4)), {kNaN, 1, -1, 0});
    EXPECT_CLOSE(erfc(a.narrow(0, 0, 4)), {kNaN, 0, 2, 1});
    EXPECT_CLOSE(log1p(array({-1, -2, kInf, kNaN}, dtype)), {-kInf, kNaN, kInf, kNaN});
    EXPECT_CLOSE(log2(array({0, -1, kInf, 8}, dtype)), {-kInf, kNaN, kInf, 3});
    EXPECT_CLOSE(expm1(array({kInf, -kInf, kNaN}, dtype)), {kInf, -1, kNaN});
    EXPECT_CLOSE(sqrt(array({-1, 0, kInf}, dtype)), {kNaN, 0, kInf});
    EXPECT_CLOSE(rsqrt(array({-1, 0, kInf}, dtype)), {kNaN, kInf, 0});
    EXPECT_CLOSE(reciprocal(array({kInf, 0, -0.0}, dtype)), {0, kInf, -kInf});
    EXPECT_CLOSE(asin(array({1.5, -1.5, kNaN}, dtype)), {kNaN, kNaN, kNaN});
    EXPECT_CLOSE(acos(array({1.5, 1, kInf}, dtype)), {kNaN, 0, kNaN});
    EXPECT_CLOSE(sin(array({kInf, -kInf, kNaN}, dtype)), {kNaN, kNaN, kNaN});
    EXPECT_CLOSE(sinh(array({1000, -1000, kNaN}, dtype)), {kInf, -kInf, kNaN});
    EXPECT_CLOSE(cosh(array({1000, -1000, kNaN}, dtype)), {kInf, kInf, kNaN});
  }
}

TEST(MathTest, ZerosKeepTheirSign) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray zero = array({-0.0}, dtype);
    for (const NDArray& y :
         {sin(zero), tan(zero), asin(zero), atan(zero), sinh(zero), tanh(zero), expm1(zero),
          log1p(zero), erf(zero), sqrt(zero), floor(zero), ceil(zero), round(zero), trunc(zero)}) {
      EXPECT_EQ(y.item<double>(), 0);
      EXPECT_TRUE(std::signbit(y.item<double>()));
    }
    EXPECT_TRUE(std::signbit(ceil(array({-0.5}, dtype)).item<double>()));
  }
}

TEST(MathTest, RemaindersTakeTheSignOfOneOperand) {
  const std::vector<double> a = {7, -7, 7, -7, 0, 5, kInf, 1, kNaN};
  const std::vector<double> b = {3, 3, -3, -3, 2, 0, 2, kInf, 1};
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(fmod(array(a, dtype), array(b, dtype)), {1, -1, 1, -1, 0, kNaN, kNaN, 1, kNaN});
    EXPECT_CLOSE(array(a, dtype) % array(b, dtype), {1, 2, -2, -1, 0, kNaN, kNaN, 1, kNaN});
    EXPECT_CLOSE(remainder(array({1, -1}, dtype), kInf), {1, kInf});
  }
  for (DType dtype : {int32, int64}) {
    const NDArray x = array({7, -7, 7, -7}, dtype), y = array({3, 3, -3, -3}, dtype);
    EXPECT_CLOSE(fmod(x, y), {1, -1, 1, -1});
    EXPECT_CLOSE(remainder(x, y), {1, 2, -2, -1});
  }
  // The quotient of these does not exist; the remainder does.
  const NDArray least = NDArray::from({std::numeric_limits<int64_t>::min()}, 1);
  EXPECT_CLOSE(remainder(least, -1), {0});
  EXPECT_CLOSE(fmod(NDArray::from({std::numeric_limits<int32_t>::min()}, 1), -1), {0});
}

TEST(MathTest, ADivisorThatWrapsAroundToZeroIsRefused) {
  EXPECT_THROWS(ValueError, "[fmod] expected integer divisors other than 0",
                fmod(array({5}, uint8), 256));
  EXPECT_THROWS(ValueError, "[remainder] expected integer divisors other than 0",
                remainder(array({5}, int32), int64_t{1} << 32));
  NDArray x = array({5}, uint8);
  EXPECT_THROWS(ValueError, "[remainder_] expected integer divisors other than 0",
                x.remainder_(256));
  EXPECT_THROWS(ValueError, "[pow] expected a value that uint8 holds, got 256", pow(x, 256));
}

TEST(MathTest, IntegerPowers) {
  EXPECT_CLOSE(pow(array({-3, 3, 0, 2, -1, 1}, int64), array({-1, -1, -1, -2, -3, -3}, int64)),
               {0, 0, 0, 0, -1, 1});
  const NDArray two = array({2, 2}, int64);
  EXPECT_EQ(pow(two, array({70, 63}, int64)).to_vector<int64_t>(),
            (std::vector<int64_t>{0, std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(pow(array({3}, uint8), 6).item<int>(), 729 % 256);
  EXPECT_EQ(pow(array({1}, bool_), 2).dtype(), int64);
  EXPECT_EQ(pow(2, array({3}, int32)).dtype(), int32);
  EXPECT_EQ(pow(array({4}, int32), 0.5).dtype(), float32);
}

TEST(MathTest, PowersOfSpecialValues) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = array({-8, -8, -8, 0, 0, -0.0, kInf, -kInf, 1, kNaN, 2, 0.5}, dtype);
    const NDArray b = array({3, 2, 0.5, 0, -1, -3, -1, 3, kNaN, 0, kInf, kInf}, dtype);
    EXPECT_CLOSE(pow(a, b), {-512, 64, kNaN, 1, kInf, -kInf, 0, -kInf, 1, 1, kInf, 0});
  }
}

TEST(MathTest, NaNWinsMaximaMinimaAndClamps) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = array({kNaN, 1, kNaN, 2}, dtype), b = array({1, kNaN, kNaN, 3}, dtype);
    EXPECT_CLOSE(maximum(a, b), {kNaN, kNaN, kNaN, 3});
    EXPECT_CLOSE(minimum(a, b), {kNaN, kNaN, kNaN, 2});
    EXPECT_CLOSE(clamp(a, -1, 1.5), {kNaN, 1, kNaN, 1.5});
    EXPECT_CLOSE(clamp(array({0, 5}, dtype), kNaN, 2), {kNaN, kNaN});
    // Where the bounds are the wrong way round, the upper one wins.
    EXPECT_CLOSE(clamp(array({0, 5}, dtype), 2, 1), {1, 1});
  }
  EXPECT_EQ(clamp(array({1}, int64), 0.5, 1.5).dtype(), float32);
  EXPECT_CLOSE(clamp(array({7, 2}, uint8), -2, 2.5), {2.5, 2});  // in float32, where -2 is -2
  EXPECT_THROWS(ValueError, "[clamp] expected a value that float32 holds, got 1e+300",
                clamp(array({1}), 0, 1e300));
  EXPECT_CLOSE(clamp(array({1, HUGE_VAL}, float16), 0, 1e6), {1, HUGE_VAL});
  EXPECT_THROWS(ValueError, "[clamp] expected a value that uint8 holds, got 300",
                clamp(array({7, 2}, uint8), 0, 300));
  EXPECT_EQ(clamp(array({1}, bool_), 0, 2).dtype(), int64);
}

TEST(MathTest, TheFourQuadrantsAndTheAxes) {
  constexpr double kPi = 3.14159265358979323846;
  for (DType dtype : kFloatingDTypes) {
    const NDArray y = array({1, 1, -1, -1, 0, -0.0, 1, -1, 0, kInf}, dtype);
    const NDArray x = array({1, -1, -1, 1, -1, -1, 0, -0.0, 0, kInf}, dtype);
    EXPECT_CLOSE(
        atan2(y, x),
        {kPi / 4, 3 * kPi / 4, -3 * kPi / 4, -kPi / 4, kPi, -kPi, kPi / 2, -kPi / 2, 0, kPi / 4},
        1e-6);
  }
}

TEST(MathTest, LargeArgumentsOfSineAreReducedExactly) {
  // sin(1e22) = -0.8522008497671888017727...
  EXPECT_CLOSE(sin(array({1e22}, float64)), {-0.8522008497671888}, 1e-15);
  const float x = 1e22f;
  EXPECT_CLOSE(sin(array({1e22})), {std::sin(static_cast<double>(x))}, 1e-7);
  EXPECT_CLOSE(cos(array({50000.25})), {std::cos(50000.25)}, 1e-7);
}

TEST(MathTest, AnInterpolationEndsAtItsEnd) {
  const NDArray a = array({1e8, 0.1}), b = array({0.3, 0.7});
  EXPECT_CLOSE(lerp(a, b, 1), test::elements(b));
  EXPECT_CLOSE(lerp(a, b, 0), test::elements(a));
  EXPECT_CLOSE(lerp(a, b, NDArray::ones(2)), test::elements(b));
  // The product alone is beyond float16.
  EXPECT_CLOSE(addcmul(array({0}, float16), array({300}, float16), array({300}, float16), 0.001),
               {90});
}

}  // namespace
}  // namespace lamina
