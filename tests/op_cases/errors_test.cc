// Every operation refuses what it does not take, with an exception of the right type that names the
// operation.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tests/op_cases/op_case.h"
#include "lamina/tests/op_cases/param.h"

namespace lamina::op_cases {
namespace {

// Runs `call`; the text of the exception that `is_type` accepts, or what came instead.
template <class F>
std::string text_of_failure(const std::function<bool(const std::exception&)>& is_type,
                            const F& call) {
  try {
    call();
  } catch (const std::exception& e) {
    return is_type(e) ? e.what() : std::string("(an exception of another type) ") + e.what();
  }
  return "(no exception)";
}

template <class E>
bool is_a(const std::exception& e) {
  return dynamic_cast<const E*>(&e) != nullptr;
}

class OpErrors : public OpCaseTest {
 protected:
  // On NDArrays, on Tensors, and on Tensors whose gradient is wanted.
  void expect_failure(const Form& form, const std::vector<NDArray>& inputs, const std::string& text,
                      const std::function<bool(const std::exception&)>& is_type) {
    if (form.arrays) {
      const std::string got = text_of_failure(is_type, [&] { form.arrays(inputs); });
      EXPECT_NE(got.find(text), std::string::npos)
          << "NDArray: got " << got << "\nexpected " << text;
    }
    if (!form.tensors) return;
    for (const bool recorded : {false, true}) {
      std::vector<Tensor> tensors(inputs.begin(), inputs.end());
      for (Tensor& t : tensors) {
        if (recorded && t.defined() && is_floating(t.dtype())) t.requires_grad_();
      }
      const std::string got = text_of_failure(is_type, [&] { form.tensors(tensors); });
      EXPECT_NE(got.find(text), std::string::npos)
          << (recorded ? "recorded Tensor" : "Tensor") << ": got " << got << "\nexpected " << text;
    }
  }

  std::vector<NDArray> inputs_of(const Sample& sample, DType dtype) {
    std::vector<NDArray> inputs;
    for (size_t i = 0; i < sample.size(); ++i) {
      inputs.push_back(array_of(values_for(sample[i], i, dtype, Layout::kContiguous),
                                dtype_for(sample[i], dtype), Layout::kContiguous));
    }
    return inputs;
  }
};

class OpBadCalls : public OpErrors {};

TEST_P(OpBadCalls, NameWhatWasWantedAndWhatCame) {
  for (const BadCall& bad : row().bad_calls) {
    SCOPED_TRACE(bad.type);
    expect_failure(bad.form, bad.inputs, bad.text, bad.is_type);
  }
}

class OpUndefinedInputs : public OpErrors {};

TEST_P(OpUndefinedInputs, AreRefused) {
  const Sample& sample = row().samples[0];
  for (size_t undefined = 0; undefined < sample.size(); ++undefined) {
    if (sample[undefined].optional) continue;
    SCOPED_TRACE("input " + std::to_string(undefined));
    std::vector<NDArray> inputs = inputs_of(sample, float32);
    inputs[undefined] = NDArray();
    for (const Form& form : row().forms) {
      expect_failure(form, inputs, "[" + row().op() + "] expected a defined array",
                     is_a<RuntimeError>);
    }
  }
}

class OpDTypes : public OpErrors {};

TEST_P(OpDTypes, ThatTheOperationDoesNotTakeAreRefused) {
  for (const DType dtype : kAll) {
    if (takes(row(), dtype)) continue;
    SCOPED_TRACE(lamina::name_of(dtype));
    expect_failure(row().forms[0], inputs_of(row().samples[0], dtype),
                   "[" + row().op() + "] expected", is_a<DTypeError>);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpBadCalls, testing::ValuesIn(rows_that([](const OpCase& row) {
                           return !row.bad_calls.empty();
                         })),
                         row_name);
INSTANTIATE_TEST_SUITE_P(All, OpUndefinedInputs, testing::ValuesIn(rows_that([](const OpCase& row) {
                           const Sample& sample = row.samples[0];
                           return std::any_of(sample.begin(), sample.end(),
                                              [](const Input& input) { return !input.optional; });
                         })),
                         row_name);
INSTANTIATE_TEST_SUITE_P(All, OpDTypes, testing::ValuesIn(rows_that([](const OpCase& row) {
                           return row.refuses_others &&
                                  std::any_of(kAll.begin(), kAll.end(),
                                              [&](DType dtype) { return !takes(row, dtype); });
                         })),
                         row_name);

}  // namespace
}  // namespace lamina::op_cases
