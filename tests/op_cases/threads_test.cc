// Every operation gives the same bits at 1, 2 and 5 threads, at sizes where kernels share their work out.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tests/op_cases/op_case.h"
#include "lamina/tests/op_cases/param.h"

namespace lamina::op_cases {
namespace {

std::vector<size_t> rows_with_large_samples() {
  std::vector<size_t> rows;
  for (size_t i = 0; i < all_op_cases().size(); ++i) {
    const OpCase& row = all_op_cases()[i];
    if (!row.large_samples.empty() && row.forms[0].arrays) rows.push_back(i);
  }
  return rows;
}

class OpThreads : public OpCaseTest {
 protected:
  ~OpThreads() override { set_num_threads(threads_before_); }

  std::vector<std::string> bits_at(int threads, const std::vector<NDArray>& inputs) {
    set_num_threads(threads);
    std::vector<std::string> bits;
    for (const NDArray& result : row().forms[0].arrays(inputs)) {
      const NDArray dense = result.contiguous();
      bits.emplace_back(dense.raw_data(), dense.numel() * size_of(dense.dtype()));
    }
    return bits;
  }

 private:
  const int threads_before_ = get_num_threads();
};

TEST_P(OpThreads, DoNotChangeABit) {
  const std::vector<DType>& taken = row().dtypes;
  const bool floats = std::find(taken.begin(), taken.end(), float32) != taken.end();
  const DType dtype = floats ? float32 : int32;
  for (const Sample& sample : row().large_samples) {
    for (const Layout layout : row().layouts) {
      SCOPED_TRACE(std::string(op_cases::name_of(layout)) + ", " + shapes_of(sample));
      std::vector<NDArray> inputs;
      for (size_t i = 0; i < sample.size(); ++i) {
        inputs.push_back(
            array_of(values_for(sample[i], i, dtype, layout), dtype_for(sample[i], dtype), layout));
      }
      const std::vector<std::string> expected = bits_at(1, inputs);
      EXPECT_TRUE(bits_at(2, inputs) == expected) << "2 threads";
      EXPECT_TRUE(bits_at(5, inputs) == expected) << "5 threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpThreads, testing::ValuesIn(rows_with_large_samples()), row_name);

}  // namespace
}  // namespace lamina::op_cases
