// Elementwise kernels: one inner loop per operation and dtype, compiled for each instruction set.
//
// How far the float32 functions are from the exact values, in units in the last place: bounds, which
// tensor/kernels:math_ulp_test asserts on a sample, and the greatest error that tensor/kernels:math_ulp found with
// AVX-512 over every float (pow and atan2: over 100 million pairs).
//
//   exp 1.5 (0.894)    log 1.5 (0.904)    rsqrt 1.5 (1.490)    tanh 3.5 (2.606)    sigmoid 3 (2.402)
//   gelu 7 (5.142, with AVX2)    silu 6 (4.596)
//   expm1 log1p log2 sqrt sin cos tan asin acos atan sinh cosh erf erfc pow atan2: 0.51 (at most 0.502)
//
// sin, cos and tan of arguments beyond 39,000 are those of the C library in double precision, element by
// element. The float64 functions are the C library's.
#ifndef LAMINA_TENSOR_KERNELS_POINTWISE_H_
#define LAMINA_TENSOR_KERNELS_POINTWISE_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

enum class BinaryOp {
  // ---- The result has the dtype of the operands
  kAdd,      // logical or for bool
  kSub,      // not for bool
  kMul,      // logical and for bool
  kMaximum,  // NaN if there is one
  kMinimum,
  kFmod,        // a - b trunc(a / b); integer divisors are not 0; not for bool
  kRemainder,   // a - b floor(a / b); likewise
  kPow,         // of integers: wraps around, and 1 / a^|b| truncated for negative b; not for bool
  kBitwiseAnd,  // integers and bool
  kBitwiseOr,
  kBitwiseXor,
  // ---- Floating dtypes
  kDiv,
  kAtan2,
  kReluBackward,  // b <= 0 ? 0 : a
  kGeluBackward,  // a times the derivative at b
  kGeluTanhBackward,
  kSiluBackward,
  // ---- The result is bool
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor,
};
inline constexpr int kBinaryOps = static_cast<int>(BinaryOp::kLogicalXor) + 1;
constexpr bool is_float_valued(BinaryOp op) { return op >= BinaryOp::kDiv && op < BinaryOp::kEq; }
constexpr bool is_bool_valued(BinaryOp op) { return op >= BinaryOp::kEq; }

// out[i] = op(a[i * a_step], b[i * b_step]) for n elements. out is dense; it may be a or b where
// their step is 1.
using BinaryKernel = void (*)(const void* a, int64_t a_step, const void* b, int64_t b_step,
                              void* out, int64_t n);
// The kernel for operands of `dtype`; null where the list above excludes it, and for float16 and bfloat16.
BinaryKernel binary_kernel(BinaryOp op, DType dtype);

enum class UnaryOp {
  // ---- The result has the dtype of the operand
  kNeg,  // not for bool, and so are those down to kRelu
  kAbs,
  kFloor,
  kCeil,
  kRound,  // to the nearest, ties to even
  kTrunc,
  kRelu,        // max(x, 0), NaN stays
  kFrac,        // x - trunc(x); floating dtypes
  kSign,        // of NaN: 0
  kBitwiseNot,  // integers and bool
  // ---- Floating dtypes
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kLog2,
  kSqrt,
  kRsqrt,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kSigmoid,
  kErf,
  kErfc,
  kGelu,      // x (1 + erf(x / sqrt(2))) / 2
  kGeluTanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  kSilu,      // x sigmoid(x)
  // ---- The result is bool
  kIsNan,
  kIsInf,
  kIsFinite,
  kLogicalNot,
};
inline constexpr int kUnaryOps = static_cast<int>(UnaryOp::kLogicalNot) + 1;
constexpr bool is_float_valued(UnaryOp op) { return op >= UnaryOp::kExp && op < UnaryOp::kIsNan; }
constexpr bool is_bool_valued(UnaryOp op) { return op >= UnaryOp::kIsNan; }

// out[i] = op(x[i]) for n elements; both are dense, and out may be x if their dtypes are of one size.
using UnaryKernel = void (*)(const void* x, void* out, int64_t n);
UnaryKernel unary_kernel(UnaryOp op, DType dtype);  // null as above

// out[i] += alpha * x[i] over a shape, any strides; x may be out itself, with the same strides.
// alpha is converted to the dtype. Not for bool.
void add_scaled(const Shape& shape, DType dtype, void* out, const Strides& out_strides,
                const void* x, const Strides& x_strides, double alpha);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_POINTWISE_H_
