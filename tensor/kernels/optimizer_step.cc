#include "lamina/tensor/kernels/optimizer_step.h"

#include <cmath>
#include <variant>

#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/optimizer_step.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Calls body(p, g, s0, s1, s2) with the elements in vectors; what it makes of the parameter and of the
// first kState of the state is stored.
template <class T, int kState, class Body>
HWY_INLINE void for_elements(int64_t n, const StepArrays& arrays, const Body& body) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  T* parameter = static_cast<T*>(arrays.parameter);
  const T* gradient = static_cast<const T*>(arrays.gradient);
  T *state0 = static_cast<T*>(arrays.state[0]), *state1 = static_cast<T*>(arrays.state[1]),
    *state2 = static_cast<T*>(arrays.state[2]);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    V p = load_some(d, parameter + i, m, 0), s0 = hn::Zero(d), s1 = s0, s2 = s0;
    const V g = load_some(d, gradient + i, m, 0);
    if constexpr (kState > 0) s0 = load_some(d, state0 + i, m, 0);
    if constexpr (kState > 1) s1 = load_some(d, state1 + i, m, 0);
    if constexpr (kState > 2) s2 = load_some(d, state2 + i, m, 0);
    body(p, g, s0, s1, s2);
    store_some(d, p, parameter + i, m);
    if constexpr (kState > 0) store_some(d, s0, state0 + i, m);
    if constexpr (kState > 1) store_some(d, s1, state1 + i, m);
    if constexpr (kState > 2) store_some(d, s2, state2 + i, m);
  });
}

template <class T>
HWY_INLINE auto constant(double value) {
  return hn::Set(hn::ScalableTag<T>(), static_cast<T>(value));
}

// What StepGradient says: of(g, p).
template <class T>
class Gradient {
 public:
  using V = hn::Vec<hn::ScalableTag<T>>;
  explicit Gradient(const StepGradient& rule)
      : decays_(rule.weight_decay != 0),
        sign_(constant<T>(rule.maximize ? -1 : 1)),
        decay_(constant<T>(rule.weight_decay)) {}
  HWY_INLINE V of(V g, V p) const {
    g = hn::Mul(sign_, g);
    return decays_ ? hn::MulAdd(decay_, p, g) : g;  // 0 times infinity is NaN
  }

 private:
  const bool decays_;
  const V sign_, decay_;
};

// a x + b y; a running average x of values y if a + b = 1.
template <class V>
HWY_INLINE V weighted_sum(V a, V x, V b, V y) {
  return hn::MulAdd(a, x, hn::Mul(b, y));
}

template <class T>
void step_in(const SgdStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V lr = constant<T>(rule.lr), momentum = constant<T>(rule.momentum);
  const V keep = constant<T>(rule.first ? 0 : rule.momentum);
  const V rest = constant<T>(rule.first ? 1 : 1 - rule.dampening);
  if (rule.momentum == 0) {
    return for_elements<T, 0>(n, arrays, [&](V& p, V g, V&, V&, V&) HWY_ATTR {
      p = hn::NegMulAdd(lr, gradient.of(g, p), p);
    });
  }
  for_elements<T, 1>(n, arrays, [&](V& p, V g, V& b, V&, V&) HWY_ATTR {
    g = gradient.of(g, p);
    b = weighted_sum(keep, b, rest, g);
    p = hn::NegMulAdd(lr, rule.nesterov ? hn::MulAdd(momentum, b, g) : b, p);
  });
}

template <class T>
void step_in(const AdamStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V shrink = constant<T>(rule.shrink), eps = constant<T>(rule.eps);
  const V beta1 = constant<T>(rule.beta1), rest1 = constant<T>(1 - rule.beta1);
  const V beta2 = constant<T>(rule.beta2), rest2 = constant<T>(1 - rule.beta2);
  const V step_size = constant<T>(rule.step_size), root_scale = constant<T>(rule.root_scale);
  const auto update = [&](V& p, V g, V& m, V& v) HWY_ATTR {
    g = gradient.of(g, p);
    m = weighted_sum(beta1, m, rest1, g);
    v = weighted_sum(beta2, v, rest2, hn::Mul(g, g));
  };
  const auto move = [&](V& p, V m, V v) HWY_ATTR {
    const V root = hn::MulAdd(hn::Sqrt(v), root_scale, eps);
    p = hn::NegMulAdd(step_size, hn::Div(m, root), hn::Mul(shrink, p));
  };
  if (rule.amsgrad) {
    return for_elements<T, 3>(n, arrays, [&](V& p, V g, V& m, V& v, V& largest) HWY_ATTR {
      update(p, g, m, v);
      largest = hn::Max(largest, v);
      move(p, m, largest);
    });
  }
  for_elements<T, 2>(n, arrays, [&](V& p, V g, V& m, V& v, V&) HWY_ATTR {
    update(p, g, m, v);
    move(p, m, v);
  });
}

template <class T>
void step_in(const RMSpropStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V lr = constant<T>(rule.lr), eps = constant<T>(rule.eps), zero = constant<T>(0);
  const V alpha = constant<T>(rule.alpha), rest = constant<T>(1 - rule.alpha);
  const V momentum = constant<T>(rule.momentum);
  const auto update = [&](V& p, V& g, V& v) HWY_ATTR {
    g = gradient.of(g, p);
    v = weighted_sum(alpha, v, rest, hn::Mul(g, g));
  };
  const auto direction = [&](V g, V v) HWY_ATTR { return hn::Div(g, hn::Add(hn::Sqrt(v), eps)); };
  const auto centered_direction = [&](V g, V v, V& a) HWY_ATTR {
    a = weighted_sum(alpha, a, rest, g);
    const V variance = hn::NegMulAdd(a, a, v);
    return direction(g, hn::IfThenElse(hn::Lt(variance, zero), zero, variance));  // NaN stays NaN
  };
  if (rule.momentum == 0 && !rule.centered) {
    return for_elements<T, 1>(n, arrays, [&](V& p, V g, V& v, V&, V&) HWY_ATTR {
      update(p, g, v);
      p = hn::NegMulAdd(lr, direction(g, v), p);
    });
  }
  if (rule.momentum == 0) {
    return for_elements<T, 2>(n, arrays, [&](V& p, V g, V& v, V& a, V&) HWY_ATTR {
      update(p, g, v);
      p = hn::NegMulAdd(lr, centered_direction(g, v, a), p);
    });
  }
  if (!rule.centered) {
    return for_elements<T, 2>(n, arrays, [&](V& p, V g, V& v, V& b, V&) HWY_ATTR {
      update(p, g, v);
      b = hn::MulAdd(momentum, b, direction(g, v));
      p = hn::NegMulAdd(lr, b, p);
    });
  }
  for_elements<T, 3>(n, arrays, [&](V& p, V g, V& v, V& b, V& a) HWY_ATTR {
    update(p, g, v);
    b = hn::MulAdd(momentum, b, centered_direction(g, v, a));
    p = hn::NegMulAdd(lr, b, p);
  });
}

template <class T>
void step_in(const AdagradStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V lr = constant<T>(rule.lr), eps = constant<T>(rule.eps);
  for_elements<T, 1>(n, arrays, [&](V& p, V g, V& s, V&, V&) HWY_ATTR {
    g = gradient.of(g, p);
    s = hn::MulAdd(g, g, s);
    p = hn::NegMulAdd(lr, hn::Div(g, hn::Add(hn::Sqrt(s), eps)), p);
  });
}

template <class T>
void step_in(const AdadeltaStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V lr = constant<T>(rule.lr), eps = constant<T>(rule.eps);
  const V rho = constant<T>(rule.rho), rest = constant<T>(1 - rule.rho);
  for_elements<T, 2>(n, arrays, [&](V& p, V g, V& v, V& u, V&) HWY_ATTR {
    g = gradient.of(g, p);
    v = weighted_sum(rho, v, rest, hn::Mul(g, g));
    // Two roots, as in the paper: the ratio of the squares may overflow.
    const V d = hn::Mul(hn::Div(hn::Sqrt(hn::Add(u, eps)), hn::Sqrt(hn::Add(v, eps))), g);
    u = weighted_sum(rho, u, rest, hn::Mul(d, d));
    p = hn::NegMulAdd(lr, d, p);
  });
}

template <class T>
void step_in(const NAdamStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const Gradient<T> gradient(rule.gradient);
  const V beta1 = constant<T>(rule.beta1), rest1 = constant<T>(1 - rule.beta1);
  const V beta2 = constant<T>(rule.beta2), rest2 = constant<T>(1 - rule.beta2);
  const V gradient_size = constant<T>(rule.gradient_size);
  const V average_size = constant<T>(rule.average_size);
  const V root_scale = constant<T>(rule.root_scale), eps = constant<T>(rule.eps);
  for_elements<T, 2>(n, arrays, [&](V& p, V g, V& m, V& v, V&) HWY_ATTR {
    g = gradient.of(g, p);
    m = weighted_sum(beta1, m, rest1, g);
    v = weighted_sum(beta2, v, rest2, hn::Mul(g, g));
    const V root = hn::MulAdd(hn::Sqrt(v), root_scale, eps);
    p = hn::Sub(p, hn::Div(weighted_sum(gradient_size, g, average_size, m), root));
  });
}

template <class T>
void step_in(const LionStep& rule, int64_t n, const StepArrays& arrays) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const V shrink = constant<T>(rule.shrink), lr = constant<T>(rule.lr);
  const V zero = constant<T>(0), one = constant<T>(1);
  const V beta1 = constant<T>(rule.beta1), rest1 = constant<T>(1 - rule.beta1);
  const V beta2 = constant<T>(rule.beta2), rest2 = constant<T>(1 - rule.beta2);
  for_elements<T, 1>(n, arrays, [&](V& p, V g, V& m, V&, V&) HWY_ATTR {
    const V c = weighted_sum(beta1, m, rest1, g);
    const V sign = hn::IfThenElse(hn::Gt(hn::Abs(c), zero), hn::CopySign(one, c), c);
    p = hn::NegMulAdd(lr, sign, hn::Mul(shrink, p));
    m = weighted_sum(beta2, m, rest2, g);
  });
}

void step_of(DType dtype, const StepRule& rule, int64_t n, const StepArrays& arrays) {
  std::visit(
      [&](const auto& r) {
        return dtype == DType::kFloat32 ? step_in<float>(r, n, arrays)
                                        : step_in<double>(r, n, arrays);
      },
      rule);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(step_of);

void step(DType dtype, const StepRule& rule, int64_t n, const StepArrays& arrays) {
  HWY_DYNAMIC_DISPATCH(step_of)(dtype, rule, n, arrays);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
