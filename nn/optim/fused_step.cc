#include "lamina/nn/optim/fused_step.h"

#include <algorithm>
#include <variant>

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

void FusedStep::add(const ParameterState& state, const NDArray& gradient,
                    const kernels::StepRule& rule) {
  if (!batch_.admit(state.parameter.data(), gradient)) {
    run();
    batch_.admit(state.parameter.data(), gradient);
  }
  const int arrays = std::visit([](const auto& r) { return r.state(); }, rule);
  operands_.emplace_back(state, gradient, arrays);
  rules_.push_back(rule);
}

void FusedStep::run() {
  constexpr int64_t kPiece = 32768;  // elements that are worth a thread
  struct Piece {
    size_t parameter;
    int64_t first;
  };
  std::vector<Piece> pieces;
  for (size_t i = 0; i < operands_.size(); ++i) {
    for (int64_t e = 0; e < operands_[i].numel(); e += kPiece) pieces.push_back({i, e});
  }
  parallel_for(0, static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto [parameter, first] = pieces[static_cast<size_t>(i)];
      const StepOperands& operands = operands_[parameter];
      kernels::step(operands.dtype(), rules_[parameter], std::min(kPiece, operands.numel() - first),
                    operands.from(first));
    }
  });
  for (StepOperands& operands : operands_) operands.finish();
  operands_.clear();
  rules_.clear();
  batch_.clear();
}

}  // namespace lamina::nn::optim::internal
