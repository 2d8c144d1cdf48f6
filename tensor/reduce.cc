// Reductions: every case is brought to a dense (outer, length, inner) array, of which the kernels
// reduce the middle.
#include "lamina/tensor/kernels/reduce.h"

#include <cmath>

#include "lamina/tensor/kernels/fold.h"
#include "lamina/tensor/kernels/moments.h"
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

uint32_t dim_bit(const char* name, const NDArray& x, int64_t dim) {
  const int d = normalize_dim(name, dim, x.dim());
  return x.dim() == 0 ? 0 : 1u << d;
}

Reduction prepare_dim(const char* name, const NDArray& x, int64_t dim, bool keepdim) {
  const uint32_t reduced = dim_bit(name, x, dim);
  Reduction r = prepare(x, reduced, keepdim);
  if (r.sizes.length == 0) {
    fail<ShapeError>(name, "expected at least one element along dimension ",
                     normalize_dim(name, dim, x.dim()), ", got shape ", x.shape().str());
  }
  return r;
}

// The last of the reduced dimensions with their neighbours, if they are long, and others are reduced
// too: a sum along them first saves a copy that would bring all of them together. Otherwise none.
Dims last_neighbours(const NDArray& x, uint32_t reduced) {
  int d = x.dim() - 1;
  while (d >= 0 && (reduced >> d & 1) == 0) --d;
  Dims dims;
  int64_t length = 1;
  for (; d >= 0 && (reduced >> d & 1) != 0; --d) {
    dims.push_back(d);
    length *= x.shape()[d];
    reduced &= ~(1u << d);
  }
  constexpr int64_t kLong = 16;
  return reduced != 0 && length >= kLong ? dims : Dims();
}

}  // namespace

NDArray sum(const NDArray& x, const Dims& dims, bool keepdim) {
  check_defined("sum", x);
  if (is_half(x.dtype())) return to(sum(to(x, float32), dims, keepdim), x.dtype());
  const uint32_t reduced = normalize_dims("sum", dims, x.dim());
  if (const Dims last = last_neighbours(x, reduced); !last.empty()) {
    return sum(sum(x, last, true), dims, keepdim);
  }
  const Reduction r = prepare(x, reduced, keepdim);
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

// ---- Products

NDArray prod(const NDArray& x) {
  check_defined("prod", x);
  return prod(reshape(x, x.numel()), 0);
}

NDArray prod(const NDArray& x, int64_t dim, bool keepdim) {
  check_defined("prod", x);
  if (is_half(x.dtype())) return to(prod(to(x, float32), dim, keepdim), x.dtype());
  const Reduction r = prepare(x, dim_bit("prod", x, dim), keepdim);
  NDArray out = NDArray::empty(r.shape, is_floating(x.dtype()) ? x.dtype() : int64);
  kernels::product(x.dtype(), r.sizes, r.x.raw_data(), out.raw_data());
  return out;
}

// ---- Maximum and minimum

namespace {

using kernels::Extreme;

NDArray extreme(const char* name, Extreme which, const NDArray& x, const Dims& dims, bool keepdim) {
  check_defined(name, x);
  if (is_half(x.dtype())) return to(extreme(name, which, to(x, float32), dims, keepdim), x.dtype());
  const uint32_t reduced = normalize_dims(name, dims, x.dim());
  const Reduction r = prepare(x, reduced, keepdim);
  if (r.sizes.length == 0) {
    fail<ShapeError>(name, "expected at least one element",
                     dims.empty() ? "" : " along dimensions " + dims.str(), ", got shape ",
                     x.shape().str());
  }
  NDArray out = NDArray::empty(r.shape, x.dtype());
  kernels::extreme(which, x.dtype(), r.sizes, r.x.raw_data(), out.raw_data(), nullptr);
  return out;
}

ValuesIndices<NDArray> extreme_along(const char* name, Extreme which, const NDArray& x, int64_t dim,
                                     bool keepdim) {
  check_defined(name, x);
  if (is_half(x.dtype())) {
    ValuesIndices<NDArray> wide = extreme_along(name, which, to(x, float32), dim, keepdim);
    return {to(wide.values, x.dtype()), std::move(wide.indices)};
  }
  const Reduction r = prepare_dim(name, x, dim, keepdim);
  ValuesIndices<NDArray> out{NDArray::empty(r.shape, x.dtype()), NDArray::empty(r.shape, int64)};
  kernels::extreme(which, x.dtype(), r.sizes, r.x.raw_data(), out.values.raw_data(),
                   out.indices.data<int64_t>());
  return out;
}

NDArray position(const char* name, Extreme which, const NDArray& x, int64_t dim, bool keepdim) {
  check_defined(name, x);
  const Reduction r = prepare_dim(name, to(x, to_computing(x.dtype())), dim, keepdim);
  NDArray out = NDArray::empty(r.shape, int64);
  kernels::extreme(which, r.x.dtype(), r.sizes, r.x.raw_data(), nullptr, out.data<int64_t>());
  return out;
}

NDArray position(const char* name, Extreme which, const NDArray& x) {
  check_defined(name, x);
  if (x.numel() == 0) {
    fail<ShapeError>(name, "expected at least one element, got shape ", x.shape().str());
  }
  return position(name, which, reshape(x, x.numel()), 0, false);
}

}  // namespace

NDArray max(const NDArray& x) { return extreme("max", Extreme::kMax, x, {}, false); }
NDArray min(const NDArray& x) { return extreme("min", Extreme::kMin, x, {}, false); }
NDArray amax(const NDArray& x, const Dims& dims, bool keepdim) {
  return extreme("amax", Extreme::kMax, x, dims, keepdim);
}
NDArray amin(const NDArray& x, const Dims& dims, bool keepdim) {
  return extreme("amin", Extreme::kMin, x, dims, keepdim);
}
ValuesIndices<NDArray> max(const NDArray& x, int64_t dim, bool keepdim) {
  return extreme_along("max", Extreme::kMax, x, dim, keepdim);
}
ValuesIndices<NDArray> min(const NDArray& x, int64_t dim, bool keepdim) {
  return extreme_along("min", Extreme::kMin, x, dim, keepdim);
}
NDArray argmax(const NDArray& x) { return position("argmax", Extreme::kMax, x); }
NDArray argmin(const NDArray& x) { return position("argmin", Extreme::kMin, x); }
NDArray argmax(const NDArray& x, int64_t dim, bool keepdim) {
  return position("argmax", Extreme::kMax, x, dim, keepdim);
}
NDArray argmin(const NDArray& x, int64_t dim, bool keepdim) {
  return position("argmin", Extreme::kMin, x, dim, keepdim);
}

// ---- Variance and norms

namespace {

NDArray variance(const char* name, bool root, const NDArray& x, const Dims& dims,
                 int64_t correction, bool keepdim) {
  check_defined(name, x);
  check_floating(name, x.dtype());
  if (is_half(x.dtype()))
    return to(variance(name, root, to(x, float32), dims, correction, keepdim), x.dtype());
  const Reduction r = prepare(x, normalize_dims(name, dims, x.dim()), keepdim);
  NDArray out = NDArray::empty(r.shape, x.dtype());
  kernels::variance(x.dtype(), r.sizes, correction, root, r.x.raw_data(), out.raw_data());
  return out;
}

}  // namespace

NDArray var(const NDArray& x, const Dims& dims, int64_t correction, bool keepdim) {
  return variance("var", false, x, dims, correction, keepdim);
}
NDArray std(const NDArray& x, const Dims& dims, int64_t correction, bool keepdim) {
  return variance("std", true, x, dims, correction, keepdim);
}

NDArray norm(const NDArray& x, Scalar p, const Dims& dims, bool keepdim) {
  check_defined("norm", x);
  check_floating("norm", x.dtype());
  if (is_half(x.dtype())) return to(norm(to(x, float32), p, dims, keepdim), x.dtype());
  const Reduction r = prepare(x, normalize_dims("norm", dims, x.dim()), keepdim);
  NDArray out = NDArray::empty(r.shape, x.dtype());
  kernels::norm(x.dtype(), p.to<double>(), r.sizes, r.x.raw_data(), out.raw_data());
  return out;
}

NDArray logsumexp(const NDArray& x, const Dims& dims, bool keepdim) {
  check_defined("logsumexp", x);
  if (is_half(x.dtype())) return to(logsumexp(to(x, float32), dims, keepdim), x.dtype());
  const uint32_t reduced = normalize_dims("logsumexp", dims, x.dim());
  const NDArray from = to(x, to_floating(x.dtype()));
  if (prepare(from, reduced, true).sizes.length == 0) return log(sum(from, dims, keepdim));
  NDArray shift = amax(from, dims, true);
  dispatch(shift.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>) {
      T* values = shift.data<T>();
      for (int64_t i = 0; i < shift.numel(); ++i) {  // infinity - infinity would be NaN
        if (std::isinf(values[i])) values[i] = 0;
      }
    }
  });
  const NDArray total = log(sum(exp(sub(from, shift)), dims, keepdim));
  return add(total, reshape(shift, total.shape()));
}

// ---- Truth

namespace {

NDArray truth(const NDArray& x, const NDArray& y) { return x.dtype() == uint8 ? to(y, uint8) : y; }

}  // namespace

NDArray all(const NDArray& x) {
  check_defined("all", x);
  return truth(x, eq(sum(eq(x, false)), 0));
}
NDArray all(const NDArray& x, int64_t dim, bool keepdim) {
  check_defined("all", x);
  normalize_dim("all", dim, x.dim());
  return truth(x, eq(sum(eq(x, false), dim, keepdim), 0));
}
NDArray any(const NDArray& x) {
  check_defined("any", x);
  return truth(x, ne(sum(ne(x, false)), 0));
}
NDArray any(const NDArray& x, int64_t dim, bool keepdim) {
  check_defined("any", x);
  normalize_dim("any", dim, x.dim());
  return truth(x, ne(sum(ne(x, false), dim, keepdim), 0));
}

NDArray count_nonzero(const NDArray& x, const Dims& dims) {
  check_defined("count_nonzero", x);
  normalize_dims("count_nonzero", dims, x.dim());
  return sum(ne(x, false), dims);
}

}  // namespace lamina
