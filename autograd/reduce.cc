// Reductions, with their gradients.
#include <cmath>
#include <limits>

#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

// The shape of `input` with the reduced dimensions kept as 1.
Shape kept_shape(const char* op, const Dims& dims, const Shape& input) {
  const uint32_t reduced = normalize_dims(op, dims, input.rank());
  Shape kept = input;
  for (int d = 0; d < input.rank(); ++d) {
    if (reduced >> d & 1) kept[d] = 1;
  }
  return kept;
}

// dy of a reduction, with the reduced dimensions back and expanded to the shape of the input.
Tensor expand_reduced(const char* op, const Tensor& dy, const Dims& dims, const Shape& input) {
  return dy.reshape(kept_shape(op, dims, input)).expand(input);
}

// dy, shared evenly among the elements of x that equal y; dy and y have extent 1 where they were
// reduced over `dims`. NaN equals NaN here.
Tensor share_among_equals(const Tensor& dy, const NDArray& x, const NDArray& y, const Dims& dims) {
  const NDArray mask = add(eq(x, y), mul(ne(x, x), ne(y, y)));
  const Tensor share = dy / Tensor(to(sum(mask, dims, true), dy.dtype()));
  return where(Tensor(mask), share.expand(x.shape()),
               0);  // a product would make NaN of an infinite dy
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

enum class Extreme { kMax, kMin, kAmax, kAmin };

template <Extreme kWhich>
struct ExtremeValue : Function<ExtremeValue<kWhich>> {
  static constexpr const char* kName = kWhich == Extreme::kMax    ? "max"
                                       : kWhich == Extreme::kMin  ? "min"
                                       : kWhich == Extreme::kAmax ? "amax"
                                                                  : "amin";
  Dims dims;
  static NDArray value(const NDArray& x, const Dims& over, bool keepdim) {
    switch (kWhich) {
      case Extreme::kMax:
        return max(x);
      case Extreme::kMin:
        return min(x);
      case Extreme::kAmax:
        return amax(x, over, keepdim);
      case Extreme::kAmin:
        break;
    }
    return amin(x, over, keepdim);
  }
  NDArray forward(Context& ctx, const NDArray& x, const Dims& over, bool keepdim) {
    dims = over;
    ctx.save_values(x);
    return ctx.save_output(value(x, over, keepdim));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Shape kept = kept_shape(kName, dims, ctx.input_shape(0));
    const NDArray y = reshape(ctx.output().data(), kept);
    const Tensor dx = share_among_equals(dy.reshape(kept), ctx.saved(0).data(), y, dims);
    // PyTorch's amax and amin find nothing equal to NaN, and share it among none.
    if (kWhich == Extreme::kMax || kWhich == Extreme::kMin) return {dx};
    return {masked_fill(dx, isnan(y), std::numeric_limits<double>::quiet_NaN())};
  }
};

// var, and std if kRoot.
template <bool kRoot>
struct Variance : Function<Variance<kRoot>> {
  static constexpr const char* kName = kRoot ? "std" : "var";
  Dims dims;
  int64_t correction = 1;
  NDArray forward(Context& ctx, const NDArray& x, const Dims& over, int64_t less, bool keepdim) {
    dims = over;
    correction = less;
    ctx.save_input(x);
    return kRoot ? ctx.save_output(std(x, over, less, keepdim)) : var(x, over, less, keepdim);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    const Shape kept = kept_shape(kName, dims, x.shape());
    // With no elements there is nothing to hand on.
    const int64_t n = x.numel() == 0 ? 0 : x.numel() / kept.numel();
    const double scale =
        (kRoot ? 1.0 : 2.0) / (static_cast<double>(n) - static_cast<double>(correction));
    Tensor slope = dy.reshape(kept) * scale;
    if (kRoot) {
      const Tensor y = ctx.output().reshape(kept), is_zero = eq(y, 0).to(dy.dtype());
      slope = slope * (1 - is_zero) / (y + is_zero);
    }
    return {slope * (x - mean(x, dims, true))};
  }
};

struct Norm : Function<Norm> {
  static constexpr const char* kName = "norm";
  double p = 2;
  Dims dims;
  NDArray forward(Context& ctx, const NDArray& x, Scalar power, const Dims& over, bool keepdim) {
    p = power.to<double>();
    dims = over;
    ctx.save_input(x);
    NDArray y = norm(x, power, over, keepdim);
    return p == 0 || p == 1 ? y : ctx.save_output(std::move(y));
  }
  Gradients backward(Context& ctx, const Tensor& upstream) {
    const Tensor x = ctx.saved(0);
    const DType dtype = x.dtype();
    const Shape kept = kept_shape(kName, dims, x.shape());
    const Tensor dy = upstream.reshape(kept);
    if (p == 0) return {zeros(x.shape(), dtype)};
    if (p == 1) return {sign(x.data()) * dy};
    const Tensor y = ctx.output().reshape(kept);
    // Where y is 0 the gradient is 0, and nothing may divide by it.
    const Tensor y_is_zero = eq(y, 0).to(dtype), slope = dy * (1 - y_is_zero),
                 divisor = y + y_is_zero;
    if (p == 2) return {x * (slope / divisor)};
    const Tensor signs = sign(x.data());
    if (std::isinf(p)) return {signs * share_among_equals(dy, abs(x.data()), y.data(), dims)};
    // signs are 0 where x is, and there no power of 0 may be infinite.
    const Tensor absolute = abs(x) + eq(x, 0).to(dtype);
    return {slope * signs * pow(absolute / divisor, p - 1)};
  }
};

struct LogSumExp : Function<LogSumExp> {
  static constexpr const char* kName = "logsumexp";
  Dims dims;
  NDArray forward(Context& ctx, const NDArray& x, const Dims& over, bool keepdim) {
    dims = over;
    ctx.save_input(x);
    return ctx.save_output(logsumexp(x, over, keepdim));
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    const Shape kept = kept_shape(kName, dims, x.shape());
    return {dy.reshape(kept) * exp(x - ctx.output().reshape(kept))};
  }
};

}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) { return Sum::apply(x, dims, keepdim); }
Tensor mean(const Tensor& x, const Dims& dims, bool keepdim) {
  return Mean::apply(x, dims, keepdim);
}
Tensor max(const Tensor& x) { return ExtremeValue<Extreme::kMax>::apply(x, Dims{}, false); }
Tensor min(const Tensor& x) { return ExtremeValue<Extreme::kMin>::apply(x, Dims{}, false); }
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) {
  return ExtremeValue<Extreme::kAmax>::apply(x, dims, keepdim);
}
Tensor amin(const Tensor& x, const Dims& dims, bool keepdim) {
  return ExtremeValue<Extreme::kAmin>::apply(x, dims, keepdim);
}
Tensor var(const Tensor& x, const Dims& dims, int64_t correction, bool keepdim) {
  return Variance<false>::apply(x, dims, correction, keepdim);
}
Tensor std(const Tensor& x, const Dims& dims, int64_t correction, bool keepdim) {
  return Variance<true>::apply(x, dims, correction, keepdim);
}
Tensor norm(const Tensor& x, Scalar p, const Dims& dims, bool keepdim) {
  return Norm::apply(x, p, dims, keepdim);
}
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim) {
  return LogSumExp::apply(x, dims, keepdim);
}

// What tells or counts has no gradient.
Tensor argmax(const Tensor& x) { return argmax(x.data()); }
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim) { return argmax(x.data(), dim, keepdim); }
Tensor argmin(const Tensor& x) { return argmin(x.data()); }
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim) { return argmin(x.data(), dim, keepdim); }
Tensor all(const Tensor& x) { return all(x.data()); }
Tensor all(const Tensor& x, int64_t dim, bool keepdim) { return all(x.data(), dim, keepdim); }
Tensor any(const Tensor& x) { return any(x.data()); }
Tensor any(const Tensor& x, int64_t dim, bool keepdim) { return any(x.data(), dim, keepdim); }
Tensor count_nonzero(const Tensor& x, const Dims& dims) { return count_nonzero(x.data(), dims); }

}  // namespace lamina
