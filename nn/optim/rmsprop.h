#ifndef LAMINA_NN_OPTIM_RMSPROP_H_
#define LAMINA_NN_OPTIM_RMSPROP_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct RMSpropOptions {
  double lr = 1e-2;         // the learning rate
  double alpha = 0.99;      // of the averages; from 0 to 1
  double eps = 1e-8;        // at least 0: added to the root
  double weight_decay = 0;  // at least 0: weight_decay p is added to the gradient
  double momentum = 0;      // at least 0
  bool centered = false;    // divide by the standard deviation of the gradient
  bool maximize = false;    // climb instead
};

// RMSprop, as in PyTorch: p -= lr d, where d = gradient / (sqrt(v) + eps) and v is the running average
//   v = alpha v + (1 - alpha) gradient^2;
// centered, v minus the square of the gradient's own average, or 0 where rounding makes that negative;
// with a momentum p -= lr b, where b = momentum b + d. State: square_avg, and as the options want them
// momentum_buffer and grad_avg.
//
// Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012; centered: Graves,
// "Generating sequences with recurrent neural networks", 2013.
class RMSprop : public OptimizerOf<RMSpropOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit RMSprop(Parameters parameters, const RMSpropOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(RMSpropOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_RMSPROP_H_
