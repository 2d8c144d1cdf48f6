#include "lamina/nn/optim/fused_step.h"

namespace lamina::nn::optim::internal {

StepOperands::StepOperands(const ParameterState& state, const NDArray& gradient, int arrays)
    : parameter_(state.parameter.data()),
      values_(parameter_.to(to_computing(parameter_.dtype())).contiguous()),
      gradient_(gradient.to(values_.dtype()).contiguous()) {
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

}  // namespace lamina::nn::optim::internal
