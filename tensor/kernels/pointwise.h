// Elementwise kernels: one inner loop per operation and dtype, compiled for each instruction set.
#ifndef LAMINA_TENSOR_KERNELS_POINTWISE_H_
#define LAMINA_TENSOR_KERNELS_POINTWISE_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

enum class BinaryOp {
  kAdd,           // logical or for bool
  kSub,           // not for bool
  kMul,           // logical and for bool
  kDiv,           // floating dtypes
  kReluBackward,  // b > 0 ? a : 0; floating dtypes
  kEq,            // kEq and those below write bool
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
};
inline constexpr int kBinaryOps = static_cast<int>(BinaryOp::kGe) + 1;

// out[i] = op(a[i * a_step], b[i * b_step]) for n elements. out is dense; it may be a or b where
// their step is 1.
using BinaryKernel = void (*)(const void* a, int64_t a_step, const void* b, int64_t b_step,
                              void* out, int64_t n);
// The kernel for operands of `dtype`; null where the list above excludes it.
BinaryKernel binary_kernel(BinaryOp op, DType dtype);

enum class UnaryOp {
  kNeg,   // not for bool
  kRelu,  // max(x, 0), NaN stays; not for bool
  kExp,   // floating dtypes; float32 within 2 ULP of the exact value
  kLog,   // floating dtypes; float32 within 2 ULP of the exact value
};
inline constexpr int kUnaryOps = static_cast<int>(UnaryOp::kLog) + 1;

// out[i] = op(x[i]) for n elements; both are dense, and out may be x.
using UnaryKernel = void (*)(const void* x, void* out, int64_t n);
UnaryKernel unary_kernel(UnaryOp op, DType dtype);

// out[i] += alpha * x[i] over a shape, any strides; x may be out itself, with the same strides.
// alpha is converted to the dtype. Not for bool.
void add_scaled(const Shape& shape, DType dtype, void* out, const Strides& out_strides,
                const void* x, const Strides& x_strides, double alpha);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_POINTWISE_H_
