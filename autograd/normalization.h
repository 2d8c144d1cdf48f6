// Normalisation: y = h weight + bias with h = (x - mean) / sqrt(var + eps), where mean and biased
// variance are those of the elements that the operation puts together.
//
// Floating dtypes, one for x, weight and bias, the latter two undefined for 1 and 0. Gradient: with g
// = dy weight, dx = (g - mean(g) - h mean(g h)) / sqrt(var + eps), dweight = sum(dy h), dbias = sum(dy).
// All throw ShapeError, DTypeError, and ValueError for a negative eps.
#ifndef LAMINA_AUTOGRAD_NORMALIZATION_H_
#define LAMINA_AUTOGRAD_NORMALIZATION_H_

#include <cstdint>
#include <optional>

#include "lamina/autograd/tensor.h"

namespace lamina {

// The trailing dimensions together: x (..., normalized_shape), weight and bias (normalized_shape),
// which has a dimension: ValueError. Ba et al., "Layer normalization", 2016.
Tensor layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

// x / sqrt(mean(x^2) + eps) weight, likewise: dx has no mean(g). By default eps is the distance from
// 1 to the next number of x's dtype. Zhang and Sennrich, "Root mean square layer normalization",
// NeurIPS 2019.
Tensor rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = std::nullopt);

// Each of `groups` parts of the channels, in each of the n: x (n, channels, ...), weight and bias
// (channels). Of one element per group, which PyTorch refuses, the bias remains. Throws ValueError if
// the groups do not divide the channels. Wu and He, "Group normalization", ECCV 2018.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

struct BatchNormCall {
  bool training = false;
  double momentum = 0.1;  // the part of a batch in the running statistics, 0 to 1
  double eps = 1e-5;
  bool biased_running_var = false;  // what the running variance gets is divided by n, not n - 1
};
// Each channel: x (n, channels, ...), the others (channels). In training, mean and variance are those
// of x, and running_mean and running_var become (1 - momentum) old + momentum new in place, unless x
// has no elements; otherwise they are the running ones, which are then constants, or those of x if
// undefined. Throws ValueError in training for one element per channel. Ioffe and Szegedy, "Batch
// normalization", ICML 2015.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight = {}, const Tensor& bias = {},
                  const BatchNormCall& call = {});

namespace internal {
// Throws ValueError unless eps is at least 0.
void check_eps(const char* name, double eps);
}  // namespace internal

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_NORMALIZATION_H_
