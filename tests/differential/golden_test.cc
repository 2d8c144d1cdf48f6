// Replays the cases of golden.txt, whose results are PyTorch 1.13's. CONTRIBUTING.md says how to write it anew.
#include <fstream>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "lamina/tests/differential/replay.h"

namespace lamina::differential {
namespace {

TEST(GoldenTest, OperationsGiveWhatPyTorchGives) {
  std::ifstream file("tests/differential/golden.txt");
  ASSERT_TRUE(file);
  std::set<std::string> seen;
  int line_number = 0, bad = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_number;
    const Case c = parse_case(line);
    seen.insert(c.op);
    const std::string what = disagreement(c);
    if (!what.empty() && ++bad <= 20)
      ADD_FAILURE() << "line " << line_number << ", " << line << "\n" << what;
  }
  EXPECT_EQ(bad, 0);
  for (const std::string& op : operations()) EXPECT_TRUE(seen.count(op)) << op << " has no case";
}

TEST(GoldenTest, AWrongResultIsNoticed) {
  const std::string call = "add|T float32 1 2 1 0 2 0x1p+0 0x1p+1 I 3|1e-06 1e-06|";
  EXPECT_EQ(disagreement(parse_case(call + "1 float32 1 2 0x1p+2 0x1.4p+2")), "");
  EXPECT_NE(disagreement(parse_case(call + "1 float32 1 2 0x1p+2 0x1.41p+2")), "");
  EXPECT_NE(disagreement(parse_case(call + "1 float64 1 2 0x1p+2 0x1.4p+2")), "");
  EXPECT_NE(disagreement(parse_case(call + "1 float32 2 1 2 0x1p+2 0x1.4p+2")), "");
  EXPECT_NE(disagreement(parse_case(call + "error")), "");
}

}  // namespace
}  // namespace lamina::differential
