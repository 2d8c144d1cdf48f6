// Layers that move elements and compute nothing with them. Constructors throw ValueError for
// settings that no input fits, forward ShapeError for an input that does not fit.
#ifndef LAMINA_NN_SHAPE_H_
#define LAMINA_NN_SHAPE_H_

#include <cstdint>
#include <string>

#include "lamina/nn/layer.h"

namespace lamina::nn {

namespace functional {

using lamina::flatten;
using lamina::fold;
using lamina::pad;
using lamina::unflatten;
using lamina::unfold;
// (..., c r^2, h, w) -> (..., c, h r, w r): r^2 channels become the pixels of an r x r square. Shi
// et al., "Real-time single image and video super-resolution", CVPR 2016.
Tensor pixel_shuffle(const Tensor& x, int64_t upscale_factor);

}  // namespace functional

// The input itself.
class Identity : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return x; }
};

struct FlattenOptions {
  int64_t start_dim = 1;
  int64_t end_dim = -1;  // inclusive
};
// Dimensions start_dim to end_dim, which count from the end if negative, become one.
class Flatten : public Layer {
 public:
  explicit Flatten(const FlattenOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override {
    return flatten(x, options_.start_dim, options_.end_dim);
  }

 private:
  FlattenOptions options_;
};

// Dimension dim becomes several, whose extents multiply to its own; one of them may be -1.
class Unflatten : public Layer {
 public:
  Unflatten(int64_t dim, const Shape& unflattened_size);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return unflatten(x, dim_, sizes_); }

 private:
  int64_t dim_;
  Shape sizes_;
};

// functional::pixel_shuffle
class PixelShuffle : public Layer {
 public:
  explicit PixelShuffle(int64_t upscale_factor);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::pixel_shuffle(x, factor_); }

 private:
  int64_t factor_;
};

// Pads images (n, channels, h, w) or (channels, h, w). The padding is one number for all sides, or
// (left, right, top, bottom); negative ones crop.
class ZeroPad2d : public Layer {  // with 0
 public:
  explicit ZeroPad2d(const Dims& padding);
  std::string extra_repr() const override { return padding_.str(); }
  Tensor forward(const Tensor& x) override;

 private:
  Dims padding_;
};
class ReflectionPad2d : public Layer {  // mirrored at the edge, less than the extent
 public:
  explicit ReflectionPad2d(const Dims& padding);
  std::string extra_repr() const override { return padding_.str(); }
  Tensor forward(const Tensor& x) override;

 private:
  Dims padding_;
};

// The windows of images as columns, (n, c, h, w) -> (n, c kh kw, windows), and their sum. Sizes are
// one number, or one for rows and one for columns.
class Unfold : public Layer {
 public:
  explicit Unfold(const Dims& kernel_size, const UnfoldOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return unfold(x, kernel_size_, options_); }

 private:
  Dims kernel_size_;
  UnfoldOptions options_;
};
class Fold : public Layer {
 public:
  Fold(const Dims& output_size, const Dims& kernel_size, const UnfoldOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return fold(x, output_size_, kernel_size_, options_); }

 private:
  Dims output_size_, kernel_size_;
  UnfoldOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_SHAPE_H_
