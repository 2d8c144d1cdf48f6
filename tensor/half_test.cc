// Half and BFloat16 against the definitions of IEEE 754 and of bfloat16, in double precision.
#include "lamina/tensor/half.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

struct Format {
  int exponent_bits, fraction_bits;
};
constexpr Format kHalf = {5, 10}, kBFloat16 = {8, 7};

// What the bits stand for.
double value_of(uint32_t bits, Format f) {
  const double sign = bits >> 15 & 1 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> f.fraction_bits & ((1u << f.exponent_bits) - 1));
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  const double fraction = bits & ((1u << f.fraction_bits) - 1);
  if (exponent == (1 << f.exponent_bits) - 1)
    return fraction == 0 ? sign * HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - f.fraction_bits);
  return sign * std::ldexp(1 + std::ldexp(fraction, -f.fraction_bits), exponent - bias);
}

// The number in the format that is nearest to x, of two the even one.
double nearest(double x, Format f) {
  if (std::isnan(x) || std::isinf(x) || x == 0) return x;
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  int exponent;
  std::frexp(x, &exponent);  // 2^(exponent - 1) <= |x|
  const int step = std::max(exponent - 1, 1 - bias) - f.fraction_bits;
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(x, -step)), step);
  return std::abs(rounded) >= std::ldexp(1.0, bias + 1) ? std::copysign(HUGE_VAL, x) : rounded;
}

template <class T>
void expect_all_bits(Format f) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const T x = T::from_bits(static_cast<uint16_t>(bits));
    const double expected = value_of(bits, f);
    const float got = x;
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
      ASSERT_TRUE(std::isnan(static_cast<float>(T(got)))) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(got), expected) << bits;
      ASSERT_EQ(std::signbit(got), std::signbit(expected)) << bits;
      ASSERT_EQ(T(got).bits(), bits);
    }
  }
}

template <class T>
void expect_rounding(Format f) {
  const auto check = [&](float x) {
    const float got = T(x);
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(got));
    } else {
      ASSERT_EQ(static_cast<double>(got), nearest(x, f)) << x;
      ASSERT_EQ(std::signbit(got), std::signbit(x)) << x;
    }
  };
  std::mt19937 random(7);
  for (int i = 0; i < 300000; ++i) check(internal::float_of(static_cast<uint32_t>(random())));
  // Each number of the format, the middle between it and the next one, and their neighbours.
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const double here = value_of(bits, f), next = value_of(bits + 1, f);
    if (!std::isfinite(here) || !std::isfinite(next)) continue;
    for (const float x : {static_cast<float>(here), static_cast<float>((here + next) / 2)}) {
      check(x);
      check(std::nextafter(x, -HUGE_VALF));
      check(std::nextafter(x, HUGE_VALF));
    }
  }
}

TEST(HalfTest, EveryValueConvertsExactlyAndBack) { expect_all_bits<Half>(kHalf); }
TEST(HalfTest, RoundsToTheNearestTiesToEven) { expect_rounding<Half>(kHalf); }
TEST(BFloat16Test, EveryValueConvertsExactlyAndBack) { expect_all_bits<BFloat16>(kBFloat16); }
TEST(BFloat16Test, RoundsToTheNearestTiesToEven) { expect_rounding<BFloat16>(kBFloat16); }

TEST(HalfTest, ArraysStoreConvertAndPrint) {
  for (DType dtype : {float16, bfloat16}) {
    const NDArray x = test::array({1, -2.5, 0.5, 256}, {2, 2}, dtype);
    EXPECT_EQ(x.storage()->bytes() >= 8, true);
    EXPECT_CLOSE(x.t().clone(), {1, 0.5, -2.5, 256});
    EXPECT_CLOSE(x.to(float64), {1, -2.5, 0.5, 256});
    EXPECT_CLOSE(x.to(int64), {1, -2, 0, 256});
    EXPECT_CLOSE(test::array({1e-3, 70000, -0.1}).to(dtype).to(bool_), {1, 1, 1});
    EXPECT_EQ(x.select(0, 0).select(0, 1).item<float>(), -2.5f);
    EXPECT_CLOSE(NDArray::full({2}, 0.1, dtype).to(float32),
                 dtype == float16 ? std::vector<double>{0.0999755859375, 0.0999755859375}
                                  : std::vector<double>{0.10009765625, 0.10009765625});
  }
  EXPECT_EQ(test::array({1, 2.5}, float16).str(), "tensor([1.0000, 2.5000], dtype=float16)");
  EXPECT_EQ(test::array({1, 2}, bfloat16).str(), "tensor([1., 2.], dtype=bfloat16)");
}

// Values of PyTorch 1.13.
TEST(HalfTest, OperandsBecomeTheDtypeOfTheResultFirst) {
  const NDArray whole = NDArray::from<int64_t>({2049, 4097, 100003}, {3});
  EXPECT_CLOSE(whole * NDArray::ones(3, float16), {2048, 4096, HUGE_VAL});
  EXPECT_CLOSE(test::array({3}, float16) * 0.1, {0.2998046875});
  EXPECT_CLOSE(eq(test::array({0.1}, float16), 0.1), {1});
  EXPECT_CLOSE(maximum(whole.narrow(0, 0, 1), NDArray::ones(1, bfloat16)), {2048});
}

TEST(HalfTest, SumsAreRoundedOnce) {
  // 4096 + 1 is not in float16, nor is 256 + 1 in bfloat16: adding in the dtype would stay where it
  // is.
  EXPECT_EQ(NDArray::ones(5000, float16).sum().item<float>(), 5000);
  EXPECT_EQ(NDArray::ones(1000, bfloat16).sum().item<float>(), 1000);
  EXPECT_EQ(NDArray::ones(3, float16).add_(NDArray::full(3, 1e-4, float16)).sum().item<float>(), 3);
}

TEST(HalfTest, AHugeArrayIsSummarisedWithoutACopyOfIt) {
  const NDArray x = NDArray::full({}, 1.5, bfloat16).expand(int64_t{1} << 50);
  EXPECT_EQ(x.str(),
            "tensor([1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000], dtype=bfloat16)");
}

}  // namespace
}  // namespace lamina
