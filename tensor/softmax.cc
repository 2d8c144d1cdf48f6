#include "lamina/tensor/kernels/softmax.h"

#include "lamina/tensor/ndarray.h"

namespace lamina {

NDArray log_softmax(const NDArray& x, int64_t dim) {
  check_defined("log_softmax", x);
  check_floating("log_softmax", x.dtype());
  if (is_half(x.dtype())) return to(log_softmax(to(x, float32), dim), x.dtype());
  const int d = normalize_dim("log_softmax", dim, x.dim());
  if (x.dim() > 0 && d != x.dim() - 1) {
    return contiguous(transpose(log_softmax(transpose(x, d, -1), -1), d, -1));
  }
  const NDArray from = contiguous(x);
  NDArray out = NDArray::empty_unchecked(x.shape(), x.dtype());
  const int64_t columns = x.dim() == 0 ? 1 : x.shape()[d];
  if (columns > 0) {
    kernels::log_softmax(x.dtype(), x.numel() / columns, columns, from.raw_data(), out.raw_data());
  }
  return out;
}

}  // namespace lamina
