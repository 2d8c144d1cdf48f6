// Selection and accumulation by integer indices.
#include "lamina/tensor/kernels/indexing.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

void check_index_dtype(const char* name, const NDArray& index) {
  check_defined(name, index);
  if (index.dtype() != int64) {
    fail<DTypeError>(name, "expected an index of dtype int64, got ", name_of(index.dtype()));
  }
}

// The index, dense and apart from x's storage, with every entry checked against dimension `dim` of
// x: what follows may write to x and must not read an unchecked entry.
NDArray checked(const char* name, const NDArray& x, int dim, const NDArray& index) {
  NDArray dense = index.storage() == x.storage() ? clone(index) : contiguous(index);
  const int64_t* at = dense.data<int64_t>();
  const int64_t extent = x.dim() == 0 ? 1 : x.shape()[dim];
  int64_t good = 0;
  while (good < dense.numel() && static_cast<uint64_t>(at[good]) < static_cast<uint64_t>(extent)) {
    ++good;
  }
  if (good == dense.numel()) return dense;
  if (extent == 0) {
    fail<IndexError>(name, "expected no indices, for dimension ", dim, " of shape ",
                     x.shape().str(), " is empty, got ", at[good]);
  }
  fail<IndexError>(name, "expected indices from 0 to ", extent - 1, " for dimension ", dim,
                   " of shape ", x.shape().str(), ", got ", at[good], " at position ", good);
}

// The 1-d index of index_select and index_add, checked against x's dimension `dim`.
NDArray check_index_1d(const char* name, const NDArray& x, int dim, const NDArray& index) {
  check_index_dtype(name, index);
  if (index.dim() > 1) {
    fail<ShapeError>(name, "expected an index of rank at most 1, got shape ", index.shape().str());
  }
  if (x.dim() == 0 && index.numel() != 1) {
    fail<ShapeError>(name, "expected one index for a 0-d array, got shape ", index.shape().str());
  }
  return checked(name, x, dim, index);
}

void check_same_dtype(const char* name, const NDArray& x, const NDArray& source) {
  check_defined(name, source);
  if (x.dtype() != source.dtype()) {
    fail<DTypeError>(name, "expected a source of dtype ", name_of(x.dtype()), ", got ",
                     name_of(source.dtype()));
  }
}

// A 0-d array as one element along a dimension.
NDArray at_least_1d(const NDArray& x) { return x.dim() == 0 ? x.view_of(1, 1) : x; }

// The index of gather and scatter, which has x's rank and is not larger than x outside `dim`. Ranks
// 0 and 1 are alike, and an index without elements may have any shape, as in PyTorch.
NDArray check_index_nd(const char* name, const NDArray& x, int dim, const NDArray& index) {
  check_index_dtype(name, index);
  const Shape have = at_least_1d(index).shape(), limit = at_least_1d(x).shape();
  bool fits = have.rank() == limit.rank();
  for (int d = 0; fits && d < limit.rank(); ++d) fits = d == dim || have[d] <= limit[d];
  if (!fits && index.numel() > 0) {
    fail<ShapeError>(name, "expected an index of rank ", limit.rank(), ", not larger than ",
                     x.shape().str(), " outside dimension ", dim, ", got shape ",
                     index.shape().str());
  }
  return checked(name, x, dim, index);
}

// What an index of its own shape chooses along `dim` of x, beside `other`.
kernels::TableWalk walk_of(const NDArray& x, int dim, const NDArray& index, const NDArray& other) {
  const NDArray from = at_least_1d(x), at = at_least_1d(index);
  Strides in_x = from.strides();
  in_x[dim] = 0;
  return {at.shape(),          in_x,
          at.data<int64_t>(),  at.strides(),
          from.strides()[dim], at_least_1d(other).strides()};
}

// What a 1-d index chooses along `dim` of x: whole slices, beside those of `other`.
kernels::TableWalk slice_walk_of(const NDArray& x, int dim, const NDArray& index,
                                 const NDArray& other) {
  if (x.dim() == 0) return {other.shape(), {}, index.data<int64_t>(), {}, 0, {}};
  Strides in_x = x.strides(), in_index = Shape::filled(x.dim(), 0);
  in_x[dim] = 0;
  in_index[dim] = 1;
  return {other.shape(), in_x, index.data<int64_t>(), in_index, x.strides()[dim], other.strides()};
}

NDArray apart(const NDArray& source, const NDArray& x) {
  return source.storage() == x.storage() ? clone(source) : source;
}

// The bodies of the operations that write, into an x that is checked to be writable. `name` is what
// errors call them.

void add_slices(const char* name, NDArray& x, int64_t dim, const NDArray& index,
                const NDArray& source) {
  const int d = normalize_dim(name, dim, x.dim());
  const NDArray at = check_index_1d(name, x, d, index);
  check_same_dtype(name, x, source);
  Shape expected = x.shape();
  if (x.dim() > 0) expected[d] = at.numel();
  // One element may be 0-d, too.
  const bool one =
      source.numel() == 1 && source.dim() <= 1 && expected.numel() == 1 && expected.rank() <= 1;
  if (source.shape() != expected && !one) {
    fail<ShapeError>(name, "expected a source of shape ", expected.str(), " for x ",
                     x.shape().str(), " and ", at.numel(), " indices, got ", source.shape().str());
  }
  if (x.dtype() == bool_) fail<DTypeError>(name, "expected a numeric dtype, got bool");
  if (is_half(x.dtype())) {
    NDArray wide = to(x, float32);
    add_slices(name, wide, d, at, to(source, float32));
    x.copy_(wide);
    return;
  }
  const NDArray from = reshape(apart(source, x), expected);
  kernels::add_at(slice_walk_of(x, d, at, from), x.dtype(), x.raw_data(), from.raw_data());
  x.bump_version();
}

void scatter_into(const char* name, NDArray& x, int64_t dim, const NDArray& index,
                  const NDArray& source, bool add) {
  const int d = normalize_dim(name, dim, x.dim());
  const NDArray at = check_index_nd(name, x, d, index);
  check_same_dtype(name, x, source);
  const Shape needed = at_least_1d(index).shape(), given = at_least_1d(source).shape();
  bool fits = given.rank() == needed.rank();
  for (int e = 0; fits && e < needed.rank(); ++e) fits = needed[e] <= given[e];
  if (!fits && index.numel() > 0) {
    fail<ShapeError>(name, "expected a source not smaller than the index ", index.shape().str(),
                     ", got ", source.shape().str());
  }
  if (add && x.dtype() == bool_) fail<DTypeError>(name, "expected a numeric dtype, got bool");
  if (at.numel() == 0) return;
  if (add && is_half(x.dtype())) {
    NDArray wide = to(x, float32);
    scatter_into(name, wide, d, at, to(source, float32), true);
    x.copy_(wide);
    return;
  }
  const NDArray from = apart(source, x);
  const kernels::TableWalk walk = walk_of(x, d, at, from);
  if (add) {
    kernels::add_at(walk, x.dtype(), x.raw_data(), from.raw_data());
  } else {
    kernels::put(walk, size_of(x.dtype()), x.raw_data(), from.raw_data());
  }
  x.bump_version();
}

}  // namespace

NDArray index_select(const NDArray& x, int64_t dim, const NDArray& index) {
  const OpScope scope("index_select");
  check_defined("index_select", x);
  const int d = normalize_dim("index_select", dim, x.dim());
  const NDArray at = check_index_1d("index_select", x, d, index);
  if (x.dim() == 0) return x.clone();
  Shape shape = x.shape();
  shape[d] = at.numel();
  NDArray out = NDArray::empty(shape, x.dtype());
  kernels::take(slice_walk_of(x, d, at, out), size_of(x.dtype()), x.raw_data(), out.raw_data());
  return out;
}

NDArray gather(const NDArray& x, int64_t dim, const NDArray& index) {
  const OpScope scope("gather");
  check_defined("gather", x);
  const int d = normalize_dim("gather", dim, x.dim());
  const NDArray at = check_index_nd("gather", x, d, index);
  NDArray out = NDArray::empty(index.shape(), x.dtype());
  if (at.numel() == 0) return out;
  kernels::take(walk_of(x, d, at, out), size_of(x.dtype()), x.raw_data(), out.raw_data());
  return out;
}

NDArray index_add(const NDArray& x, int64_t dim, const NDArray& index, const NDArray& source) {
  const OpScope scope("index_add");
  check_defined("index_add", x);
  NDArray out = clone(x);
  add_slices("index_add", out, dim, index, source);
  return out;
}

NDArray scatter_add(const NDArray& x, int64_t dim, const NDArray& index, const NDArray& source) {
  const OpScope scope("scatter_add");
  check_defined("scatter_add", x);
  NDArray out = clone(x);
  scatter_into("scatter_add", out, dim, index, source, true);
  return out;
}

NDArray scatter(const NDArray& x, int64_t dim, const NDArray& index, const NDArray& source) {
  const OpScope scope("scatter");
  check_defined("scatter", x);
  NDArray out = clone(x);
  scatter_into("scatter", out, dim, index, source, false);
  return out;
}

// ---- In place

NDArray& NDArray::index_add_(int64_t dim, const NDArray& index, const NDArray& source) {
  check_defined("index_add_", *this);
  check_writable("index_add_", *this);
  add_slices("index_add_", *this, dim, index, source);
  return *this;
}

NDArray& NDArray::scatter_add_(int64_t dim, const NDArray& index, const NDArray& source) {
  check_defined("scatter_add_", *this);
  check_writable("scatter_add_", *this);
  scatter_into("scatter_add_", *this, dim, index, source, true);
  return *this;
}

NDArray& NDArray::scatter_(int64_t dim, const NDArray& index, const NDArray& source) {
  check_defined("scatter_", *this);
  check_writable("scatter_", *this);
  scatter_into("scatter_", *this, dim, index, source, false);
  return *this;
}

NDArray& NDArray::scatter_(int64_t dim, const NDArray& index, Scalar value) {
  check_defined("scatter_", *this);
  check_defined("scatter_", index);
  check_holds("scatter_", value, dtype_);
  return scatter_(dim, index, lamina::expand(full({}, value, dtype_), index.shape()));
}

}  // namespace lamina
