// Replays the runs of golden_optimizers.txt, whose parameters are PyTorch 1.13's. CONTRIBUTING.md says how to write it
// anew.
#include <fstream>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "lamina/tests/differential/optimizers.h"

namespace lamina::differential {
namespace {

TEST(GoldenOptimizersTest, OptimizersGoWherePyTorchsGo) {
  std::ifstream file("tests/differential/golden_optimizers.txt");
  ASSERT_TRUE(file);
  std::map<std::string, int> runs;
  for (std::string line; std::getline(file, line);) {
    ++runs[line.substr(0, line.find('|'))];
    EXPECT_LE(optimizer_difference(line), kOptimizerTolerance) << line.substr(0, 200);
  }
  for (const auto& entry : optimizer_table()) EXPECT_GE(runs[entry.first], 3) << entry.first;
}

// With w2 = 0 the loss has gradients only by w2 and k, and with x = 0 not even by w2. k moves from 0 by lr times the
// slope of sin(3 k) at 0.
std::string one_step(const std::string& k) {
  const std::string x = "T float64 3 1 1 3 3 3 1 0 3 0 0 0 ", y = "T float64 3 1 1 2 2 2 1 0 2 0 0";
  const std::string rest =
      "float64 2 3 4 0 0 0 0 0 0 0 0 0 0 0 0 float64 1 4 0 0 0 0 "
      "float64 2 4 2 0 0 0 0 0 0 0 0 float64 0 0 float64 0 ";
  return "SGD|0 0|lr 0.5||" + x + y + "|" + rest + "0|1 1|" + rest + k;
}

TEST(GoldenOptimizersTest, AWrongNumberIsNoticed) {
  EXPECT_EQ(optimizer_difference(one_step("-1.5")), 0);
  EXPECT_GT(optimizer_difference(one_step("-1.50001")), kOptimizerTolerance);
}

}  // namespace
}  // namespace lamina::differential
