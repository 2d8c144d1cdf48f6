#ifndef LAMINA_NN_OPTIM_ADAGRAD_H_
#define LAMINA_NN_OPTIM_ADAGRAD_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct AdagradOptions {
  double lr = 1e-2;                      // the learning rate
  double lr_decay = 0;                   // at least 0
  double weight_decay = 0;               // at least 0: weight_decay p is added to the gradient
  double initial_accumulator_value = 0;  // at least 0: what the sum begins with
  double eps = 1e-10;                    // at least 0: added to the root
  bool maximize = false;                 // climb instead
};

// Adagrad, as in PyTorch. At step t, with s the sum of the squares of all gradients,
//   p -= lr / (1 + (t - 1) lr_decay) gradient / (sqrt(s) + eps).
// State: sum.
//
// Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
class Adagrad : public OptimizerOf<AdagradOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit Adagrad(Parameters parameters, const AdagradOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(AdagradOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_ADAGRAD_H_
