// Views, copies and indexing, with their gradients.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

// view, reshape and all that only insert, drop or merge dimensions: the gradient takes the shape of
// the input.
template <bool kView>
struct Reshaping : Function<Reshaping<kView>> {
  static constexpr const char* kName = kView ? "view" : "reshape";
  static NDArray forward(Context&, const NDArray& x, const Shape& shape) {
    return kView ? view(x, shape) : reshape(x, shape);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy.reshape(ctx.input_shape(0))};
  }
};

struct Permute : Function<Permute> {
  static constexpr const char* kName = "permute";
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

// The adjoint of narrow: zeros of `shape` with x at `start` along `dim`.
struct PadTo : Function<PadTo> {
  static constexpr const char* kName = "narrow_backward";
  int64_t dim = 0, start = 0;
  NDArray forward(Context&, const NDArray& x, const Shape& shape, int64_t along, int64_t from) {
    dim = along;
    start = from;
    NDArray y = NDArray::zeros(shape, x.dtype());
    narrow(y, dim, start, x.size(dim)).copy_(x);
    return y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy.narrow(dim, start, ctx.input_shape(0)[normalize_dim(kName, dim, dy.dim())])};
  }
};

struct Narrow : Function<Narrow> {
  static constexpr const char* kName = "narrow";
  int64_t dim = 0, start = 0;
  NDArray forward(Context&, const NDArray& x, int64_t along, int64_t from, int64_t length) {
    NDArray y = narrow(x, along, from, length);
    dim = along;
    start = from < 0 ? from + x.size(along) : from;
    return y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {PadTo::apply(dy, ctx.input_shape(0), dim, start)};
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

struct IndexSelect : Function<IndexSelect> {
  static constexpr const char* kName = "index_select";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index) {
    dim = along;
    ctx.save_values(index);
    return index_select(x, along, index);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {index_add(zeros(ctx.input_shape(0), dy.dtype()), dim, ctx.saved(0), dy), Tensor()};
  }
};

struct IndexAdd : Function<IndexAdd> {
  static constexpr const char* kName = "index_add";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index,
                  const NDArray& source) {
    dim = along;
    ctx.save_values(index);
    return index_add(x, along, index, source);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor index = ctx.saved(0);
    return {dy, Tensor(),
            ctx.needs_grad(2) ? dy.index_select(dim, index).reshape(ctx.input_shape(2)) : Tensor()};
  }
};

struct Gather : Function<Gather> {
  static constexpr const char* kName = "gather";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index) {
    dim = along;
    ctx.save_values(index);
    return gather(x, along, index);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {scatter_add(zeros(ctx.input_shape(0), dy.dtype()), dim, ctx.saved(0), dy), Tensor()};
  }
};

struct ScatterAdd : Function<ScatterAdd> {
  static constexpr const char* kName = "scatter_add";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index,
                  const NDArray& source) {
    dim = along;
    ctx.save_values(index);
    return scatter_add(x, along, index, source);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    if (!ctx.needs_grad(2)) return {dy, Tensor(), Tensor()};
    // A source larger than the index gets zeros where it was not used.
    const Tensor index = ctx.saved(0);
    const Shape source = ctx.input_shape(2);
    if (index.numel() == 0) return {dy, Tensor(), zeros(source, dy.dtype())};
    Tensor gradient = dy.gather(dim, index);
    for (int d = 0; d < source.rank(); ++d) {
      if (gradient.shape()[d] == source[d]) continue;
      Shape wider = gradient.shape();
      wider[d] = source[d];
      gradient = PadTo::apply(gradient, wider, d, 0);
    }
    return {dy, Tensor(), gradient};
  }
};

}  // namespace

Tensor view(const Tensor& x, const Shape& shape) { return Reshaping<true>::apply(x, shape); }
Tensor reshape(const Tensor& x, const Shape& shape) { return Reshaping<false>::apply(x, shape); }
Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  return reshape(x, flatten(x.data(), start, end).shape());
}
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
  return Narrow::apply(x, dim, start, length);
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

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  return IndexSelect::apply(x, dim, index);
}
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return IndexAdd::apply(x, dim, index, source);
}
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  return Gather::apply(x, dim, index);
}
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return ScatterAdd::apply(x, dim, index, source);
}

}  // namespace lamina
