// Arithmetic, comparison and elementwise functions, with their gradients.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

struct Add : Function<Add> {
  static constexpr const char* kName = "add";
  static NDArray forward(Context&, const NDArray& a, const NDArray& b) { return add(a, b); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.to_input(0, dy), ctx.to_input(1, dy)};
  }
};

struct Sub : Function<Sub> {
  static constexpr const char* kName = "sub";
  static NDArray forward(Context&, const NDArray& a, const NDArray& b) { return sub(a, b); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.to_input(0, dy), ctx.needs_grad(1) ? ctx.to_input(1, neg(dy)) : Tensor()};
  }
};

struct Mul : Function<Mul> {
  static constexpr const char* kName = "mul";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a);
    ctx.save_input(b);
    return mul(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.needs_grad(0) ? ctx.to_input(0, dy * ctx.saved(1)) : Tensor(),
            ctx.needs_grad(1) ? ctx.to_input(1, dy * ctx.saved(0)) : Tensor()};
  }
};

struct Div : Function<Div> {
  static constexpr const char* kName = "div";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a);
    ctx.save_input(b);
    return div(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor a = ctx.saved(0), b = ctx.saved(1), da = dy / b;
    return {ctx.to_input(0, da), ctx.needs_grad(1) ? ctx.to_input(1, neg(da * (a / b))) : Tensor()};
  }
};

struct Neg : Function<Neg> {
  static constexpr const char* kName = "neg";
  static NDArray forward(Context&, const NDArray& x) { return neg(x); }
  static Gradients backward(Context&, const Tensor& dy) { return {neg(dy)}; }
};

struct ReluBackward : Function<ReluBackward> {
  static constexpr const char* kName = "relu_backward";
  static NDArray forward(Context& ctx, const NDArray& dy, const NDArray& y) {
    ctx.save_values(y);
    return relu_backward(dy, y);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {  // linear in dy, constant in y
    return {ReluBackward::apply(dy, ctx.saved(0).data()), Tensor()};
  }
};

struct Relu : Function<Relu> {
  static constexpr const char* kName = "relu";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(relu(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ReluBackward::apply(dy, ctx.output().data())};
  }
};

struct Exp : Function<Exp> {
  static constexpr const char* kName = "exp";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(exp(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) { return {dy * ctx.output()}; }
};

struct Log : Function<Log> {
  static constexpr const char* kName = "log";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return log(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) { return {dy / ctx.saved(0)}; }
};

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return Add::apply(a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return Sub::apply(a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return Mul::apply(a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return Div::apply(a, b); }

// Comparisons have no gradient.
Tensor eq(const Tensor& a, const Tensor& b) { return eq(a.data(), b.data()); }
Tensor ne(const Tensor& a, const Tensor& b) { return ne(a.data(), b.data()); }
Tensor lt(const Tensor& a, const Tensor& b) { return lt(a.data(), b.data()); }
Tensor le(const Tensor& a, const Tensor& b) { return le(a.data(), b.data()); }
Tensor gt(const Tensor& a, const Tensor& b) { return gt(a.data(), b.data()); }
Tensor ge(const Tensor& a, const Tensor& b) { return ge(a.data(), b.data()); }

Tensor neg(const Tensor& x) { return Neg::apply(x); }
Tensor relu(const Tensor& x) { return Relu::apply(x); }
Tensor exp(const Tensor& x) { return Exp::apply(x); }
Tensor log(const Tensor& x) { return Log::apply(x); }

}  // namespace lamina
