// Sorting, and what follows from it.
#include <vector>

#include "lamina/tensor/kernels/sort.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

// The k first of the elements along `dim` in ascending or descending order; values only if wanted.
ValuesIndices<NDArray> first_along(const NDArray& x, int d, int64_t k, bool descending, bool sorted,
                                   bool values) {
  if (is_half(x.dtype())) {
    ValuesIndices<NDArray> wide = first_along(to(x, float32), d, k, descending, sorted, values);
    if (values) wide.values = to(wide.values, x.dtype());
    return wide;
  }
  if (x.dim() > 0 && d != x.dim() - 1) {
    ValuesIndices<NDArray> out =
        first_along(transpose(x, d, -1), x.dim() - 1, k, descending, sorted, values);
    if (values) out.values = contiguous(transpose(out.values, d, -1));
    out.indices = contiguous(transpose(out.indices, d, -1));
    return out;
  }
  const NDArray from = contiguous(x);
  Shape shape = x.shape();
  if (x.dim() > 0) shape[d] = k;
  ValuesIndices<NDArray> out{values ? NDArray::empty(shape, x.dtype()) : NDArray(),
                             NDArray::empty(shape, int64)};
  const int64_t n = x.dim() == 0 ? 1 : x.shape()[d];
  if (x.numel() > 0) {
    kernels::sort_rows(x.dtype(), x.numel() / n, n, x.dim() == 0 ? 1 : k, descending, sorted,
                       from.raw_data(), values ? out.values.raw_data() : nullptr,
                       out.indices.data<int64_t>());
  }
  return out;
}

int64_t extent_of(const NDArray& x, int d) { return x.dim() == 0 ? 1 : x.shape()[d]; }

}  // namespace

ValuesIndices<NDArray> sort(const NDArray& x, int64_t dim, bool descending) {
  check_defined("sort", x);
  const int d = normalize_dim("sort", dim, x.dim());
  return first_along(x, d, extent_of(x, d), descending, true, true);
}

NDArray argsort(const NDArray& x, int64_t dim, bool descending) {
  check_defined("argsort", x);
  const int d = normalize_dim("argsort", dim, x.dim());
  return first_along(x, d, extent_of(x, d), descending, true, false).indices;
}

ValuesIndices<NDArray> topk(const NDArray& x, int64_t k, int64_t dim, bool largest, bool sorted) {
  check_defined("topk", x);
  const int d = normalize_dim("topk", dim, x.dim());
  const int64_t extent = extent_of(x, d);
  if (k < 0 || k > extent) {
    fail<ValueError>("topk", "expected k from 0 to ", extent, " for dimension ", d, " of shape ",
                     x.shape().str(), ", got ", k);
  }
  return first_along(x, d, k, largest, sorted, true);
}

UniqueResult<NDArray> unique(const NDArray& x, bool return_inverse, bool return_counts) {
  check_defined("unique", x);
  const ValuesIndices<NDArray> order = sort(reshape(x, x.numel()));
  const int64_t n = x.numel();
  const int64_t* from = order.indices.data<int64_t>();
  NDArray inverse = return_inverse ? NDArray::empty(x.shape(), int64) : NDArray();
  int64_t* to = return_inverse ? inverse.data<int64_t>() : nullptr;
  std::vector<int64_t> starts;  // where in the sorted elements a new one begins
  dispatch_all(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* sorted = order.values.data<T>();
    for (int64_t i = 0; i < n; ++i) {
      if (i == 0 || !(sorted[i] == sorted[i - 1])) starts.push_back(i);
      if (to != nullptr) to[from[i]] = static_cast<int64_t>(starts.size()) - 1;
    }
  });
  const NDArray at = NDArray::from(starts, static_cast<int64_t>(starts.size()));
  UniqueResult<NDArray> out{index_select(order.values, 0, at), inverse, NDArray()};
  if (return_counts) {
    starts.push_back(n);
    for (size_t i = 0; i + 1 < starts.size(); ++i) starts[i] = starts[i + 1] - starts[i];
    starts.pop_back();
    out.counts = NDArray::from(starts, static_cast<int64_t>(starts.size()));
  }
  return out;
}

}  // namespace lamina
