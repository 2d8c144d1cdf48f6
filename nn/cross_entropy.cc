// Losses of classes: cross entropy and negative log-likelihood.
#include <cmath>

#include "lamina/nn/index_range.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/loss_parts.h"

namespace lamina::nn::functional {

using internal::check_floating_input;
using internal::check_same_shape;

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

void check_labels(const char* name, const Labels& labels, const Shape& shape, int64_t classes) {
  const std::string wrong = internal::first_outside(labels.safe.reshape(shape), classes);
  if (wrong.empty()) return;
  if (classes == 0) {
    fail<IndexError>(name, "expected no labels, for there are no classes, got ", wrong);
  }
  fail<IndexError>(name, "expected labels from 0 to ", classes - 1, ", got ", wrong);
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
  check_labels(kName, labels, rows.shape, classes);
  const Tensor weight = row_weights(labels, options.weight, logits.dtype());
  if (options.label_smoothing == 0) {
    return reduce_rows(
        weighted_rows(lamina::cross_entropy(rows.values, labels.safe), weight, labels), weight,
        rows.shape, options.reduction);
  }
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
  check_labels(kName, labels, rows.shape, input.size(dim));
  const Tensor weight = row_weights(labels, options.weight, input.dtype());
  return reduce_rows(weighted_rows(-pick(rows.values, labels.safe), weight, labels), weight,
                     rows.shape, options.reduction);
}

}  // namespace lamina::nn::functional
