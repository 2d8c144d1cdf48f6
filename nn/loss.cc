#include "lamina/nn/loss.h"

#include <cmath>
#include <initializer_list>

#include "lamina/nn/activation.h"

namespace lamina::nn {
namespace {

// ---- Options

void check_reduction(const char* name, const std::string& reduction, bool batchmean = false) {
  for (const char* known : {"none", "mean", "sum"}) {
    if (reduction == known) return;
  }
  if (batchmean && reduction == "batchmean") return;
  fail<ValueError>(name, "expected the reduction to be none, mean", batchmean ? ", batchmean" : "",
                   " or sum, got \"", reduction, "\"");
}

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

// ---- Operands

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

void check_options(const char* name, const ReductionOptions& options) {
  check_reduction(name, options.reduction);
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
void check_options(const char* name, const NLLLossOptions& options) {
  check_reduction(name, options.reduction);
}
void check_options(const char* name, const BCELossOptions& options) {
  check_reduction(name, options.reduction);
}
void check_options(const char* name, const BCEWithLogitsLossOptions& options) {
  check_reduction(name, options.reduction);
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

// ---- Classes

namespace {

// Logits or log-probabilities (n, classes), one label per row, and the shape of the labels as given.
struct Rows {
  Tensor values, labels;
  Shape shape;
};

// The classes moved to the end, and all other dimensions into one.
Tensor as_rows(const Tensor& x, int class_dim) {
  if (x.dim() == 2 && class_dim == 1) return x;
  Dims order;
  for (int i = 0; i < x.dim(); ++i) {
    if (i != class_dim) order.push_back(i);
  }
  order.push_back(class_dim);
  const int64_t classes = x.size(class_dim);
  const int64_t rows = classes == 0 ? 0 : x.numel() / classes;
  return x.permute(order).reshape({rows, classes});
}

int class_dim_of(const char* name, const Tensor& input, int64_t class_dim) {
  check_floating_input(name, input);
  if (input.dim() == 0) fail<ShapeError>(name, "expected logits (..., classes), got shape ()");
  return input.dim() == 1 ? 0 : normalize_dim(name, class_dim, input.dim());
}

void check_class_weight(const char* name, const Tensor& weight, int64_t classes) {
  if (weight.defined() && weight.shape() != Shape{classes}) {
    fail<ShapeError>(name, "expected a weight of shape (", classes, ",), one per class, got ",
                     weight.shape().str());
  }
}

Rows rows_of(const char* name, const Tensor& input, const Tensor& labels, int dim,
             int64_t class_dim) {
  check_defined(name, labels.data());
  Shape expected = input.shape();
  expected.erase(dim);
  if (labels.shape() != expected) {
    Shape classes_last = input.shape();
    classes_last.erase(input.dim() - 1);
    fail<ShapeError>(
        name, "expected labels of shape ", expected.str(), " for logits ", input.shape().str(),
        " with class_dim = ", class_dim, ", got ", labels.shape().str(),
        labels.shape() == classes_last ? "; for classes in the last dimension set class_dim = -1"
                                       : "");
  }
  if (labels.dtype() != int64) {
    fail<DTypeError>(name, "expected labels of dtype int64, got ", name_of(labels.dtype()));
  }
  return {as_rows(input, dim), labels.reshape(expected.numel()), expected};
}

struct Labels {
  Tensor safe;     // 0 where ignored
  Tensor ignored;  // bool; undefined if no label is
};
Labels without_ignored(const Tensor& labels, int64_t ignore_index) {
  const Tensor ignored = labels == ignore_index;
  if (!ignored.any().item<bool>()) return {labels, Tensor()};
  return {masked_fill(labels, ignored, 0), ignored};
}

void check_labels(const char* name, const Tensor& labels, int64_t classes) {
  if (labels.numel() == 0) return;
  const int64_t least = labels.min().item<int64_t>(), most = labels.max().item<int64_t>();
  if (least >= 0 && most < classes) return;
  const int64_t wrong = least < 0 ? least : most;
  const int64_t at = (labels == wrong).to(int64).argmax().item<int64_t>();
  fail<IndexError>(name, "expected labels from 0 to ", classes - 1, ", got ", wrong,
                   " at position ", at);
}

// The loss of rows with hard labels, from the loss per row and, for weighted means, the weights.
Tensor reduce_rows(const Tensor& loss, const Tensor& row_weight, const Shape& shape,
                   const std::string& reduction) {
  if (reduction == "none") return loss.reshape(shape);
  if (reduction == "sum") return sum(loss);
  if (!row_weight.defined()) return mean(loss);
  const Tensor total = sum(row_weight);
  // No label counts: the mean is not a number, and its gradient is 0, as in PyTorch.
  if (total.item<double>() == 0) return sum(loss) + std::nan("");
  return sum(loss) / total;
}

// How much each row counts: the weight of its class, 0 if ignored; undefined if all count 1.
Tensor row_weights(const Labels& labels, const Tensor& class_weight, DType dtype) {
  Tensor weight;
  if (class_weight.defined()) weight = index_select(class_weight, 0, labels.safe);
  if (labels.ignored.defined()) {
    if (!weight.defined()) weight = ones(labels.safe.shape(), dtype);
    weight = masked_fill(weight, labels.ignored, 0);
  }
  return weight;
}

// The losses of rows by their weights; an ignored row has none, whatever its values are.
Tensor weighted_rows(const Tensor& loss, const Tensor& weight, const Labels& labels) {
  const Tensor all = weight.defined() ? loss * weight : loss;
  return labels.ignored.defined() ? masked_fill(all, labels.ignored, 0) : all;
}

Tensor pick(const Tensor& rows, const Tensor& labels) {
  return gather(rows, 1, labels.unsqueeze(1)).squeeze(1);
}

Tensor probabilities_loss(const char* name, const Tensor& logits, const Tensor& target, int dim,
                          const CrossEntropyLossOptions& options) {
  check_same_shape(name, "logits", logits, "probabilities", target);
  const int64_t classes = logits.size(dim);
  Tensor p = as_rows(target, dim);
  if (options.label_smoothing > 0) {
    p = p * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(classes);
  }
  Tensor terms = p * log_softmax(as_rows(logits, dim), 1);
  if (options.weight.defined()) terms = terms * options.weight;
  const Tensor loss = -sum(terms, 1);
  Shape shape = logits.shape();
  shape.erase(dim);
  if (options.reduction == "none") return loss.reshape(shape);
  return options.reduction == "sum" ? sum(loss) : mean(loss);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& target,
                     const CrossEntropyLossOptions& options) {
  constexpr const char* kName = "cross_entropy";
  internal::check_options(kName, options);
  const int dim = class_dim_of(kName, logits, options.class_dim);
  const int64_t classes = logits.size(dim);
  check_class_weight(kName, options.weight, classes);
  check_defined(kName, target.data());
  if (is_floating(target.dtype())) return probabilities_loss(kName, logits, target, dim, options);

  const Rows rows = rows_of(kName, logits, target, dim, options.class_dim);
  const Labels labels = without_ignored(rows.labels, options.ignore_index);
  const Tensor weight = row_weights(labels, options.weight, logits.dtype());
  if (options.label_smoothing == 0) {
    return reduce_rows(
        weighted_rows(lamina::cross_entropy(rows.values, labels.safe), weight, labels), weight,
        rows.shape, options.reduction);
  }
  check_labels(kName, labels.safe, classes);
  const Tensor log_p = log_softmax(rows.values, 1);
  const Tensor hard = weighted_rows(-pick(log_p, labels.safe), weight, labels);
  // Smoothing gives every class its own weight, and ignores the rows that are ignored.
  Tensor smooth = -sum(options.weight.defined() ? log_p * options.weight : log_p, 1);
  if (labels.ignored.defined()) smooth = masked_fill(smooth, labels.ignored, 0);
  const double share = options.label_smoothing;
  return reduce_rows(hard * (1 - share) + smooth * (share / static_cast<double>(classes)), weight,
                     rows.shape, options.reduction);
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLLossOptions& options) {
  constexpr const char* kName = "nll_loss";
  internal::check_options(kName, options);
  const int dim = class_dim_of(kName, input, 1);
  check_class_weight(kName, options.weight, input.size(dim));
  const Rows rows = rows_of(kName, input, target, dim, 1);
  const Labels labels = without_ignored(rows.labels, options.ignore_index);
  check_labels(kName, labels.safe, input.size(dim));
  const Tensor weight = row_weights(labels, options.weight, input.dtype());
  return reduce_rows(weighted_rows(-pick(rows.values, labels.safe), weight, labels), weight,
                     rows.shape, options.reduction);
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
