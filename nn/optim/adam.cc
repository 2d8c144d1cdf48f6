#include "lamina/nn/optim/adam.h"

#include <cmath>

#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim {
namespace {

// Both optimizers have the same options.
template <class Options>
void visit_adam(Options& o, OptionVisitor& visitor) {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("beta1", o.betas.first, OptionRange::kBelowOne);
  visitor.number("beta2", o.betas.second, OptionRange::kBelowOne);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.flag("amsgrad", o.amsgrad);
  visitor.flag("maximize", o.maximize);
}

std::vector<internal::StateArray> arrays(bool amsgrad) {
  return {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", amsgrad}};
}

template <class Options>
kernels::AdamStep rule(const Options& o, int64_t steps, bool is_decoupled) {
  const auto [beta1, beta2] = o.betas;
  const auto t = static_cast<double>(steps);
  return {{o.maximize, is_decoupled ? 0 : o.weight_decay},
          is_decoupled ? 1 - o.lr * o.weight_decay : 1,
          beta1,
          beta2,
          o.eps,
          o.lr / (1 - std::pow(beta1, t)),
          1 / std::sqrt(1 - std::pow(beta2, t)),
          o.amsgrad};
}

}  // namespace

Adam::Adam(Parameters parameters, const AdamOptions& options) : OptimizerOf("Adam") {
  add_group(std::move(parameters), options);
}
void Adam::visit(AdamOptions& options, OptionVisitor& visitor) const {
  visit_adam(options, visitor);
}
std::vector<Adam::StateArray> Adam::state_arrays(int64_t group) const {
  return arrays(options(group).amsgrad);
}
void Adam::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    steps.add(entry, gradient, rule(options(entry.group), entry.steps, false));
  });
  steps.run();
}

AdamW::AdamW(Parameters parameters, const AdamWOptions& options) : OptimizerOf("AdamW") {
  add_group(std::move(parameters), options);
}
void AdamW::visit(AdamWOptions& options, OptionVisitor& visitor) const {
  visit_adam(options, visitor);
}
std::vector<AdamW::StateArray> AdamW::state_arrays(int64_t group) const {
  return arrays(options(group).amsgrad);
}
void AdamW::step() {
  internal::FusedStep steps;
  for_each_gradient([&](const Entry& entry, const NDArray& gradient) {
    steps.add(entry, gradient, rule(options(entry.group), entry.steps, true));
  });
  steps.run();
}

}  // namespace lamina::nn::optim
