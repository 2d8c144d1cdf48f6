// Normalisation, fused: groups of elements lose their mean and are divided by the root of their
// variance plus eps; then come weight and bias. The differentiable forms are in
// autograd/normalization.h.
#ifndef LAMINA_TENSOR_NORMALIZATION_H_
#define LAMINA_TENSOR_NORMALIZATION_H_

#include <cstdint>

#include "lamina/tensor/ndarray.h"

namespace lamina {

// Which elements of x share mean and variance, and which an element of weight and bias.
struct Normalization {
  // Those of the last dimensions of x, each with its own weight. Uncentered, the mean is taken to be
  // 0, as RMS norm has it.
  static Normalization of_rows(const Shape& x, int trailing, bool centered);
  // x (n, channels, ...): those of each of `groups` parts of the channels, in each of the n.
  static Normalization of_groups(const Shape& x, int64_t groups);
  // x (n, channels, ...): those of each channel.
  static Normalization of_channels(const Shape& x);

  bool centered = true;
  Shape view;    // x as (rows, n), (n, groups, channels of a group, inner) or (n, channels, inner)
  Dims over;     // the dimensions of `view` whose elements share mean and variance
  Shape affine;  // of weight and bias, to be broadcast to `view`
  int64_t groups() const;
};

// weight and bias have as many elements as `how` asks for, or are undefined: 1 and 0. All are of one
// floating dtype; mean and biased variance are float64, one per group, NaN without elements.
struct Normalized {
  NDArray y, mean, variance;
};
Normalized normalize(const NDArray& x, const NDArray& weight, const NDArray& bias,
                     const Normalization& how, double eps);

// The gradients of y, from dy and what normalize had and gave: with h = (x - mean) / sqrt(variance +
// eps) and g = dy weight, dx = (g - mean(g) - h mean(g h)) / sqrt(variance + eps), where mean(g) falls
// away if uncentered; dweight = sum(dy h) and dbias = sum(dy), 1-d. Those not wanted are undefined.
struct NormalizedGradients {
  NDArray dx, dweight, dbias;
};
struct WantedGradients {
  bool dx = true, dweight = true, dbias = true;
};
NormalizedGradients normalize_backward(const NDArray& dy, const NDArray& x, const NDArray& weight,
                                       const NDArray& mean, const NDArray& variance,
                                       const Normalization& how, double eps,
                                       const WantedGradients& wanted);

}  // namespace lamina

#endif  // LAMINA_TENSOR_NORMALIZATION_H_
