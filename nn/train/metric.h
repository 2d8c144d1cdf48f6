// Metric: a number that says how good a model's answers are, over all samples of a pass.
//
//   nn::train::Accuracy accuracy;
//   for (const auto& [x, y] : loader) accuracy.update(model(x), y);
//   std::cout << accuracy.name() << " " << accuracy.value() << "\n";
//
// epoch() and Trainer take metrics. What is averaged over samples needs no class of its own:
//
//   nn::train::Average near("near", [](const Tensor& outputs, const Tensor& targets) {
//     return (outputs - targets).abs().lt(0.5).to(float32).mean().item<double>();
//   });
#ifndef LAMINA_NN_TRAIN_METRIC_H_
#define LAMINA_NN_TRAIN_METRIC_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn::train {

// A metric adds up sums in float64, from which value() follows: so the batches' sizes do not matter.
// Operands whose shapes or dtypes do not fit throw ShapeError or DTypeError, and change nothing. No
// history is recorded.
class Metric {
 public:
  virtual ~Metric() = default;

  const std::string& name() const { return name_; }
  bool higher_is_better() const { return higher_is_better_; }

  // Takes a batch in: what the model gave, and what was to come.
  void update(const Tensor& outputs, const Tensor& targets);
  // Of all since the last reset(); NaN if there was nothing.
  virtual double value() const = 0;
  void reset() { sums_.assign(sums_.size(), 0); }

  // For who saves it in the middle of a pass. Throws ValueError for sums of another number.
  const std::vector<double>& sums() const { return sums_; }
  void set_sums(std::vector<double> sums);

 protected:
  Metric(std::string name, bool higher_is_better, int64_t sums)
      : name_(std::move(name)), higher_is_better_(higher_is_better), sums_(sums) {}
  virtual void add(const Tensor& outputs, const Tensor& targets) = 0;
  double& sum(int64_t i) { return sums_[static_cast<size_t>(i)]; }
  double sum(int64_t i) const { return sums_[static_cast<size_t>(i)]; }

 private:
  const std::string name_;
  const bool higher_is_better_;
  std::vector<double> sums_;
};

// The average over samples of a number that is an average over a batch's.
class Average : public Metric {
 public:
  using Function = std::function<double(const Tensor& outputs, const Tensor& targets)>;
  Average(std::string name, Function function, bool higher_is_better = true);
  double value() const override { return sum(0) / sum(1); }

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
  const Function function_;
};

// ---- Of classifiers. Outputs (n, classes, ...) are scores, such as logits, and targets are labels,
// int64 (n, ...); IndexError for a label that is no class.

// "accuracy": the share of labels that have the largest score.
class Accuracy : public Metric {
 public:
  Accuracy() : Metric("accuracy", true, 2) {}
  double value() const override { return sum(0) / sum(1); }

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
};

// "top_k_accuracy", with the number for k: the share of labels with a finite score that fewer than k
// scores exceed.
class TopKAccuracy : public Metric {
 public:
  explicit TopKAccuracy(int64_t k);  // ValueError below 1
  double value() const override { return sum(0) / sum(1); }

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
  const int64_t k_;
};

// "perplexity": e to the mean cross entropy; labels of ignore_index do not count.
class Perplexity : public Metric {
 public:
  explicit Perplexity(int64_t ignore_index = -100)
      : Metric("perplexity", false, 2), ignore_index_(ignore_index) {}
  double value() const override;

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
  const int64_t ignore_index_;
};

// "confusion_matrix": how often each class was taken for each. value() is the share that is right.
class ConfusionMatrix : public Metric {
 public:
  explicit ConfusionMatrix(int64_t classes) : ConfusionMatrix("confusion_matrix", classes) {}

  // int64 (classes, classes): rows are the labels, columns the classes of the largest score.
  Tensor matrix() const;
  // By class; 0 where there is nothing to divide by. Precision: of what was taken for the class, the
  // share that is; recall: of what is, the share that was; F1: 2 / (1 / precision + 1 / recall).
  std::vector<double> precision() const;
  std::vector<double> recall() const;
  std::vector<double> f1() const;
  double value() const override;

 protected:
  ConfusionMatrix(std::string name, int64_t classes);  // ValueError below 2 and above 10,000
  double mean(const std::vector<double>& each) const;

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
  double count(int64_t label, int64_t prediction) const;
  const int64_t classes_;
};

// "precision", "recall" and "f1": the unweighted means over the classes.
class Precision : public ConfusionMatrix {
 public:
  explicit Precision(int64_t classes) : ConfusionMatrix("precision", classes) {}
  double value() const override { return mean(precision()); }
};
class Recall : public ConfusionMatrix {
 public:
  explicit Recall(int64_t classes) : ConfusionMatrix("recall", classes) {}
  double value() const override { return mean(recall()); }
};
class F1Score : public ConfusionMatrix {
 public:
  explicit F1Score(int64_t classes) : ConfusionMatrix("f1", classes) {}
  double value() const override { return mean(f1()); }
};

// ---- Of regression. Outputs and targets are floating and of one shape; all elements count alike.

// "mae": the mean of |output - target|.
class MeanAbsoluteError : public Metric {
 public:
  MeanAbsoluteError() : Metric("mae", false, 2) {}
  double value() const override { return sum(0) / sum(1); }

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
};

// "rmse": the root of the mean of (output - target)^2.
class RootMeanSquaredError : public Metric {
 public:
  RootMeanSquaredError() : Metric("rmse", false, 2) {}
  double value() const override;

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
};

// "r2": 1 - sum (output - target)^2 / sum (target - mean target)^2. If all targets are the same, 1 for
// outputs without an error, else 0.
class R2Score : public Metric {
 public:
  R2Score() : Metric("r2", true, 4) {}
  double value() const override;

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
};

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_METRIC_H_
