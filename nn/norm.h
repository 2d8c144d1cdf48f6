// Normalisation of each sample by itself: elements lose their mean and are divided by their standard
// deviation, then get a learned scale and shift. autograd/normalization.h has the formulas; layers
// that normalise over a batch are in batch_norm.h.
//
// Weights start at 1, biases at 0. Constructors throw ValueError for shapes without or with negative
// extents, groups that do not divide the channels, and a negative eps.
#ifndef LAMINA_NN_NORM_H_
#define LAMINA_NN_NORM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lamina/autograd.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct LayerNormOptions {
  double eps = 1e-5;  // added to the variance
  bool elementwise_affine = true;
  bool bias = true;  // with elementwise_affine
  DType dtype = float32;
};
struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;
  DType dtype = float32;
};
struct RMSNormOptions {
  // Added to the mean of squares; by default the distance from 1 to the next number of x's dtype.
  std::optional<double> eps = std::nullopt;
  bool elementwise_affine = true;
  DType dtype = float32;
};

namespace functional {

using lamina::group_norm;
using lamina::layer_norm;
using lamina::rms_norm;

}  // namespace functional

// functional::layer_norm
class LayerNorm : public Layer {
 public:
  explicit LayerNorm(const Dims& normalized_shape, const LayerNormOptions& options = {});
  // Normalises the trailing dimensions whose extents multiply to num_features, however many; PyTorch
  // takes the last one alone. LayerNorm({n}) means this one, LayerNorm(Dims{n}) the other.
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

// functional::rms_norm
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

// functional::group_norm of x (n, num_channels, ...)
class GroupNorm : public Layer {
 public:
  GroupNorm(int64_t num_groups, int64_t num_channels, const GroupNormOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;
  void reset_parameters();

  Parameter weight;  // (num_channels), or undefined
  Parameter bias;    // likewise

 private:
  int64_t groups_, channels_;
  GroupNormOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_NORM_H_
