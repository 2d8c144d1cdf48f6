// Operations that pick elements along a dimension, with their gradients.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

enum class Pick { kMax, kMin, kSort, kTopk };

// What these share: results are elements of x and where they were, and the gradient goes back
// there.
template <Pick kPick>
struct Picking : Function<Picking<kPick>> {
  static constexpr const char* kName = kPick == Pick::kMax    ? "max"
                                       : kPick == Pick::kMin  ? "min"
                                       : kPick == Pick::kSort ? "sort"
                                                              : "topk";
  int64_t dim = 0;
  bool keeps_dim = true;

  // max and min: one is keepdim; sort: it is descending; topk: largest and sorted.
  static ValuesIndices<NDArray> pick(const NDArray& x, int64_t k, int64_t along, bool one,
                                     bool other) {
    switch (kPick) {
      case Pick::kMax:
        return max(x, along, one);
      case Pick::kMin:
        return min(x, along, one);
      case Pick::kSort:
        return sort(x, along, one);
      case Pick::kTopk:
        break;
    }
    return topk(x, k, along, one, other);
  }
  std::array<NDArray, 2> forward(Context& ctx, const NDArray& x, int64_t k, int64_t along, bool one,
                                 bool other) {
    ValuesIndices<NDArray> result = pick(x, k, along, one, other);
    dim = along;
    keeps_dim = result.values.dim() == x.dim();
    ctx.save_values(result.indices);
    return {std::move(result.values), std::move(result.indices)};
  }
  Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    const auto with_dim = [&](const Tensor& t) { return keeps_dim ? t : t.unsqueeze(dim); };
    return {scatter_add(zeros(ctx.input_shape(0), ctx.input_dtype(0)), dim, with_dim(ctx.saved(0)),
                        with_dim(dy[0]))};
  }
};

template <Pick kPick>
ValuesIndices<Tensor> pick(const Tensor& x, int64_t k, int64_t dim, bool one, bool other) {
  std::array<Tensor, 2> result = Picking<kPick>::apply(x, k, dim, one, other);
  return {std::move(result[0]), std::move(result[1])};
}

}  // namespace

ValuesIndices<Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  return pick<Pick::kMax>(x, 1, dim, keepdim, false);
}
ValuesIndices<Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  return pick<Pick::kMin>(x, 1, dim, keepdim, false);
}
ValuesIndices<Tensor> sort(const Tensor& x, int64_t dim, bool descending) {
  return pick<Pick::kSort>(x, 0, dim, descending, false);
}
ValuesIndices<Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool sorted) {
  return pick<Pick::kTopk>(x, k, dim, largest, sorted);
}

Tensor argsort(const Tensor& x, int64_t dim, bool descending) {
  return argsort(x.data(), dim, descending);
}
UniqueResult<Tensor> unique(const Tensor& x, bool return_inverse, bool return_counts) {
  UniqueResult<NDArray> result = unique(x.data(), return_inverse, return_counts);
  UniqueResult<Tensor> out{std::move(result.values), Tensor(), Tensor()};
  if (return_inverse) out.inverse = std::move(result.inverse);
  if (return_counts) out.counts = std::move(result.counts);
  return out;
}

}  // namespace lamina
