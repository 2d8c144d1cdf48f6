// Reductions and softmax, with their gradients.
#include "lamina/autograd/function.h"

namespace lamina {
namespace {

// dy of a reduction, with the reduced dimensions back and expanded to the shape of the input.
Tensor expand_reduced(const char* op, const Tensor& dy, const Dims& dims, const Shape& input) {
  const uint32_t reduced = normalize_dims(op, dims, input.rank());
  Shape kept = input;
  for (int d = 0; d < input.rank(); ++d) {
    if (reduced >> d & 1) kept[d] = 1;
  }
  return dy.reshape(kept).expand(input);
}

struct Sum : Function<Sum> {
  static constexpr const char* kName = "sum";
  Dims dims;
  NDArray forward(Context&, const NDArray& x, const Dims& over, bool keepdim) {
    dims = over;
    return sum(x, over, keepdim);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {expand_reduced(kName, dy, dims, ctx.input_shape(0))};
  }
};

struct Mean : Function<Mean> {
  static constexpr const char* kName = "mean";
  Dims dims;
  NDArray forward(Context&, const NDArray& x, const Dims& over, bool keepdim) {
    dims = over;
    return mean(x, over, keepdim);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Shape input = ctx.input_shape(0);
    // Elements per result. With none there is nothing to hand on.
    const double count = input.numel() == 0
                             ? 1
                             : static_cast<double>(input.numel()) / static_cast<double>(dy.numel());
    return {expand_reduced(kName, dy / count, dims, input)};
  }
};

struct MaxAll : Function<MaxAll> {
  static constexpr const char* kName = "max";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_values(x);
    return ctx.save_output(max(x));
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor at_max = eq(ctx.saved(0), ctx.output()).to(dy.dtype());
    return {dy * at_max / at_max.sum()};
  }
};

struct MaxDim : Function<MaxDim> {
  static constexpr const char* kName = "max";
  int64_t dim = 0;
  bool keepdim = false;
  std::array<NDArray, 2> forward(Context& ctx, const NDArray& x, int64_t along, bool keep) {
    MaxResult<NDArray> result = max(x, along, keep);
    dim = along;
    keepdim = keep || x.dim() == 0;
    ctx.save_values(result.indices);
    return {result.values, result.indices};
  }
  Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    const auto with_dim = [&](const Tensor& t) { return keepdim ? t : t.unsqueeze(dim); };
    return {scatter_add(zeros(ctx.input_shape(0), ctx.input_dtype(0)), dim, with_dim(ctx.saved(0)),
                        with_dim(dy[0]))};
  }
};

struct LogSoftmax : Function<LogSoftmax> {
  static constexpr const char* kName = "log_softmax";
  int64_t dim = 0;
  NDArray forward(Context& ctx, const NDArray& x, int64_t along) {
    dim = along;
    return ctx.save_output(log_softmax(x, along));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy - exp(ctx.output()) * dy.sum(dim, true)};
  }
};

}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) { return Sum::apply(x, dims, keepdim); }
Tensor mean(const Tensor& x, const Dims& dims, bool keepdim) {
  return Mean::apply(x, dims, keepdim);
}
Tensor max(const Tensor& x) { return MaxAll::apply(x); }
MaxResult<Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  const std::array<Tensor, 2> result = MaxDim::apply(x, dim, keepdim);
  return {result[0], result[1]};
}
Tensor argmax(const Tensor& x) { return argmax(x.data()); }
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim) { return argmax(x.data(), dim, keepdim); }
Tensor log_softmax(const Tensor& x, int64_t dim) { return LogSoftmax::apply(x, dim); }

}  // namespace lamina
