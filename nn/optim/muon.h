#ifndef LAMINA_NN_OPTIM_MUON_H_
#define LAMINA_NN_OPTIM_MUON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct MuonOptions {
  double lr = 1e-3;           // the learning rate
  double weight_decay = 0.1;  // at least 0: a step begins with p *= 1 - lr weight_decay
  double momentum = 0.95;     // of the average; from 0 to below 1
  bool nesterov = true;       // orthogonalize the average of the gradient and b instead of b
  int64_t ns_steps = 5;       // of the Newton-Schulz iteration; from 1 to 99
  double eps = 1e-7;          // at least 0: what the norm is at least taken for
};

// Muon, for the matrices of hidden layers: with b the running average of the gradient,
//   b = momentum b + (1 - momentum) gradient;  p -= lr sqrt(max(1, rows / columns)) O.
// O is b, or with Nesterov's momentum (1 - momentum) gradient + momentum b, with all its singular values
// brought near 1 by ns_steps of x = 3.4445 x - 4.7750 (x x^T) x + 2.0315 (x x^T)^2 x from x = b / |b|,
// in the dtype that the parameter is computed in. Other parameters, and embeddings and last layers,
// are for another optimizer, such as AdamW. State: momentum_buffer.
//
// Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, with the decay and the
// factor of torch.optim.Muon's adjust_lr_fn="original".
class Muon : public OptimizerOf<MuonOptions> {
 public:
  // Throws ValueError for options out of range or a parameter that is no matrix, and as Optimizer does.
  explicit Muon(Parameters parameters, const MuonOptions& options = {});
  using Optimizer::step;
  void step() override;

 private:
  void visit(MuonOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
  // Throws ValueError unless it is a matrix.
  void check_parameter(const std::string& which, const Tensor& parameter) const override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_MUON_H_
