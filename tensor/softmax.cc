#include "lamina/tensor/kernels/softmax.h"

#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

NDArray softmax_along(const char* name, kernels::Softmax which, const NDArray& x, int64_t dim) {
  check_defined(name, x);
  check_floating(name, x.dtype());
  if (is_half(x.dtype())) return to(softmax_along(name, which, to(x, float32), dim), x.dtype());
  const int d = normalize_dim(name, dim, x.dim());
  if (x.dim() > 0 && d != x.dim() - 1) {
    return contiguous(transpose(softmax_along(name, which, transpose(x, d, -1), -1), d, -1));
  }
  const NDArray from = contiguous(x);
  NDArray out = NDArray::empty_unchecked(x.shape(), x.dtype());
  const int64_t columns = x.dim() == 0 ? 1 : x.shape()[d];
  if (columns > 0) {
    kernels::softmax(which, x.dtype(), x.numel() / columns, columns, from.raw_data(),
                     out.raw_data());
  }
  return out;
}

}  // namespace

NDArray softmax(const NDArray& x, int64_t dim) {
  return softmax_along("softmax", kernels::Softmax::kPlain, x, dim);
}

NDArray log_softmax(const NDArray& x, int64_t dim) {
  return softmax_along("log_softmax", kernels::Softmax::kLog, x, dim);
}

}  // namespace lamina
