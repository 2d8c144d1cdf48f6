// Arithmetic, comparison and elementwise functions.
#include "lamina/tensor/kernels/pointwise.h"

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

using kernels::BinaryOp;
using kernels::UnaryOp;

// Both operands have the dtype of the computation and broadcast to out, which is dense.
void broadcast_into(kernels::BinaryKernel kernel, const NDArray& a, const NDArray& b,
                    NDArray& out) {
  if (out.numel() == 0) return;
  NDArray x = expand(a, out.shape()), y = expand(b, out.shape());
  // A strided operand is read faster as a copy: the copy goes tile by tile.
  const auto settle = [](NDArray& v) {
    constexpr int64_t kLarge = 4096;
    const int64_t inner = v.dim() > 0 ? v.strides()[v.dim() - 1] : 1;
    if (inner != 0 && inner != 1 && v.shape()[v.dim() - 1] != 1 && v.numel() >= kLarge)
      v = v.contiguous();
  };
  settle(x);
  settle(y);
  const kernels::StridedLoop<3> loop(out.shape(), {&out.strides(), &x.strides(), &y.strides()});
  const int64_t x_step = loop.inner_stride(1), y_step = loop.inner_stride(2);
  const int64_t item = size_of(x.dtype()), out_item = size_of(out.dtype());
  loop.run([&](const std::array<int64_t, 3>& offset, int64_t n) {
    kernel(x.raw_data() + offset[1] * item, x_step, y.raw_data() + offset[2] * item, y_step,
           out.raw_data() + offset[0] * out_item, n);
  });
}

NDArray broadcast_binary(const char* name, kernels::BinaryKernel kernel, const NDArray& a,
                         const NDArray& b, DType out_dtype) {
  NDArray out = NDArray::empty(broadcast_shapes(name, a.shape(), b.shape()), out_dtype);
  broadcast_into(kernel, a, b, out);
  return out;
}

// Integers have no remainder by zero, and no reciprocal. `b` is in `dtype` by now, where it may have become 0.
void check_integer_operand(const char* name, BinaryOp op, const NDArray& a, const NDArray& b,
                           const NDArray& original_b) {
  if (op == BinaryOp::kPow && original_b.is_scalar_like()) {
    const int64_t exponent = original_b.item<int64_t>();
    if (exponent < 0)
      fail<ValueError>(name, "expected an exponent of at least 0 for integers, got ", exponent);
    check_holds(name, exponent, b.dtype());
  }
  if (op != BinaryOp::kFmod && op != BinaryOp::kRemainder) return;
  broadcast_shapes(name, a.shape(), b.shape());
  if (a.numel() == 0 || b.numel() == 0) return;
  const NDArray is_zero = eq(b, 0);
  if (max(is_zero).item<bool>()) {
    fail<ValueError>(name, "expected integer divisors other than 0, got a 0 at position ",
                     argmax(to(is_zero, uint8)).item<int64_t>(), " of them");
  }
}

[[gnu::noinline]] NDArray binary_slow(const char* name, BinaryOp op, const NDArray& a,
                                      const NDArray& b) {
  const OpScope scope(name);
  check_defined(name, a);
  check_defined(name, b);
  DType dtype = result_type(a, b);
  if (is_float_valued(op)) dtype = to_floating(dtype);
  const DType computing = to_computing(dtype);
  kernels::BinaryKernel kernel = kernels::binary_kernel(op, computing);
  if (op == BinaryOp::kSub && (a.dtype() == bool_ || b.dtype() == bool_)) kernel = nullptr;
  if (kernel == nullptr) {
    const bool bits = op >= BinaryOp::kBitwiseAnd && op <= BinaryOp::kBitwiseXor;
    fail<DTypeError>(name,
                     bits ? "expected integers or bool, got " : "expected numeric dtypes, got ",
                     name_of(a.dtype()), " and ", name_of(b.dtype()));
  }
  // Through the dtype of the result, so that what meets a float16 is rounded to one first.
  const NDArray x = to(to(a, dtype), computing), y = to(to(b, dtype), computing);
  if (!is_floating(dtype)) check_integer_operand(name, op, x, y, b);
  if (is_bool_valued(op)) return broadcast_binary(name, kernel, x, y, bool_);
  return to(broadcast_binary(name, kernel, x, y, computing), dtype);
}

// One shape, one dtype and dense operands need no more than the loop. A function of its own with a
// single return: the result is then built where the caller wants it, and moving an array just
// written costs more than a short loop.
NDArray binary_plain(kernels::BinaryKernel kernel, const NDArray& a, const NDArray& b,
                     DType out_dtype) {
  NDArray out = NDArray::empty_unchecked(a.shape(), out_dtype);
  kernel(a.raw_data(), 1, b.raw_data(), 1, out.raw_data(), out.numel());
  return out;
}

// Whether binary_slow has more to check in the operands than what the kernels leave out.
inline bool needs_check(BinaryOp op, const NDArray& a, const NDArray& b) {
  if (op == BinaryOp::kSub) return a.dtype() == bool_ || b.dtype() == bool_;
  const bool checked = op == BinaryOp::kPow || op == BinaryOp::kFmod || op == BinaryOp::kRemainder;
  return checked && !is_floating(a.dtype()) && !is_floating(b.dtype());
}

// Inlined into each operation.
inline NDArray binary(const char* name, BinaryOp op, const NDArray& a, const NDArray& b) {
  const bool plain = !needs_check(op, a, b) && a.defined() && b.defined() &&
                     a.dtype() == b.dtype() && a.is_contiguous() && b.is_contiguous() &&
                     a.numel() <= kernels::kParallelGrain && a.shape() == b.shape() &&
                     !a.is_scalar_like() && !b.is_scalar_like();
  const kernels::BinaryKernel kernel = plain ? kernels::binary_kernel(op, a.dtype()) : nullptr;
  if (kernel == nullptr) return binary_slow(name, op, a, b);
  return binary_plain(kernel, a, b, is_bool_valued(op) ? bool_ : a.dtype());
}

// Both are dense; out may be x.
void run_unary(kernels::UnaryKernel kernel, const NDArray& x, const NDArray& out) {
  const int64_t item = size_of(x.dtype()), out_item = size_of(out.dtype());
  parallel_for(0, out.numel(), kernels::kParallelGrain, [&](int64_t first, int64_t last) {
    kernel(x.raw_data() + first * item, out.raw_data() + first * out_item, last - first);
  });
}

NDArray unary(const char* name, UnaryOp op, const NDArray& x) {
  const OpScope scope(name);
  check_defined(name, x);
  const DType dtype = is_float_valued(op) ? to_floating(x.dtype()) : x.dtype();
  const DType computing = to_computing(dtype);
  const kernels::UnaryKernel kernel = kernels::unary_kernel(op, computing);
  if (kernel == nullptr) {
    fail<DTypeError>(name,
                     op == UnaryOp::kFrac         ? "expected a floating dtype, got "
                     : op == UnaryOp::kBitwiseNot ? "expected integers or bool, got "
                                                  : "expected a numeric dtype, got ",
                     name_of(x.dtype()));
  }
  const NDArray from = contiguous(to(x, computing));
  NDArray out = NDArray::empty_unchecked(x.shape(), is_bool_valued(op) ? bool_ : computing);
  run_unary(kernel, from, out);
  return is_bool_valued(op) ? out : to(out, dtype);
}

// ---- In place

NDArray& assign(const char* name, NDArray& x, const NDArray& result) {
  check_assignable(name, x, result);
  return x.copy_(result);
}

NDArray& unary_in_place(const char* name, UnaryOp op, NDArray& x) {
  check_defined(name, x);
  check_writable(name, x);
  const bool keeps_dtype =
      is_bool_valued(op) ? x.dtype() == bool_ : !is_float_valued(op) || is_floating(x.dtype());
  const kernels::UnaryKernel kernel =
      keeps_dtype && x.is_contiguous() ? kernels::unary_kernel(op, x.dtype()) : nullptr;
  if (kernel == nullptr) return assign(name, x, unary(name, op, x));
  run_unary(kernel, x, x);
  x.bump_version();
  return x;
}

NDArray& binary_in_place(const char* name, BinaryOp op, NDArray& x, const NDArray& other) {
  check_defined(name, x);
  check_defined(name, other);
  check_writable(name, x);
  const bool direct = !needs_check(op, x, other) && x.is_contiguous() &&
                      other.storage() != x.storage() && !is_half(x.dtype()) &&
                      result_type(x, other) == x.dtype() && !is_bool_valued(op) &&
                      (!is_float_valued(op) || is_floating(x.dtype()));
  const kernels::BinaryKernel kernel = direct ? kernels::binary_kernel(op, x.dtype()) : nullptr;
  if (kernel == nullptr || broadcast_shapes(name, x.shape(), other.shape()) != x.shape())
    return assign(name, x, binary_slow(name, op, x, other));
  broadcast_into(kernel, x, to(other, x.dtype()), x);
  x.bump_version();
  return x;
}

}  // namespace

#define LAMINA_BINARY(name, op) \
  NDArray name(const NDArray& a, const NDArray& b) { return binary(#name, BinaryOp::op, a, b); }
LAMINA_BINARY(add, kAdd)
LAMINA_BINARY(sub, kSub)
LAMINA_BINARY(mul, kMul)
LAMINA_BINARY(div, kDiv)
LAMINA_BINARY(pow, kPow)
LAMINA_BINARY(fmod, kFmod)
LAMINA_BINARY(remainder, kRemainder)
LAMINA_BINARY(maximum, kMaximum)
LAMINA_BINARY(minimum, kMinimum)
LAMINA_BINARY(atan2, kAtan2)
LAMINA_BINARY(eq, kEq)
LAMINA_BINARY(ne, kNe)
LAMINA_BINARY(lt, kLt)
LAMINA_BINARY(le, kLe)
LAMINA_BINARY(gt, kGt)
LAMINA_BINARY(ge, kGe)
LAMINA_BINARY(logical_and, kLogicalAnd)
LAMINA_BINARY(logical_or, kLogicalOr)
LAMINA_BINARY(logical_xor, kLogicalXor)
LAMINA_BINARY(bitwise_and, kBitwiseAnd)
LAMINA_BINARY(bitwise_or, kBitwiseOr)
LAMINA_BINARY(bitwise_xor, kBitwiseXor)
#undef LAMINA_BINARY

#define LAMINA_UNARY(name, op) \
  NDArray name(const NDArray& x) { return unary(#name, UnaryOp::op, x); }
LAMINA_UNARY(neg, kNeg)
LAMINA_UNARY(abs, kAbs)
LAMINA_UNARY(sign, kSign)
LAMINA_UNARY(relu, kRelu)
LAMINA_UNARY(floor, kFloor)
LAMINA_UNARY(ceil, kCeil)
LAMINA_UNARY(round, kRound)
LAMINA_UNARY(trunc, kTrunc)
LAMINA_UNARY(frac, kFrac)
LAMINA_UNARY(exp, kExp)
LAMINA_UNARY(expm1, kExpm1)
LAMINA_UNARY(log, kLog)
LAMINA_UNARY(log1p, kLog1p)
LAMINA_UNARY(log2, kLog2)
LAMINA_UNARY(sqrt, kSqrt)
LAMINA_UNARY(rsqrt, kRsqrt)
LAMINA_UNARY(sin, kSin)
LAMINA_UNARY(cos, kCos)
LAMINA_UNARY(tan, kTan)
LAMINA_UNARY(asin, kAsin)
LAMINA_UNARY(acos, kAcos)
LAMINA_UNARY(atan, kAtan)
LAMINA_UNARY(sinh, kSinh)
LAMINA_UNARY(cosh, kCosh)
LAMINA_UNARY(tanh, kTanh)
LAMINA_UNARY(sigmoid, kSigmoid)
LAMINA_UNARY(erf, kErf)
LAMINA_UNARY(erfc, kErfc)
LAMINA_UNARY(bitwise_not, kBitwiseNot)
LAMINA_UNARY(isnan, kIsNan)
LAMINA_UNARY(isinf, kIsInf)
LAMINA_UNARY(isfinite, kIsFinite)
LAMINA_UNARY(logical_not, kLogicalNot)
#undef LAMINA_UNARY

// A Scalar bound that is another number, or none, in the dtype of the result.
static void check_bound(const char* name, const NDArray& x, const NDArray& bound) {
  if (!x.defined() || !bound.defined() || !bound.is_scalar_like()) return;
  const DType dtype = to_computing(result_type(x, bound));
  if (bound.dtype() == int64) check_holds(name, bound.item<int64_t>(), dtype);
  if (bound.dtype() == float64) check_holds(name, bound.item<double>(), dtype);
}

NDArray clamp_min(const NDArray& x, const NDArray& low) {
  check_bound("clamp_min", x, low);
  return binary("clamp_min", BinaryOp::kMaximum, x, low);
}
NDArray clamp_max(const NDArray& x, const NDArray& high) {
  check_bound("clamp_max", x, high);
  return binary("clamp_max", BinaryOp::kMinimum, x, high);
}

// NOLINTBEGIN(bugprone-macro-parentheses): definitions
#define LAMINA_IN_PLACE(name, op) \
  NDArray& NDArray::name##_() { return unary_in_place(#name "_", UnaryOp::op, *this); }
#define LAMINA_IN_PLACE_WITH(name, op)                             \
  NDArray& NDArray::name##_(const NDArray& other) {                \
    return binary_in_place(#name "_", BinaryOp::op, *this, other); \
  }                                                                \
  NDArray& NDArray::name##_(Scalar other) { return name##_(scalar_array(other)); }
// NOLINTEND(bugprone-macro-parentheses)
LAMINA_IN_PLACE(neg, kNeg)
LAMINA_IN_PLACE(abs, kAbs)
LAMINA_IN_PLACE(sign, kSign)
LAMINA_IN_PLACE(relu, kRelu)
LAMINA_IN_PLACE(floor, kFloor)
LAMINA_IN_PLACE(ceil, kCeil)
LAMINA_IN_PLACE(round, kRound)
LAMINA_IN_PLACE(trunc, kTrunc)
LAMINA_IN_PLACE(frac, kFrac)
LAMINA_IN_PLACE(exp, kExp)
LAMINA_IN_PLACE(expm1, kExpm1)
LAMINA_IN_PLACE(log, kLog)
LAMINA_IN_PLACE(log1p, kLog1p)
LAMINA_IN_PLACE(log2, kLog2)
LAMINA_IN_PLACE(sqrt, kSqrt)
LAMINA_IN_PLACE(rsqrt, kRsqrt)
LAMINA_IN_PLACE(sin, kSin)
LAMINA_IN_PLACE(cos, kCos)
LAMINA_IN_PLACE(tan, kTan)
LAMINA_IN_PLACE(asin, kAsin)
LAMINA_IN_PLACE(acos, kAcos)
LAMINA_IN_PLACE(atan, kAtan)
LAMINA_IN_PLACE(sinh, kSinh)
LAMINA_IN_PLACE(cosh, kCosh)
LAMINA_IN_PLACE(tanh, kTanh)
LAMINA_IN_PLACE(sigmoid, kSigmoid)
LAMINA_IN_PLACE(erf, kErf)
LAMINA_IN_PLACE(erfc, kErfc)
LAMINA_IN_PLACE(logical_not, kLogicalNot)
LAMINA_IN_PLACE(bitwise_not, kBitwiseNot)
LAMINA_IN_PLACE_WITH(sub, kSub)
LAMINA_IN_PLACE_WITH(mul, kMul)
LAMINA_IN_PLACE_WITH(div, kDiv)
LAMINA_IN_PLACE_WITH(pow, kPow)
LAMINA_IN_PLACE_WITH(fmod, kFmod)
LAMINA_IN_PLACE_WITH(remainder, kRemainder)
LAMINA_IN_PLACE_WITH(atan2, kAtan2)
LAMINA_IN_PLACE_WITH(logical_and, kLogicalAnd)
LAMINA_IN_PLACE_WITH(logical_or, kLogicalOr)
LAMINA_IN_PLACE_WITH(logical_xor, kLogicalXor)
LAMINA_IN_PLACE_WITH(bitwise_and, kBitwiseAnd)
LAMINA_IN_PLACE_WITH(bitwise_or, kBitwiseOr)
LAMINA_IN_PLACE_WITH(bitwise_xor, kBitwiseXor)
#undef LAMINA_IN_PLACE
#undef LAMINA_IN_PLACE_WITH

NDArray& NDArray::clamp_min_(const NDArray& low) {
  check_bound("clamp_min_", *this, low);
  return binary_in_place("clamp_min_", BinaryOp::kMaximum, *this, low);
}
NDArray& NDArray::clamp_max_(const NDArray& high) {
  check_bound("clamp_max_", *this, high);
  return binary_in_place("clamp_max_", BinaryOp::kMinimum, *this, high);
}
NDArray& NDArray::clamp_min_(Scalar low) { return clamp_min_(scalar_array(low)); }
NDArray& NDArray::clamp_max_(Scalar high) { return clamp_max_(scalar_array(high)); }
NDArray& NDArray::clamp_(Scalar low, Scalar high) {
  const OpScope scope("clamp_");
  check_defined("clamp_", *this);
  return assign("clamp_", *this, lamina::clamp(*this, low, high));
}
NDArray& NDArray::add_promoted(const NDArray& other) {
  return binary_in_place("add_", BinaryOp::kAdd, *this, other);
}
NDArray& NDArray::add_(Scalar other) {
  return binary_in_place("add_", BinaryOp::kAdd, *this, scalar_array(other));
}
NDArray& NDArray::square_() {
  const OpScope scope("square_");
  return assign("square_", *this, lamina::square(*this));
}
NDArray& NDArray::reciprocal_() {
  const OpScope scope("reciprocal_");
  return assign("reciprocal_", *this, lamina::reciprocal(*this));
}
NDArray& NDArray::lerp_(const NDArray& end, Scalar weight) {
  const OpScope scope("lerp_");
  return assign("lerp_", *this, lamina::lerp(*this, end, weight));
}
NDArray& NDArray::addcmul_(const NDArray& a, const NDArray& b, Scalar value) {
  const OpScope scope("addcmul_");
  return assign("addcmul_", *this, lamina::addcmul(*this, a, b, value));
}
NDArray& NDArray::addcdiv_(const NDArray& a, const NDArray& b, Scalar value) {
  const OpScope scope("addcdiv_");
  return assign("addcdiv_", *this, lamina::addcdiv(*this, a, b, value));
}

}  // namespace lamina
