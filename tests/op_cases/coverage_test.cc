// Reads tensor/ops.inc and tensor/operators.inc and asserts that everything declared there has a
// row, so that nobody can add an operation and forget its tests.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string without_comments(const std::string& text) {
  return std::regex_replace(text, std::regex("//[^\n]*"), "");
}

// "sum(x, dims, keepdim)" of "LAMINA_ARRAY sum(const LAMINA_ARRAY& x, const Dims& dims = {}, bool
// keepdim = false);". What returns nothing is no operation.
std::set<std::string> declarations(const std::string& text) {
  std::set<std::string> all;
  const std::regex declaration(R"((\S+)\s+(\w+)\(([^;]*)\)\s*;)");
  const std::regex parameter(R"((\w+)\s*(=[^,]*)?(,|$))");
  for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it) {
    if ((*it)[1] == "void") continue;
    const std::string parameters = (*it)[3];
    std::string names;
    for (std::sregex_iterator p(parameters.begin(), parameters.end(), parameter); p != end; ++p) {
      names += (names.empty() ? "" : ", ") + (*p)[1].str();
    }
    all.insert((*it)[2].str() + "(" + names + ")");
  }
  return all;
}

std::set<std::string> rows() {
  std::set<std::string> all;
  for (const OpCase& row : all_op_cases()) all.insert(row.declaration);
  return all;
}

TEST(Coverage, DeclarationsAreReadWithTheirParameters) {
  EXPECT_EQ(declarations(without_comments(
                "A f(const A& x);  // f(y);\n"
                "R<A> g(const A& x, const Dims& dims = {},\n  bool keepdim = false);")),
            (std::set<std::string>{"f(x)", "g(x, dims, keepdim)"}));
}

TEST(Coverage, EveryDeclaredOperationHasARow) {
  const std::set<std::string> declared =
      declarations(without_comments(read_file("tensor/ops.inc")));
  EXPECT_GE(declared.size(), 44u);  // as many as when this was written: the parser sees them
  const std::set<std::string> have = rows();
  for (const std::string& op : declared) {
    EXPECT_TRUE(have.count(op)) << op << " of tensor/ops.inc has no row in tests/op_cases";
  }
}

TEST(Coverage, EveryRowIsOfADeclaredOperation) {
  std::set<std::string> declared = declarations(without_comments(read_file("tensor/ops.inc")));
  for (const char* header : {"tensor/fused.h", "autograd/normalization.h", "autograd/tensor.h"}) {
    for (const std::string& op : declarations(without_comments(read_file(header))))
      declared.insert(op);
  }
  for (const std::string& row : rows())
    EXPECT_TRUE(declared.count(row)) << row << " is declared nowhere";
}

TEST(Coverage, EveryFusedOperationHasARow) {
  const std::set<std::string> have = rows();
  for (const std::string& op : declarations(without_comments(read_file("tensor/fused.h")))) {
    EXPECT_TRUE(have.count(op)) << op << " of tensor/fused.h has no row in tests/op_cases";
  }
}

TEST(Coverage, EveryNormalizationHasARow) {
  const std::set<std::string> have = rows();
  for (const std::string& op :
       declarations(without_comments(read_file("autograd/normalization.h")))) {
    EXPECT_TRUE(have.count(op)) << op
                                << " of autograd/normalization.h has no row in tests/op_cases";
  }
}

TEST(Coverage, EveryOperatorBelongsToAnOperationWithARow) {
  const std::string text = read_file("tensor/operators.inc");
  const std::regex use(R"(\nLAMINA_BINARY_OPERATOR\([^,]+, (\w+)\))");
  const std::set<std::string> have = rows();
  int operators = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), use), end; it != end; ++it, ++operators) {
    EXPECT_TRUE(have.count((*it)[1].str() + "(a, b)")) << (*it)[1];
  }
  EXPECT_EQ(operators, 14);
}

TEST(Coverage, EveryRowHasSamplesAndAForm) {
  for (const OpCase& row : all_op_cases()) {
    EXPECT_FALSE(row.samples.empty()) << row.title();
    EXPECT_FALSE(row.forms.empty()) << row.title();
  }
}

}  // namespace
}  // namespace lamina::op_cases
