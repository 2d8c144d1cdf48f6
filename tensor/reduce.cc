// Reductions: every case is brought to a dense (outer, length, inner) array, of which the kernels
// reduce the middle.
#include "lamina/tensor/kernels/reduce.h"

#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

struct Reduction {
  NDArray x;  // dense
  kernels::ReduceSizes sizes;
  Shape shape;  // of the result, with the reduced dimensions gone or of extent 1
};

Reduction prepare(const NDArray& x, uint32_t reduced, bool keepdim) {
  Reduction r;
  Dims kept_first;
  int64_t length = 1;
  int first = -1, last = -1;  // the reduced dimensions, if they are neighbours
  bool neighbours = true;
  for (int d = 0; d < x.dim(); ++d) {
    if (reduced >> d & 1) {
      if (last >= 0 && last != d - 1) neighbours = false;
      if (first < 0) first = d;
      last = d;
      length *= x.shape()[d];
      if (keepdim) r.shape.push_back(1);
    } else {
      kept_first.push_back(d);
      r.shape.push_back(x.shape()[d]);
    }
  }
  if (neighbours) {
    r.x = contiguous(x);
    r.sizes = {1, length, 1};
    for (int d = 0; d < first; ++d) r.sizes.outer *= x.shape()[d];
    for (int d = last + 1; d < x.dim(); ++d) r.sizes.inner *= x.shape()[d];
    return r;
  }
  for (int d = 0; d < x.dim(); ++d) {
    if (reduced >> d & 1) kept_first.push_back(d);
  }
  r.x = contiguous(permute(x, kept_first));
  r.sizes = {r.shape.numel(), length, 1};
  return r;
}

Reduction prepare_dim(const char* name, const NDArray& x, int64_t dim, bool keepdim) {
  check_defined(name, x);
  const int d = normalize_dim(name, dim, x.dim());
  Reduction r = prepare(x, x.dim() == 0 ? 0 : 1u << d, keepdim);
  if (r.sizes.length == 0) {
    fail<ShapeError>(name, "expected at least one element along dimension ", d, ", got shape ",
                     x.shape().str());
  }
  return r;
}

}  // namespace

NDArray sum(const NDArray& x, const Dims& dims, bool keepdim) {
  check_defined("sum", x);
  if (is_half(x.dtype())) return to(sum(to(x, float32), dims, keepdim), x.dtype());
  const Reduction r = prepare(x, normalize_dims("sum", dims, x.dim()), keepdim);
  NDArray out = NDArray::empty(r.shape, is_floating(x.dtype()) ? x.dtype() : int64);
  kernels::sum(x.dtype(), r.sizes, r.x.raw_data(), out.raw_data());
  return out;
}

NDArray mean(const NDArray& x, const Dims& dims, bool keepdim) {
  check_defined("mean", x);
  check_floating("mean", x.dtype());
  if (is_half(x.dtype())) return to(mean(to(x, float32), dims, keepdim), x.dtype());
  const uint32_t reduced = normalize_dims("mean", dims, x.dim());
  const NDArray total = sum(x, dims, keepdim);
  // Elements per result; 0 / 0 is NaN.
  double count = 1;
  for (int d = 0; d < x.dim(); ++d) {
    if (reduced >> d & 1) count *= static_cast<double>(x.shape()[d]);
  }
  return div(total, Scalar(count));
}

NDArray max(const NDArray& x) {
  check_defined("max", x);
  if (x.numel() == 0) {
    fail<ShapeError>("max", "expected at least one element, got shape ", x.shape().str());
  }
  if (is_half(x.dtype())) return to(max(to(x, float32)), x.dtype());
  const NDArray dense = contiguous(x);
  NDArray out = NDArray::empty({}, x.dtype());
  kernels::max(x.dtype(), {1, x.numel(), 1}, dense.raw_data(), out.raw_data(), nullptr);
  return out;
}

MaxResult<NDArray> max(const NDArray& x, int64_t dim, bool keepdim) {
  check_defined("max", x);
  if (is_half(x.dtype())) {
    MaxResult<NDArray> wide = max(to(x, float32), dim, keepdim);
    return {to(wide.values, x.dtype()), std::move(wide.indices)};
  }
  const Reduction r = prepare_dim("max", x, dim, keepdim);
  MaxResult<NDArray> out{NDArray::empty(r.shape, x.dtype()), NDArray::empty(r.shape, int64)};
  kernels::max(x.dtype(), r.sizes, r.x.raw_data(), out.values.raw_data(),
               out.indices.data<int64_t>());
  return out;
}

NDArray argmax(const NDArray& x) {
  check_defined("argmax", x);
  if (x.numel() == 0) {
    fail<ShapeError>("argmax", "expected at least one element, got shape ", x.shape().str());
  }
  return argmax(reshape(x, -1), 0);
}

NDArray argmax(const NDArray& x, int64_t dim, bool keepdim) {
  check_defined("argmax", x);
  const Reduction r = prepare_dim("argmax", to(x, to_computing(x.dtype())), dim, keepdim);
  NDArray out = NDArray::empty(r.shape, int64);
  kernels::max(r.x.dtype(), r.sizes, r.x.raw_data(), nullptr, out.data<int64_t>());
  return out;
}

}  // namespace lamina
