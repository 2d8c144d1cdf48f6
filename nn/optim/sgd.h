#ifndef LAMINA_NN_OPTIM_SGD_H_
#define LAMINA_NN_OPTIM_SGD_H_

#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct SGDOptions {
  double lr = 1e-3;  // the learning rate, at least 0
};

// Stochastic gradient descent: p -= lr * gradient.
class SGD : public Optimizer {
 public:
  // Throws ValueError for a learning rate that is negative or not finite, and as Optimizer does.
  explicit SGD(std::vector<Tensor> parameters, const SGDOptions& options = {});
  void step() override;

 private:
  SGDOptions options_;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_SGD_H_
