#include "lamina/nn/activation.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

void check_finite(const char* name, const char* option, double value) {
  if (std::isfinite(value)) return;
  fail<ValueError>(name, "expected a finite ", option, ", got ", value);
}
void check_divisor(const char* name, const char* option, double value) {
  if (std::isfinite(value) && value != 0) return;
  fail<ValueError>(name, "expected a finite ", option, " other than 0, got ", value);
}
void check_threshold(const char* name, double value) {
  if (std::isnan(value)) fail<ValueError>(name, "expected a number as threshold, got nan");
}

void check_floating_input(const char* name, const Tensor& x) {
  check_defined(name, x.data());
  check_floating(name, x.dtype());
}

}  // namespace

namespace internal {

void check_options(const char* name, const LeakyReLUOptions& options) {
  check_finite(name, "negative_slope", options.negative_slope);
}
void check_options(const char* name, const ELUOptions& options) {
  check_finite(name, "alpha", options.alpha);
}
void check_options(const char* name, const CELUOptions& options) {
  check_divisor(name, "alpha", options.alpha);
}
void check_options(const char* name, const GELUOptions& options) {
  if (options.approximate == "none" || options.approximate == "tanh") return;
  fail<ValueError>(name, "expected approximate to be none or tanh, got \"", options.approximate,
                   "\"");
}
void check_options(const char* name, const HardtanhOptions& options) {
  if (options.min_val < options.max_val) return;  // false for NaN
  fail<ValueError>(name, "expected min_val below max_val, got ", options.min_val, " and ",
                   options.max_val);
}
void check_options(const char* name, const SoftplusOptions& options) {
  check_divisor(name, "beta", options.beta);
  check_threshold(name, options.threshold);
}

std::string repr(const LeakyReLUOptions& options) {
  return absl::StrCat("negative_slope=", python_float(options.negative_slope));
}
std::string repr(const ELUOptions& options) {
  return absl::StrCat("alpha=", python_float(options.alpha));
}
std::string repr(const CELUOptions& options) {
  return absl::StrCat("alpha=", python_float(options.alpha));
}
std::string repr(const GELUOptions& options) {
  return absl::StrCat("approximate='", options.approximate, "'");
}
std::string repr(const HardtanhOptions& options) {
  return absl::StrCat("min_val=", python_float(options.min_val),
                      ", max_val=", python_float(options.max_val));
}
std::string repr(const SoftplusOptions& options) {
  return absl::StrCat("beta=", python_number(options.beta),
                      ", threshold=", python_number(options.threshold));
}
std::string repr(const GLUOptions& options) { return absl::StrCat("dim=", options.dim); }

}  // namespace internal

namespace functional {
namespace {

// Operations of their own, because the gradient of the parts would be wrong at 0 or lose its digits
// far from it. Their backward is made of operations, so that it has derivatives too.

struct SoftplusFunction : Function<SoftplusFunction> {
  static constexpr const char* kName = "softplus";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return log1p(exp(-abs(x))) + relu(x);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) { return {dy * sigmoid(ctx.saved(0))}; }
};

struct SoftsignFunction : Function<SoftsignFunction> {
  static constexpr const char* kName = "softsign";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    const double large = x.dtype() == float16 ? 65504 : 1e30;  // of infinities 1
    const NDArray z = clamp(x, -large, large);
    return z / (abs(z) + 1);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor divisor = abs(ctx.saved(0)) + 1;
    return {dy / divisor / divisor};
  }
};

constexpr double kMishRange = 800;  // e^-800 is 0

struct MishFunction : Function<MishFunction> {
  static constexpr const char* kName = "mish";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return clamp_min(x, -kMishRange) * tanh(log1p(exp(-abs(x))) + relu(x));
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = clamp(ctx.saved(0), -kMishRange, kMishRange);
    const Tensor t = tanh(SoftplusFunction::apply(x));
    return {dy * (t + x * sigmoid(x) * (1 - t * t))};
  }
};

// scale x above 0, else alpha (e^(x / divisor) - 1)
Tensor exponential_linear(const char* name, const Tensor& x, double scale, double alpha,
                          double divisor) {
  const OpScope scope(name);
  check_floating_input(name, x);
  Tensor above = relu(x), below = clamp_max(x, 0);
  if (divisor != 1) below = below / divisor;
  below = expm1(below);
  if (scale != 1) above = above * scale;
  if (alpha != 1) below = below * alpha;
  return above + below;
}

}  // namespace

Tensor softmin(const Tensor& x, int64_t dim) {
  const OpScope scope("softmin");
  return softmax(-x, dim);
}

Tensor leaky_relu(const Tensor& x, const LeakyReLUOptions& options) {
  const OpScope scope("leaky_relu");
  internal::check_options("leaky_relu", options);
  check_floating_input("leaky_relu", x);
  return where(x > 0, x, x * options.negative_slope);
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  constexpr const char* kName = "prelu";
  const OpScope scope(kName);
  check_floating_input(kName, x);
  check_floating_input(kName, weight);
  const int64_t channels = x.dim() < 2 ? 1 : x.size(1);
  if (weight.dim() != 1 || (weight.size(0) != 1 && weight.size(0) != channels)) {
    fail<ShapeError>(kName, "expected a weight of shape (1,) or, one per channel, (", channels,
                     ",) for input ", x.shape().str(), ", got ", weight.shape().str());
  }
  Tensor slope = weight;
  if (weight.size(0) != 1) {
    Shape shape = Shape::filled(x.dim() - 1, 1);
    shape[0] = channels;
    slope = weight.reshape(shape);
  } else if (x.dim() == 0) {
    slope = weight.reshape(Shape());
  }
  // Not a choice between x and slope x: the slope's gradient shall be 0 beside an infinity.
  return relu(x) + clamp_max(x, 0) * slope;
}

Tensor elu(const Tensor& x, const ELUOptions& options) {
  internal::check_options("elu", options);
  return exponential_linear("elu", x, 1, options.alpha, 1);
}

Tensor selu(const Tensor& x) {
  constexpr double kAlpha = 1.6732632423543772848, kScale = 1.0507009873554804934;
  return exponential_linear("selu", x, kScale, kScale * kAlpha, 1);
}

Tensor celu(const Tensor& x, const CELUOptions& options) {
  internal::check_options("celu", options);
  return exponential_linear("celu", x, 1, options.alpha, options.alpha);
}

Tensor gelu(const Tensor& x, const GELUOptions& options) {
  internal::check_options("gelu", options);
  return lamina::gelu(x, options.approximate == "tanh" ? Gelu::kTanh : Gelu::kExact);
}

Tensor mish(const Tensor& x) {
  check_floating_input("mish", x);
  return MishFunction::apply(x);
}

Tensor hardtanh(const Tensor& x, const HardtanhOptions& options) {
  const OpScope scope("hardtanh");
  internal::check_options("hardtanh", options);
  check_floating_input("hardtanh", x);
  const Tensor bounded = clamp(x.detach(), options.min_val, options.max_val);
  return where(logical_or(x <= options.min_val, x >= options.max_val), bounded, x);
}

Tensor relu6(const Tensor& x) {
  const OpScope scope("relu6");
  return hardtanh(x, {0, 6});
}

Tensor hardsigmoid(const Tensor& x) {
  const OpScope scope("hardsigmoid");
  return (hardtanh(x, {-3, 3}) + 3) / 6;
}

Tensor hardswish(const Tensor& x) {
  const OpScope scope("hardswish");
  check_floating_input("hardswish", x);
  return clamp_min(x, -3) * (clamp(x + 3, 0, 6) / 6);
}

Tensor softplus(const Tensor& x, const SoftplusOptions& options) {
  const OpScope scope("softplus");
  internal::check_options("softplus", options);
  check_floating_input("softplus", x);
  if (options.beta == 1) {
    const Tensor y = SoftplusFunction::apply(x);
    return options.threshold == HUGE_VAL ? y : where(x > options.threshold, x, y);
  }
  const Tensor scaled = x * options.beta;
  return where(scaled > options.threshold, x, SoftplusFunction::apply(scaled) / options.beta);
}

Tensor softsign(const Tensor& x) {
  check_floating_input("softsign", x);
  return SoftsignFunction::apply(x);
}

Tensor tanhshrink(const Tensor& x) {
  const OpScope scope("tanhshrink");
  check_floating_input("tanhshrink", x);
  return x - tanh(x);
}

Tensor threshold(const Tensor& x, double threshold, double value) {
  const OpScope scope("threshold");
  check_threshold("threshold", threshold);
  check_floating_input("threshold", x);
  return where(x <= threshold, value, x);
}

Tensor glu(const Tensor& x, const GLUOptions& options) {
  const OpScope scope("glu");
  check_floating_input("glu", x);
  const int dim = normalize_dim("glu", options.dim, x.dim());
  if (x.dim() == 0 || x.size(dim) % 2 != 0) {
    fail<ShapeError>("glu", "expected an even extent along dimension ", dim, ", got shape ",
                     x.shape().str());
  }
  const int64_t half = x.size(dim) / 2;
  return narrow(x, dim, 0, half) * sigmoid(narrow(x, dim, half, half));
}

}  // namespace functional

Threshold::Threshold(double threshold, double value) : threshold_(threshold), value_(value) {
  check_threshold("Threshold", threshold);
}

std::string Threshold::extra_repr() const {
  return absl::StrCat("threshold=", internal::python_number(threshold_),
                      ", value=", internal::python_number(value_));
}

namespace {

Tensor make_slopes(const PReLUOptions& options) {
  if (options.num_parameters < 1) {
    fail<ValueError>("PReLU", "expected num_parameters of at least 1, got ",
                     options.num_parameters);
  }
  check_floating("PReLU", options.dtype);
  check_finite("PReLU", "init", options.init);
  return full(options.num_parameters, options.init, options.dtype);
}

}  // namespace

PReLU::PReLU(const PReLUOptions& options)
    : weight(this, "weight", make_slopes(options)), init_(options.init) {}

void PReLU::reset_parameters() { init::constant_(weight, init_); }

std::string PReLU::extra_repr() const { return absl::StrCat("num_parameters=", weight.shape()[0]); }

}  // namespace lamina::nn
