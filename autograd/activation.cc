// GELU and SiLU, with their gradients: each derivative that training takes is one pass.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

constexpr double kNormalDensityAt0 = 0.39894228040143267794;  // 1 / sqrt(2 pi)
constexpr double kTanhLinear = 0.79788456080286535588;        // sqrt(2 / pi)
constexpr double kTanhCubic = kTanhLinear * 0.044715;

// The second derivative of x Phi(x).
Tensor curvature(const Tensor& x, Gelu form) {
  const Tensor x2 = x * x;
  if (form == Gelu::kExact) return exp(x2 * -0.5) * (2 - x2) * kNormalDensityAt0;
  // x (1 + t) / 2 for t = tanh(u)
  const Tensor t = tanh(x * (x2 * kTanhCubic + kTanhLinear));
  const Tensor du = x2 * (3 * kTanhCubic) + kTanhLinear;
  return (1 - t * t) * (du + x2 * (3 * kTanhCubic) - x * t * du * du);
}

struct GeluBackward : Function<GeluBackward> {
  static constexpr const char* kName = "gelu_backward";
  Gelu form = Gelu::kExact;
  NDArray forward(Context& ctx, const NDArray& dy, const NDArray& x, Gelu which) {
    form = which;
    ctx.save_input(dy, ctx.needs_grad(1));
    ctx.save_input(x);
    return gelu_backward(dy, x, which);
  }
  Gradients backward(Context& ctx, const Tensor& g) {
    const Tensor x = ctx.saved(1);
    return {ctx.needs_grad(0) ? GeluBackward::apply(g, x, form) : Tensor(),
            ctx.needs_grad(1) ? g * ctx.saved(0) * curvature(x, form) : Tensor()};
  }
};

struct GeluFunction : Function<GeluFunction> {
  static constexpr const char* kName = "gelu";
  Gelu form = Gelu::kExact;
  NDArray forward(Context& ctx, const NDArray& x, Gelu which) {
    form = which;
    ctx.save_input(x);
    return gelu(x, which);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {GeluBackward::apply(dy, ctx.saved(0), form)};
  }
};

struct SiluBackward : Function<SiluBackward> {
  static constexpr const char* kName = "silu_backward";
  static NDArray forward(Context& ctx, const NDArray& dy, const NDArray& x) {
    ctx.save_input(dy, ctx.needs_grad(1));
    ctx.save_input(x);
    return silu_backward(dy, x);
  }
  static Gradients backward(Context& ctx, const Tensor& g) {
    const Tensor x = ctx.saved(1);
    Tensor dx;
    if (ctx.needs_grad(1)) {
      const Tensor s = sigmoid(x);
      dx = g * ctx.saved(0) * (s * (1 - s) * (2 + x * (1 - 2 * s)));
    }
    return {ctx.needs_grad(0) ? SiluBackward::apply(g, x) : Tensor(), dx};
  }
};

struct Silu : Function<Silu> {
  static constexpr const char* kName = "silu";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return silu(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {SiluBackward::apply(dy, ctx.saved(0))};
  }
};

}  // namespace

Tensor gelu(const Tensor& x, Gelu form) { return GeluFunction::apply(x, form); }
Tensor silu(const Tensor& x) { return Silu::apply(x); }

}  // namespace lamina
