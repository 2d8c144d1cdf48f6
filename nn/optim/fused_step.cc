#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim::internal {

StepOperands::StepOperands(const ParameterState& state, const NDArray& gradient, int arrays)
    : parameter_(state.parameter.data()),
      values_(parameter_.to(to_computing(parameter_.dtype())).contiguous()),
      gradient_(gradient.to(values_.dtype()).contiguous()) {
  // A gradient that lies elsewhere in the parameter's memory may be written over before it is read.
  if (gradient_.storage() == values_.storage() && gradient_.raw_data() != values_.raw_data()) {
    gradient_ = gradient_.clone();
  }
  const auto wanted = static_cast<size_t>(arrays);
  for (const NDArray& array : state.arrays) {
    if (array.defined() && state_.size() < wanted) state_.push_back(array);
  }
  LAMINA_INTERNAL_CHECK(state_.size() == wanted);
}

kernels::StepArrays StepOperands::from(int64_t element) const {
  const int64_t bytes = element * size_of(dtype());
  kernels::StepArrays arrays = {values_.raw_data() + bytes, gradient_.raw_data() + bytes, {}};
  for (size_t i = 0; i < state_.size(); ++i) arrays.state[i] = state_[i].raw_data() + bytes;
  return arrays;
}

void StepOperands::finish() {
  if (values_.raw_data() == parameter_.raw_data()) {
    parameter_.bump_version();
  } else {
    parameter_.copy_(values_);
  }
}

bool Batch::admit(const NDArray& parameter, const NDArray& gradient) {
  const void *const to = parameter.storage(), *const from = gradient.storage();
  if (written_.contains(to) || read_.contains(to) || written_.contains(from)) return false;
  written_.insert(to);
  read_.insert(from);
  return true;
}

void Batch::clear() {
  written_.clear();
  read_.clear();
}

}  // namespace lamina::nn::optim::internal
