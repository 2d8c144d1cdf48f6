#include "lamina/nn/optim/sgd.h"

#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

SGD::SGD(Parameters parameters, const SGDOptions& options) : OptimizerOf("SGD") {
  add_group(std::move(parameters), options);
}

void SGD::visit(SGDOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("momentum", o.momentum, OptionRange::kNotNegative);
  visitor.number("dampening", o.dampening, OptionRange::kFinite);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.flag("nesterov", o.nesterov);
  visitor.flag("maximize", o.maximize);
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0)) {
    fail<ValueError>("SGD", "nesterov: expected a momentum above 0 and a dampening of 0, got ",
                     o.momentum, " and ", o.dampening);
  }
}

std::vector<SGD::StateArray> SGD::state_arrays(int64_t group) const {
  return {{"momentum_buffer", options(group).momentum != 0}};
}

void SGD::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const SGDOptions& o = options(entry.group);
    steps.add(
        entry, gradient,
        kernels::SgdStep{
            {o.maximize, o.weight_decay}, o.lr, o.momentum, o.dampening, o.nesterov, entry.is_new});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
