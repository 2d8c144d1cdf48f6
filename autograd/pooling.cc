// Pooling by the maximum, with its gradient.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

// dy added up at the places where the largest elements were.
Tensor at_places(const Tensor& dy, const Tensor& indices, const Shape& input, DType dtype) {
  const int rank = input.rank();
  const int64_t area = input[rank - 2] * input[rank - 1];
  int64_t planes = 1;
  for (int d = 0; d < rank - 2; ++d) planes *= input[d];
  const Shape each{planes, dy.size(-2) * dy.size(-1)};
  const Tensor dx = zeros({planes, area}, dtype);
  return dx.scatter_add_(1, indices.reshape(each), dy.reshape(each)).reshape(input);
}

struct MaxPool2d : Function<MaxPool2d> {
  static constexpr const char* kName = "max_pool2d";
  static NDArray forward(Context& ctx, const NDArray& x, const Dims& kernel,
                         const MaxPoolOptions& options) {
    if (!ctx.needs_grad(0)) return max_pool2d(x, kernel, options);
    const OpScope scope(kName);
    ValuesIndices<NDArray> y = max_pool2d_with_indices(x, kernel, options);
    ctx.save_values(y.indices);
    return y.values;
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {at_places(dy, ctx.saved(0), ctx.input_shape(0), ctx.input_dtype(0))};
  }
};

struct MaxPool2dWithIndices : Function<MaxPool2dWithIndices> {
  static constexpr const char* kName = "max_pool2d_with_indices";
  static std::array<NDArray, 2> forward(Context& ctx, const NDArray& x, const Dims& kernel,
                                        const MaxPoolOptions& options) {
    ValuesIndices<NDArray> y = max_pool2d_with_indices(x, kernel, options);
    ctx.save_values(y.indices);
    return {std::move(y.values), std::move(y.indices)};
  }
  static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    return {at_places(dy[0], ctx.saved(0), ctx.input_shape(0), ctx.input_dtype(0))};
  }
};

}  // namespace

Tensor max_pool2d(const Tensor& x, const Dims& kernel, const MaxPoolOptions& options) {
  return MaxPool2d::apply(x, kernel, options);
}
ValuesIndices<Tensor> max_pool2d_with_indices(const Tensor& x, const Dims& kernel,
                                              const MaxPoolOptions& options) {
  std::array<Tensor, 2> y = MaxPool2dWithIndices::apply(x, kernel, options);
  return {std::move(y[0]), std::move(y[1])};
}

}  // namespace lamina
