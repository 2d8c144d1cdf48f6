// Elementwise operations on two arrays, with their gradients. Functions of one are in math.cc.
#include "lamina/autograd/function.h"

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
    ctx.save_input(a, ctx.needs_grad(1));
    ctx.save_input(b, ctx.needs_grad(0));
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
    ctx.save_input(a, ctx.needs_grad(1));
    ctx.save_input(b);
    return div(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor b = ctx.saved(1), da = dy / b;
    return {ctx.to_input(0, da),
            ctx.needs_grad(1) ? ctx.to_input(1, neg(da * (ctx.saved(0) / b))) : Tensor()};
  }
};

struct Pow : Function<Pow> {
  static constexpr const char* kName = "pow";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a);
    ctx.save_input(b);
    return pow(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor a = ctx.saved(0), b = ctx.saved(1);
    Tensor da, db;
    if (ctx.needs_grad(0)) {
      // Where the exponent is 0 the power is constant, also at 0, where b a^(b - 1) is not a
      // number.
      const Tensor exponent = b.dtype() == bool_ ? to(b, dy.dtype()) : b;  // bool has no difference
      da = where(ne(b, 0), dy * b * pow(a, exponent - 1), 0);
    }
    if (ctx.needs_grad(1)) {
      // Likewise a^b at 0, for exponents that are not negative.
      const Tensor flat = logical_and(eq(a, 0), ge(b, 0));
      // log() would make float32 of an integer base.
      db = where(flat, 0, dy * pow(a, b) * log(to(a, dy.dtype())));
    }
    return {ctx.to_input(0, da), ctx.to_input(1, db)};
  }
};

// fmod (kFloor false) and remainder (true).
template <bool kFloor>
struct Modulo : Function<Modulo<kFloor>> {
  static constexpr const char* kName = kFloor ? "remainder" : "fmod";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    if (ctx.needs_grad(1)) {
      ctx.save_values(a);
      ctx.save_values(b);
    }
    return kFloor ? remainder(a, b) : fmod(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    Tensor db;
    if (ctx.needs_grad(1)) {
      // The integer quotient that forward used; a / b itself may have been rounded to the next one.
      const Tensor a = to(ctx.saved(0), dy.dtype()), b = ctx.saved(1);
      db = neg(dy * round((a - (kFloor ? remainder(a, b) : fmod(a, b))) / b));
    }
    return {ctx.to_input(0, dy), ctx.to_input(1, db)};
  }
};

// maximum (kMaximum true) and minimum (false).
template <bool kMaximum>
struct Extreme : Function<Extreme<kMaximum>> {
  static constexpr const char* kName = kMaximum ? "maximum" : "minimum";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_values(a);
    ctx.save_values(b);
    return kMaximum ? maximum(a, b) : minimum(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor a = ctx.saved(0), b = ctx.saved(1);
    const Tensor share = where(eq(a, b), dy / 2, dy);
    const auto toward = [&](int i, const Tensor& other_wins) {
      return ctx.needs_grad(i) ? ctx.to_input(i, where(other_wins, 0, share)) : Tensor();
    };
    return kMaximum ? Gradients{toward(0, lt(a, b)), toward(1, gt(a, b))}
                    : Gradients{toward(0, gt(a, b)), toward(1, lt(a, b))};
  }
};

// clamp_min (kMin true) and clamp_max (false): of equal ones, x counts as the one chosen.
template <bool kMin>
struct ClampOneSide : Function<ClampOneSide<kMin>> {
  static constexpr const char* kName = kMin ? "clamp_min" : "clamp_max";
  static NDArray forward(Context& ctx, const NDArray& x, const NDArray& bound) {
    ctx.save_values(x);
    ctx.save_values(bound);
    return kMin ? clamp_min(x, bound) : clamp_max(x, bound);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0), bound = ctx.saved(1);
    const Tensor kept = kMin ? ge(x, bound) : le(x, bound),
                 cut = kMin ? lt(x, bound) : gt(x, bound);
    return {ctx.needs_grad(0) ? ctx.to_input(0, where(kept, dy, 0)) : Tensor(),
            ctx.needs_grad(1) ? ctx.to_input(1, where(cut, dy, 0)) : Tensor()};
  }
};

struct Atan2 : Function<Atan2> {
  static constexpr const char* kName = "atan2";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a);
    ctx.save_input(b);
    return atan2(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor a = ctx.saved(0), b = ctx.saved(1), scaled = dy / (a * a + b * b);
    return {ctx.needs_grad(0) ? ctx.to_input(0, scaled * b) : Tensor(),
            ctx.needs_grad(1) ? ctx.to_input(1, neg(scaled * a)) : Tensor()};
  }
};

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return Add::apply(a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return Sub::apply(a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return Mul::apply(a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return Div::apply(a, b); }
Tensor pow(const Tensor& a, const Tensor& b) { return Pow::apply(a, b); }
Tensor fmod(const Tensor& a, const Tensor& b) { return Modulo<false>::apply(a, b); }
Tensor remainder(const Tensor& a, const Tensor& b) { return Modulo<true>::apply(a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return Extreme<true>::apply(a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return Extreme<false>::apply(a, b); }
Tensor clamp_min(const Tensor& x, const Tensor& low) { return ClampOneSide<true>::apply(x, low); }
Tensor clamp_max(const Tensor& x, const Tensor& high) {
  return ClampOneSide<false>::apply(x, high);
}
Tensor atan2(const Tensor& a, const Tensor& b) { return Atan2::apply(a, b); }

// No gradient.
#define LAMINA_BINARY(op) \
  Tensor op(const Tensor& a, const Tensor& b) { return op(a.data(), b.data()); }
LAMINA_BINARY(eq)
LAMINA_BINARY(ne)
LAMINA_BINARY(lt)
LAMINA_BINARY(le)
LAMINA_BINARY(gt)
LAMINA_BINARY(ge)
LAMINA_BINARY(logical_and)
LAMINA_BINARY(logical_or)
LAMINA_BINARY(logical_xor)
LAMINA_BINARY(bitwise_and)
LAMINA_BINARY(bitwise_or)
LAMINA_BINARY(bitwise_xor)
#undef LAMINA_BINARY

}  // namespace lamina
