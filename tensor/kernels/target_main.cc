// A main for tests that runs them on another instruction set than the best one. Its argument counts
// down from the best: 1 is AVX2 on a machine with AVX-512, and a large number is the compiler's
// baseline.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/kernels/targets_testing.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::vector<int64_t> targets = lamina::kernels::usable_targets();
  const size_t wanted = argc > 1 ? static_cast<size_t>(std::atoi(argv[1])) : 0;
  const int64_t target = targets[std::min(wanted, targets.size() - 1)];
  std::cout << "Instruction set: " << hwy::TargetName(target) << std::endl;
  hwy::SetSupportedTargetsForTest(target);
  return RUN_ALL_TESTS();
}
