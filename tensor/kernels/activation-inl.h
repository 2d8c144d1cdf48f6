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

// e^(-a^2 / 2) for 0 <= a <= kNormalRange or NaN. The square is taken in two parts that are exact
// together, because the exponential turns its rounding error into a relative one of 2^-24 a^2 / 2.
template <class D, class V>
HWY_INLINE V normal_exp(D d, V a) {
  const V one = hn::Set(d, 1.0f), minus_half = hn::Set(d, -0.5f);
#if HWY_NATIVE_FMA
  const V b = hn::Mul(minus_half, a), high = hn::Mul(b, a), low = hn::MulSub(b, a, high);
#else
  const hn::RebindToUnsigned<D> du;
  const V upper = hn::BitCast(d, hn::And(hn::BitCast(du, a), hn::Set(du, 0xFFFFF000u)));
  const V high = hn::Mul(minus_half, hn::Mul(upper, upper));
  const V low = hn::Mul(minus_half, hn::Mul(hn::Sub(a, upper), hn::Add(a, upper)));
#endif
  const V n = hn::Round(hn::Mul(high, hn::Set(d, 1.44269504f)));
  const V r = hn::Add(minus_log2(d, high, n), low);
  return times_power_of_2(d, hn::MulAdd(r, hn::MulAdd(r, exp_rest(d, r), one), one), n);
}

// Phi(-a) e^(a^2 / 2) for 0 <= a <= kNormalRange: w = 1 / (a + 4.17) times a polynomial in (2.65 - a) w, the
// linear function of w that is as far below 0 at one end as it is above at the other. It was interpolated
// at the ten Chebyshev nodes; relative error 4e-9. Sums, because the multipliers are what GELU waits for.
template <class D, class V>
HWY_INLINE V scaled_normal_tail(D d, V a) {
  static constexpr float kTail[] = {
      0.9193793263f,  1.02352509f,     0.8572216482f,    0.5212867202f,   0.2046528584f,
      0.02830161739f, -0.01732057323f, -0.008092210434f, 0.001291065988f, 0.001281943977f};
  const V w = hn::Div(hn::Set(d, 1.0f), hn::Add(a, hn::Set(d, 4.1666665077f)));
  const V s = hn::Mul(hn::Sub(hn::Set(d, 2.6459853649f), a), w);
  // In pairs: a chain of nine multiply-adds would take longer than all the rest.
  const auto pair = [&](int i) HWY_ATTR {
    return hn::MulAdd(s, hn::Set(d, kTail[i + 1]), hn::Set(d, kTail[i]));
  };
  const V s2 = hn::Mul(s, s), s4 = hn::Mul(s2, s2);
  const V low = hn::MulAdd(pair(2), s2, pair(0));
  const V high = hn::MulAdd(pair(8), s4, hn::MulAdd(pair(6), s2, pair(4)));
  return hn::Mul(w, hn::MulAdd(high, s4, low));
}

struct GeluVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V a = at_most(d, kNormalRange, hn::Abs(x));
    // The exponential comes last, as the factor that underflows. What is above 0 loses as much as
    // its opposite has.
    const V y =
        hn::NegMulAdd(hn::Mul(a, scaled_normal_tail(d, a)), normal_exp(d, a), at_least(d, 0, x));
    return hn::CopySign(y, x);  // -0 stays
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
  const V h = exp_within(d, at_least(d, -104, hn::Mul(hn::Abs(v), hn::Set(d, -0.5f))));
  const V small = hn::Mul(hn::Mul(x, h), h);
  return hn::Div(hn::IfThenElse(hn::Lt(v, hn::Zero(d)), small, x),
                 hn::MulAdd(h, h, hn::Set(d, 1.0f)));
}
// Its derivative sigmoid(v) + x sigmoid(v) sigmoid(-v) v', with v' given.
template <class D, class V>
HWY_INLINE V times_sigmoid_slope(D d, V x, V v, V dv) {
  const V one = hn::Set(d, 1.0f);
  const V e = exp_within(d, at_least(d, -104, hn::Neg(hn::Abs(v))));
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
