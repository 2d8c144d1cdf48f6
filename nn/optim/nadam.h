#ifndef LAMINA_NN_OPTIM_NADAM_H_
#define LAMINA_NN_OPTIM_NADAM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct NAdamOptions {
  double lr = 2e-3;                                // the learning rate
  std::pair<double, double> betas = {0.9, 0.999};  // of the averages; from 0 to below 1
  double eps = 1e-8;                               // at least 0: added to the root
  double weight_decay = 0;       // at least 0: weight_decay p is added to the gradient
  double momentum_decay = 4e-3;  // at least 0: how fast the momentum grows to beta1
};

// Adam with Nesterov's momentum, as in PyTorch 1.13. At step t, with m and v the running averages of the
// gradient and of its square, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and P_t the product of
// mu_1 to mu_t,
//   p -= lr ((1 - mu_t) / (1 - P_t) gradient + mu_t+1 / (1 - P_t mu_t mu_t+1) m)
//        / (sqrt(v / (1 - beta2^t)) + eps).
// The paper, and PyTorch from 2.0 on, have P_t mu_t+1 there. State: exp_avg, exp_avg_sq, and P_t as
// mu_product.
//
// Dozat, "Incorporating Nesterov momentum into Adam", 2016.
class NAdam : public OptimizerOf<NAdamOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit NAdam(Parameters parameters, const NAdamOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(NAdamOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_NADAM_H_
