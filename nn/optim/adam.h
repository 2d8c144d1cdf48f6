// Adam and AdamW.
#ifndef LAMINA_NN_OPTIM_ADAM_H_
#define LAMINA_NN_OPTIM_ADAM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct AdamOptions {
  double lr = 1e-3;                                // the learning rate
  std::pair<double, double> betas = {0.9, 0.999};  // of the averages; from 0 to below 1
  double eps = 1e-8;                               // at least 0: added to the root
  double weight_decay = 0;  // at least 0: weight_decay p is added to the gradient
  bool amsgrad = false;     // divide by the root of the largest average of squares so far
  bool maximize = false;    // climb instead
};

// Adam, as in PyTorch. At step t, with m and v the running averages of the gradient and of its square,
//   p -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps).
// State: exp_avg, exp_avg_sq, and with amsgrad max_exp_avg_sq.
//
// Kingma and Ba, "Adam: a method for stochastic optimization", 2014; amsgrad: Reddi et al., "On the
// convergence of Adam and beyond", 2018.
class Adam : public OptimizerOf<AdamOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit Adam(Parameters parameters, const AdamOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(AdamOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

struct AdamWOptions {
  double lr = 1e-3;                                // the learning rate
  std::pair<double, double> betas = {0.9, 0.999};  // of the averages; from 0 to below 1
  double eps = 1e-8;                               // at least 0: added to the root
  double weight_decay = 1e-2;  // at least 0: a step begins with p *= 1 - lr weight_decay
  bool amsgrad = false;        // divide by the root of the largest average of squares so far
  bool maximize = false;       // climb instead
};

// Adam with weight decay that is decoupled from the gradient, which it does not change:
//   p = (1 - lr weight_decay) p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps).
// State: as Adam's.
//
// Loshchilov and Hutter, "Decoupled weight decay regularization", 2017.
class AdamW : public OptimizerOf<AdamWOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit AdamW(Parameters parameters, const AdamWOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(AdamWOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_ADAM_H_
