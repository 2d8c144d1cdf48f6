// Copies that rearrange, join and pad, with their gradients.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

struct Cat : Function<Cat> {
  static constexpr const char* kName = "cat";
  int64_t dim = 0;
  std::vector<int64_t> extents;  // along dim; -1 for an array that was skipped
  NDArray forward(Context&, absl::Span<const Tensor> tensors, int64_t along) {
    std::vector<NDArray> arrays;
    for (const Tensor& t : tensors) arrays.push_back(t.data());
    NDArray y = cat(absl::Span<const NDArray>(arrays), along);
    dim = normalize_dim(kName, along, y.dim());
    for (const NDArray& x : arrays) {
      const bool skipped = x.dim() == 1 && x.numel() == 0;
      extents.push_back(skipped ? -1 : x.shape()[static_cast<int>(dim)]);
    }
    return y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    std::vector<Tensor> gradients(extents.size());
    int64_t start = 0;
    for (size_t i = 0; i < extents.size(); ++i) {
      const int input = static_cast<int>(i);
      if (ctx.needs_grad(input)) {
        gradients[i] = extents[i] < 0 ? zeros(0, ctx.input_dtype(input))
                                      : ctx.to_input(input, narrow(dy, dim, start, extents[i]));
      }
      start += std::max<int64_t>(extents[i], 0);
    }
    return Gradients(std::move(gradients));
  }
};

struct Flip : Function<Flip> {
  static constexpr const char* kName = "flip";
  Dims dims;
  NDArray forward(Context&, const NDArray& x, const Dims& along) {
    dims = along;
    return flip(x, along);
  }
  Gradients backward(Context&, const Tensor& dy) { return {flip(dy, dims)}; }
};

}  // namespace
namespace internal {
Tensor pad_constant(const Tensor& x, absl::Span<const int64_t> padding, Scalar value);
}
namespace {

struct PadConstant : Function<PadConstant> {
  static constexpr const char* kName = "pad";
  std::vector<int64_t> opposite;
  NDArray forward(Context&, const NDArray& x, absl::Span<const int64_t> padding, Scalar value) {
    for (int64_t extent : padding) opposite.push_back(-extent);
    return internal::pad_constant(x, padding, value);
  }
  Gradients backward(Context&, const Tensor& dy) {
    return {internal::pad_constant(dy, opposite, 0)};
  }
};

struct Unfold : Function<Unfold> {
  static constexpr const char* kName = "unfold";
  Dims kernel;
  UnfoldOptions options;
  NDArray forward(Context&, const NDArray& x, const Dims& size, const UnfoldOptions& how) {
    kernel = size;
    options = how;
    return unfold(x, size, how);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Shape x = ctx.input_shape(0);
    return {fold(dy, {x[x.rank() - 2], x[x.rank() - 1]}, kernel, options)};
  }
};

struct Fold : Function<Fold> {
  static constexpr const char* kName = "fold";
  Dims kernel;
  UnfoldOptions options;
  NDArray forward(Context&, const NDArray& x, const Dims& output_size, const Dims& size,
                  const UnfoldOptions& how) {
    kernel = size;
    options = how;
    return fold(x, output_size, size, how);
  }
  Gradients backward(Context&, const Tensor& dy) { return {unfold(dy, kernel, options)}; }
};

}  // namespace

Tensor cat(absl::Span<const Tensor> arrays, int64_t dim) { return Cat::apply(arrays, dim); }
Tensor flip(const Tensor& x, const Dims& dims) { return Flip::apply(x, dims); }
namespace internal {
Tensor pad_constant(const Tensor& x, absl::Span<const int64_t> padding, Scalar value) {
  return PadConstant::apply(x, padding, value);
}
}  // namespace internal
Tensor unfold(const Tensor& x, const Dims& kernel, const UnfoldOptions& options) {
  return Unfold::apply(x, kernel, options);
}
Tensor fold(const Tensor& x, const Dims& output_size, const Dims& kernel,
            const UnfoldOptions& options) {
  return Fold::apply(x, output_size, kernel, options);
}

}  // namespace lamina
