// Selection and accumulation by integer indices.
#include <cstring>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

void check_index_dtype(const char* name, const NDArray& index) {
  check_defined(name, index);
  if (index.dtype() != int64) {
    fail<DTypeError>(name, "expected an index of dtype int64, got ", name_of(index.dtype()));
  }
}

void check_index(const char* name, int64_t index, int64_t extent, int dim, const Shape& shape) {
  if (index < 0 || index >= extent) {
    fail<IndexError>(name, "expected indices from 0 to ", extent - 1, " for dimension ", dim,
                     " of shape ", shape.str(), ", got ", index);
  }
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
  NDArray dense = contiguous(index);
  const int64_t* at = dense.data<int64_t>();
  const int64_t extent = x.dim() == 0 ? 1 : x.shape()[dim];
  for (int64_t i = 0; i < dense.numel(); ++i) check_index(name, at[i], extent, dim, x.shape());
  return dense;
}

void check_same_dtype(const char* name, const NDArray& x, const NDArray& source) {
  check_defined(name, source);
  if (x.dtype() != source.dtype()) {
    fail<DTypeError>(name, "expected a source of dtype ", name_of(x.dtype()), ", got ",
                     name_of(source.dtype()));
  }
}

// The checks that gather and scatter_add share: `index` has x's rank, and is not larger than x
// outside `dim`. Returns it with every entry checked.
void check_index_nd(const char* name, const NDArray& x, int dim, const NDArray& index) {
  check_index_dtype(name, index);
  bool fits = index.dim() == x.dim();
  for (int d = 0; fits && d < x.dim(); ++d) {
    fits = d == dim || index.shape()[d] <= x.shape()[d] || index.numel() == 0;
  }
  if (!fits) {
    fail<ShapeError>(name, "expected an index of rank ", x.dim(), ", not larger than ",
                     x.shape().str(), " outside dimension ", dim, ", got shape ",
                     index.shape().str());
  }
}

// Calls body(index value, offset in x without the indexed dimension, offset in other) for every
// entry of index.
template <class Body>
void for_each_index(const char* name, const NDArray& x, int dim, const NDArray& index,
                    const Strides& other, const Body& body) {
  const int rank = index.dim();
  const int64_t extent = x.dim() == 0 ? 1 : x.shape()[dim];
  const int64_t* at = index.data<int64_t>();
  Shape position = Shape::filled(rank, 0);
  for (int64_t i = 0; i < index.numel(); ++i) {
    int64_t in_index = 0, in_x = 0, in_other = 0;
    for (int d = 0; d < rank; ++d) {
      in_index += position[d] * index.strides()[d];
      in_other += position[d] * other[d];
      if (d != dim) in_x += position[d] * x.strides()[d];
    }
    check_index(name, at[in_index], extent, dim, x.shape());
    body(at[in_index], in_x, in_other);
    for (int d = rank - 1; d >= 0 && ++position[d] == index.shape()[d]; --d) position[d] = 0;
  }
}

}  // namespace

NDArray index_select(const NDArray& x, int64_t dim, const NDArray& index) {
  check_defined("index_select", x);
  const int d = normalize_dim("index_select", dim, x.dim());
  const NDArray at = check_index_1d("index_select", x, d, index);
  if (x.dim() == 0) return x.clone();
  Shape shape = x.shape();
  shape[d] = at.numel();
  NDArray out = NDArray::empty(shape, x.dtype());
  if (out.numel() == 0) return out;
  const NDArray from = contiguous(x);
  int64_t inner = size_of(x.dtype());
  for (int e = d + 1; e < x.dim(); ++e) inner *= shape[e];
  const int64_t n = at.numel(), extent = x.shape()[d];
  const int64_t rows = out.numel() * size_of(x.dtype()) / inner;
  const int64_t* indices = at.data<int64_t>();
  parallel_for(0, rows, std::max<int64_t>(1, kernels::kParallelGrain / inner),
               [&](int64_t first, int64_t last) {
                 for (int64_t r = first; r < last; ++r) {
                   std::memcpy(out.raw_data() + r * inner,
                               from.raw_data() + (r / n * extent + indices[r % n]) * inner, inner);
                 }
               });
  return out;
}

NDArray index_add(const NDArray& x, int64_t dim, const NDArray& index, const NDArray& source) {
  check_defined("index_add", x);
  const int d = normalize_dim("index_add", dim, x.dim());
  const NDArray at = check_index_1d("index_add", x, d, index);
  check_same_dtype("index_add", x, source);
  Shape expected = x.shape();
  if (x.dim() > 0) expected[d] = at.numel();
  if (source.shape() != expected) {
    fail<ShapeError>("index_add", "expected a source of shape ", expected.str(), " for x ",
                     x.shape().str(), " and ", at.numel(), " indices, got ", source.shape().str());
  }
  if (x.dtype() == bool_) fail<DTypeError>("index_add", "expected a numeric dtype, got bool");
  NDArray out = clone(x);
  const int64_t* indices = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i) {
    if (x.dim() == 0)
      out.add_(source);
    else
      select(out, d, indices[i]).add_(select(source, d, i));
  }
  return out;
}

NDArray gather(const NDArray& x, int64_t dim, const NDArray& index) {
  check_defined("gather", x);
  const int d = normalize_dim("gather", dim, x.dim());
  check_index_nd("gather", x, d, index);
  NDArray out = NDArray::empty(index.shape(), x.dtype());
  const int64_t step = x.dim() == 0 ? 0 : x.strides()[d], item = size_of(x.dtype());
  for_each_index(
      "gather", x, d, index, out.strides(), [&](int64_t i, int64_t in_x, int64_t in_out) {
        std::memcpy(out.raw_data() + in_out * item, x.raw_data() + (in_x + i * step) * item, item);
      });
  return out;
}

NDArray scatter_add(const NDArray& x, int64_t dim, const NDArray& index, const NDArray& source) {
  check_defined("scatter_add", x);
  const int d = normalize_dim("scatter_add", dim, x.dim());
  check_index_nd("scatter_add", x, d, index);
  check_same_dtype("scatter_add", x, source);
  bool fits = source.dim() == index.dim();
  for (int e = 0; fits && e < index.dim(); ++e) {
    fits = index.shape()[e] <= source.shape()[e] || index.numel() == 0;
  }
  if (!fits) {
    fail<ShapeError>("scatter_add", "expected a source not smaller than the index ",
                     index.shape().str(), ", got ", source.shape().str());
  }
  if (is_half(x.dtype()))
    return to(scatter_add(to(x, float32), d, index, to(source, float32)), x.dtype());
  NDArray out = clone(x);
  const int64_t step = out.dim() == 0 ? 0 : out.strides()[d];
  dispatch(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>) {
      fail<DTypeError>("scatter_add", "expected a numeric dtype, got bool");
    } else {
      T* to = out.data<T>();
      const T* from = source.data<T>();
      for_each_index("scatter_add", out, d, index, source.strides(),
                     [&](int64_t i, int64_t in_out, int64_t in_source) {
                       T& sum = to[in_out + i * step];
                       if constexpr (std::is_integral_v<T>) {  // wraps around
                         using U = std::make_unsigned_t<T>;
                         sum =
                             static_cast<T>(static_cast<U>(sum) + static_cast<U>(from[in_source]));
                       } else {
                         sum += from[in_source];
                       }
                     });
    }
  });
  return out;
}

}  // namespace lamina
