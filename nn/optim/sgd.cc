#include "lamina/nn/optim/sgd.h"

#include <cmath>
#include <utility>

namespace lamina::nn::optim {

SGD::SGD(std::vector<Tensor> parameters, const SGDOptions& options)
    : Optimizer("SGD", std::move(parameters)), options_(options) {
  if (!(options.lr >= 0) || std::isinf(options.lr)) {
    fail<ValueError>("SGD", "expected a finite learning rate of at least 0, got ", options.lr);
  }
}

void SGD::step() {
  for (const Tensor& parameter : parameters()) {
    const Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    NDArray values = parameter.data();
    values.add_(gradient.data(), -options_.lr);
  }
}

}  // namespace lamina::nn::optim
