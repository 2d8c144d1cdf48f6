// First and second derivatives of every differentiable operation, by differences, on inputs of each
// layout.
#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tests/op_cases/op_case.h"
#include "lamina/tests/op_cases/param.h"

namespace lamina::op_cases {
namespace {

class OpGradients : public OpCaseTest {
 public:
  static void TearDownTestSuite() {
    std::cout << operations().size() << " differentiable operations: " << cases
              << " cases of first and "
              << "second derivatives, " << strided << " of them on inputs that are not contiguous, "
              << empty << " without elements\n";
    if (operations().size() == all_operations()) {
      EXPECT_GT(strided, cases / 3);
      EXPECT_GT(empty, cases / 20);
    }
  }

 protected:
  static std::set<std::string>& operations() {
    static auto& names = *new std::set<std::string>;
    return names;
  }
  static size_t all_operations() {
    std::set<std::string> names;
    for (const OpCase& row : all_op_cases()) {
      if (row.differentiable) names.insert(row.declaration);
    }
    return names.size();
  }
  static inline int64_t cases = 0, strided = 0, empty = 0;

  using Check = GradcheckReport (*)(const TensorFunction&, const std::vector<Tensor>&,
                                    const GradcheckOptions&);

  void check_all(Check check, const GradcheckOptions& options) {
    for (const Sample& sample : row().samples) {
      for (const Layout layout : row().layouts) {
        if (layout == Layout::kExpanded && row().ties_are_kinks) continue;
        SCOPED_TRACE(std::string(op_cases::name_of(layout)) + ", " + shapes_of(sample));
        operations().insert(row().declaration);
        std::vector<Tensor> inputs;
        for (size_t i = 0; i < sample.size(); ++i) {
          inputs.emplace_back(array_of(values_for(sample[i], i, float64, layout),
                                       dtype_for(sample[i], float64), layout));
          if (is_floating(inputs.back().dtype())) inputs.back().requires_grad_();
        }
        const auto call = [&](absl::Span<const Tensor> in) {
          return row().forms[0].tensors(std::vector<Tensor>(in.begin(), in.end()));
        };
        const size_t results = row().alike ? call(inputs).size() : 1;
        for (size_t i = 0; i < results; ++i) {
          const TensorFunction f = [&](absl::Span<const Tensor> in) { return call(in)[i]; };
          const GradcheckReport report = check(f, inputs, options);
          EXPECT_TRUE(report.passed) << "result " << i << ": " << report.message;
          ++cases;
          const auto any = [&](auto is) { return std::any_of(inputs.begin(), inputs.end(), is); };
          strided += any([](const Tensor& in) { return in.defined() && !in.is_contiguous(); });
          empty += any([](const Tensor& in) { return in.defined() && in.numel() == 0; });
        }
      }
    }
  }
};

TEST_P(OpGradients, AgreeWithDifferences) { check_all(&gradcheck, {1e-6, 1e-7, 1e-6}); }

TEST_P(OpGradients, OfGradientsAgreeWithDifferences) {
  check_all(&gradgradcheck, {1e-6, 1e-6, 1e-5});
}

// One input at a time: a gradient that is not wanted must not be asked for.
TEST_P(OpGradients, ReachEachInputAlone) {
  const Sample& sample = row().samples[0];
  for (size_t only = 0; only < sample.size(); ++only) {
    if (sample[only].domain == Domain::kIndex) continue;
    SCOPED_TRACE("input " + std::to_string(only));
    std::vector<Tensor> all, one;
    for (size_t i = 0; i < sample.size(); ++i) {
      const NDArray x = array_of(values_for(sample[i], i, float32, Layout::kContiguous),
                                 dtype_for(sample[i], float32), Layout::kContiguous);
      all.emplace_back(x);
      one.emplace_back(x);
      if (is_floating(x.dtype())) all.back().requires_grad_();
      if (i == only) one.back().requires_grad_();
    }
    sum(row().forms[0].tensors(all)[0]).backward();
    sum(row().forms[0].tensors(one)[0]).backward();
    for (size_t i = 0; i < sample.size(); ++i) {
      if (i == only) continue;
      EXPECT_FALSE(one[i].grad().defined()) << "input " << i;
    }
    EXPECT_EQ(one[only].grad().dtype(), float32);
    EXPECT_EQ(one[only].grad().to_vector<float>(), all[only].grad().to_vector<float>());
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpGradients, testing::ValuesIn(rows_that([](const OpCase& row) {
                           return row.differentiable;
                         })),
                         row_name);

}  // namespace
}  // namespace lamina::op_cases
