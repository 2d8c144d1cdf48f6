// Optimizer: what all optimizers share.
#ifndef LAMINA_NN_OPTIM_OPTIMIZER_H_
#define LAMINA_NN_OPTIM_OPTIMIZER_H_

#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn::optim {

// Holds handles on the parameters that it updates. Gradients are read, never changed; a parameter
// without one is left alone. One that is frozen after backward() still has its gradient:
// zero_grad() clears it.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates the parameters from their gradients.
  virtual void step() = 0;
  // Clears the gradients.
  void zero_grad();

 protected:
  // Throws ValueError for an empty list, an undefined tensor, one that is no leaf, or the same one
  // twice; the text begins with the optimizer's name and says which.
  Optimizer(const char* name, std::vector<Tensor> parameters);
  const std::vector<Tensor>& parameters() const { return parameters_; }

 private:
  std::vector<Tensor> parameters_;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_OPTIMIZER_H_
