// Convolutions as layers. The kernel is not flipped, as in PyTorch; conv2d of tensor/ops.inc has the
// formula. Constructors throw ValueError for settings that no input fits, forward ShapeError for an
// input that does not fit.
//
//   nn::Conv2d conv(3, 16, {3, 5}, {.stride = 2, .padding = {1, 2}, .bias = false});
//   nn::Conv1d causal(8, 8, 3, {.padding = "same", .padding_mode = "replicate"});
//
// Weight and bias start uniform within 1 / sqrt(weight.shape[1] times the kernel's elements) of 0.
#ifndef LAMINA_NN_CONV_H_
#define LAMINA_NN_CONV_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

namespace functional {

using lamina::conv1d;
using lamina::conv2d;
using lamina::conv_transpose2d;

}  // namespace functional

// What a convolution adds around its input: so many elements on each side, one number or one for
// each dimension; or "valid", none; or "same", what keeps the extents, where an odd one is at the
// end. "same" takes a stride of 1 only.
class Padding {
 public:
  template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
  Padding(T size) : sizes_(size) {}  // these are implicit
  Padding(std::initializer_list<int64_t> sizes) : sizes_(sizes) {}
  Padding(const Dims& sizes) : sizes_(sizes) {}
  Padding(const char* name) : name_(name) {}
  Padding(std::string name) : name_(std::move(name)) {}

  const Dims& sizes() const { return sizes_; }       // none if there is a name
  const std::string& name() const { return name_; }  // "" for numbers

 private:
  Dims sizes_;
  std::string name_;
};

// Sizes are one number, or one for rows and one for columns.
struct Conv2dOptions {
  Dims stride = 1;  // distance of neighbouring windows
  Padding padding = 0;
  Dims dilation = 1;   // distance of neighbours in a window
  int64_t groups = 1;  // parts of the channels that see nothing of each other
  bool bias = true;
  // What the padding is: zeros, or the input mirrored at its edge (reflect), its edge (replicate), or
  // its other end (circular).
  std::string padding_mode = "zeros";
  DType dtype = float32;
};
using Conv1dOptions = Conv2dOptions;  // with one number each

namespace internal {

class ConvNd : public Layer {
 public:
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;
  void reset_parameters();  // draws new starting values

  Parameter weight;  // (out_channels, in_channels / groups, kernel_size...)
  Parameter bias;    // (out_channels), or undefined

 protected:
  ConvNd(const char* name, int axes, int64_t in_channels, int64_t out_channels,
         const Dims& kernel_size, const Conv2dOptions& options);

 private:
  int axes() const { return stride_.rank(); }
  Dims stride_, dilation_;
  Dims before_, after_;       // of the padding
  std::string padding_text_;  // "" for no padding
  int64_t groups_;
  std::string padding_mode_;
};

}  // namespace internal

// x (n, in_channels, length) or (in_channels, length), to the same with out_channels.
class Conv1d : public internal::ConvNd {
 public:
  Conv1d(int64_t in_channels, int64_t out_channels, const Dims& kernel_size,
         const Conv1dOptions& options = {})
      : ConvNd("Conv1d", 1, in_channels, out_channels, kernel_size, options) {}
};

// x (n, in_channels, h, w) or (in_channels, h, w), to the same with out_channels.
class Conv2d : public internal::ConvNd {
 public:
  Conv2d(int64_t in_channels, int64_t out_channels, const Dims& kernel_size,
         const Conv2dOptions& options = {})
      : ConvNd("Conv2d", 2, in_channels, out_channels, kernel_size, options) {}
};

// Those of the convolution whose adjoint it is.
struct ConvTranspose2dOptions {
  Dims stride = 1;
  Dims padding = 0;
  Dims output_padding = 0;  // rows and columns to add at the end, fewer than stride or dilation
  int64_t groups = 1;
  bool bias = true;
  Dims dilation = 1;
  DType dtype = float32;
};

// x (n, in_channels, h, w) or (in_channels, h, w), to the same with out_channels and
// (h - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1 rows.
class ConvTranspose2d : public Layer {
 public:
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, const Dims& kernel_size,
                  const ConvTranspose2dOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;
  // With the output_padding that gives so many rows and columns: the `stride` sizes from those
  // without one upwards (ValueError). Runs no hooks.
  Tensor forward(const Tensor& x, const Dims& output_size);
  void reset_parameters();  // draws new starting values

  Parameter weight;  // (in_channels, out_channels / groups, kh, kw)
  Parameter bias;    // (out_channels), or undefined

 private:
  ConvTransposeOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_CONV_H_
