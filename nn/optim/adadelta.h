#ifndef LAMINA_NN_OPTIM_ADADELTA_H_
#define LAMINA_NN_OPTIM_ADADELTA_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct AdadeltaOptions {
  double lr = 1;            // the learning rate
  double rho = 0.9;         // of the averages; from 0 to 1
  double eps = 1e-6;        // at least 0: added under both roots
  double weight_decay = 0;  // at least 0: weight_decay p is added to the gradient
  bool maximize = false;    // climb instead
};

// Adadelta, as in PyTorch: p -= lr d, with v and u the running averages of the squares of the gradient
// and of d:
//   v = rho v + (1 - rho) gradient^2;  d = sqrt(u + eps) / sqrt(v + eps) gradient;
//   u = rho u + (1 - rho) d^2.
// State: square_avg, acc_delta.
//
// Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
class Adadelta : public OptimizerOf<AdadeltaOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does.
  explicit Adadelta(Parameters parameters, const AdadeltaOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(AdadeltaOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_ADADELTA_H_
