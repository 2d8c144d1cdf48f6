// Views and copies: the operations that move no number, or only move them.
#include <algorithm>

#include "absl/types/optional.h"
#include "lamina/tensor/kernels/copy.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

// The strides that express `shape` over the elements of x, if there are any.
absl::optional<Strides> view_strides(const NDArray& x, const Shape& shape) {
  if (x.is_contiguous() || x.numel() == 0) return contiguous_strides(shape);
  Strides strides = Shape::filled(shape.rank(), 1);
  // Runs of dimensions of x that are evenly spaced must each split into whole dimensions of
  // `shape`; from the end.
  int to = shape.rank() - 1;
  int64_t run = 1, step = x.dim() > 0 ? x.strides()[x.dim() - 1] : 1;
  for (int from = x.dim() - 1; from >= 0; --from) {
    run *= x.shape()[from];
    const bool run_ends =
        from == 0 || (x.shape()[from - 1] != 1 && x.strides()[from - 1] != run * step);
    if (!run_ends) continue;
    int64_t filled = 1;
    while (to >= 0 && (filled < run || shape[to] == 1)) {
      strides[to] = filled * step;
      filled *= shape[to--];
    }
    if (filled != run) return absl::nullopt;
    if (from > 0) {
      run = 1;
      step = x.strides()[from - 1];
    }
  }
  return strides;
}

}  // namespace

NDArray view(const NDArray& x, const Shape& shape) {
  check_defined("view", x);
  const Shape full = infer_shape("view", shape, x.numel());
  check_shape("view", full, size_of(x.dtype()));
  const absl::optional<Strides> strides = view_strides(x, full);
  if (!strides) {
    fail<ShapeError>("view", "expected strides that allow shape ", full.str(), ", got shape ",
                     x.shape().str(), " with strides ", x.strides().str(), "; use reshape");
  }
  return x.view_of(full, *strides);
}

NDArray reshape(const NDArray& x, const Shape& shape) {
  check_defined("reshape", x);
  const Shape full = infer_shape("reshape", shape, x.numel());
  check_shape("reshape", full, size_of(x.dtype()));
  const absl::optional<Strides> strides = view_strides(x, full);
  return strides ? x.view_of(full, *strides) : x.clone().view_of(full, contiguous_strides(full));
}

NDArray permute(const NDArray& x, const Dims& dims) {
  check_defined("permute", x);
  if (dims.rank() != x.dim()) {
    fail<ShapeError>("permute", "expected ", x.dim(), " dimensions for shape ", x.shape().str(),
                     ", got ", dims.str());
  }
  Shape shape;
  Strides strides;
  if (!dims.empty()) normalize_dims("permute", dims, x.dim());  // each one once
  for (int64_t dim : dims) {
    const int d = normalize_dim("permute", dim, x.dim());
    shape.push_back(x.shape()[d]);
    strides.push_back(x.strides()[d]);
  }
  return x.view_of(shape, strides);
}

NDArray transpose(const NDArray& x, int64_t dim0, int64_t dim1) {
  check_defined("transpose", x);
  const int a = normalize_dim("transpose", dim0, x.dim());
  const int b = normalize_dim("transpose", dim1, x.dim());
  Shape shape = x.shape();
  Strides strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return x.view_of(shape, strides);
}

NDArray t(const NDArray& x) {
  check_defined("t", x);
  if (x.dim() > 2) {
    fail<ShapeError>("t", "expected a rank of at most 2, got shape ", x.shape().str());
  }
  return x.dim() < 2 ? x : transpose(x, 0, 1);
}

NDArray expand(const NDArray& x, const Shape& shape) {
  check_defined("expand", x);
  if (shape == x.shape()) return x;
  const int added = shape.rank() - x.dim();
  Shape full = shape;
  Strides strides = Shape::filled(shape.rank(), 0);
  bool fits = added >= 0;
  for (int d = 0; fits && d < shape.rank(); ++d) {
    const int64_t extent = d < added ? 1 : x.shape()[d - added];
    if (full[d] == -1 && d >= added) full[d] = extent;
    if (full[d] == extent) {
      strides[d] = d < added ? 0 : x.strides()[d - added];
    } else {
      fits = extent == 1 && full[d] >= 0;
    }
  }
  if (!fits) {
    fail<ShapeError>("expand", "expected a shape that ", x.shape().str(), " broadcasts to, got ",
                     shape.str());
  }
  check_shape("expand", full, size_of(x.dtype()));
  return x.view_of(full, strides);
}

NDArray squeeze(const NDArray& x) {
  check_defined("squeeze", x);
  Shape shape;
  Strides strides;
  for (int d = 0; d < x.dim(); ++d) {
    if (x.shape()[d] == 1) continue;
    shape.push_back(x.shape()[d]);
    strides.push_back(x.strides()[d]);
  }
  return x.view_of(shape, strides);
}

NDArray squeeze(const NDArray& x, int64_t dim) {
  check_defined("squeeze", x);
  const int d = normalize_dim("squeeze", dim, x.dim());
  if (x.dim() == 0 || x.shape()[d] != 1) return x;
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(d);
  strides.erase(d);
  return x.view_of(shape, strides);
}

NDArray unsqueeze(const NDArray& x, int64_t dim) {
  const OpScope scope("unsqueeze");
  check_defined("unsqueeze", x);
  const int d = normalize_dim("unsqueeze", dim, x.dim() + 1);
  Shape shape = x.shape();
  Strides strides = x.strides();
  strides.insert(d, d < x.dim() ? shape[d] * strides[d] : 1);
  shape.insert(d, 1);
  return x.view_of(shape, strides);
}

NDArray narrow(const NDArray& x, int64_t dim, int64_t start, int64_t length) {
  check_defined("narrow", x);
  if (x.dim() == 0) fail<ShapeError>("narrow", "expected a rank of at least 1, got a 0-d array");
  const int d = normalize_dim("narrow", dim, x.dim());
  const int64_t extent = x.shape()[d], first = start < 0 ? start + extent : start;
  if (first < 0 || length < 0 || first > extent || length > extent - first) {
    fail<IndexError>("narrow", "expected a range inside dimension ", d, " of shape ",
                     x.shape().str(), ", got start ", start, " and length ", length);
  }
  Shape shape = x.shape();
  shape[d] = length;
  return x.view_of(shape, x.strides(), first * x.strides()[d]);
}

NDArray select(const NDArray& x, int64_t dim, int64_t index) {
  check_defined("select", x);
  if (x.dim() == 0) fail<ShapeError>("select", "expected a rank of at least 1, got a 0-d array");
  const int d = normalize_dim("select", dim, x.dim());
  const int64_t extent = x.shape()[d];
  if (extent == 0) {
    fail<IndexError>("select", "expected no index, for dimension ", d, " of shape ",
                     x.shape().str(), " is empty, got ", index);
  }
  if (index < -extent || index >= extent) {
    fail<IndexError>("select", "expected an index from ", -extent, " to ", extent - 1,
                     " for dimension ", d, " of shape ", x.shape().str(), ", got ", index);
  }
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(d);
  strides.erase(d);
  return x.view_of(shape, strides, (index < 0 ? index + extent : index) * x.strides()[d]);
}

NDArray slice(const NDArray& x, int64_t dim, std::optional<int64_t> start,
              std::optional<int64_t> end, int64_t step) {
  check_defined("slice", x);
  if (x.dim() == 0) fail<ShapeError>("slice", "expected a rank of at least 1, got a 0-d array");
  const int d = normalize_dim("slice", dim, x.dim());
  if (step <= 0) fail<ValueError>("slice", "expected a step above 0, got ", step);
  const int64_t extent = x.shape()[d];
  const auto clamped = [&](int64_t at) {
    return std::min(std::max<int64_t>(at < 0 ? at + extent : at, 0), extent);
  };
  const int64_t first = clamped(start.value_or(0)), last = clamped(end.value_or(extent));
  const int64_t length = first < last ? (last - first - 1) / step + 1 : 0;
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape[d] = length;
  if (length > 1) strides[d] *= step;
  return x.view_of(shape, strides, first * x.strides()[d]);
}

NDArray diagonal(const NDArray& x, int64_t offset, int64_t dim1, int64_t dim2) {
  check_defined("diagonal", x);
  if (x.dim() < 2) {
    fail<ShapeError>("diagonal", "expected a rank of at least 2, got shape ", x.shape().str());
  }
  const int a = normalize_dim("diagonal", dim1, x.dim());
  const int b = normalize_dim("diagonal", dim2, x.dim());
  if (a == b)
    fail<IndexError>("diagonal", "expected different dimensions, got ", dim1, " and ", dim2);
  const int64_t rows = x.shape()[a], columns = x.shape()[b];
  const int64_t length =
      offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns);
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(std::max(a, b));
  shape.erase(std::min(a, b));
  strides.erase(std::max(a, b));
  strides.erase(std::min(a, b));
  shape.push_back(std::max<int64_t>(length, 0));
  strides.push_back(x.strides()[a] + x.strides()[b]);
  const int64_t first = length <= 0   ? 0
                        : offset >= 0 ? offset * x.strides()[b]
                                      : -offset * x.strides()[a];
  return x.view_of(shape, strides, first);
}

namespace {

// How far the last element is from the first.
int64_t reach_of(const Shape& shape, const Strides& strides) {
  int64_t reach = 0;
  if (shape.numel() == 0) return reach;
  for (int d = 0; d < shape.rank(); ++d) reach += (shape[d] - 1) * strides[d];
  return reach;
}

}  // namespace

internal::StorageRange internal::storage_range(const NDArray& x) {
  const int64_t item = size_of(x.dtype()), bytes = x.storage()->bytes();
  if (bytes >= 0) return {(x.raw_data() - x.storage()->data()) / item, bytes / item};
  return {0, x.numel() == 0 ? 0 : reach_of(x.shape(), x.strides()) + 1};
}

NDArray as_strided(const NDArray& x, const Shape& shape, const Strides& strides,
                   std::optional<int64_t> storage_offset) {
  check_defined("as_strided", x);
  check_shape("as_strided", shape, size_of(x.dtype()));
  check_strides("as_strided", shape, strides);
  const internal::StorageRange range = internal::storage_range(x);
  const int64_t first = storage_offset.value_or(range.offset);
  if (first < 0) {
    fail<ValueError>("as_strided", "expected a storage_offset of at least 0, got ", first);
  }
  if (shape.numel() > 0 &&
      (first >= range.size || reach_of(shape, strides) >= range.size - first)) {
    fail<IndexError>("as_strided", "expected elements inside a storage of ", range.size,
                     ", got shape ", shape.str(), " with strides ", strides.str(), " from element ",
                     first, " on");
  }
  return x.view_of(shape, strides, shape.numel() > 0 ? first - range.offset : 0);
}

// ---- Copies

namespace {

NDArray copy_of(const char* op, const NDArray& x, DType dtype) {
  const OpScope scope(op);
  NDArray out = NDArray::empty(x.shape(), dtype);
  kernels::copy(x.shape(), dtype, out.raw_data(), out.strides(), x.dtype(), x.raw_data(),
                x.strides());
  return out;
}

}  // namespace

NDArray contiguous(const NDArray& x) {
  check_defined("contiguous", x);
  return x.is_contiguous() ? x : copy_of("contiguous", x, x.dtype());
}

NDArray clone(const NDArray& x) {
  check_defined("clone", x);
  return copy_of("clone", x, x.dtype());
}

NDArray to(const NDArray& x, DType dtype) {
  check_defined("to", x);
  return x.dtype() == dtype ? x : copy_of("to", x, dtype);
}

NDArray sum_to(const NDArray& x, const Shape& shape) {
  check_defined("sum_to", x);
  if (x.shape() == shape) return x;
  const int added = x.dim() - shape.rank();
  Dims dims;
  bool fits = added >= 0;
  for (int d = 0; fits && d < x.dim(); ++d) {
    const int64_t extent = d < added ? 1 : shape[d - added];
    if (d < added || (extent == 1 && x.shape()[d] != 1))
      dims.push_back(d);
    else
      fits = extent == x.shape()[d];
  }
  if (!fits) {
    fail<ShapeError>("sum_to", "expected a shape that broadcasts to ", x.shape().str(), ", got ",
                     shape.str());
  }
  return sum(x, dims, true).reshape(shape).to(x.dtype());
}

}  // namespace lamina
