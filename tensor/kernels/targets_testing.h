// For tests that run on each instruction set.
#ifndef LAMINA_TENSOR_KERNELS_TARGETS_TESTING_H_
#define LAMINA_TENSOR_KERNELS_TARGETS_TESTING_H_

#include <algorithm>
#include <cstdint>
#include <vector>

// targets.h comes before Highway.
// clang-format off
#include "lamina/tensor/kernels/targets.h"
#include "hwy/highway.h"
// clang-format on

namespace lamina::kernels {

// Those that the kernels are compiled for and this processor has, the best one first.
inline std::vector<int64_t> usable_targets() {
  std::vector<int64_t> targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if ((target & (HWY_DISABLED_TARGETS)) == 0) targets.push_back(target);
  }
  std::sort(targets.begin(), targets.end());  // the better ones have lower bits
  return targets;
}

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_TARGETS_TESTING_H_
