// Softmax and log-softmax, with their gradients.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

struct SoftmaxBackward : Function<SoftmaxBackward> {
  static constexpr const char* kName = "softmax_backward";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& dy, const NDArray& y, int64_t along) {
    dim = along;
    ctx.save_input(dy);
    ctx.save_input(y);
    return softmax_backward(dy, y, along);
  }
  Gradients backward(Context& ctx, const Tensor& g) {
    const Tensor dy = ctx.saved(0), y = ctx.saved(1);
    return {SoftmaxBackward::apply(g, y, dim),
            ctx.needs_grad(1) ? g * (dy - sum(dy * y, dim, true)) - dy * sum(g * y, dim, true)
                              : Tensor()};
  }
};

struct Softmax : Function<Softmax> {
  static constexpr const char* kName = "softmax";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along) {
    dim = along;
    return ctx.save_output(softmax(x, along));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {SoftmaxBackward::apply(dy, ctx.output(), dim)};
  }
};

struct LogSoftmax : Function<LogSoftmax> {
  static constexpr const char* kName = "log_softmax";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along) {
    dim = along;
    return ctx.save_output(log_softmax(x, along));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy - exp(ctx.output()) * dy.sum(dim, true)};
  }
};

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim) { return Softmax::apply(x, dim); }
Tensor log_softmax(const Tensor& x, int64_t dim) { return LogSoftmax::apply(x, dim); }

}  // namespace lamina
