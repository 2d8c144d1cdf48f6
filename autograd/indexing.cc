// Indexing and masks, with their gradients.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

// What all of these keep: the dimension, and the index as a constant.
template <class Op>
struct AlongDim : Function<Op> {
  int64_t dim = 0;
  void keep(Context& ctx, int64_t along, const NDArray& index) {
    dim = along;
    ctx.save_values(index);
  }
};

struct IndexSelect : AlongDim<IndexSelect> {
  static constexpr const char* kName = "index_select";
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index) {
    keep(ctx, along, index);
    return index_select(x, along, index);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {index_add(zeros(ctx.input_shape(0), dy.dtype()), dim, ctx.saved(0), dy), Tensor()};
  }
};

struct IndexAdd : AlongDim<IndexAdd> {
  static constexpr const char* kName = "index_add";
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index,
                  const NDArray& source) {
    keep(ctx, along, index);
    return index_add(x, along, index, source);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy, Tensor(),
            ctx.needs_grad(2) ? dy.index_select(dim, ctx.saved(0)).reshape(ctx.input_shape(2))
                              : Tensor()};
  }
};

struct Gather : AlongDim<Gather> {
  static constexpr const char* kName = "gather";
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index) {
    keep(ctx, along, index);
    return gather(x, along, index);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {scatter_add(zeros(ctx.input_shape(0), dy.dtype()), dim, ctx.saved(0), dy), Tensor()};
  }
};

// What reaches the source of a scatter: dy where the index points, and zeros where the source is
// larger than the index.
Tensor source_gradient(const Context& ctx, int64_t dim, const Tensor& dy) {
  if (!ctx.needs_grad(2)) return Tensor();
  const Tensor index = ctx.saved(0);
  const Shape source = ctx.input_shape(2);
  if (index.numel() == 0) return zeros(source, dy.dtype());
  Tensor gradient = dy.gather(dim, index);
  if (index.shape() == source) return gradient;
  if (source.empty()) return gradient.reshape(source);
  if (index.dim() == 0) gradient = gradient.reshape(1);
  std::vector<int64_t> padding;
  for (int d = source.rank() - 1; d >= 0; --d) {
    padding.push_back(0);
    padding.push_back(source[d] - gradient.shape()[d]);
  }
  return pad(gradient, padding);
}

struct ScatterAdd : AlongDim<ScatterAdd> {
  static constexpr const char* kName = "scatter_add";
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index,
                  const NDArray& source) {
    keep(ctx, along, index);
    return scatter_add(x, along, index, source);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy, Tensor(), source_gradient(ctx, dim, dy)};
  }
};

struct Scatter : AlongDim<Scatter> {
  static constexpr const char* kName = "scatter";
  NDArray forward(Context& ctx, const NDArray& x, int64_t along, const NDArray& index,
                  const NDArray& source) {
    keep(ctx, along, index);
    return scatter(x, along, index, source);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.needs_grad(0) ? scatter(dy, dim, ctx.saved(0), Scalar(0)) : Tensor(), Tensor(),
            source_gradient(ctx, dim, dy)};
  }
};

// ---- Lists of indices. Places are copies, so nobody can change them before backward.

using Places = std::vector<internal::IndexPlan::Places>;

struct TakePlaces;

// Zeros of `shape` to which x is added at the places.
struct AddAtPlaces : Function<AddAtPlaces> {
  static constexpr const char* kName = "index_backward";
  Places places;
  NDArray forward(Context&, const NDArray& x, const Shape& shape, const Places& at) {
    places = at;
    NDArray y = NDArray::zeros(shape, x.dtype());
    internal::put_by(kName, y, {{}, at}, x, true);
    return y;
  }
  Gradients backward(Context&, const Tensor& dy);
};

struct TakePlaces : Function<TakePlaces> {
  static constexpr const char* kName = "index";
  Places places;
  NDArray forward(Context&, const NDArray& x, const char* op, const Places& at) {
    places = at;
    return internal::take_places(op, x, at);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {AddAtPlaces::apply(dy, ctx.input_shape(0), places)};
  }
};

Gradients AddAtPlaces::backward(Context&, const Tensor& dy) {
  return {TakePlaces::apply(dy, kName, places)};
}

struct IndexPut : Function<IndexPut> {
  static constexpr const char* kName = "index_put";
  internal::IndexPlan plan;
  bool accumulate = false;
  NDArray forward(Context&, const NDArray& x, const NDArray& value, const internal::IndexPlan& at,
                  bool add) {
    plan = at;
    accumulate = add;
    NDArray y = clone(x);
    internal::put_by(kName, y, at, value, add);
    return y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    Tensor dx, dvalue;
    if (ctx.needs_grad(0)) {
      dx = accumulate ? dy : IndexPut::apply(dy, NDArray::zeros({}, dy.dtype()), plan, false);
    }
    if (ctx.needs_grad(1)) {
      const Tensor view = internal::view_by(dy, plan);
      dvalue =
          ctx.to_input(1, plan.places.empty() ? view : TakePlaces::apply(view, kName, plan.places));
    }
    return {dx, dvalue};
  }
};

// ---- Masks

struct Where : Function<Where> {
  static constexpr const char* kName = "where";
  static NDArray forward(Context& ctx, const NDArray& condition, const NDArray& a,
                         const NDArray& b) {
    ctx.save_values(condition);
    return where(condition, a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor condition = ctx.saved(0), zero = zeros({}, dy.dtype());
    return {Tensor(), ctx.needs_grad(1) ? ctx.to_input(1, where(condition, dy, zero)) : Tensor(),
            ctx.needs_grad(2) ? ctx.to_input(2, where(condition, zero, dy)) : Tensor()};
  }
};

}  // namespace

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
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return Scatter::apply(x, dim, index, source);
}
namespace internal {
Tensor take_places(const char* op, const Tensor& view, const Places& places) {
  return TakePlaces::apply(view, op, places);
}
}  // namespace internal
Tensor index_put(const Tensor& x, absl::Span<const Index> indices, const Tensor& value,
                 bool accumulate) {
  check_defined("index_put", x.data());
  return IndexPut::apply(x, value, internal::plan_index("index_put", x.shape(), indices),
                         accumulate);
}
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return Where::apply(condition, a, b);
}
Tensor nonzero(const Tensor& x) { return nonzero(x.data()); }

}  // namespace lamina
