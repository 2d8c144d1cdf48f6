#include "lamina/nn/optim/adadelta.h"

#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

Adadelta::Adadelta(Parameters parameters, const AdadeltaOptions& options)
    : OptimizerOf("Adadelta") {
  add_group(std::move(parameters), options);
}

void Adadelta::visit(AdadeltaOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("rho", o.rho, OptionRange::kUpToOne);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.flag("maximize", o.maximize);
}

std::vector<Adadelta::StateArray> Adadelta::state_arrays(int64_t /*group*/) const {
  return {{"square_avg"}, {"acc_delta"}};
}

void Adadelta::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const AdadeltaOptions& o = options(entry.group);
    steps.add(entry, gradient,
              kernels::AdadeltaStep{{o.maximize, o.weight_decay}, o.lr, o.rho, o.eps});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
