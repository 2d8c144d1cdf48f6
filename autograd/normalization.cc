#include "lamina/autograd/normalization.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/normalization.h"

namespace lamina {

void internal::check_eps(const char* name, double eps) {
  if (eps >= 0) return;
  fail<ValueError>(name, "expected an eps of at least 0, got ", eps);
}

namespace {

Tensor widened(const Tensor& x) { return x.defined() ? x.to(float32) : x; }

// The gradients as operations on Tensors, to be differentiated again.
Gradients recorded_gradients(const Tensor& dy, const Tensor& x, const Tensor& weight,
                             const Shape& parameters, const Normalization& how, double eps,
                             const WantedGradients& wanted) {
  if (is_half(x.dtype())) {
    Gradients wide =
        recorded_gradients(widened(dy), widened(x), widened(weight), parameters, how, eps, wanted);
    for (size_t i = 0; i < wide.size(); ++i) {
      if (wide[i].defined()) wide[i] = wide[i].to(x.dtype());
    }
    return wide;
  }
  const Tensor from = dy.reshape(how.view);
  Tensor h = x.reshape(how.view);
  if (how.centered) h = h - mean(h, how.over, true);
  const Tensor scale = rsqrt(mean(h * h, how.over, true) + eps);
  h = h * scale;
  const Tensor g = weight.defined() ? from * weight.reshape(how.affine) : from;
  Tensor dx = g - h * mean(g * h, how.over, true);
  if (how.centered) dx = dx - mean(g, how.over, true);
  Dims summed;
  for (int d = 0; d < how.view.rank(); ++d) {
    if (how.affine[d] == 1) summed.push_back(d);
  }
  return {(dx * scale).reshape(x.shape()),
          wanted.dweight ? sum(from * h, summed).reshape(parameters) : Tensor(),
          wanted.dbias ? sum(from, summed).reshape(parameters) : Tensor()};
}

// Op::kName is what users call the operation.
template <class Op>
struct Normalize : Function<Normalize<Op>> {
  static constexpr const char* kName = Op::kName;
  Normalization how;
  double eps = 0;
  // mean and variance go to *statistics, if there is one.
  NDArray forward(Context& ctx, const NDArray& x, const NDArray& weight, const NDArray& bias,
                  const Normalization& plan, double added, Normalized* statistics) {
    how = plan;
    eps = added;
    Normalized result = normalize(x, weight, bias, how, eps);
    ctx.save_input(x);
    ctx.save_input(weight);
    ctx.save_values(result.mean);
    ctx.save_values(result.variance);
    if (statistics != nullptr) *statistics = result;
    return result.y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0), weight = ctx.saved(1);
    const WantedGradients wanted{ctx.needs_grad(0), ctx.needs_grad(1), ctx.needs_grad(2)};
    const int parameter = wanted.dweight ? 1 : 2;
    const Shape shape =
        wanted.dweight || wanted.dbias ? ctx.input_shape(parameter) : Shape(how.affine.numel());
    if (is_grad_enabled()) {
      return recorded_gradients(dy, x, weight, shape, how, eps, wanted);
    }
    const NormalizedGradients g =
        normalize_backward(dy.data(), x.data(), weight.data(), ctx.saved(2).data(),
                           ctx.saved(3).data(), how, eps, wanted);
    return {Tensor(g.dx), wanted.dweight ? Tensor(g.dweight).reshape(shape) : Tensor(),
            wanted.dbias ? Tensor(g.dbias).reshape(shape) : Tensor()};
  }
};
struct LayerNorm {
  static constexpr const char* kName = "layer_norm";
};
struct RmsNorm {
  static constexpr const char* kName = "rms_norm";
};
struct GroupNorm {
  static constexpr const char* kName = "group_norm";
};
struct BatchNorm {
  static constexpr const char* kName = "batch_norm";
};

void check_like(const char* name, const char* what, const Tensor& parameter, const Tensor& x,
                const Shape& shape) {
  if (!parameter.defined()) return;
  if (parameter.shape() != shape) {
    fail<ShapeError>(name, "expected ", what, " of shape ", shape.str(), ", got ",
                     parameter.shape().str());
  }
  if (parameter.dtype() != x.dtype()) {
    fail<DTypeError>(name, "expected ", what, " of x's dtype ", name_of(x.dtype()), ", got ",
                     name_of(parameter.dtype()));
  }
}

void check_rows(const char* name, const Tensor& x, const Dims& normalized_shape) {
  check_defined(name, x.data());
  check_floating(name, x.dtype());
  const int n = normalized_shape.rank(), first = x.dim() - n;
  if (n == 0) {
    fail<ValueError>(name, "expected a normalized_shape of at least one extent, got ()");
  }
  bool fits = first >= 0;
  for (int i = 0; i < n && fits; ++i) fits = x.size(first + i) == normalized_shape[i];
  if (fits) return;
  std::string wanted = "(...";
  for (const int64_t extent : normalized_shape) absl::StrAppend(&wanted, ", ", extent);
  fail<ShapeError>(name, "expected x of shape ", wanted, "), got ", x.shape().str());
}

void check_channels(const char* name, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_defined(name, x.data());
  check_floating(name, x.dtype());
  if (x.dim() < 2) {
    fail<ShapeError>(name, "expected x (n, channels, ...), got shape ", x.shape().str());
  }
  check_like(name, "a weight", weight, x, x.size(1));
  check_like(name, "a bias", bias, x, x.size(1));
}

double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return std::numeric_limits<double>::epsilon();
    case DType::kFloat16:
      return 0x1p-10;
    case DType::kBFloat16:
      return 0x1p-7;
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

// running = (1 - momentum) running + momentum fresh, in place and outside the graph.
void move_towards(const Tensor& running, const NDArray& fresh, double momentum) {
  if (!running.defined()) return;
  NDArray values = running.data();
  const NDArray old = to(values, float64);
  values.copy_(to(old * (1 - momentum) + fresh * momentum, values.dtype()));
}

// A constant mean and variance per channel.
Tensor with_running_statistics(const Tensor& x, const Tensor& running_mean,
                               const Tensor& running_var, const Tensor& weight, const Tensor& bias,
                               double eps) {
  if (is_half(x.dtype())) {
    return with_running_statistics(widened(x), widened(running_mean), widened(running_var),
                                   widened(weight), widened(bias), eps)
        .to(x.dtype());
  }
  Shape shape = Shape::filled(x.dim(), 1);
  shape[1] = x.size(1);
  const Tensor scale = rsqrt(running_var.detach() + eps);
  const Tensor slope = weight.defined() ? weight * scale : scale;
  const Tensor y = (x - running_mean.detach().reshape(shape)) * slope.reshape(shape);
  return bias.defined() ? y + bias.reshape(shape) : y;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  constexpr const char* kName = LayerNorm::kName;
  check_rows(kName, x, normalized_shape);
  check_like(kName, "a weight", weight, x, normalized_shape);
  check_like(kName, "a bias", bias, x, normalized_shape);
  internal::check_eps(kName, eps);
  const auto how = Normalization::of_rows(x.shape(), normalized_shape.rank(), true);
  return Normalize<LayerNorm>::apply(x, weight, bias, how, eps, nullptr);
}

Tensor rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  constexpr const char* kName = RmsNorm::kName;
  check_rows(kName, x, normalized_shape);
  check_like(kName, "a weight", weight, x, normalized_shape);
  if (eps) internal::check_eps(kName, *eps);
  const auto how = Normalization::of_rows(x.shape(), normalized_shape.rank(), false);
  return Normalize<RmsNorm>::apply(x, weight, Tensor(), how, eps.value_or(epsilon_of(x.dtype())),
                                   nullptr);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  constexpr const char* kName = GroupNorm::kName;
  check_channels(kName, x, weight, bias);
  if (groups < 1 || x.size(1) % groups != 0) {
    fail<ValueError>(kName, "expected groups that divide the ", x.size(1), " channels of x, got ",
                     groups);
  }
  internal::check_eps(kName, eps);
  const auto how = Normalization::of_groups(x.shape(), groups);
  return Normalize<GroupNorm>::apply(x, weight, bias, how, eps, nullptr);
}

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, const BatchNormCall& call) {
  constexpr const char* kName = BatchNorm::kName;
  check_channels(kName, x, weight, bias);
  check_like(kName, "a running_mean", running_mean, x, x.size(1));
  check_like(kName, "a running_var", running_var, x, x.size(1));
  internal::check_eps(kName, call.eps);
  if (running_mean.defined() != running_var.defined()) {
    fail<ValueError>(kName, "expected running_mean and running_var both or neither");
  }
  if (!(call.momentum >= 0 && call.momentum <= 1)) {
    fail<ValueError>(kName, "expected a momentum in [0, 1], got ", call.momentum);
  }
  if (!call.training && running_mean.defined()) {
    const OpScope scope(kName);
    return with_running_statistics(x, running_mean, running_var, weight, bias, call.eps);
  }
  const auto how = Normalization::of_channels(x.shape());
  const int64_t count = how.view[0] * how.view[2];
  if (call.training && count == 1) {
    fail<ValueError>(kName, "expected more than 1 value per channel when training, got shape ",
                     x.shape().str());
  }
  Normalized statistics;
  Tensor y = Normalize<BatchNorm>::apply(x, weight, bias, how, call.eps, &statistics);
  if (call.training && count > 0) {
    const double n = static_cast<double>(count);
    move_towards(running_mean, statistics.mean, call.momentum);
    move_towards(running_var, statistics.variance * (call.biased_running_var ? 1 : n / (n - 1)),
                 call.momentum);
  }
  return y;
}

}  // namespace lamina
