// Running sums and products.
#include "lamina/tensor/kernels/scan.h"

#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

using Scan = void (*)(DType dtype, const kernels::ReduceSizes& sizes, const void* x, void* out);

NDArray scan(const char* name, Scan kernel, const NDArray& x, int64_t dim) {
  check_defined(name, x);
  if (is_half(x.dtype())) return to(scan(name, kernel, to(x, float32), dim), x.dtype());
  const OpScope scope(name);
  const int d = normalize_dim(name, dim, x.dim());
  const NDArray from = contiguous(x);
  NDArray out = NDArray::empty(x.shape(), is_floating(x.dtype()) ? x.dtype() : int64);
  if (out.numel() == 0) return out;  // the kernel walks the other extents
  kernel(x.dtype(), kernels::sizes_along(x.shape(), d), from.raw_data(), out.raw_data());
  return out;
}

}  // namespace

NDArray cumsum(const NDArray& x, int64_t dim) { return scan("cumsum", &kernels::cumsum, x, dim); }
NDArray cumprod(const NDArray& x, int64_t dim) {
  return scan("cumprod", &kernels::cumprod, x, dim);
}

}  // namespace lamina
