// Normalisation by the statistics of channels over a batch, or of each image's channels, with
// running averages of them for eval mode. autograd/normalization.h has the formulas.
//
// Source: Ioffe and Szegedy, "Batch normalization", ICML 2015; Ulyanov et al., "Instance
// normalization", 2016.
#ifndef LAMINA_NN_BATCH_NORM_H_
#define LAMINA_NN_BATCH_NORM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lamina/autograd.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct BatchNormOptions {
  double eps = 1e-5;  // added to the variance
  // The part of a batch in the running statistics; none: the mean over all batches.
  std::optional<double> momentum = 0.1;
  bool affine = true;
  // False: no running statistics; those of the batch are used in eval mode, too.
  bool track_running_stats = true;
  bool biased_running_var = false;  // what running_var gets is divided by n, not n - 1
  DType dtype = float32;
};
struct InstanceNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = false;
  bool track_running_stats = false;
  DType dtype = float32;
};
struct InstanceNormCall {
  bool use_input_stats = true;  // those of x; false: the running ones
  double momentum = 0.1;
  double eps = 1e-5;
};

namespace functional {

using lamina::batch_norm;
// Each channel of each of the n by itself: x (n, channels, ...), the others (channels) or undefined.
// With use_input_stats, running_mean and running_var move in place towards the means over n. Throws
// as batch_norm, ValueError for a single element per channel.
Tensor instance_norm(const Tensor& x, const Tensor& running_mean = {},
                     const Tensor& running_var = {}, const Tensor& weight = {},
                     const Tensor& bias = {}, const InstanceNormCall& call = {});

}  // namespace functional

namespace internal {

// What layers with running statistics have: each (num_features), or undefined.
class ChannelNorm : public Layer {
 public:
  std::string extra_repr() const override;
  void reset_parameters();     // also the running statistics
  void reset_running_stats();  // mean 0, variance 1, no batches

  Parameter weight;  // starts at 1
  Parameter bias;    // starts at 0
  Buffer running_mean;
  Buffer running_var;
  Buffer num_batches_tracked;  // int64, 0-d; those without elements do not count

 protected:
  // Throws ValueError for a negative size or eps, and a momentum outside [0, 1].
  ChannelNorm(const char* name, int64_t num_features, const BatchNormOptions& options);
  // Throws ShapeError unless x has num_features channels and one of the ranks, which `wanted` words.
  void check_input(const char* name, const Tensor& x, int least, int most, int channel,
                   const char* wanted) const;
  Tensor batch_norm(const Tensor& x);

  int64_t num_features_;
  BatchNormOptions options_;
};

}  // namespace internal

// functional::batch_norm of x (n, num_features) or (n, num_features, length).
class BatchNorm1d : public internal::ChannelNorm {
 public:
  explicit BatchNorm1d(int64_t num_features, const BatchNormOptions& options = {})
      : ChannelNorm("BatchNorm1d", num_features, options) {}
  Tensor forward(const Tensor& x) override;
};
// functional::batch_norm of images (n, num_features, h, w).
class BatchNorm2d : public internal::ChannelNorm {
 public:
  explicit BatchNorm2d(int64_t num_features, const BatchNormOptions& options = {})
      : ChannelNorm("BatchNorm2d", num_features, options) {}
  Tensor forward(const Tensor& x) override;
};
// functional::instance_norm of images (n, num_features, h, w) or (num_features, h, w). Counts no batches,
// as PyTorch does not, but refuses another number of channels even without parameters.
class InstanceNorm2d : public internal::ChannelNorm {
 public:
  explicit InstanceNorm2d(int64_t num_features, const InstanceNormOptions& options = {});
  Tensor forward(const Tensor& x) override;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_BATCH_NORM_H_
