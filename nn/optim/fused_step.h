// FusedStep: one step of an optimizer over all its parameters at once, by a kernel that goes over each
// of them once.
#ifndef LAMINA_NN_OPTIM_FUSED_STEP_H_
#define LAMINA_NN_OPTIM_FUSED_STEP_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"
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

// Parameters that may be stepped at once: none shares memory with another, or with another's gradient.
class Batch {
 public:
  // Whether this one may join; then it has.
  bool admit(const NDArray& parameter, const NDArray& gradient);
  void clear();

 private:
  absl::flat_hash_set<const void*> written_, read_;  // storages
};

class FusedStep {
 public:
  // Those that share memory, as tied weights may, are stepped one after the other.
  void add(const ParameterState& state, const NDArray& gradient, const kernels::StepRule& rule);
  void run();

 private:
  std::vector<StepOperands> operands_;
  std::vector<kernels::StepRule> rules_;
  Batch batch_;
};

}  // namespace lamina::nn::optim::internal

#endif  // LAMINA_NN_OPTIM_FUSED_STEP_H_
