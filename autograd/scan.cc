// Running sums and products and the product, with their gradients, which divide by no element:
// zeros are as good as any number.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

// x[k - by] along a dimension, for by = 1 or -1, and `fill` at the end that has none.
struct Shift : Function<Shift> {
  static constexpr const char* kName = "shift";
  int64_t dim = 0;
  int by = 1;
  NDArray forward(Context&, const NDArray& x, int64_t along, int steps, double fill) {
    dim = along;
    by = steps;
    NDArray y = NDArray::full(x.shape(), fill, x.dtype());
    if (x.dim() == 0 || x.size(dim) < 2) return y;
    const int64_t n = x.size(dim) - 1;
    narrow(y, dim, by > 0 ? 1 : 0, n).copy_(narrow(x, dim, by > 0 ? 0 : 1, n));
    return y;
  }
  Gradients backward(Context&, const Tensor& dy) { return {Shift::apply(dy, dim, -by, 0.0)}; }
};

// r[k] = b[k] + a[k + 1] r[k + 1]: the recurrence from the other end.
Tensor reverse_recurrence(const Tensor& a, const Tensor& b, int64_t dim);

struct Recurrence : Function<Recurrence> {
  static constexpr const char* kName = "recurrence";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& a, const NDArray& b, int64_t along) {
    dim = along;
    ctx.save_input(a);
    return ctx.save_output(recurrence(a, b, along));
  }
  Gradients backward(Context& ctx, const Tensor& dr) {
    const Tensor db = reverse_recurrence(ctx.saved(0), dr, dim);
    return {ctx.needs_grad(0) ? db * Shift::apply(ctx.output(), dim, 1, 0.0) : Tensor(), db};
  }
};

Tensor reverse_recurrence(const Tensor& a, const Tensor& b, int64_t dim) {
  const Tensor next = flip(Shift::apply(a, dim, -1, 0.0), dim);
  return flip(Recurrence::apply(next, flip(b, dim), dim), dim);
}

struct Cumsum : Function<Cumsum> {
  static constexpr const char* kName = "cumsum";
  int64_t dim = 0;
  NDArray forward(Context&, const NDArray& x, int64_t along) {
    dim = along;
    return cumsum(x, along);
  }
  Gradients backward(Context&, const Tensor& dy) { return {flip(cumsum(flip(dy, dim), dim), dim)}; }
};

// d y[i] / d x[k] is the product of the elements before k and of those from k + 1 to i.
struct Cumprod : Function<Cumprod> {
  static constexpr const char* kName = "cumprod";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along) {
    dim = along;
    ctx.save_input(x);
    return ctx.save_output(cumprod(x, along));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {Shift::apply(ctx.output(), dim, 1, 1.0) * reverse_recurrence(ctx.saved(0), dy, dim)};
  }
};

struct Prod : Function<Prod> {
  static constexpr const char* kName = "prod";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, bool keepdim) {
    dim = along;
    ctx.save_input(x);
    return ctx.save_output(prod(x, along, keepdim));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    const auto with_dim = [&](const Tensor& t) {
      return t.dim() == x.dim() ? t : t.unsqueeze(dim);
    };
    // The quotient is cheaper.
    if (!any(eq(x.data(), 0)).item<bool>()) return {with_dim(dy) * (with_dim(ctx.output()) / x)};
    const Tensor before = Shift::apply(cumprod(x, dim), dim, 1, 1.0);
    const Tensor after = flip(Shift::apply(cumprod(flip(x, dim), dim), dim, 1, 1.0), dim);
    return {with_dim(dy) * (before * after)};
  }
};

}  // namespace

Tensor cumsum(const Tensor& x, int64_t dim) { return Cumsum::apply(x, dim); }
Tensor cumprod(const Tensor& x, int64_t dim) { return Cumprod::apply(x, dim); }

Tensor prod(const Tensor& x) {
  check_defined("prod", x.data());
  return prod(reshape(x, x.numel()), 0);
}
Tensor prod(const Tensor& x, int64_t dim, bool keepdim) { return Prod::apply(x, dim, keepdim); }

}  // namespace lamina
