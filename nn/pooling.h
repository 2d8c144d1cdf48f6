// Pooling and resampling as layers, of images (n, channels, h, w) or (channels, h, w), in those named
// 1d of (n, channels, length) or (channels, length). Sizes are one number, or one for rows and one
// for columns. Constructors throw ValueError for settings that no input fits, forward ShapeError for
// an input that does not fit.
#ifndef LAMINA_NN_POOLING_H_
#define LAMINA_NN_POOLING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/nn/layer.h"

namespace lamina::nn {

// Either a size or factors.
struct UpsampleOptions {
  Dims size = {};
  std::vector<double> scale_factor = {};  // above 0
  std::string mode = "nearest";           // or "bilinear"
  bool align_corners = false;  // of bilinear: corners map to corners, else edges to edges
};

namespace functional {

using lamina::adaptive_avg_pool2d;
using lamina::avg_pool1d;
using lamina::avg_pool2d;
using lamina::max_pool1d;
using lamina::max_pool1d_with_indices;
using lamina::max_pool2d;
using lamina::max_pool2d_with_indices;
// Another number of rows and columns: the nearest pixel towards the first one, in any dtype, or a
// weighted mean of the four around.
Tensor interpolate(const Tensor& x, const UpsampleOptions& options);

}  // namespace functional

// The largest element of each window; the padding does not count.
class MaxPool1d : public Layer {
 public:
  explicit MaxPool1d(const Dims& kernel_size, const MaxPoolOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return max_pool1d(x, kernel_size_, options_); }

 private:
  Dims kernel_size_;
  MaxPoolOptions options_;
};
class MaxPool2d : public Layer {
 public:
  explicit MaxPool2d(const Dims& kernel_size, const MaxPoolOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return max_pool2d(x, kernel_size_, options_); }

 private:
  Dims kernel_size_;
  MaxPoolOptions options_;
};

// The mean of each window.
class AvgPool1d : public Layer {
 public:
  explicit AvgPool1d(const Dims& kernel_size, const AvgPoolOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return avg_pool1d(x, kernel_size_, options_); }

 private:
  Dims kernel_size_;
  AvgPoolOptions options_;
};
class AvgPool2d : public Layer {
 public:
  explicit AvgPool2d(const Dims& kernel_size, const AvgPoolOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, kernel_size_, options_); }

 private:
  Dims kernel_size_;
  AvgPoolOptions options_;
};

// The means of output_size windows, which cover the image evenly, whatever its size.
class AdaptiveAvgPool2d : public Layer {
 public:
  explicit AdaptiveAvgPool2d(const Dims& output_size);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, output_size_); }

 private:
  Dims output_size_;
};

// functional::interpolate
class Upsample : public Layer {
 public:
  explicit Upsample(const UpsampleOptions& options);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::interpolate(x, options_); }

 private:
  UpsampleOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_POOLING_H_
