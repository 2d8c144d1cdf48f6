#include "lamina/nn/loss.h"

#include <cmath>
#include <initializer_list>

#include "lamina/nn/activation.h"
#include "lamina/nn/loss_parts.h"

namespace lamina::nn {
namespace {

// ---- Options

void check_at_least(const char* name, const char* option, double value, double least) {
  if (value >= least) return;  // false for NaN
  fail<ValueError>(name, "expected ", option, " of at least ", least, ", got ", value);
}
void check_above(const char* name, const char* option, double value, double bound) {
  if (value > bound) return;
  fail<ValueError>(name, "expected ", option, " above ", bound, ", got ", value);
}
void check_finite(const char* name, const char* option, double value) {
  if (std::isfinite(value)) return;
  fail<ValueError>(name, "expected a finite ", option, ", got ", value);
}

// A weight of each element, brought to the shape of the loss.
Tensor weighted(const char* name, const Tensor& loss, const Tensor& weight) {
  if (!weight.defined()) return loss;
  Shape shape;
  if (!broadcast_shapes(weight.shape(), loss.shape(), &shape) || shape != loss.shape()) {
    fail<ShapeError>(name, "expected a weight that expands to ", loss.shape().str(), ", got ",
                     weight.shape().str());
  }
  return loss * weight;
}

}  // namespace

namespace internal {

void check_reduction(const char* name, const std::string& reduction, bool batchmean) {
  for (const char* known : {"none", "mean", "sum"}) {
    if (reduction == known) return;
  }
  if (batchmean && reduction == "batchmean") return;
  fail<ValueError>(name, "expected the reduction to be none, mean", batchmean ? ", batchmean" : "",
                   " or sum, got \"", reduction, "\"");
}

void check_same_shape(const char* name, const char* a_name, const Tensor& a, const char* b_name,
                      const Tensor& b) {
  check_defined(name, a.data());
  check_defined(name, b.data());
  if (a.shape() == b.shape()) return;
  fail<ShapeError>(name, "expected ", a_name, " and ", b_name, " of one shape, got ",
                   a.shape().str(), " and ", b.shape().str());
}

Tensor reduce(const Tensor& loss, const std::string& reduction) {
  if (reduction == "mean") return mean(loss);
  if (reduction == "sum") return sum(loss);
  if (reduction == "batchmean") {
    if (loss.dim() == 0) return sum(loss);
    return sum(loss) / static_cast<double>(loss.size(0));
  }
  return loss;
}

void check_floating_input(const char* name, const Tensor& x) {
  check_defined(name, x.data());
  check_floating(name, x.dtype());
}

void check_options(const char* name, const SmoothL1LossOptions& options) {
  check_reduction(name, options.reduction);
  check_at_least(name, "beta", options.beta, 0);
}
void check_options(const char* name, const HuberLossOptions& options) {
  check_reduction(name, options.reduction);
  check_above(name, "delta", options.delta, 0);
}
void check_options(const char* name, const CrossEntropyLossOptions& options) {
  check_reduction(name, options.reduction);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    fail<ValueError>(name, "expected label_smoothing in [0, 1], got ", options.label_smoothing);
  }
}
void check_options(const char* name, const KLDivLossOptions& options) {
  check_reduction(name, options.reduction, true);
}
void check_options(const char* name, const PoissonNLLLossOptions& options) {
  check_reduction(name, options.reduction);
  check_at_least(name, "eps", options.eps, 0);
}
void check_options(const char* name, const GaussianNLLLossOptions& options) {
  check_reduction(name, options.reduction);
  check_above(name, "eps", options.eps, 0);
}
void check_options(const char* name, const HingeEmbeddingLossOptions& options) {
  check_reduction(name, options.reduction);
  check_finite(name, "margin", options.margin);
}
void check_options(const char* name, const CosineEmbeddingLossOptions& options) {
  check_reduction(name, options.reduction);
  check_finite(name, "margin", options.margin);
}
void check_options(const char* name, const MarginRankingLossOptions& options) {
  check_reduction(name, options.reduction);
  check_finite(name, "margin", options.margin);
}
void check_options(const char* name, const TripletMarginLossOptions& options) {
  check_reduction(name, options.reduction);
  check_finite(name, "margin", options.margin);
  check_above(name, "p", options.p, 0);
  check_finite(name, "eps", options.eps);
}

}  // namespace internal

namespace functional {

using internal::check_floating_input;
using internal::check_same_shape;
using internal::reduce;

namespace {

// What most losses begin with.
template <class Options>
void check(const char* name, const Tensor& input, const Tensor& target, const Options& options) {
  internal::check_options(name, options);
  check_same_shape(name, "input", input, "target", target);
}

}  // namespace

// ---- Distances

Tensor mse_loss(const Tensor& input, const Tensor& target, const MSELossOptions& options) {
  check("mse_loss", input, target, options);
  return reduce(square(input - target), options.reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, const L1LossOptions& options) {
  check("l1_loss", input, target, options);
  return reduce(abs(input - target), options.reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target,
                      const SmoothL1LossOptions& options) {
  check("smooth_l1_loss", input, target, options);
  const Tensor d = abs(input - target);
  if (options.beta == 0) return reduce(d, options.reduction);
  return reduce(where(d < options.beta, d * d * (0.5 / options.beta), d - 0.5 * options.beta),
                options.reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberLossOptions& options) {
  check("huber_loss", input, target, options);
  const Tensor d = abs(input - target);
  return reduce(where(d <= options.delta, d * d * 0.5, options.delta * (d - 0.5 * options.delta)),
                options.reduction);
}

// ---- Probabilities

namespace {

// Bounds the logarithms in the value and, apart from them, the divisor in the gradient, as PyTorch
// does: p of 0 or 1 has a large gradient, but a finite one.
struct BinaryCrossEntropy : Function<BinaryCrossEntropy> {
  static constexpr const char* kName = "binary_cross_entropy";
  static NDArray forward(Context& ctx, const NDArray& p, const NDArray& y) {
    ctx.save_input(p);
    ctx.save_input(y);
    return -(y * clamp_min(log(p), -100) + (1 - y) * clamp_min(log(1 - p), -100));
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor p = ctx.saved(0), y = ctx.saved(1);
    return {ctx.to_input(0, dy * (p - y) / clamp_min((1 - p) * p, double{1e-12f})),
            ctx.needs_grad(1) ? ctx.to_input(1, dy * (log(1 - p) - log(p))) : Tensor()};
  }
};

// Its parts have no slope at 0.
struct BinaryCrossEntropyWithLogits : Function<BinaryCrossEntropyWithLogits> {
  static constexpr const char* kName = "binary_cross_entropy_with_logits";
  static NDArray forward(Context& ctx, const NDArray& x, const NDArray& y) {
    ctx.save_input(x);
    ctx.save_input(y, ctx.needs_grad(0));
    // Of y = 0 and 1 nothing cancels but what is equal.
    return relu(x) - x * y + log1p(exp(-abs(x)));
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {ctx.needs_grad(0) ? ctx.to_input(0, dy * (sigmoid(x) - ctx.saved(1))) : Tensor(),
            ctx.needs_grad(1) ? ctx.to_input(1, -dy * x) : Tensor()};
  }
};

}  // namespace

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target,
                            const BCELossOptions& options) {
  constexpr const char* kName = "binary_cross_entropy";
  check(kName, input, target, options);
  check_floating_input(kName, input);
  if (input.numel() > 0 && !((input >= 0) * (input <= 1)).all().item<bool>()) {
    fail<ValueError>(kName, "expected probabilities in [0, 1], got values from ",
                     input.min().item<double>(), " to ", input.max().item<double>());
  }
  return reduce(weighted(kName, BinaryCrossEntropy::apply(input, target), options.weight),
                options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& options) {
  constexpr const char* kName = "binary_cross_entropy_with_logits";
  check(kName, input, target, options);
  check_floating_input(kName, input);
  Tensor loss;
  if (options.pos_weight.defined()) {
    const SoftplusOptions everywhere{.threshold = HUGE_VAL};
    loss = (1 - target) * softplus(input, everywhere) +
           weighted(kName, target, options.pos_weight) * softplus(-input, everywhere);
  } else {
    loss = BinaryCrossEntropyWithLogits::apply(input, target);
  }
  return reduce(weighted(kName, loss, options.weight), options.reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivLossOptions& options) {
  check("kl_div", input, target, options);
  if (options.log_target) {
    return reduce(exp(target) * (target - input), options.reduction);
  }
  const Tensor positive = target > 0;
  const Tensor entropy = target * log(where(positive, target, 1));
  return reduce(where(positive, entropy, 0) - target * input, options.reduction);
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target,
                        const PoissonNLLLossOptions& options) {
  check("poisson_nll_loss", input, target, options);
  Tensor loss =
      options.log_input ? exp(input) - target * input : input - target * log(input + options.eps);
  if (options.full) {
    const Tensor safe = where(target > 1, target, 1);
    const Tensor stirling = safe * log(safe) - safe + 0.5 * log(2 * M_PI * safe);
    loss = loss + where(target > 1, stirling, 0);
  }
  return reduce(loss, options.reduction);
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& variance,
                         const GaussianNLLLossOptions& options) {
  constexpr const char* kName = "gaussian_nll_loss";
  check(kName, input, target, options);
  check_defined(kName, variance.data());
  Tensor var = variance;
  Shape without_last = input.shape(), one_last = input.shape();
  if (input.dim() > 0) {
    without_last.erase(input.dim() - 1);
    one_last[input.dim() - 1] = 1;
  }
  if (var.shape() != input.shape() && var.shape() == without_last) {
    var = var.unsqueeze(-1);
  } else if (var.shape() != input.shape() && var.shape() != one_last) {
    fail<ShapeError>(kName, "expected a variance of shape ", input.shape().str(), ", ",
                     one_last.str(), " or ", without_last.str(), ", got ", variance.shape().str());
  }
  if (var.numel() > 0 && (var < 0).any().item<bool>()) {
    fail<ValueError>(kName, "expected variances of at least 0, got ", var.min().item<double>());
  }
  // The bound acts on the value alone: the gradient passes through it.
  var = var + (clamp_min(var.detach(), options.eps) - var.detach());
  Tensor loss = 0.5 * (log(var) + square(input - target) / var);
  if (options.full) loss = loss + 0.5 * std::log(2 * M_PI);
  return reduce(loss, options.reduction);
}

// ---- Margins

Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target,
                            const HingeEmbeddingLossOptions& options) {
  check("hinge_embedding_loss", input, target, options);
  return reduce(where(target != 1, relu(options.margin - input), 0) + where(target != -1, input, 0),
                options.reduction);
}

Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                             const CosineEmbeddingLossOptions& options) {
  constexpr const char* kName = "cosine_embedding_loss";
  internal::check_options(kName, options);
  check_same_shape(kName, "input1", input1, "input2", input2);
  check_defined(kName, target.data());
  if (input1.dim() != target.dim() + 1 || target.dim() > 1 ||
      (target.dim() == 1 && target.size(0) != input1.size(0))) {
    fail<ShapeError>(kName, "expected inputs (n, d) and a target (n), or (d) and (), got ",
                     input1.shape().str(), " and ", target.shape().str());
  }
  constexpr double kEps = 1e-12;  // PyTorch's
  const Tensor cosine = sum(input1 * input2, -1) /
                        sqrt((sum(square(input1), -1) + kEps) * (sum(square(input2), -1) + kEps));
  return reduce(
      where(target == 1, 1 - cosine, 0) + where(target == -1, relu(cosine - options.margin), 0),
      options.reduction);
}

Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                           const MarginRankingLossOptions& options) {
  constexpr const char* kName = "margin_ranking_loss";
  internal::check_options(kName, options);
  check_same_shape(kName, "input1", input1, "input2", input2);
  check_same_shape(kName, "inputs", input1, "target", target);
  return reduce(relu(-target * (input1 - input2) + options.margin), options.reduction);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossOptions& options) {
  constexpr const char* kName = "triplet_margin_loss";
  internal::check_options(kName, options);
  check_same_shape(kName, "anchor", anchor, "positive", positive);
  check_same_shape(kName, "anchor", anchor, "negative", negative);
  if (anchor.dim() == 0) fail<ShapeError>(kName, "expected vectors (..., d), got shape ()");
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return norm(a - b + options.eps, options.p, -1);
  };
  Tensor far = distance(anchor, negative);
  if (options.swap) far = minimum(far, distance(positive, negative));
  return reduce(relu(distance(anchor, positive) - far + options.margin), options.reduction);
}

}  // namespace functional

BCEWithLogitsLoss::BCEWithLogitsLoss(const BCEWithLogitsLossOptions& options)
    : weight(this, "weight", options.weight),
      pos_weight(this, "pos_weight", options.pos_weight),
      options_(options) {
  internal::check_options("BCEWithLogitsLoss", options_);
}

Tensor BCEWithLogitsLoss::forward(const Tensor& input, const Tensor& target) {
  BCEWithLogitsLossOptions options = options_;
  options.weight = weight;
  options.pos_weight = pos_weight;
  return functional::binary_cross_entropy_with_logits(input, target, options);
}

}  // namespace lamina::nn
