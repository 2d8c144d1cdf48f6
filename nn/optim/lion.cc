#include "lamina/nn/optim/lion.h"

#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

Lion::Lion(Parameters parameters, const LionOptions& options) : OptimizerOf("Lion") {
  add_group(std::move(parameters), options);
}

void Lion::visit(LionOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("beta1", o.betas.first, OptionRange::kBelowOne);
  visitor.number("beta2", o.betas.second, OptionRange::kBelowOne);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
}

std::vector<Lion::StateArray> Lion::state_arrays(int64_t /*group*/) const { return {{"exp_avg"}}; }

void Lion::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const LionOptions& o = options(entry.group);
    steps.add(entry, gradient,
              kernels::LionStep{1 - o.lr * o.weight_decay, o.lr, o.betas.first, o.betas.second});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
