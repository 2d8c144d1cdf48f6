// Replays the graphs of golden_graphs.txt, whose gradients are PyTorch 1.13's. CONTRIBUTING.md says how to write it
// anew.
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tests/differential/graph.h"

namespace lamina::differential {
namespace {

// Their results have no gradient, or their signs are not unique and graphs use qr and svd instead.
const std::set<std::string>& not_in_graphs() {
  static const std::set<std::string>& names =
      *new std::set<std::string>{"eq",          "ne",
                                 "lt",          "le",
                                 "gt",          "ge",
                                 "logical_and", "logical_or",
                                 "logical_xor", "logical_not",
                                 "bitwise_and", "bitwise_or",
                                 "bitwise_xor", "bitwise_not",
                                 "isnan",       "isinf",
                                 "isfinite",    "argmax",
                                 "argmin",      "all",
                                 "any",         "count_nonzero",
                                 "argsort",     "unique",
                                 "nonzero",     "one_hot",
                                 "qr_product",  "svd_values"};
  return names;
}

TEST(GoldenGraphsTest, GradientsAreWhatPyTorchGives) {
  std::ifstream file("tests/differential/golden_graphs.txt");
  ASSERT_TRUE(file);
  std::set<std::string> seen;
  int bad = 0, second = 0;
  for (std::vector<std::string> lines; read_graph(file, lines);) {
    for (const std::string& line : lines) seen.insert(line.substr(0, line.find(' ')));
    second += seen.erase("second") > 0;
    const GraphReport report = run_graph(lines);
    if (!report.disagreement.empty() && ++bad <= 20)
      ADD_FAILURE() << lines[0] << "\n" << report.disagreement;
  }
  EXPECT_EQ(bad, 0);
  EXPECT_GT(second, 0);
  for (const std::string& op : graph_operations()) {
    EXPECT_NE(seen.count(op), not_in_graphs().count(op))
        << op << " is in no graph, or should be in none";
  }
}

// d/dx sum(x * x) = 2 x; the square of that is 4 x^2, its derivative 8 x.
std::string squares(const std::string& value, const std::string& first, const std::string& second) {
  std::istringstream text(
      "leaf T float64 1 2 1 0 2 1 3\nmul V 0 V 0\nroot 1 T float64 1 2 1 0 2 1 1\nfirst 1e-10 "
      "1\nvalue 1 " +
      value + "\ngradient 0 " + first + "\nsecond 1e-10 1\ngradient 0 " + second + "\nend\n");
  std::vector<std::string> lines;
  EXPECT_TRUE(read_graph(text, lines));
  return run_graph(lines).disagreement;
}

TEST(GoldenGraphsTest, AWrongValueOrGradientIsNoticed) {
  const std::string value = "float64 1 2 1 9", first = "float64 1 2 2 6",
                    second = "float64 1 2 8 24";
  EXPECT_EQ(squares(value, first, second), "");
  EXPECT_NE(squares("float64 1 2 1 9.000001", first, second), "");
  EXPECT_NE(squares(value, "float64 1 2 2 6.000001", second), "");
  EXPECT_NE(squares(value, "float32 1 2 2 6", second), "");
  EXPECT_NE(squares(value, "float64 2 1 2 2 6", second), "");
  EXPECT_NE(squares(value, "none", second), "");
  EXPECT_NE(squares(value, first, "float64 1 2 8 24.000001"), "");
  EXPECT_NE(squares(value, first, "none"), "");
}

// y = 2 x^2 or 2 exp(x), written over in place; in the direction (1, 0.5) its sum grows by
// 4 + 12 / 2 at x = (1, 3).
GraphReport slope(const std::string& of, const std::string& text) {
  return run_graph({"leaf T float64 1 2 1 0 2 1 3", of, "mul_ V 1 F 2", "sum V 2 L 0 B 0",
                    "root 3 N", "slope 1e-06 " + text});
}

TEST(GoldenGraphsTest, WhereAWriteMayBeRefusedAWrongGradientIsNoticedAllTheSame) {
  const std::string direction = " T float64 1 2 1 0 2 1 0.5";
  const GraphReport right = slope("square V 0", "10" + direction);
  EXPECT_EQ(right.disagreement, "");
  EXPECT_FALSE(right.refused);
  EXPECT_NE(slope("square V 0", "10.00001" + direction).disagreement, "");
  const GraphReport refused = slope("exp V 0", "25.5219" + direction);
  EXPECT_EQ(refused.disagreement, "");
  EXPECT_TRUE(refused.refused);
}

TEST(GoldenGraphsTest, AThrownErrorIsADisagreement) {
  const GraphReport report = run_graph({"leaf T float64 0 0 1 2", "sum V 0 L 1 3 B 0"});
  EXPECT_NE(report.disagreement.find("threw: [sum]"), std::string::npos) << report.disagreement;
  EXPECT_THROW(run_graph({"no_such_operation"}), std::invalid_argument);
}

}  // namespace
}  // namespace lamina::differential
