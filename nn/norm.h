// Normalisation: elements lose their mean and are divided by their standard deviation, then get a
// learned scale and shift. The layers differ in which elements share a mean.
#ifndef LAMINA_NN_NORM_H_
#define LAMINA_NN_NORM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct LayerNormOptions {
  double eps = 1e-5;  // added to the variance
  bool elementwise_affine = true;
  bool bias = true;  // with elementwise_affine
  DType dtype = float32;
};
struct RMSNormOptions {
  // Added to the mean of squares; by default the distance from 1 to the next number of x's dtype.
  std::optional<double> eps = std::nullopt;
  bool elementwise_affine = true;
  DType dtype = float32;
};

namespace functional {

// (x - mean) / sqrt(var + eps) weight + bias, where mean and biased variance are those of the
// trailing dimensions: x (..., normalized_shape), weight and bias (normalized_shape) or undefined.
// Throws ShapeError, ValueError for an empty normalized_shape or a negative eps. Ba et al., "Layer
// normalization", 2016.
Tensor layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);
// x / sqrt(mean(x^2) + eps) weight, likewise; eps as in RMSNormOptions. Zhang and Sennrich, "Root
// mean square layer normalization", NeurIPS 2019.
Tensor rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = std::nullopt);

}  // namespace functional

// functional::layer_norm. The weight starts at 1, the bias at 0. Constructors throw ValueError for
// shapes without or with negative extents, and a negative eps.
class LayerNorm : public Layer {
 public:
  explicit LayerNorm(const Dims& normalized_shape, const LayerNormOptions& options = {});
  // Normalises the trailing dimensions whose extents multiply to num_features, however many.
  explicit LayerNorm(int64_t num_features, const LayerNormOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;
  void reset_parameters();

  Parameter weight;  // (normalized_shape), or undefined
  Parameter bias;    // likewise

 private:
  LayerNorm(const Dims& normalized_shape, const LayerNormOptions& options, bool flattens);

  Dims normalized_shape_;
  LayerNormOptions options_;
  bool flattens_;
};

// functional::rms_norm. The weight starts at 1. The constructor throws as LayerNorm's.
class RMSNorm : public Layer {
 public:
  explicit RMSNorm(const Dims& normalized_shape, const RMSNormOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override {
    return functional::rms_norm(x, normalized_shape_, weight, options_.eps);
  }
  void reset_parameters();

  Parameter weight;  // (normalized_shape), or undefined

 private:
  Dims normalized_shape_;
  RMSNormOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_NORM_H_
