// FusedStep: one step of an optimizer over all its parameters at once, by a kernel that goes over each
// of them once.
#ifndef LAMINA_NN_OPTIM_FUSED_STEP_H_
#define LAMINA_NN_OPTIM_FUSED_STEP_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lamina/autograd.h"
#include "lamina/nn/optim/optimizer.h"
#include "lamina/tensor/kernels/optimizer_step.h"

namespace lamina::nn::optim::internal {

// The arrays of a parameter, as a kernel takes them, and back.
class StepOperands {
 public:
  // With the first `arrays` of the arrays that are kept.
  StepOperands(const ParameterState& state, const NDArray& gradient, int arrays);
  int64_t numel() const { return values_.numel(); }
  DType dtype() const { return values_.dtype(); }
  kernels::StepArrays from(int64_t element) const;
  // Puts values in the parameter that the kernel had in a copy: of half precision, or strided.
  void finish();

 private:
  NDArray parameter_, values_, gradient_;  // the latter two contiguous, of the dtype to compute in
  std::vector<NDArray> state_;
};

template <class Rule>
class FusedStep {
 public:
  void add(const ParameterState& state, const NDArray& gradient, const Rule& rule) {
    operands_.emplace_back(state, gradient, rule.state());
    rules_.push_back(rule);
  }

  void run() {
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
        kernels::step(operands.dtype(), rules_[parameter],
                      std::min(kPiece, operands.numel() - first), operands.from(first));
      }
    });
    for (StepOperands& operands : operands_) operands.finish();
  }

 private:
  static constexpr int64_t kPiece = 32768;  // elements that are worth a thread
  std::vector<StepOperands> operands_;
  std::vector<Rule> rules_;
};

}  // namespace lamina::nn::optim::internal

#endif  // LAMINA_NN_OPTIM_FUSED_STEP_H_
