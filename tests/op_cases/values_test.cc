// Every operation against its naive reference: each dtype, layout and sample, on NDArrays, Tensors
// and recorded Tensors, as a function, a method and an operator.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"
#include "lamina/tests/op_cases/op_case.h"
#include "lamina/tests/op_cases/param.h"

namespace lamina::op_cases {
namespace {

// What a value of the reference becomes in `dtype`.
double stored_as(double x, DType dtype) {
  if (dtype == bool_) return x != 0 ? 1 : 0;
  if (dtype == uint8) return x - 256 * std::floor(x / 256);  // wraps around
  return x;
}

// What a value becomes as an input of `dtype`, by C++'s own conversions; of the halves, which C++
// does not know, by rounding to 11 and to 8 significant bits, ties to even.
double as_input(double x, DType dtype) {
  if (dtype == bool_) return x != 0 ? 1 : 0;
  if (!is_floating(dtype)) return std::trunc(x);
  if (dtype == float64) return x;
  const float single = static_cast<float>(x);
  if (dtype == float32 || single == 0) return single;
  const int exponent = std::ilogb(single) - (dtype == float16 ? 10 : 7);
  return std::ldexp(std::nearbyint(std::ldexp(static_cast<double>(single), -exponent)), exponent);
}

bool is_close(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == expected;
  return std::abs(got - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

void expect_close(const NDArray& got, const Dense& expected, double tolerance) {
  ASSERT_EQ(extents_of(got.shape()), expected.shape);
  const std::vector<double> values = test::elements(got);
  ASSERT_EQ(values.size(), expected.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double want = stored_as(expected.values[i], got.dtype());
    ASSERT_TRUE(is_close(values[i], want, tolerance))
        << "element " << i << " (row-major): got " << values[i] << ", the naive reference gives "
        << want;
  }
}

class OpValues : public OpCaseTest {
 protected:
  // All results of one sample, in one dtype and layout.
  void check(const Sample& sample, DType dtype, Layout layout) {
    SCOPED_TRACE(std::string(lamina::name_of(dtype)) + ", " + op_cases::name_of(layout) + ", " +
                 shapes_of(sample));
    std::vector<NDArray> arrays;
    std::vector<Dense> dense;
    for (size_t i = 0; i < sample.size(); ++i) {
      const Dense values = values_for(sample[i], i, dtype, layout);
      const DType input = dtype_for(sample[i], dtype);
      arrays.push_back(array_of(values, input, layout));
      dense.push_back(values);
      for (double& x : dense.back().values) x = as_input(x, input);
    }
    const std::vector<Dense> expected = row().reference(dense);
    const DType result = row().result_dtype(dtype);
    const double tolerance = result == float64 && dtype == float64 ? 1e-12
                             : result == float16                   ? 0x1p-9
                             : result == bfloat16                  ? 0x1p-6
                                                                   : row().float32_tolerance;
    for (size_t f = 0; f < row().forms.size(); ++f) {
      const Form& form = row().forms[f];
      SCOPED_TRACE("form " + std::to_string(f));
      if (form.arrays) {
        SCOPED_TRACE("NDArray");
        expect_results(form.arrays(arrays), arrays, expected, dtype, tolerance);
      }
      if (!form.tensors) continue;
      for (const bool recorded : {false, true}) {
        SCOPED_TRACE(recorded ? "recorded Tensor" : "Tensor");
        std::vector<Tensor> tensors(arrays.begin(), arrays.end());
        bool requires_grad = false;
        for (Tensor& t : tensors) {
          if (!recorded || !is_floating(t.dtype())) continue;
          t.requires_grad_();
          requires_grad = true;
        }
        std::vector<NDArray> results;
        for (const Tensor& t : form.tensors(tensors)) {
          results.push_back(t.data());
          EXPECT_EQ(t.requires_grad(),
                    requires_grad && row().op() != "unique" && is_floating(t.dtype()));
        }
        expect_results(results, arrays, expected, dtype, tolerance);
      }
    }
    for (size_t i = 0; i < arrays.size(); ++i) {
      EXPECT_EQ(test::elements(arrays[i]), dense[i].values) << "input " << i << " was written to";
    }
  }

 private:
  void expect_results(const std::vector<NDArray>& got, const std::vector<NDArray>& inputs,
                      const std::vector<Dense>& expected, DType dtype, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    EXPECT_EQ(lamina::name_of(got[0].dtype()),
              std::string(lamina::name_of(row().result_dtype(dtype))));
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].dtype(), i == 0 || row().alike ? got[0].dtype() : int64);
      expect_close(got[i], expected[i], tolerance);
    }
    if (row().shares_storage) {
      EXPECT_EQ(got[0].storage(), inputs[0].storage());
    }
  }
};

TEST_P(OpValues, AgreeWithTheNaiveReference) {
  for (const Sample& sample : row().samples) {
    for (const DType dtype : row().dtypes) {
      for (const Layout layout : row().layouts) check(sample, dtype, layout);
    }
  }
}

// float16 and bfloat16 compute in float32 and round at the end: half a unit in the last place of
// the result, and of what lies between where an operation is made of others.
class OpHalfValues : public OpValues {};

TEST_P(OpHalfValues, AgreeWithTheNaiveReference) {
  for (const Sample& sample : row().samples) {
    for (const Layout layout : row().layouts) {
      check(sample, float16, layout);
      check(sample, bfloat16, layout);
    }
  }
}

class OpLargeValues : public OpValues {};

TEST_P(OpLargeValues, AgreeWithTheNaiveReference) {
  const bool floats = takes(row(), float32);
  for (const Sample& sample : row().large_samples) {
    for (const Layout layout : row().layouts) check(sample, floats ? float32 : int32, layout);
    check(sample, floats ? float64 : int64, Layout::kContiguous);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpValues, each_row(), row_name);
INSTANTIATE_TEST_SUITE_P(All, OpHalfValues, testing::ValuesIn(rows_that([](const OpCase& row) {
                           return takes(row, float32);
                         })),
                         row_name);
INSTANTIATE_TEST_SUITE_P(All, OpLargeValues, testing::ValuesIn(rows_that([](const OpCase& row) {
                           return !row.large_samples.empty();
                         })),
                         row_name);

}  // namespace
}  // namespace lamina::op_cases
