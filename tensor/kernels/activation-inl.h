// GELU and SiLU with their slopes: float32 in vectors, float64 by the C library. Included once per
// instruction set, after math-inl.h has been.
//
// All are x times a share of 1 that is 0 at -inf and 1 at inf. The argument is held within a range
// outside of which the share is 0 or 1 to the last bit, so that infinities give the limits and not
// 0 times infinity.

#if defined(LAMINA_TENSOR_KERNELS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_ACTIVATION_INL_H_
#undef LAMINA_TENSOR_KERNELS_ACTIVATION_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_ACTIVATION_INL_H_
#endif

#include <cmath>

#include "hwy/highway.h"
#include "lamina/tensor/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// ---- GELU: x Phi(x) with the normal distribution function Phi

constexpr double kRootHalf = 0.70710678118654752440;
constexpr double kNormalDensityAt0 = 0.39894228040143267794;  // 1 / sqrt(2 pi)
constexpr float kNormalRange = 14.5f;  // x^2 / 2 is 105, and e^-105 is 0 in float32

// e^(-a^2 / 2) for 0 <= a <= kNormalRange or NaN. The square keeps all its bits until the multiple of log(2)
// is off it, because the exponential turns its rounding error into a relative one of 2^-24 a^2 / 2.
template <class D, class V>
HWY_INLINE V normal_exp(D d, V a) {
  const V bias = hn::Set(d, kSmallBias), square = hn::Mul(a, a);
  const V sum = hn::MulAdd(square, hn::Set(d, -0.72134752f), bias);  // log2(e) / 2
  const V n = hn::Sub(sum, bias);
  const V exact = hn::Mul(n, hn::Set(d, 2 * kLog2High));
#if HWY_NATIVE_FMA
  const V high = hn::MulAdd(a, a, exact);
#else
  const hn::RebindToUnsigned<D> du;
  const V upper = hn::BitCast(d, hn::And(hn::BitCast(du, a), hn::Set(du, 0xFFFFF000u)));
  const V low = hn::Mul(hn::Sub(a, upper), hn::Add(a, upper));
  const V high = hn::Add(hn::MulAdd(upper, upper, exact), low);
#endif
  const V r = hn::MulAdd(n, hn::Set(d, 2 * kLog2Low), high);  // a^2 + 2 n log(2)
  return hn::Mul(exp_near_0(d, r, -0.5f, kSmall), power_of_2(d, sum));
}

// Phi(-a) e^(a^2 / 2) for 0 <= a <= kNormalRange, as kTop(a) / kBottom(a): the fraction of these degrees that is
// nearest in the sense of the relative error, 6e-9. Both are times a number that was searched for: with it their
// coefficients are so near to float32 that rounding them leaves 1e-8, without it 5e-8.
constexpr float kTop[] = {0.50655371f, 0.444256365f, 0.185797572f, 0.0412200764f, 0.00417833589f};
constexpr float kBottom[] = {1.01310742f, 1.6968559f,   1.21893167f,
                             0.47604847f, 0.103329867f, 0.0104734153f};
template <class D, class V>
HWY_INLINE V scaled_normal_tail(D d, V a) {
  const V a2 = hn::Mul(a, a);
  // Even and odd powers apart, because Horner's scheme rounds once for each of them in turn.
  const auto c = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  const V top_even = hn::MulAdd(hn::MulAdd(c(kTop[4]), a2, c(kTop[2])), a2, c(kTop[0]));
  const V top = hn::MulAdd(hn::MulAdd(c(kTop[3]), a2, c(kTop[1])), a, top_even);
  const V even = hn::MulAdd(hn::MulAdd(c(kBottom[4]), a2, c(kBottom[2])), a2, c(kBottom[0]));
  const V odd = hn::MulAdd(hn::MulAdd(c(kBottom[5]), a2, c(kBottom[3])), a2, c(kBottom[1]));
  return hn::Div(top, hn::MulAdd(odd, a, even));
}

struct GeluVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V a = at_most(d, kNormalRange, hn::Abs(x));
    const V tail = hn::Mul(scaled_normal_tail(d, a), a);
    // The exponential comes last, as the factor that underflows. What is above 0 loses as much as
    // its opposite has. The lower limit is -0, so that -0 and what underflows to it stay.
    return hn::NegMulAdd(tail, normal_exp(d, a), at_least(d, -0.0f, x));
  }
};
struct GeluSlopeVector {  // Phi(x) + x Phi'(x)
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    x = at_most(d, kNormalRange, at_least(d, -kNormalRange, x));
    const V a = hn::Abs(x), e = normal_exp(d, a);
    const V tail = hn::Mul(scaled_normal_tail(d, a), e);
    const V phi = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
    return hn::MulAdd(hn::Mul(x, e), hn::Set(d, static_cast<float>(kNormalDensityAt0)), phi);
  }
};
struct GeluDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -40 ? -40 : x;
    return z * (0.5 * std::erfc(-z * kRootHalf));
  }
};
struct GeluSlopeDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -40 ? -40 : x > 40 ? 40 : x;
    return 0.5 * std::erfc(-z * kRootHalf) + z * kNormalDensityAt0 * std::exp(-0.5 * z * z);
  }
};

// ---- x sigmoid(v), where v has the sign of x

template <class D, class V>
HWY_INLINE V times_sigmoid(D d, V x, V v) {
  // e^(-|v| / 2) twice, because e^-|v| may underflow where its product with x does not.
  const V h = exp_below(d, hn::Mul(hn::Abs(v), hn::Set(d, -0.5f)));
  const V small = hn::Mul(hn::Mul(x, h), h);
  return hn::Div(hn::IfThenElse(hn::Lt(v, hn::Zero(d)), small, x),
                 hn::MulAdd(h, h, hn::Set(d, 1.0f)));
}
// Its derivative sigmoid(v) + x sigmoid(v) sigmoid(-v) v', with v' given.
template <class D, class V>
HWY_INLINE V times_sigmoid_slope(D d, V x, V v, V dv) {
  const V one = hn::Set(d, 1.0f);
  const V e = exp_below(d, hn::Neg(hn::Abs(v)));
  const V large = hn::Div(one, hn::Add(one, e)), small = hn::Mul(e, large);
  const V s = hn::IfThenElse(hn::Lt(v, hn::Zero(d)), small, large);
  return hn::MulAdd(hn::Mul(x, dv), hn::Mul(small, large), s);
}
HWY_INLINE double times_sigmoid(double x, double v) {
  const double h = std::exp(-0.5 * std::abs(v));
  return (v < 0 ? x * h * h : x) / (1 + h * h);
}
HWY_INLINE double times_sigmoid_slope(double x, double v, double dv) {
  const double e = std::exp(-std::abs(v)), large = 1 / (1 + e), small = e * large;
  return (v < 0 ? small : large) + x * dv * (small * large);
}

struct SiluVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    x = at_least(d, -208, x);
    return times_sigmoid(d, x, x);
  }
};
struct SiluSlopeVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    x = at_most(d, 208, at_least(d, -208, x));
    return times_sigmoid_slope(d, x, x, hn::Set(d, 1.0f));
  }
};
struct SiluDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -1600 ? -1600 : x;
    return times_sigmoid(z, z);
  }
};
struct SiluSlopeDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -1600 ? -1600 : x > 1600 ? 1600 : x;
    return times_sigmoid_slope(z, z, 1);
  }
};

// x (1 + tanh(u)) / 2 = x sigmoid(2 u) for u = sqrt(2 / pi) (x + 0.044715 x^3)
constexpr double kTanhLinear = 1.5957691216057307117;
constexpr double kTanhCubic = kTanhLinear * 0.044715;

struct GeluTanhVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    x = at_least(d, -kNormalRange, x);
    const V u = hn::MulAdd(hn::Mul(x, x), hn::Set(d, static_cast<float>(kTanhCubic)),
                           hn::Set(d, static_cast<float>(kTanhLinear)));
    return times_sigmoid(d, x, hn::Mul(x, u));
  }
};
struct GeluTanhSlopeVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    x = at_most(d, kNormalRange, at_least(d, -kNormalRange, x));
    const V linear = hn::Set(d, static_cast<float>(kTanhLinear));
    const V cubic = hn::Mul(hn::Mul(x, x), hn::Set(d, static_cast<float>(kTanhCubic)));
    return times_sigmoid_slope(d, x, hn::Mul(x, hn::Add(linear, cubic)),
                               hn::MulAdd(cubic, hn::Set(d, 3.0f), linear));
  }
};
struct GeluTanhDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -40 ? -40 : x;
    return times_sigmoid(z, z * (kTanhLinear + kTanhCubic * z * z));
  }
};
struct GeluTanhSlopeDouble {
  static HWY_INLINE double apply(double x) {
    const double z = x < -40 ? -40 : x > 40 ? 40 : x, cubic = kTanhCubic * z * z;
    return times_sigmoid_slope(z, z * (kTanhLinear + cubic), kTanhLinear + 3 * cubic);
  }
};

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_ACTIVATION_INL_H_
