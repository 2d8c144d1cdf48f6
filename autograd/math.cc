// Elementwise functions of one array, with their gradients.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

constexpr double kLog2 = 0.69314718055994530942;
constexpr double kTwoOverRootPi = 1.1283791670955125739;

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

struct Neg : Function<Neg> {
  static constexpr const char* kName = "neg";
  static NDArray forward(Context&, const NDArray& x) { return neg(x); }
  static Gradients backward(Context&, const Tensor& dy) { return {neg(dy)}; }
};

struct Abs : Function<Abs> {
  static constexpr const char* kName = "abs";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_values(x);
    return abs(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * sign(x)};
  }
};

struct Exp : Function<Exp> {
  static constexpr const char* kName = "exp";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(exp(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * y};
  }
};

struct Expm1 : Function<Expm1> {
  static constexpr const char* kName = "expm1";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(expm1(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * (y + 1)};
  }
};

struct Log : Function<Log> {
  static constexpr const char* kName = "log";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return log(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy / x};
  }
};

struct Log1p : Function<Log1p> {
  static constexpr const char* kName = "log1p";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return log1p(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy / (x + 1)};
  }
};

struct Log2 : Function<Log2> {
  static constexpr const char* kName = "log2";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return log2(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy / (x * kLog2)};
  }
};

struct Sqrt : Function<Sqrt> {
  static constexpr const char* kName = "sqrt";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(sqrt(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy / (y * 2)};
  }
};

struct Rsqrt : Function<Rsqrt> {
  static constexpr const char* kName = "rsqrt";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(rsqrt(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * (y * y * y) * -0.5};
  }
};

struct Sin : Function<Sin> {
  static constexpr const char* kName = "sin";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return sin(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * cos(x)};
  }
};

struct Cos : Function<Cos> {
  static constexpr const char* kName = "cos";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return cos(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {neg(dy * sin(x))};
  }
};

struct Tan : Function<Tan> {
  static constexpr const char* kName = "tan";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(tan(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * (y * y + 1)};
  }
};

struct Asin : Function<Asin> {
  static constexpr const char* kName = "asin";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return asin(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * rsqrt(1 - x * x)};
  }
};

struct Acos : Function<Acos> {
  static constexpr const char* kName = "acos";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return acos(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {neg(dy * rsqrt(1 - x * x))};
  }
};

struct Atan : Function<Atan> {
  static constexpr const char* kName = "atan";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return atan(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy / (x * x + 1)};
  }
};

struct Sinh : Function<Sinh> {
  static constexpr const char* kName = "sinh";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return sinh(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * cosh(x)};
  }
};

struct Cosh : Function<Cosh> {
  static constexpr const char* kName = "cosh";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return cosh(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * sinh(x)};
  }
};

struct Tanh : Function<Tanh> {
  static constexpr const char* kName = "tanh";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(tanh(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * (1 - y * y)};
  }
};

struct Sigmoid : Function<Sigmoid> {
  static constexpr const char* kName = "sigmoid";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(sigmoid(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * (y * (1 - y))};
  }
};

struct Erf : Function<Erf> {
  static constexpr const char* kName = "erf";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return erf(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * (exp(neg(x * x)) * kTwoOverRootPi)};
  }
};

struct Erfc : Function<Erfc> {
  static constexpr const char* kName = "erfc";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return erfc(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * (exp(neg(x * x)) * -kTwoOverRootPi)};
  }
};

struct Frac : Function<Frac> {
  static constexpr const char* kName = "frac";
  static NDArray forward(Context&, const NDArray& x) { return frac(x); }
  static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
};

// Constant between their steps.
#define LAMINA_STEPS(Name, name)                                           \
  struct Name : Function<Name> {                                           \
    static constexpr const char* kName = #name;                            \
    static NDArray forward(Context&, const NDArray& x) { return name(x); } \
    static Gradients backward(Context& ctx, const Tensor& dy) {            \
      return {zeros(ctx.input_shape(0), dy.dtype())};                      \
    }                                                                      \
  };
LAMINA_STEPS(Sign, sign)
LAMINA_STEPS(Floor, floor)
LAMINA_STEPS(Ceil, ceil)
LAMINA_STEPS(Round, round)
LAMINA_STEPS(Trunc, trunc)
#undef LAMINA_STEPS

}  // namespace

#define LAMINA_UNARY(name, Name) \
  Tensor name(const Tensor& x) { return Name::apply(x); }
LAMINA_UNARY(neg, Neg)
LAMINA_UNARY(abs, Abs)
LAMINA_UNARY(sign, Sign)
LAMINA_UNARY(relu, Relu)
LAMINA_UNARY(floor, Floor)
LAMINA_UNARY(ceil, Ceil)
LAMINA_UNARY(round, Round)
LAMINA_UNARY(trunc, Trunc)
LAMINA_UNARY(frac, Frac)
LAMINA_UNARY(exp, Exp)
LAMINA_UNARY(expm1, Expm1)
LAMINA_UNARY(log, Log)
LAMINA_UNARY(log1p, Log1p)
LAMINA_UNARY(log2, Log2)
LAMINA_UNARY(sqrt, Sqrt)
LAMINA_UNARY(rsqrt, Rsqrt)
LAMINA_UNARY(sin, Sin)
LAMINA_UNARY(cos, Cos)
LAMINA_UNARY(tan, Tan)
LAMINA_UNARY(asin, Asin)
LAMINA_UNARY(acos, Acos)
LAMINA_UNARY(atan, Atan)
LAMINA_UNARY(sinh, Sinh)
LAMINA_UNARY(cosh, Cosh)
LAMINA_UNARY(tanh, Tanh)
LAMINA_UNARY(sigmoid, Sigmoid)
LAMINA_UNARY(erf, Erf)
LAMINA_UNARY(erfc, Erfc)
#undef LAMINA_UNARY

// No gradient.
Tensor logical_not(const Tensor& x) { return logical_not(x.data()); }
Tensor bitwise_not(const Tensor& x) { return bitwise_not(x.data()); }
Tensor isnan(const Tensor& x) { return isnan(x.data()); }
Tensor isinf(const Tensor& x) { return isinf(x.data()); }
Tensor isfinite(const Tensor& x) { return isfinite(x.data()); }

}  // namespace lamina
