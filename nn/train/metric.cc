#include "lamina/nn/train/metric.h"

#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "lamina/nn/index_range.h"
#include "lamina/nn/loss.h"

namespace lamina::nn::train {
namespace {

constexpr int64_t kMaxClasses = 10000;  // whose matrix has 800 MB

// Other shapes would broadcast, and count nonsense.
void check_scores(const std::string& name, const Tensor& outputs, const Tensor& labels) {
  Shape expected;
  if (outputs.dim() >= 2) {
    expected = outputs.shape();
    expected.erase(1);
  }
  if (outputs.dim() < 2 || labels.shape() != expected) {
    fail<ShapeError>(name.c_str(), "expected outputs (n, classes, ...) and labels (n, ...), got ",
                     outputs.shape().str(), " and ", labels.shape().str());
  }
  if (labels.dtype() != int64) {
    fail<DTypeError>(name.c_str(), "expected labels of dtype int64, got ", name_of(labels.dtype()));
  }
}

void check_labels(const std::string& name, const Tensor& labels, int64_t classes) {
  const std::string outside = nn::internal::first_outside(labels, classes);
  if (!outside.empty()) {
    fail<IndexError>(name.c_str(), "expected labels in [0, ", classes, "), got ", outside);
  }
}

// Whose outputs are compared with the targets one by one, in float64.
struct Values {
  Tensor outputs, targets;
};
Values values_of(const std::string& name, const Tensor& outputs, const Tensor& targets) {
  if (outputs.shape() != targets.shape()) {
    fail<ShapeError>(name.c_str(), "expected outputs and targets of one shape, got ",
                     outputs.shape().str(), " and ", targets.shape().str());
  }
  if (!is_floating(outputs.dtype()) || !is_floating(targets.dtype())) {
    fail<DTypeError>(name.c_str(), "expected floating outputs and targets, got ",
                     name_of(outputs.dtype()), " and ", name_of(targets.dtype()));
  }
  return {outputs.to(float64), targets.to(float64)};
}

double total(const Tensor& x) { return x.sum().item<double>(); }

}  // namespace

void Metric::update(const Tensor& outputs, const Tensor& targets) {
  check_defined(name_.c_str(), outputs.data());
  check_defined(name_.c_str(), targets.data());
  const NoGradGuard no_grad;
  add(outputs, targets);
}

void Metric::set_sums(std::vector<double> sums) {
  if (sums.size() != sums_.size()) {
    fail<ValueError>(name_.c_str(), "expected ", sums_.size(), " sums, got ", sums.size());
  }
  sums_ = std::move(sums);
}

Average::Average(std::string name, Function function, bool higher_is_better)
    : Metric(std::move(name), higher_is_better, 2), function_(std::move(function)) {
  if (!function_) fail<ValueError>("Average", "expected a function, got none");
}

void Average::add(const Tensor& outputs, const Tensor& targets) {
  if (outputs.dim() == 0) {
    fail<ShapeError>(name().c_str(), "expected outputs (n, ...), got ", outputs.shape().str());
  }
  const auto samples = static_cast<double>(outputs.size(0));
  if (samples == 0) return;  // of nothing there is no average
  sum(0) += function_(outputs, targets) * samples;
  sum(1) += samples;
}

// ---- Of classifiers

void Accuracy::add(const Tensor& outputs, const Tensor& targets) {
  check_scores(name(), outputs, targets);
  check_labels(name(), targets, outputs.size(1));
  if (targets.numel() == 0) return;
  sum(0) += total(outputs.argmax(1).eq(targets));
  sum(1) += static_cast<double>(targets.numel());
}

TopKAccuracy::TopKAccuracy(int64_t k)
    : Metric(absl::StrCat("top_", k, "_accuracy"), true, 2), k_(k) {
  if (k < 1) fail<ValueError>("TopKAccuracy", "expected k of at least 1, got ", k);
}

void TopKAccuracy::add(const Tensor& outputs, const Tensor& targets) {
  check_scores(name(), outputs, targets);
  check_labels(name(), targets, outputs.size(1));
  const Tensor own = outputs.gather(1, targets.unsqueeze(1));
  const Tensor above = outputs.gt(own).to(int64).sum(1);
  sum(0) += total(above.lt(k_).logical_and(isfinite(own.squeeze(1))));
  sum(1) += static_cast<double>(targets.numel());
}

double Perplexity::value() const { return std::exp(sum(0) / sum(1)); }

void Perplexity::add(const Tensor& outputs, const Tensor& targets) {
  check_scores(name(), outputs, targets);
  CrossEntropyLossOptions options;
  options.ignore_index = ignore_index_;
  options.reduction = "sum";
  const double loss = functional::cross_entropy(outputs, targets, options).item<double>();
  sum(0) += loss;
  sum(1) += total(targets.ne(ignore_index_));
}

ConfusionMatrix::ConfusionMatrix(std::string name, int64_t classes)
    : Metric(std::move(name), true, classes < 2 || classes > kMaxClasses ? 0 : classes * classes),
      classes_(classes) {
  if (classes < 2 || classes > kMaxClasses) {
    fail<ValueError>("ConfusionMatrix", "expected 2 to ", kMaxClasses, " classes, got ", classes);
  }
}

void ConfusionMatrix::add(const Tensor& outputs, const Tensor& targets) {
  check_scores(name(), outputs, targets);
  if (outputs.size(1) != classes_) {
    fail<ShapeError>(name().c_str(), "expected outputs (n, ", classes_, ", ...), got ",
                     outputs.shape().str());
  }
  check_labels(name(), targets, classes_);
  const Tensor cells = (targets * classes_ + outputs.argmax(1)).reshape({-1});
  for (const int64_t cell : cells.to_vector<int64_t>()) ++sum(cell);
}

double ConfusionMatrix::count(int64_t label, int64_t prediction) const {
  return sum(label * classes_ + prediction);
}

Tensor ConfusionMatrix::matrix() const { return tensor(sums(), {classes_, classes_}).to(int64); }

std::vector<double> ConfusionMatrix::precision() const {
  std::vector<double> result;
  for (int64_t c = 0; c < classes_; ++c) {
    double taken = 0;
    for (int64_t label = 0; label < classes_; ++label) taken += count(label, c);
    result.push_back(taken == 0 ? 0 : count(c, c) / taken);
  }
  return result;
}

std::vector<double> ConfusionMatrix::recall() const {
  std::vector<double> result;
  for (int64_t c = 0; c < classes_; ++c) {
    double all = 0;
    for (int64_t prediction = 0; prediction < classes_; ++prediction) all += count(c, prediction);
    result.push_back(all == 0 ? 0 : count(c, c) / all);
  }
  return result;
}

std::vector<double> ConfusionMatrix::f1() const {
  const std::vector<double> p = precision(), r = recall();
  std::vector<double> result;
  for (size_t c = 0; c < p.size(); ++c) {
    result.push_back(p[c] + r[c] == 0 ? 0 : 2 * p[c] * r[c] / (p[c] + r[c]));
  }
  return result;
}

double ConfusionMatrix::value() const {
  double right = 0;
  for (int64_t c = 0; c < classes_; ++c) right += count(c, c);
  return right / std::accumulate(sums().begin(), sums().end(), 0.0);
}

double ConfusionMatrix::mean(const std::vector<double>& each) const {
  if (std::accumulate(sums().begin(), sums().end(), 0.0) == 0) return std::nan("");
  return std::accumulate(each.begin(), each.end(), 0.0) / static_cast<double>(classes_);
}

// ---- Of regression

void MeanAbsoluteError::add(const Tensor& outputs, const Tensor& targets) {
  const Values x = values_of(name(), outputs, targets);
  sum(0) += total((x.outputs - x.targets).abs());
  sum(1) += static_cast<double>(targets.numel());
}

double RootMeanSquaredError::value() const { return std::sqrt(sum(0) / sum(1)); }

void RootMeanSquaredError::add(const Tensor& outputs, const Tensor& targets) {
  const Values x = values_of(name(), outputs, targets);
  sum(0) += total((x.outputs - x.targets).square());
  sum(1) += static_cast<double>(targets.numel());
}

double R2Score::value() const {
  const double n = sum(0), spread = sum(2), rest = sum(3);
  if (n == 0) return std::nan("");
  if (spread == 0) return rest == 0 ? 1 : 0;
  return 1 - rest / spread;
}

// The squares are about the mean so far: with those about 0, prices would lose most of their digits.
// Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979.
void R2Score::add(const Tensor& outputs, const Tensor& targets) {
  const Values x = values_of(name(), outputs, targets);
  const auto m = static_cast<double>(targets.numel());
  if (m == 0) return;
  double &n = sum(0), &mean = sum(1), &spread = sum(2), &rest = sum(3);
  const double other = total(x.targets) / m, difference = other - mean;
  spread += total((x.targets - other).square()) + difference * difference * n * m / (n + m);
  mean += difference * m / (n + m);
  n += m;
  rest += total((x.outputs - x.targets).square());
}

}  // namespace lamina::nn::train
