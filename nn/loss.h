// Losses: what training makes small. Each is a module and a function of the same options:
//
//   nn::HuberLoss loss({.delta = 0.5});
//   loss(predictions, targets).backward();
//   nn::functional::huber_loss(predictions, targets, {.delta = 0.5});
//
// `reduction` is "mean", over all elements (cross entropy: by weight; KLDivLoss also has
// "batchmean"), "sum", or "none", which keeps one loss per element. Names, defaults and values are
// those of PyTorch. Options outside their domain throw ValueError, operands whose shapes do not agree
// ShapeError: losses do not broadcast.
#ifndef LAMINA_NN_LOSS_H_
#define LAMINA_NN_LOSS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

// A loss compares predictions with targets.
using Loss = Callable<Tensor(const Tensor& predictions, const Tensor& targets)>;

struct ReductionOptions {
  std::string reduction = "mean";
};
using MSELossOptions = ReductionOptions;
using L1LossOptions = ReductionOptions;
struct SmoothL1LossOptions {
  std::string reduction = "mean";
  double beta = 1;  // where the square ends; 0 gives L1
};
struct HuberLossOptions {
  std::string reduction = "mean";
  double delta = 1;  // where the square ends; above 0
};
struct CrossEntropyLossOptions {
  Tensor weight = {};           // (classes), how much each class counts; undefined for all alike
  int64_t ignore_index = -100;  // a label that does not count
  std::string reduction = "mean";
  double label_smoothing = 0;  // the share of the target spread over all classes, in [0, 1]
  // The dimension of the logits that counts the classes; of 1-d logits it is the only one.
  int64_t class_dim = 1;
};
struct NLLLossOptions {
  Tensor weight = {};
  int64_t ignore_index = -100;
  std::string reduction = "mean";
};
struct BCELossOptions {
  Tensor weight = {};  // of each element: of a shape that expands to that of the input
  std::string reduction = "mean";
};
struct BCEWithLogitsLossOptions {
  Tensor weight = {};
  std::string reduction = "mean";
  Tensor pos_weight = {};  // how much the targets 1 count: likewise
};
struct KLDivLossOptions {
  std::string reduction = "mean";  // or "batchmean": the sum over the first extent
  bool log_target = false;         // whether the target is a logarithm too
};
struct PoissonNLLLossOptions {
  bool log_input = true;  // whether the input is the logarithm of the rate
  bool full = false;      // adds Stirling's approximation of log(target!) for targets above 1
  double eps = 1e-8;      // keeps the logarithm of a rate finite
  std::string reduction = "mean";
};
struct GaussianNLLLossOptions {
  bool full = false;  // adds log(2 pi) / 2
  double eps = 1e-6;  // the least variance
  std::string reduction = "mean";
};
struct HingeEmbeddingLossOptions {
  double margin = 1;
  std::string reduction = "mean";
};
struct CosineEmbeddingLossOptions {
  double margin = 0;
  std::string reduction = "mean";
};
struct MarginRankingLossOptions {
  double margin = 0;
  std::string reduction = "mean";
};
struct TripletMarginLossOptions {
  double margin = 1;
  double p = 2;  // of the norm
  double eps = 1e-6;
  bool swap = false;  // takes the nearer of anchor and positive to the negative
  std::string reduction = "mean";
};

namespace functional {

// (x - y)^2
Tensor mse_loss(const Tensor& input, const Tensor& target, const MSELossOptions& options = {});
// |x - y|
Tensor l1_loss(const Tensor& input, const Tensor& target, const L1LossOptions& options = {});
// d^2 / (2 beta) for d = |x - y| below beta, else d - beta / 2
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target,
                      const SmoothL1LossOptions& options = {});
// d^2 / 2 for d = |x - y| up to delta, else delta (d - delta / 2)
Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberLossOptions& options = {});

// -log_softmax(logits)[label]: logits with the classes in class_dim, int64 labels of the same shape
// without it. (n, classes) and (n), for images (n, classes, h, w) and (n, h, w), for one sample
// (classes) and (). Floating targets of the shape of the logits are probabilities of the classes.
// The mean is by the weights of the labels that count. IndexError for a label outside [0, classes)
// that is not ignore_index.
Tensor cross_entropy(const Tensor& logits, const Tensor& target,
                     const CrossEntropyLossOptions& options = {});
// -input[label] of log-probabilities, with the classes in dimension 1, or the only one; otherwise
// like cross_entropy.
Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLLossOptions& options = {});

// -(y log(p) + (1 - y) log(1 - p)) for probabilities p and targets y in [0, 1]; logarithms are at
// least -100.
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target,
                            const BCELossOptions& options = {});
// The same of p = sigmoid(x), without overflow.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& options = {});

// target (log(target) - input) for log-probabilities `input`; 0 where the target is 0
Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivLossOptions& options = {});
// exp(x) - y x, or x - y log(x + eps) without log_input
Tensor poisson_nll_loss(const Tensor& input, const Tensor& target,
                        const PoissonNLLLossOptions& options = {});
// (log(v) + (x - y)^2 / v) / 2 for variances v of the input's shape, or with a last extent of 1 or
// none. The bound eps does not stop the gradient. ValueError for a negative variance.
Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& variance,
                         const GaussianNLLLossOptions& options = {});

// x where y = 1, max(0, margin - x) where y = -1
Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target,
                            const HingeEmbeddingLossOptions& options = {});
// 1 - cos(a, b) where y = 1, max(0, cos(a, b) - margin) where y = -1: (n, d), (n, d), (n); or (d),
// (d), ()
Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                             const CosineEmbeddingLossOptions& options = {});
// max(0, -y (a - b) + margin)
Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                           const MarginRankingLossOptions& options = {});
// max(0, |a - p + eps| - |a - n + eps| + margin), with norms over the last dimension
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossOptions& options = {});

}  // namespace functional

namespace internal {

// Throw ValueError. With `batchmean`, that is a reduction too.
void check_reduction(const char* name, const std::string& reduction, bool batchmean = false);
template <class Options>
void check_options(const char* name, const Options& options) {
  check_reduction(name, options.reduction);
}
void check_options(const char* name, const SmoothL1LossOptions& options);
void check_options(const char* name, const HuberLossOptions& options);
void check_options(const char* name, const CrossEntropyLossOptions& options);
void check_options(const char* name, const KLDivLossOptions& options);
void check_options(const char* name, const PoissonNLLLossOptions& options);
void check_options(const char* name, const GaussianNLLLossOptions& options);
void check_options(const char* name, const HingeEmbeddingLossOptions& options);
void check_options(const char* name, const CosineEmbeddingLossOptions& options);
void check_options(const char* name, const MarginRankingLossOptions& options);
void check_options(const char* name, const TripletMarginLossOptions& options);

// A function of `functional` as a module.
template <class Options, Tensor (*kFunction)(const Tensor&, const Tensor&, const Options&)>
class LossOf2 : public Loss {
 public:
  Tensor forward(const Tensor& input, const Tensor& target) override {
    return kFunction(input, target, options_);
  }

 protected:
  LossOf2(const char* name, Options options) : options_(std::move(options)) {
    check_options(name, options_);
  }
  Options options_;
};
// Likewise, with the option `weight` as a buffer, so that it is saved, cloned and converted.
template <class Options, Tensor (*kFunction)(const Tensor&, const Tensor&, const Options&)>
class WeightedLoss : public Loss {
 public:
  Tensor forward(const Tensor& input, const Tensor& target) override {
    Options options = options_;
    options.weight = weight;
    return kFunction(input, target, options);
  }

  Buffer weight;  // undefined for none

 protected:
  WeightedLoss(const char* name, const Options& options)
      : weight(this, "weight", options.weight), options_(options) {
    check_options(name, options_);
  }
  Options options_;
};
template <class Options,
          Tensor (*kFunction)(const Tensor&, const Tensor&, const Tensor&, const Options&)>
class LossOf3 : public Callable<Tensor(const Tensor&, const Tensor&, const Tensor&)> {
 public:
  Tensor forward(const Tensor& a, const Tensor& b, const Tensor& c) override {
    return kFunction(a, b, c, options_);
  }

 protected:
  LossOf3(const char* name, Options options) : options_(std::move(options)) {
    check_options(name, options_);
  }
  Options options_;
};

}  // namespace internal

class MSELoss : public internal::LossOf2<MSELossOptions, functional::mse_loss> {
 public:
  explicit MSELoss(const MSELossOptions& options = {}) : LossOf2("MSELoss", options) {}
};
class L1Loss : public internal::LossOf2<L1LossOptions, functional::l1_loss> {
 public:
  explicit L1Loss(const L1LossOptions& options = {}) : LossOf2("L1Loss", options) {}
};
class SmoothL1Loss : public internal::LossOf2<SmoothL1LossOptions, functional::smooth_l1_loss> {
 public:
  explicit SmoothL1Loss(const SmoothL1LossOptions& options = {})
      : LossOf2("SmoothL1Loss", options) {}
};
class HuberLoss : public internal::LossOf2<HuberLossOptions, functional::huber_loss> {
 public:
  explicit HuberLoss(const HuberLossOptions& options = {}) : LossOf2("HuberLoss", options) {}
};
class KLDivLoss : public internal::LossOf2<KLDivLossOptions, functional::kl_div> {
 public:
  explicit KLDivLoss(const KLDivLossOptions& options = {}) : LossOf2("KLDivLoss", options) {}
};
class PoissonNLLLoss
    : public internal::LossOf2<PoissonNLLLossOptions, functional::poisson_nll_loss> {
 public:
  explicit PoissonNLLLoss(const PoissonNLLLossOptions& options = {})
      : LossOf2("PoissonNLLLoss", options) {}
};
class HingeEmbeddingLoss
    : public internal::LossOf2<HingeEmbeddingLossOptions, functional::hinge_embedding_loss> {
 public:
  explicit HingeEmbeddingLoss(const HingeEmbeddingLossOptions& options = {})
      : LossOf2("HingeEmbeddingLoss", options) {}
};

class GaussianNLLLoss
    : public internal::LossOf3<GaussianNLLLossOptions, functional::gaussian_nll_loss> {
 public:
  explicit GaussianNLLLoss(const GaussianNLLLossOptions& options = {})
      : LossOf3("GaussianNLLLoss", options) {}
};
class CosineEmbeddingLoss
    : public internal::LossOf3<CosineEmbeddingLossOptions, functional::cosine_embedding_loss> {
 public:
  explicit CosineEmbeddingLoss(const CosineEmbeddingLossOptions& options = {})
      : LossOf3("CosineEmbeddingLoss", options) {}
};
class MarginRankingLoss
    : public internal::LossOf3<MarginRankingLossOptions, functional::margin_ranking_loss> {
 public:
  explicit MarginRankingLoss(const MarginRankingLossOptions& options = {})
      : LossOf3("MarginRankingLoss", options) {}
};
class TripletMarginLoss
    : public internal::LossOf3<TripletMarginLossOptions, functional::triplet_margin_loss> {
 public:
  explicit TripletMarginLoss(const TripletMarginLossOptions& options = {})
      : LossOf3("TripletMarginLoss", options) {}
};

class CrossEntropyLoss
    : public internal::WeightedLoss<CrossEntropyLossOptions, functional::cross_entropy> {
 public:
  explicit CrossEntropyLoss(const CrossEntropyLossOptions& options = {})
      : WeightedLoss("CrossEntropyLoss", options) {}
};
class NLLLoss : public internal::WeightedLoss<NLLLossOptions, functional::nll_loss> {
 public:
  explicit NLLLoss(const NLLLossOptions& options = {}) : WeightedLoss("NLLLoss", options) {}
};
class BCELoss : public internal::WeightedLoss<BCELossOptions, functional::binary_cross_entropy> {
 public:
  explicit BCELoss(const BCELossOptions& options = {}) : WeightedLoss("BCELoss", options) {}
};
class BCEWithLogitsLoss : public Loss {
 public:
  explicit BCEWithLogitsLoss(const BCEWithLogitsLossOptions& options = {});
  Tensor forward(const Tensor& input, const Tensor& target) override;

  Buffer weight, pos_weight;  // undefined for none

 private:
  BCEWithLogitsLossOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_LOSS_H_
