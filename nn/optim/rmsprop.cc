#include "lamina/nn/optim/rmsprop.h"

#include <utility>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {

RMSprop::RMSprop(Parameters parameters, const RMSpropOptions& options) : OptimizerOf("RMSprop") {
  add_group(std::move(parameters), options);
}

void RMSprop::visit(RMSpropOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("alpha", o.alpha, OptionRange::kUpToOne);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.number("momentum", o.momentum, OptionRange::kNotNegative);
  visitor.flag("centered", o.centered);
  visitor.flag("maximize", o.maximize);
}

std::vector<RMSprop::StateArray> RMSprop::state_arrays(int64_t group) const {
  const RMSpropOptions& o = options(group);
  return {{"square_avg"}, {"momentum_buffer", o.momentum != 0}, {"grad_avg", o.centered}};
}

void RMSprop::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    const RMSpropOptions& o = options(entry.group);
    steps.add(entry, gradient,
              kernels::RMSpropStep{
                  {o.maximize, o.weight_decay}, o.lr, o.alpha, o.eps, o.momentum, o.centered});
  });
  steps.run();
}

}  // namespace lamina::nn::optim
