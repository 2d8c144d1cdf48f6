// Views and copies, with their gradients.
#include "lamina/autograd/function.h"
#include "lamina/autograd/part.h"

namespace lamina {
namespace {

// view, reshape and all that only insert, drop or merge dimensions: the gradient takes the shape of
// the input.
template <bool kView>
struct Reshaping : Function<Reshaping<kView>> {
  static constexpr const char* kName = kView ? "view" : "reshape";
  static constexpr bool kIsView = true;
  static NDArray forward(Context&, const NDArray& x, const Shape& shape) {
    return kView ? view(x, shape) : reshape(x, shape);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy.reshape(ctx.input_shape(0))};
  }
};

struct Permute : Function<Permute> {
  static constexpr const char* kName = "permute";
  static constexpr bool kIsView = true;
  Dims inverse;
  NDArray forward(Context&, const NDArray& x, const Dims& dims) {
    NDArray y = permute(x, dims);
    inverse = dims;
    for (int i = 0; i < dims.rank(); ++i) inverse[normalize_dim(kName, dims[i], x.dim())] = i;
    return y;
  }
  Gradients backward(Context&, const Tensor& dy) { return {dy.permute(inverse)}; }
};

struct Transpose : Function<Transpose> {
  static constexpr const char* kName = "transpose";
  static constexpr bool kIsView = true;
  int64_t dim0 = 0, dim1 = 0;
  NDArray forward(Context&, const NDArray& x, int64_t a, int64_t b) {
    dim0 = a;
    dim1 = b;
    return transpose(x, a, b);
  }
  Gradients backward(Context&, const Tensor& dy) { return {dy.transpose(dim0, dim1)}; }
};

struct Expand : Function<Expand> {
  static constexpr const char* kName = "expand";
  static constexpr bool kIsView = true;
  static NDArray forward(Context&, const NDArray& x, const Shape& shape) {
    return expand(x, shape);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy.sum_to(ctx.input_shape(0))};
  }
};

struct SumTo : Function<SumTo> {
  static constexpr const char* kName = "sum_to";
  static NDArray forward(Context&, const NDArray& x, const Shape& shape) {
    return sum_to(x, shape);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy.expand(ctx.input_shape(0))};
  }
};

// Parts of an array of whatever strides; blank is row-major.
struct RowMajorPart {
  static NDArray blank(const Shape& shape, DType dtype) { return NDArray::zeros(shape, dtype); }
};
struct NarrowPart : RowMajorPart {
  static constexpr const char *kName = "narrow", *kBackward = "narrow_backward";
  int64_t dim, start, length;
  NDArray of(const NDArray& x) const { return narrow(x, dim, start, length); }
};
struct SlicePart : RowMajorPart {
  static constexpr const char *kName = "slice", *kBackward = "slice_backward";
  int64_t dim;
  std::optional<int64_t> start, end;
  int64_t step;
  NDArray of(const NDArray& x) const { return slice(x, dim, start, end, step); }
};
struct DiagonalPart : RowMajorPart {
  static constexpr const char *kName = "diagonal", *kBackward = "diagonal_backward";
  int64_t offset, dim1, dim2;
  NDArray of(const NDArray& x) const { return diagonal(x, offset, dim1, dim2); }
};

struct AsStrided : Function<AsStrided> {
  static constexpr const char* kName = "as_strided";
  static constexpr bool kIsView = true;
  Shape shape;
  Strides strides, input_strides;
  int64_t offset = 0, input_offset = 0, size = 0;  // size: elements of the storage
  NDArray forward(Context&, const NDArray& x, const Shape& to, const Strides& by,
                  std::optional<int64_t> from) {
    NDArray y = as_strided(x, to, by, from);
    const internal::StorageRange range = internal::storage_range(x);
    shape = to;
    strides = by;
    input_strides = x.strides();
    input_offset = range.offset;
    offset = from.value_or(range.offset);
    size = range.size;
    return y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const NDArray all = NDArray::arange(size);
    Tensor storage = index_add(zeros(size, dy.dtype()), 0,
                               as_strided(all, shape, strides, offset).reshape(-1), dy.reshape(-1));
    // Where several elements of x share a place, each gets its part.
    const Shape input = ctx.input_shape(0);
    const NDArray places = as_strided(all, input, input_strides, input_offset).reshape(-1);
    const NDArray uses = index_add(NDArray::zeros(size, dy.dtype()), 0, places,
                                   NDArray::ones(places.shape(), dy.dtype()));
    storage = storage / where(uses.gt(1), uses, NDArray::ones({}, dy.dtype()));
    return {as_strided(storage, input, input_strides, input_offset)};
  }
};

struct Contiguous : Function<Contiguous> {
  static constexpr const char* kName = "contiguous";
  static NDArray forward(Context&, const NDArray& x) { return contiguous(x); }
  static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
};

struct Clone : Function<Clone> {
  static constexpr const char* kName = "clone";
  static NDArray forward(Context&, const NDArray& x) { return clone(x); }
  static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
};

struct To : Function<To> {
  static constexpr const char* kName = "to";
  static NDArray forward(Context&, const NDArray& x, DType dtype) { return to(x, dtype); }
  static Gradients backward(Context& ctx, const Tensor& dy) { return {dy.to(ctx.input_dtype(0))}; }
};

}  // namespace

Tensor view(const Tensor& x, const Shape& shape) { return Reshaping<true>::apply(x, shape); }
Tensor reshape(const Tensor& x, const Shape& shape) { return Reshaping<false>::apply(x, shape); }
Tensor permute(const Tensor& x, const Dims& dims) { return Permute::apply(x, dims); }
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  return Transpose::apply(x, dim0, dim1);
}
Tensor t(const Tensor& x) {
  t(x.data());  // its checks
  return x.dim() < 2 ? x : transpose(x, 0, 1);
}
Tensor expand(const Tensor& x, const Shape& shape) { return Expand::apply(x, shape); }
Tensor squeeze(const Tensor& x) { return view(x, squeeze(x.data()).shape()); }
Tensor squeeze(const Tensor& x, int64_t dim) { return view(x, squeeze(x.data(), dim).shape()); }
Tensor unsqueeze(const Tensor& x, int64_t dim) { return view(x, unsqueeze(x.data(), dim).shape()); }
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  return internal::TakePart<NarrowPart>::apply(x, NarrowPart{{}, dim, start, length});
}
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step) {
  return internal::TakePart<SlicePart>::apply(x, SlicePart{{}, dim, start, end, step});
}
Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  return internal::TakePart<DiagonalPart>::apply(x, DiagonalPart{{}, offset, dim1, dim2});
}
Tensor as_strided(const Tensor& x, const Shape& shape, const Strides& strides,
                  std::optional<int64_t> storage_offset) {
  return AsStrided::apply(x, shape, strides, storage_offset);
}
Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const NDArray y = select(x.data(), dim, index);  // its checks
  return squeeze(narrow(x, dim, index, 1), dim);
}

Tensor contiguous(const Tensor& x) {
  return x.is_contiguous() && x.defined() ? x : Contiguous::apply(x);
}
Tensor clone(const Tensor& x) { return Clone::apply(x); }
Tensor to(const Tensor& x, DType dtype) {
  return x.defined() && x.dtype() == dtype ? x : To::apply(x, dtype);
}
Tensor sum_to(const Tensor& x, const Shape& shape) {
  return x.defined() && x.shape() == shape ? x : SumTo::apply(x, shape);
}

Tensor one_hot(const Tensor& indices, int64_t classes) { return one_hot(indices.data(), classes); }
}  // namespace lamina
