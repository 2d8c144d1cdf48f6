#include "lamina/nn/optim/adagrad.h"

#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

Adagrad::Adagrad(Parameters parameters, const AdagradOptions& options) : OptimizerOf("Adagrad") {
  add_group(std::move(parameters), options);
}

void Adagrad::visit(AdagradOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("lr_decay", o.lr_decay, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.number("initial_accumulator_value", o.initial_accumulator_value,
                 OptionRange::kNotNegative);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  visitor.flag("maximize", o.maximize);
}

std::vector<Adagrad::StateArray> Adagrad::state_arrays(int64_t group) const {
  return {{"sum", true, options(group).initial_accumulator_value}};
}

void Adagrad::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const AdagradOptions& o = options(entry.group);
    const double lr = o.lr / (1 + static_cast<double>(entry.steps - 1) * o.lr_decay);
    steps.add(entry, gradient, kernels::AdagradStep{{o.maximize, o.weight_decay}, lr, o.eps});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
