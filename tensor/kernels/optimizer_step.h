// One step of an optimizer over the elements of one parameter: gradient, state and parameter come from
// memory once.
//
// Each struct is a rule and its numbers. p is the parameter, g its gradient, and the other letters
// are elements of the state: state() arrays, in the order in which StepArrays has them. What the step
// number decides is in the numbers already.
#ifndef LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_
#define LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_

#include <cstdint>
#include <variant>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

constexpr int kStepState = 3;  // arrays of state at most

// Dense, of one dtype, float32 or float64. The gradient is read only; it may be the parameter.
struct StepArrays {
  void* parameter;
  const void* gradient;
  void* state[kStepState];
};

// What most rules do first: g = -g to maximize, then g += weight_decay p.
struct StepGradient {
  bool maximize;
  double weight_decay;  // 0 if it is decoupled
};

// With momentum: b = momentum b + (1 - dampening) g, or b = g at first; then g = b, or
// g + momentum b for Nesterov's. p -= lr g.
struct SgdStep {
  StepGradient gradient;
  double lr, momentum, dampening;
  bool nesterov, first;
  int state() const { return momentum == 0 ? 0 : 1; }  // b
};

// p *= shrink; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w = v, or with amsgrad
// the largest v so far; p -= step_size m / (sqrt(w) root_scale + eps).
struct AdamStep {
  StepGradient gradient;
  double shrink;  // 1 - lr weight_decay, where that is decoupled
  double beta1, beta2, eps;
  double step_size;   // lr / (1 - beta1^t)
  double root_scale;  // 1 / sqrt(1 - beta2^t)
  bool amsgrad;
  int state() const { return amsgrad ? 3 : 2; }  // m, v, the largest v
};

// v = alpha v + (1 - alpha) g^2; if centered, a = alpha a + (1 - alpha) g and w = max(v - a^2, 0),
// else w = v; d = g / (sqrt(w) + eps). With momentum: b = momentum b + d; then d = b. p -= lr d.
struct RMSpropStep {
  StepGradient gradient;
  double lr, alpha, eps, momentum;
  bool centered;
  int state() const { return 1 + (momentum != 0) + centered; }  // v, b, a: those there are
};

// s += g^2; p -= lr g / (sqrt(s) + eps).
struct AdagradStep {
  StepGradient gradient;
  double lr;  // lr / (1 + (t - 1) lr_decay)
  double eps;
  int state() const { return 1; }  // s
};

// v = rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u = rho u + (1 - rho) d^2; p -= lr d.
struct AdadeltaStep {
  StepGradient gradient;
  double lr, rho, eps;
  int state() const { return 2; }  // v, u
};

// m and v as Adam's; p -= (gradient_size g + average_size m) / (sqrt(v) root_scale + eps).
struct NAdamStep {
  StepGradient gradient;
  double beta1, beta2, eps;
  double gradient_size, average_size;
  double root_scale;               // 1 / sqrt(1 - beta2^t)
  int state() const { return 2; }  // m, v
};

// p = shrink p - lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g. The sign of NaN is NaN.
struct LionStep {
  double shrink;  // 1 - lr weight_decay
  double lr, beta1, beta2;
  int state() const { return 1; }  // m
};

using StepRule =
    std::variant<SgdStep, AdamStep, RMSpropStep, AdagradStep, AdadeltaStep, NAdamStep, LionStep>;

void step(DType dtype, const StepRule& rule, int64_t n, const StepArrays& arrays);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_
