// Replays the calls of golden_layers.txt, whose results are PyTorch 1.13's. CONTRIBUTING.md says how to write it anew.
#include <fstream>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

TEST(GoldenLayersTest, LayersGiveWhatPyTorchGives) {
  std::ifstream file("tests/differential/golden_layers.txt");
  ASSERT_TRUE(file);
  std::set<std::string> seen;
  int bad = 0;
  for (std::string line; std::getline(file, line);) {
    seen.insert(line.substr(0, line.find('|')));
    const std::string what = layer_disagreement(line);
    if (!what.empty() && ++bad <= 20) ADD_FAILURE() << line << "\n" << what;
  }
  EXPECT_EQ(bad, 0);
  for (const auto& entry : layer_table()) {
    EXPECT_TRUE(seen.count(entry.first)) << entry.first << " has no call";
  }
}

// (x - y)^2 of 3 and 1 is 4, with gradients 4 and -4.
std::string squared(const std::string& text, const std::string& output, const std::string& dx,
                    const std::string& dy) {
  const std::string one = "T float64 0 0 1 ";
  return layer_disagreement("MSELoss|reduction S sum|train|" + text + "||" + one + "3 " + one +
                            "1|" + one + "1|1e-9 1e-9|0 float64 0 " + output + "|0 float64 0 " +
                            dx + " 1 float64 0 " + dy + "||");
}

TEST(GoldenLayersTest, AWrongTextOrNumberIsNoticed) {
  EXPECT_EQ(squared("MSELoss()", "4", "4", "-4"), "");
  EXPECT_NE(squared("MSELoss", "4", "4", "-4"), "");
  EXPECT_NE(squared("MSELoss()", "4.00001", "4", "-4"), "");
  EXPECT_NE(squared("MSELoss()", "4", "4.00001", "-4"), "");
  EXPECT_NE(squared("MSELoss()", "4", "4", "4"), "");
}

}  // namespace
}  // namespace lamina::differential
