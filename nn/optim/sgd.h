#ifndef LAMINA_NN_OPTIM_SGD_H_
#define LAMINA_NN_OPTIM_SGD_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct SGDOptions {
  double lr = 1e-3;         // the learning rate
  double momentum = 0;      // at least 0
  double dampening = 0;     // finite: of what comes into the momentum
  double weight_decay = 0;  // at least 0: weight_decay p is added to the gradient
  bool nesterov = false;    // takes a momentum above 0, and no dampening
  bool maximize = false;    // climb instead
};

// Stochastic gradient descent, as in PyTorch: p -= lr * gradient; with a momentum p -= lr * b, where
// b = momentum b + (1 - dampening) gradient, or at first b = gradient; with Nesterov's
// p -= lr (gradient + momentum b). State: momentum_buffer.
//
// Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
class SGD : public OptimizerOf<SGDOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit SGD(Parameters parameters, const SGDOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(SGDOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_SGD_H_
