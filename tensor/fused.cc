#include "lamina/tensor/fused.h"

#include "lamina/tensor/kernels/pointwise.h"
#include "lamina/tensor/kernels/scan.h"
#include "lamina/tensor/kernels/softmax.h"
#include "lamina/tensor/kernels/strided.h"

namespace lamina {
namespace {

// Throws unless a and b are floating arrays of one shape and dtype.
void check_alike(const char* name, const char* what, const NDArray& a, const NDArray& b) {
  check_defined(name, a);
  check_defined(name, b);
  check_floating(name, b.dtype());
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) {
    fail<ShapeError>(name, "expected ", what, " of one shape and dtype, got ", a.shape().str(), " ",
                     name_of(a.dtype()), " and ", b.shape().str(), " ", name_of(b.dtype()));
  }
}

NDArray unary(const char* name, kernels::UnaryOp op, const NDArray& x) {
  check_defined(name, x);
  check_floating(name, x.dtype());
  if (is_half(x.dtype())) return to(unary(name, op, to(x, float32)), x.dtype());
  const NDArray from = contiguous(x);
  NDArray out = NDArray::empty_unchecked(x.shape(), x.dtype());
  const kernels::UnaryKernel kernel = kernels::unary_kernel(op, x.dtype());
  const int64_t item = size_of(x.dtype());
  parallel_for(0, out.numel(), kernels::kParallelGrain, [&](int64_t first, int64_t last) {
    kernel(from.raw_data() + first * item, out.raw_data() + first * item, last - first);
  });
  return out;
}

NDArray backward_of_unary(const char* name, const char* what, kernels::BinaryOp op,
                          const NDArray& dy, const NDArray& x) {
  check_alike(name, what, dy, x);
  if (is_half(x.dtype())) {
    return to(backward_of_unary(name, what, op, to(dy, float32), to(x, float32)), x.dtype());
  }
  const NDArray a = contiguous(dy), b = contiguous(x);
  NDArray out = NDArray::empty_unchecked(x.shape(), x.dtype());
  const kernels::BinaryKernel kernel = kernels::binary_kernel(op, x.dtype());
  const int64_t item = size_of(x.dtype());
  parallel_for(0, out.numel(), kernels::kParallelGrain, [&](int64_t first, int64_t last) {
    kernel(a.raw_data() + first * item, 1, b.raw_data() + first * item, 1,
           out.raw_data() + first * item, last - first);
  });
  return out;
}

}  // namespace

void check_labels(const char* name, const NDArray& logits, const NDArray& labels) {
  check_defined(name, logits);
  check_defined(name, labels);
  check_floating(name, logits.dtype());
  if (labels.dtype() != int64) {
    fail<DTypeError>(name, "expected labels of dtype int64, got ", name_of(labels.dtype()));
  }
  if (logits.dim() != 2 || labels.dim() != 1 || labels.shape()[0] != logits.shape()[0]) {
    fail<ShapeError>(name, "expected (n, classes) and labels (n), got ", logits.shape().str(),
                     " and ", labels.shape().str());
  }
  const NDArray dense = contiguous(labels);
  const int64_t classes = logits.shape()[1];
  const int64_t* label = dense.data<int64_t>();
  for (int64_t i = 0; i < dense.numel(); ++i) {
    if (classes == 0) {
      fail<IndexError>(name, "expected no labels, for there are no classes, got ", label[i],
                       " at position ", i);
    }
    if (label[i] < 0 || label[i] >= classes) {
      fail<IndexError>(name, "expected labels from 0 to ", classes - 1, ", got ", label[i],
                       " at position ", i);
    }
  }
}

NDArray relu_backward(const NDArray& dy, const NDArray& y) {
  return backward_of_unary("relu_backward", "dy and y", kernels::BinaryOp::kReluBackward, dy, y);
}

NDArray gelu(const NDArray& x, Gelu form) {
  return unary("gelu", form == Gelu::kTanh ? kernels::UnaryOp::kGeluTanh : kernels::UnaryOp::kGelu,
               x);
}
NDArray gelu_backward(const NDArray& dy, const NDArray& x, Gelu form) {
  using kernels::BinaryOp;
  return backward_of_unary(
      "gelu_backward", "dy and x",
      form == Gelu::kTanh ? BinaryOp::kGeluTanhBackward : BinaryOp::kGeluBackward, dy, x);
}

NDArray silu(const NDArray& x) { return unary("silu", kernels::UnaryOp::kSilu, x); }
NDArray silu_backward(const NDArray& dy, const NDArray& x) {
  return backward_of_unary("silu_backward", "dy and x", kernels::BinaryOp::kSiluBackward, dy, x);
}

NDArray nll(const NDArray& log_probabilities, const NDArray& labels, Labels checked) {
  if (checked == Labels::kUnchecked) check_labels("nll", log_probabilities, labels);
  return neg(squeeze(gather(log_probabilities, 1, unsqueeze(labels, 1)), 1));
}

NDArray cross_entropy_backward(const NDArray& log_probabilities, const NDArray& labels,
                               const NDArray& dy, Labels checked) {
  constexpr const char* kName = "cross_entropy_backward";
  if (checked == Labels::kUnchecked) check_labels(kName, log_probabilities, labels);
  check_defined(kName, dy);
  if (dy.shape() != labels.shape() || dy.dtype() != log_probabilities.dtype()) {
    fail<ShapeError>(kName, "expected dy of shape ", labels.shape().str(), " and dtype ",
                     name_of(log_probabilities.dtype()), ", got ", dy.shape().str(), " and ",
                     name_of(dy.dtype()));
  }
  if (is_half(dy.dtype())) {
    return to(
        cross_entropy_backward(to(log_probabilities, float32), labels, to(dy, float32), checked),
        dy.dtype());
  }
  const NDArray p = contiguous(log_probabilities), at = contiguous(labels), scale = contiguous(dy);
  NDArray out = NDArray::empty_unchecked(p.shape(), p.dtype());
  kernels::cross_entropy_backward(p.dtype(), p.shape()[0], p.shape()[1], p.raw_data(),
                                  at.data<int64_t>(), scale.raw_data(), out.raw_data());
  return out;
}

NDArray softmax_backward(const NDArray& dy, const NDArray& y, int64_t dim) {
  constexpr const char* kName = "softmax_backward";
  check_alike(kName, "dy and y", dy, y);
  if (is_half(y.dtype()))
    return to(softmax_backward(to(dy, float32), to(y, float32), dim), y.dtype());
  const int d = normalize_dim(kName, dim, y.dim());
  if (y.dim() > 0 && d != y.dim() - 1) {
    const NDArray out = softmax_backward(transpose(dy, d, -1), transpose(y, d, -1), -1);
    return contiguous(transpose(out, d, -1));
  }
  const NDArray from = contiguous(dy), p = contiguous(y);
  NDArray out = NDArray::empty_unchecked(y.shape(), y.dtype());
  const int64_t columns = y.dim() == 0 ? 1 : y.shape()[d];
  if (columns > 0) {
    kernels::softmax_backward(y.dtype(), y.numel() / columns, columns, from.raw_data(),
                              p.raw_data(), out.raw_data());
  }
  return out;
}

NDArray recurrence(const NDArray& a, const NDArray& b, int64_t dim) {
  constexpr const char* kName = "recurrence";
  check_alike(kName, "a and b", a, b);
  if (is_half(b.dtype())) return to(recurrence(to(a, float32), to(b, float32), dim), b.dtype());
  const int d = normalize_dim(kName, dim, b.dim());
  const NDArray factors = contiguous(a), terms = contiguous(b);
  NDArray out = NDArray::empty_unchecked(b.shape(), b.dtype());
  if (out.numel() == 0) return out;  // the kernel walks the other extents
  kernels::recurrence(b.dtype(), kernels::sizes_along(b.shape(), d), factors.raw_data(),
                      terms.raw_data(), out.raw_data());
  return out;
}

}  // namespace lamina
