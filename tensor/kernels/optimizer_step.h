// One step of an optimizer over the elements of one parameter, in one pass: gradient, state and
// parameter are read once and written once.
//
// Each struct is a rule and its numbers. p is the parameter, g its gradient, and the other letters
// are elements of the state, in the order in which StepArrays has them; what the step number decides
// is in the numbers already.
#ifndef LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_
#define LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

constexpr int kStepState = 3;  // arrays of state at most

// Dense, of one dtype, float32 or float64. The gradient is read only; it may be the parameter.
struct StepArrays {
  void* parameter;
  const void* gradient;
  void* state[kStepState];
};

// What all rules do first: g = -g to maximize, then g += weight_decay p.
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

void step(DType dtype, const SgdStep& rule, int64_t n, const StepArrays& arrays);
void step(DType dtype, const AdamStep& rule, int64_t n, const StepArrays& arrays);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_OPTIMIZER_STEP_H_
