// Bounds on gradients, between backward() and the optimizer's step().
//
//   loss(model(x), y).backward();
//   const double norm = nn::clip_grad_norm_(model.parameters(), 1);
//   adamw.step();
//
// Parameters without a gradient are passed over, and one that is listed twice counts once.
// Gradients are changed in place, except one that is expanded or shares memory with another one or a
// parameter: it is replaced. Errors come before any change: RuntimeError for an undefined
// parameter, and as below.
#ifndef LAMINA_NN_OPTIM_CLIP_GRAD_H_
#define LAMINA_NN_OPTIM_CLIP_GRAD_H_

#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn {

// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1; norm, which is returned, is
// that of all their elements as one vector, (sum |g|^norm_type)^(1 / norm_type), or the largest |g|
// for an infinite norm_type. It is computed in float64, a double as it is to be logged and
// compared. A norm that is not finite makes the gradients zero or NaN, as in PyTorch, or throws
// RuntimeError if error_if_nonfinite. An infinite max_norm only measures. Throws ValueError for a
// negative max_norm, and for a norm_type that is not above 0.
//
// Pascanu et al., "On the difficulty of training recurrent neural networks", 2013.
double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm, double norm_type = 2,
                       bool error_if_nonfinite = false);

// Clamps each element of the gradients to [-clip_value, clip_value]. Throws ValueError for a
// negative clip_value.
void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value);

}  // namespace lamina::nn

#endif  // LAMINA_NN_OPTIM_CLIP_GRAD_H_
