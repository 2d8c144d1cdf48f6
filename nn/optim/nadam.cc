#include "lamina/nn/optim/nadam.h"

#include <cmath>
#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

namespace {

double momentum_at(double t, const NAdamOptions& o) {
  return o.betas.first * (1 - 0.5 * std::pow(0.96, t * o.momentum_decay));
}

}  // namespace

NAdam::NAdam(Parameters parameters, const NAdamOptions& options) : OptimizerOf("NAdam") {
  add_group(std::move(parameters), options);
}

void NAdam::visit(NAdamOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("beta1", o.betas.first, OptionRange::kBelowOne);
  visitor.number("beta2", o.betas.second, OptionRange::kBelowOne);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.number("momentum_decay", o.momentum_decay, OptionRange::kNotNegative);
}

std::vector<NAdam::StateArray> NAdam::state_arrays(int64_t /*group*/) const {
  return {{"exp_avg"}, {"exp_avg_sq"}, {"mu_product", true, 1, true}};
}

void NAdam::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const NAdamOptions& o = options(entry.group);
    const auto t = static_cast<double>(entry.steps);
    const double mu = momentum_at(t, o), next_mu = momentum_at(t + 1, o);
    double& product = *entry.arrays[2].data<double>();
    product *= mu;
    steps.add(entry, gradient,
              kernels::NAdamStep{{false, o.weight_decay},
                                 o.betas.first,
                                 o.betas.second,
                                 o.eps,
                                 o.lr * (1 - mu) / (1 - product),
                                 o.lr * next_mu / (1 - product * mu * next_mu),
                                 1 / std::sqrt(1 - std::pow(o.betas.second, t))});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
