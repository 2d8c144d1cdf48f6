// Arithmetic, comparison and elementwise functions.
#include "lamina/tensor/kernels/pointwise.h"

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

using kernels::BinaryOp;
using kernels::UnaryOp;

// Both have the dtype of the computation; shapes may differ.
NDArray broadcast_binary(const char* name, kernels::BinaryKernel kernel, const NDArray& a,
                         const NDArray& b, DType out_dtype) {
  NDArray out = NDArray::empty(broadcast_shapes(name, a.shape(), b.shape()), out_dtype);
  if (out.numel() == 0) return out;
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
  const int64_t item = size_of(x.dtype()), out_item = size_of(out_dtype);
  loop.run([&](const std::array<int64_t, 3>& offset, int64_t n) {
    kernel(x.raw_data() + offset[1] * item, x_step, y.raw_data() + offset[2] * item, y_step,
           out.raw_data() + offset[0] * out_item, n);
  });
  return out;
}

[[gnu::noinline]] NDArray binary_slow(const char* name, BinaryOp op, const NDArray& a,
                                      const NDArray& b) {
  check_defined(name, a);
  check_defined(name, b);
  DType dtype = result_type(a, b);
  if (op == BinaryOp::kDiv) dtype = to_floating(dtype);
  const DType computing = to_computing(dtype);
  const kernels::BinaryKernel kernel = kernels::binary_kernel(op, computing);
  if (kernel == nullptr) {
    fail<DTypeError>(name, "expected numeric dtypes, got ", name_of(a.dtype()), " and ",
                     name_of(b.dtype()));
  }
  if (op >= BinaryOp::kEq)
    return broadcast_binary(name, kernel, to(a, computing), to(b, computing), bool_);
  return to(broadcast_binary(name, kernel, to(a, computing), to(b, computing), computing), dtype);
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

// Inlined into each operation.
inline NDArray binary(const char* name, BinaryOp op, const NDArray& a, const NDArray& b) {
  const bool plain = a.defined() && b.defined() && a.dtype() == b.dtype() && a.is_contiguous() &&
                     b.is_contiguous() && a.numel() <= kernels::kParallelGrain &&
                     a.shape() == b.shape() && !a.is_scalar_like() && !b.is_scalar_like();
  const kernels::BinaryKernel kernel = plain ? kernels::binary_kernel(op, a.dtype()) : nullptr;
  if (kernel == nullptr) return binary_slow(name, op, a, b);
  return binary_plain(kernel, a, b, op >= BinaryOp::kEq ? bool_ : a.dtype());
}

NDArray unary(const char* name, UnaryOp op, const NDArray& x) {
  check_defined(name, x);
  const DType dtype = op >= UnaryOp::kExp ? to_floating(x.dtype()) : x.dtype();
  const DType computing = to_computing(dtype);
  const kernels::UnaryKernel kernel = kernels::unary_kernel(op, computing);
  if (kernel == nullptr) {
    fail<DTypeError>(name, "expected a numeric dtype, got ", name_of(x.dtype()));
  }
  const NDArray from = contiguous(to(x, computing));
  NDArray out = NDArray::empty_unchecked(x.shape(), computing);
  const int64_t item = size_of(computing);
  parallel_for(0, out.numel(), kernels::kParallelGrain, [&](int64_t first, int64_t last) {
    kernel(from.raw_data() + first * item, out.raw_data() + first * item, last - first);
  });
  return to(out, dtype);
}

}  // namespace

NDArray add(const NDArray& a, const NDArray& b) { return binary("add", BinaryOp::kAdd, a, b); }
NDArray sub(const NDArray& a, const NDArray& b) { return binary("sub", BinaryOp::kSub, a, b); }
NDArray mul(const NDArray& a, const NDArray& b) { return binary("mul", BinaryOp::kMul, a, b); }
NDArray div(const NDArray& a, const NDArray& b) { return binary("div", BinaryOp::kDiv, a, b); }
NDArray eq(const NDArray& a, const NDArray& b) { return binary("eq", BinaryOp::kEq, a, b); }
NDArray ne(const NDArray& a, const NDArray& b) { return binary("ne", BinaryOp::kNe, a, b); }
NDArray lt(const NDArray& a, const NDArray& b) { return binary("lt", BinaryOp::kLt, a, b); }
NDArray le(const NDArray& a, const NDArray& b) { return binary("le", BinaryOp::kLe, a, b); }
NDArray gt(const NDArray& a, const NDArray& b) { return binary("gt", BinaryOp::kGt, a, b); }
NDArray ge(const NDArray& a, const NDArray& b) { return binary("ge", BinaryOp::kGe, a, b); }

NDArray neg(const NDArray& x) { return unary("neg", UnaryOp::kNeg, x); }
NDArray relu(const NDArray& x) { return unary("relu", UnaryOp::kRelu, x); }
NDArray exp(const NDArray& x) { return unary("exp", UnaryOp::kExp, x); }
NDArray log(const NDArray& x) { return unary("log", UnaryOp::kLog, x); }

}  // namespace lamina
