#ifndef LAMINA_NN_OPTIM_LION_H_
#define LAMINA_NN_OPTIM_LION_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct LionOptions {
  double lr = 1e-4;                               // the learning rate; about a tenth of Adam's
  std::pair<double, double> betas = {0.9, 0.99};  // from 0 to below 1
  double weight_decay = 0;                        // at least 0: a step has p *= 1 - lr weight_decay
};

// Lion moves every element by the same distance:
//   p -= lr (sign(beta1 m + (1 - beta1) gradient) + weight_decay p);  m = beta2 m + (1 - beta2) gradient.
// The sign of 0 is 0, and of NaN it is NaN. State: exp_avg, which is m.
//
// Chen et al., "Symbolic discovery of optimization algorithms", 2023.
class Lion : public OptimizerOf<LionOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit Lion(Parameters parameters, const LionOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(LionOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_LION_H_
