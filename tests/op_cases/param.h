// Makes one GoogleTest case per row: INSTANTIATE_TEST_SUITE_P(All, MyTest, each_row(), row_name).
#ifndef LAMINA_TESTS_OP_CASES_PARAM_H_
#define LAMINA_TESTS_OP_CASES_PARAM_H_

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {

// The position of the row in all_op_cases().
class OpCaseTest : public testing::TestWithParam<size_t> {
 protected:
  const OpCase& row() const { return all_op_cases()[GetParam()]; }
};

// The rows that `wanted` is true of. For tests that have nothing to assert about the others, and
// would pass.
template <class Wanted>
std::vector<size_t> rows_that(const Wanted& wanted) {
  std::vector<size_t> rows;
  for (size_t i = 0; i < all_op_cases().size(); ++i) {
    if (wanted(all_op_cases()[i])) rows.push_back(i);
  }
  return rows;
}

inline bool takes(const OpCase& row, DType dtype) {
  return std::find(row.dtypes.begin(), row.dtypes.end(), dtype) != row.dtypes.end();
}

inline auto each_row() { return testing::Range<size_t>(0, all_op_cases().size()); }

inline std::string row_name(const testing::TestParamInfo<size_t>& info) {
  std::string name;
  for (char c : all_op_cases()[info.param].title()) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  while (name.back() == '_') name.pop_back();
  return name;
}

inline std::string shapes_of(const Sample& sample) {
  std::string text;
  for (const Input& input : sample)
    text += Shape(absl::Span<const int64_t>(input.shape)).str() + " ";
  return text;
}

}  // namespace lamina::op_cases

#endif  // LAMINA_TESTS_OP_CASES_PARAM_H_
