// Convolutions and their gradients, each of which is made of the others: with y = conv2d(x, w), dy . y
// is linear in each of x, w and dy.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

Dims rows_and_columns(const Shape& shape) {
  return {shape[shape.rank() - 2], shape[shape.rank() - 1]};
}

struct Conv2d : Function<Conv2d> {
  static constexpr const char* kName = "conv2d";
  ConvOptions options;
  NDArray forward(Context& ctx, const NDArray& x, const NDArray& weight, const NDArray& bias,
                  const ConvOptions& how) {
    options = how;
    ctx.save_input(x);
    ctx.save_input(weight);
    return conv2d(x, weight, bias, how);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    Tensor dx, dweight, dbias;
    if (ctx.needs_grad(0)) {
      const Dims size = rows_and_columns(ctx.input_shape(0));
      dx = conv2d_input_gradient(dy, ctx.saved(1), size, options);
    }
    if (ctx.needs_grad(1)) {
      const Dims kernel = rows_and_columns(ctx.input_shape(1));
      dweight = conv2d_weight_gradient(dy, ctx.saved(0), kernel, options);
    }
    if (ctx.needs_grad(2)) dbias = sum(dy, dy.dim() == 4 ? Dims{0, 2, 3} : Dims{1, 2});
    return {dx, dweight, dbias};
  }
};

struct Conv2dInputGradient : Function<Conv2dInputGradient> {
  static constexpr const char* kName = "conv2d_input_gradient";
  ConvOptions options;
  NDArray forward(Context& ctx, const NDArray& dy, const NDArray& weight, const Dims& input_size,
                  const ConvOptions& how) {
    options = how;
    ctx.save_input(dy);
    ctx.save_input(weight);
    return conv2d_input_gradient(dy, weight, input_size, how);
  }
  // v, the gradient of dx, is where x was in dy . conv2d(x, w).
  Gradients backward(Context& ctx, const Tensor& v) {
    Tensor ddy, dweight;
    if (ctx.needs_grad(0)) ddy = conv2d(v, ctx.saved(1), Tensor(), options);
    if (ctx.needs_grad(1)) {
      const Dims kernel = rows_and_columns(ctx.input_shape(1));
      dweight = conv2d_weight_gradient(ctx.saved(0), v, kernel, options);
    }
    return {ddy, dweight};
  }
};

struct Conv2dWeightGradient : Function<Conv2dWeightGradient> {
  static constexpr const char* kName = "conv2d_weight_gradient";
  ConvOptions options;
  NDArray forward(Context& ctx, const NDArray& dy, const NDArray& x, const Dims& kernel,
                  const ConvOptions& how) {
    options = how;
    ctx.save_input(dy);
    ctx.save_input(x);
    return conv2d_weight_gradient(dy, x, kernel, how);
  }
  // v, the gradient of the weight's gradient, is where the weight was.
  Gradients backward(Context& ctx, const Tensor& v) {
    Tensor ddy, dx;
    if (ctx.needs_grad(0)) ddy = conv2d(ctx.saved(1), v, Tensor(), options);
    if (ctx.needs_grad(1)) {
      const Dims size = rows_and_columns(ctx.input_shape(1));
      dx = conv2d_input_gradient(ctx.saved(0), v, size, options);
    }
    return {ddy, dx};
  }
};

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  return Conv2d::apply(x, weight, bias, options);
}
Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& weight, const Dims& input_size,
                             const ConvOptions& options) {
  return Conv2dInputGradient::apply(dy, weight, input_size, options);
}
Tensor conv2d_weight_gradient(const Tensor& dy, const Tensor& x, const Dims& kernel,
                              const ConvOptions& options) {
  return Conv2dWeightGradient::apply(dy, x, kernel, options);
}

}  // namespace lamina
