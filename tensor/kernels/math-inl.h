// Mathematical functions on vectors. Included once per instruction set by the elementwise kernels.
//
// Most of the float32 functions are evaluated in float64 lanes: that costs half the lanes, spares the tricks
// that float32 needs near zeros, poles and subnormals, and rounds once. Those that networks call most (exp,
// log, tanh, sigmoid) stay in float32 lanes.
#if defined(LAMINA_TENSOR_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_MATH_INL_H_
#undef LAMINA_TENSOR_KERNELS_MATH_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_MATH_INL_H_
#endif

#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The functions are made for a range; outside it the answers of IEEE arithmetic are put in.

// ---- In float32 lanes

// The smaller and the greater of a limit and x; of NaN: NaN.
template <class D, class V>
HWY_INLINE V at_most(D d, float limit, V x) {
  const V bound = hn::Set(d, limit);
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);  // Min drops a NaN there
#else
  return hn::Min(bound, x);  // x86 returns the second if one is NaN, ARM the NaN
#endif
}
template <class D, class V>
HWY_INLINE V at_least(D d, float limit, V x) {
  const V bound = hn::Set(d, limit);
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#else
  return hn::Max(bound, x);
#endif
}

// x + kWhole + m is a float without a fraction: kWhole + m + n for the whole n nearest to x, |x| < 2^21. Its low bits
// are m + n, so that a shift makes them the exponent of 2^(m + n - 127). Conversions to integers that hold their
// promise for what is out of range take several instructions.
constexpr float kWhole = 12582912;  // 1.5 2^23

// 2^n, if the low bits of `sum` are 127 + n.
template <class D, class V>
HWY_INLINE V power_of_2(D d, V sum) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, sum)));
}

// y 2^n for whole n, -152 <= n <= 152, and 1/2 <= y <= 2; `sum` is kWhole + 254 + n.
template <class D, class V>
HWY_INLINE V times_power_of_2(D d, V y, V n, V sum) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  (void)d, (void)sum;
  return V{_mm512_scalef_ps(y.raw, n.raw)};
#else
  // In two factors, because 2^n itself may be out of range.
  (void)n;
  const hn::RebindToSigned<D> di;
  const auto whole = hn::BitCast(di, sum), half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(y, power_of_2(d, hn::BitCast(d, half))),
                 power_of_2(d, hn::BitCast(d, hn::Sub(whole, half))));
#endif
}

// x - n log(2), where n is whole and |n| < 512: the high part of log(2) has 15 bits, so that its product is exact.
constexpr float kLog2High = 0.693145751953125f, kLog2Low = 1.42860677e-6f;
template <class D, class V>
HWY_INLINE V minus_log2(D d, V x, V n) {
  x = hn::NegMulAdd(n, hn::Set(d, kLog2High), x);
  return hn::NegMulAdd(n, hn::Set(d, kLog2Low), x);
}

// (e^r - 1 - r) / r^2 for |r| <= log(2) / 2: the polynomial of degree 4 that is nearest in the sense of the
// relative error of e^r, 3e-9. Of r = t s, where t is a power of 2, times t^2 `unit`.
template <class D, class V>
HWY_INLINE V exp_rest(D d, V s, float t = 1, float unit = 1) {
  const float u2 = t * t * unit, u3 = t * u2, u4 = t * u3, u5 = t * u4, u6 = t * u5;
  V q = hn::MulAdd(s, hn::Set(d, 0.0013814599f * u6), hn::Set(d, 0.008368717f * u5));
  q = hn::MulAdd(s, q, hn::Set(d, 0.04166839f * u4));
  q = hn::MulAdd(s, q, hn::Set(d, 0.16666521f * u3));
  return hn::MulAdd(s, q, hn::Set(d, 0.49999994f * u2));
}
// e^r `unit`, likewise.
template <class D, class V>
HWY_INLINE V exp_near_0(D d, V s, float t = 1, float unit = 1) {
  const V q = hn::MulAdd(s, exp_rest(d, s, t, unit), hn::Set(d, t * unit));
  return hn::MulAdd(s, q, hn::Set(d, unit));
}

// e^x for -104 <= x <= 104 or NaN; below this range it is 0, above infinite.
template <class D, class V>
HWY_INLINE V exp_within(D d, V x) {
  const V bias = hn::Set(d, kWhole + 254);
  const V sum = hn::MulAdd(x, hn::Set(d, 1.44269504f), bias), n = hn::Sub(sum, bias);
  return times_power_of_2(d, exp_near_0(d, minus_log2(d, x, n)), n, sum);
}

// Results below 1 are computed as 2^-64 times a power of 2 that does not underflow where they do.
constexpr float kSmall = 0x1p-64f, kSmallBias = kWhole + 127 + 64;

// e^x for x <= 0 or NaN.
template <class D, class V>
HWY_INLINE V exp_below(D d, V x) {
  x = at_least(d, -104, x);  // whose exponential is 0
  const V bias = hn::Set(d, kSmallBias);
  const V sum = hn::MulAdd(x, hn::Set(d, 1.44269504f), bias);
  const V r = minus_log2(d, x, hn::Sub(sum, bias));
  return hn::Mul(exp_near_0(d, r, 1, kSmall), power_of_2(d, sum));
}

struct ExpVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return exp_within(d, at_most(d, 104, at_least(d, -104, x)));
  }
};

struct LogVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V infinity = hn::Set(d, HUGE_VALF), zero = hn::Zero(d);
    const V y = hn::Log(d, x);
    const V special = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity),
                                     hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, NAN), x));
    return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, infinity)), y, special);
  }
};

// (e^2|x| - 1) / (e^2|x| + 1)
struct TanhVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V size = at_most(d, 10, hn::Abs(x));  // tanh(10) is 1 in float32
    const V bias = hn::Set(d, kWhole + 127), sum = hn::MulAdd(size, hn::Set(d, 2.88539008f), bias);
    const V r = minus_log2(d, hn::Add(size, size), hn::Sub(sum, bias));
    const V m = hn::MulAdd(hn::Mul(r, r), exp_rest(d, r), r);  // e^r - 1
    const V power = power_of_2(d, sum);
    const V em1 = hn::MulAdd(m, power, hn::Sub(power, hn::Set(d, 1.0f)));  // e^2|x| - 1
    return hn::CopySign(hn::Div(em1, hn::Add(em1, hn::Set(d, 2.0f))), x);
  }
};

struct SigmoidVector {  // e^-|x| cannot overflow
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V one = hn::Set(d, 1.0f);
    const V e = exp_below(d, hn::Or(x, hn::SignBit(d)));
    return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
  }
};

// ---- In lanes of either dtype, exactly rounded

struct SqrtVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::Sqrt(x);
  }
};
struct RsqrtVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::Div(hn::Set(d, 1), hn::Sqrt(x));
  }
};
struct FloorVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::CopySign(hn::Floor(x), x);
  }
};
struct CeilVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::CopySign(hn::Ceil(x), x);
  }
};
struct RoundVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::CopySign(hn::Round(x), x);
  }
};
struct TruncVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::CopySign(hn::Trunc(x), x);
  }
};
struct FracVector {
  template <class D, class V>
  static HWY_INLINE V apply(D, V x) {
    return hn::Sub(x, hn::Trunc(x));
  }
};

// ---- float32 functions in float64 lanes: x has come from float32, and y goes there

// Rounds to float32; what is too large becomes infinite. (Highway's own emulation stops at the largest.)
template <class D, class V>
HWY_INLINE hn::Vec<hn::Rebind<float, D>> to_float32(D d, V y) {
  const hn::Rebind<float, D> narrow;
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  HWY_ALIGN double from[hn::MaxLanes(D())];
  HWY_ALIGN float to[hn::MaxLanes(D())];
  hn::Store(y, d, from);
  for (size_t i = 0; i < hn::Lanes(d); ++i) to[i] = static_cast<float>(from[i]);
  return hn::Load(narrow, to);
#else
  (void)d;
  return hn::DemoteTo(narrow, y);
#endif
}

// f(lane) in the place of y where `mask` is true; seldom, so that the branch is well predicted.
template <class D, class V, class M, class F, class... Vs>
HWY_INLINE V patch(D d, M mask, V y, const F& f, Vs... xs) {
  if (HWY_LIKELY(hn::AllFalse(d, mask))) return y;
  constexpr size_t kLanes = hn::MaxLanes(D());
  HWY_ALIGN double from[sizeof...(Vs)][kLanes], to[kLanes];
  size_t operand = 0;
  (hn::Store(xs, d, from[operand++]), ...);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    if constexpr (sizeof...(Vs) == 1) {
      to[i] = f(from[0][i]);
    } else {
      to[i] = f(from[0][i], from[1][i]);
    }
  }
  return hn::IfThenElse(mask, hn::Load(d, to), y);
}

template <class D, class V>
HWY_INLINE V polynomial(D d, V u, const double* coefficients, int count) {
  V y = hn::Set(d, coefficients[count - 1]);
  for (int i = count - 2; i >= 0; --i) y = hn::MulAdd(y, u, hn::Set(d, coefficients[i]));
  return y;
}

// Arguments from which float32 results stay what they are.
template <class D, class V>
HWY_INLINE V exp_wide(D d, V x) {
  return hn::Exp(d, hn::Max(hn::Min(x, hn::Set(d, 700.0)), hn::Set(d, -700.0)));
}

struct Expm1Wide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V y = hn::Expm1(d, hn::Max(hn::Min(x, hn::Set(d, 700.0)), hn::Set(d, -700.0)));
    const auto plain = hn::And(hn::Eq(x, x), hn::Ne(x, hn::Zero(d)));  // NaN and -0 stay
    return hn::IfThenElse(plain, y, x);
  }
};

// log(x) for x > 0; otherwise what IEEE says.
template <class D, class V>
HWY_INLINE V log_wide(D d, V x) {
  const V infinity = hn::Set(d, HUGE_VAL), zero = hn::Zero(d);
  const V special = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity),
                                   hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, NAN), x));
  const auto normal = hn::And(hn::Gt(x, zero), hn::Lt(x, infinity));
  return hn::IfThenElse(normal, hn::Log(d, x), special);
}

struct Log1pWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V one = hn::Set(d, 1.0), sum = hn::Add(x, one);
    // log(1 + x) x / ((1 + x) - 1): what rounding took from 1 + x is given back.
    const V y = hn::Div(hn::Mul(log_wide(d, sum), x), hn::Sub(sum, one));
    const auto normal = hn::And(hn::Gt(sum, hn::Zero(d)), hn::Lt(sum, hn::Set(d, HUGE_VAL)));
    return hn::IfThenElse(hn::Eq(sum, one), x, hn::IfThenElse(normal, y, log_wide(d, sum)));
  }
};

struct Log2Wide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::Mul(log_wide(d, x), hn::Set(d, 1.44269504088896340736));
  }
};

constexpr double kTrigonometricRange = 39000;  // of Highway's argument reduction

struct SinWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const auto far = hn::Not(hn::Le(hn::Abs(x), hn::Set(d, kTrigonometricRange)));
    const V near = hn::IfThenElse(far, hn::Zero(d), x);
    const V y = hn::IfThenElse(hn::Eq(near, hn::Zero(d)), near, hn::Sin(d, near));  // keeps -0
    return patch(
        d, far, y, [](double v) { return std::sin(v); }, x);
  }
};
struct CosWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const auto far = hn::Not(hn::Le(hn::Abs(x), hn::Set(d, kTrigonometricRange)));
    const V y = hn::Cos(d, hn::IfThenElse(far, hn::Zero(d), x));
    return patch(
        d, far, y, [](double v) { return std::cos(v); }, x);
  }
};
struct TanWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const auto far = hn::Not(hn::Le(hn::Abs(x), hn::Set(d, kTrigonometricRange)));
    const V near = hn::IfThenElse(far, hn::Zero(d), x);
    const V quotient = hn::Div(hn::Sin(d, near), hn::Cos(d, near));
    const V y = hn::IfThenElse(hn::Eq(near, hn::Zero(d)), near, quotient);
    return patch(
        d, far, y, [](double v) { return std::tan(v); }, x);
  }
};

struct AsinWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const auto inside = hn::Le(hn::Abs(x), hn::Set(d, 1.0));
    return hn::IfThenElse(inside, hn::Asin(d, x), hn::Set(d, NAN));
  }
};
struct AcosWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const auto inside = hn::Le(hn::Abs(x), hn::Set(d, 1.0));
    return hn::IfThenElse(inside, hn::Acos(d, x), hn::Set(d, NAN));
  }
};
struct AtanWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::IfThenElse(hn::Eq(x, x), hn::Atan(d, x), x);
  }
};

struct SinhWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V y = hn::Sinh(d, hn::Max(hn::Min(x, hn::Set(d, 700.0)), hn::Set(d, -700.0)));
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  }
};
struct CoshWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V e = exp_wide(d, hn::Abs(x)), half = hn::Set(d, 0.5);
    return hn::IfThenElse(hn::Eq(x, x), hn::Mul(half, hn::Add(e, hn::Div(hn::Set(d, 1.0), e))), x);
  }
};

// erf(x) / x for |x| <= 1: interpolated at the eight Chebyshev nodes of x^2, as a polynomial in 2 x^2 - 1;
// relative error 4e-11.
template <class D, class V>
HWY_INLINE V erf_near(D d, V x) {
  static constexpr double kErf[] = {
      0.96546873863756906,   -0.14053608902112115,   0.019852497722455813,  -0.0022854856122122421,
      0.0002175119906208899, -1.7536914180800597e-5, 1.2316395977478375e-6, -7.5523785714742159e-8};
  const V u = hn::MulSub(hn::Mul(x, x), hn::Set(d, 2.0), hn::Set(d, 1.0));
  return hn::Mul(x, polynomial(d, u, kErf, 8));
}

// erfc(x) for x >= 0: e^(-x^2) times erfc(x) e^(x^2), which was interpolated at the 13 Chebyshev nodes of
// 2 / (2 + x) for x up to 10.2, where erfc is 0 in float32; relative error 2e-10.
template <class D, class V>
HWY_INLINE V erfc_far(D d, V x) {
  static constexpr double kErfc[] = {
      0.33227039191823724,    0.42875584328319956,    0.19627171231734177,   0.046458657502602678,
      -0.0010715471291127274, -0.0029743071063416616, 8.6482183932990522e-5, 0.00025460256637541178,
      -3.9270439170097099e-5, -2.109099625808713e-5,  8.5022101877523833e-6, 9.8299861467274506e-7,
      -9.5935692265511629e-7};
  const V two = hn::Set(d, 2.0), near = hn::Min(x, hn::Set(d, 10.2));
  const V u = hn::MulSub(hn::Div(two, hn::Add(two, near)), hn::Set(d, 2.39215686274509804),
                         hn::Set(d, 1.39215686274509804));
  return hn::Mul(exp_wide(d, hn::Neg(hn::Mul(x, x))), polynomial(d, u, kErfc, 13));
}

struct ErfWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V one = hn::Set(d, 1.0), size = hn::Abs(x);
    const V far = hn::CopySign(hn::Sub(one, erfc_far(d, size)), x);
    const V y = hn::IfThenElse(hn::Le(size, one), erf_near(d, x), far);
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  }
};
struct ErfcWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V one = hn::Set(d, 1.0), size = hn::Abs(x), tail = erfc_far(d, size);
    const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 2.0), tail), tail);
    const V y = hn::IfThenElse(hn::Le(size, one), hn::Sub(one, erf_near(d, x)), far);
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  }
};

// ---- Two operands

struct PowWide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    const V zero = hn::Zero(d), half = hn::Set(d, 0.5), infinity = hn::Set(d, HUGE_VAL);
    const V size = hn::Abs(a);
    const V y = exp_wide(d, hn::Mul(b, hn::Log(d, size)));
    // Of a negative base: only integers are allowed, and odd ones turn the sign.
    const auto integer = hn::Eq(hn::Round(b), b);
    const V halved = hn::Mul(b, half);
    const auto even = hn::Eq(hn::Round(halved), halved);
    const V of_negative =
        hn::IfThenElse(integer, hn::IfThenElse(even, y, hn::Neg(y)), hn::Set(d, NAN));
    const V result = hn::IfThenElse(hn::Lt(a, zero), of_negative, y);
    const auto plain =
        hn::And(hn::And(hn::Gt(size, zero), hn::Lt(size, infinity)), hn::Lt(hn::Abs(b), infinity));
    return patch(
        d, hn::Not(plain), result, [](double u, double v) { return std::pow(u, v); }, a, b);
  }
};

struct Atan2Wide {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V y, V x) {
    const V zero = hn::Zero(d), infinity = hn::Set(d, HUGE_VAL);
    const V slope = hn::Div(y, x);
    const V angle = hn::Atan(d, slope);
    // On the left, half a turn further, towards the side of y.
    const V pi = hn::CopySign(hn::Set(d, 3.14159265358979323846), y);
    const V result = hn::IfThenElse(hn::Lt(x, zero), hn::Add(angle, pi), angle);
    const auto known = hn::And(hn::Lt(hn::Abs(x), infinity), hn::Lt(hn::Abs(y), infinity));
    const auto plain = hn::And(known, hn::Not(hn::Eq(x, zero)));
    return patch(
        d, hn::Not(plain), result, [](double u, double v) { return std::atan2(u, v); }, y, x);
  }
};

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_MATH_INL_H_
