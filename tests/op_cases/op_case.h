// The op cases: one row for every operation of tensor/ops.inc, from which all drivers in this
// folder take what they test. `coverage_test` reads ops.inc and fails for an operation without a
// row.
//
// To add an operation, add a row to the table of its family (arithmetic_rows.cc, ...):
//
//   table.push_back(
//       OpCase("exp(x)",                                            // the declaration
//              {{Real({2, 3})}, {Real({})}},                        // samples of inputs
//              {LAMINA_OP(exp(in[0])), LAMINA_OP(in[0].exp())},     // the function, the method
//              [](const auto& in) {                                 // the naive reference
//                return elementwise(in[0], [](double x) { return std::exp(x); });
//              })
//           .takes(kNumbers)
//           .gives(floating_result));
//
// It is then compared with the naive reference in each dtype, on contiguous, transposed, narrowed
// and expanded inputs, as NDArray and Tensor, function and method; its first and second derivatives
// are checked (unless not_differentiable()); undefined inputs and dtypes that it does not take must
// be refused by name; and so must each call of fails().
#ifndef LAMINA_TESTS_OP_CASES_OP_CASE_H_
#define LAMINA_TESTS_OP_CASES_OP_CASE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd.h"
#include "lamina/tensor.h"
#include "lamina/tests/op_cases/dense.h"

namespace lamina::op_cases {

// ---- Inputs

enum class Domain {
  kReal,      // between -2 and 2, at least 0.05 apart from each other and from 0
  kPositive,  // between 0.5 and 3
  kUnit,      // between -0.9 and 0.9; bool and uint8 as kReal
  kSmall,     // a few different values, so that there are ties
  kIndex,     // int64, from 0 to extent - 1
};
struct Input {
  Extents shape;
  Domain domain;
  int64_t extent = 0;
  bool optional = false;  // may be undefined
};
inline Input Real(Extents shape) { return {std::move(shape), Domain::kReal}; }
inline Input Positive(Extents shape) { return {std::move(shape), Domain::kPositive}; }
inline Input Unit(Extents shape) { return {std::move(shape), Domain::kUnit}; }
inline Input Small(Extents shape) { return {std::move(shape), Domain::kSmall}; }
inline Input Index(Extents shape, int64_t extent) {
  return {std::move(shape), Domain::kIndex, extent};
}
inline Input Optional(Input input) {
  input.optional = true;
  return input;
}
using Sample = std::vector<Input>;

enum class Layout { kContiguous, kTransposed, kNarrowed, kExpanded };
const char* name_of(Layout layout);

inline const std::vector<DType> kFloats = {float32, float64};
inline const std::vector<DType> kNumbers = {uint8, int32, int64, float32, float64};
inline const std::vector<DType> kAll = {bool_, uint8, int32, int64, float32, float64};

// ---- Calls

template <class A>
using Call = std::function<std::vector<A>(const std::vector<A>&)>;

template <class A>
std::vector<A> as_list(A result) {
  return {std::move(result)};
}
template <class A>
std::vector<A> as_list(std::vector<A> results) {
  return results;
}
template <class A>
std::vector<A> as_list(ValuesIndices<A> result) {
  return {std::move(result.values), std::move(result.indices)};
}
template <class A>
std::vector<A> as_list(UniqueResult<A> result) {
  return {std::move(result.values), std::move(result.inverse), std::move(result.counts)};
}

// One way to write the operation, on both types.
struct Form {
  Form() = default;
  template <class F>
  Form(F f) : arrays(f), tensors(f) {}  // implicit
  Form(Call<NDArray> on_arrays, Call<Tensor> on_tensors)
      : arrays(std::move(on_arrays)), tensors(std::move(on_tensors)) {}
  Call<NDArray> arrays;  // null if there is none
  Call<Tensor> tensors;
};
// A call of `in`, a vector of NDArray or Tensor.
#define LAMINA_OP(...) [](const auto& in) { return ::lamina::op_cases::as_list(__VA_ARGS__); }

using Reference = std::function<std::vector<Dense>(const std::vector<Dense>&)>;

// A call that must be refused: with an exception of type E whose text has `text` in it.
struct BadCall {
  std::string text;
  std::vector<NDArray> inputs;
  Form form;
  std::function<bool(const std::exception&)> is_type;
  std::string type;
};

// ---- The dtype of the first result, from the dtype of the inputs

inline DType same_result(DType dtype) { return dtype; }
inline DType floating_result(DType dtype) { return to_floating(dtype); }
inline DType bool_result(DType) { return bool_; }
inline DType int64_result(DType) { return int64; }
inline DType sum_result(DType dtype) { return is_floating(dtype) ? dtype : int64; }

struct OpCase {
  // `forms` are ways to write the same, the first one being the declaration's.
  template <class F>
  OpCase(std::string declared, std::vector<Sample> sample_inputs, std::vector<Form> all_forms,
         F naive)
      : declaration(std::move(declared)),
        samples(std::move(sample_inputs)),
        forms(std::move(all_forms)) {
    reference = [naive](const std::vector<Dense>& in) { return as_list_of_dense(naive(in)); };
  }

  OpCase& named(std::string what) { return label = std::move(what), *this; }
  OpCase& takes(std::vector<DType> all) { return dtypes = std::move(all), *this; }
  // The dtypes to try, when others are taken as well.
  OpCase& tried_in(std::vector<DType> some) {
    return refuses_others = false, takes(std::move(some));
  }
  OpCase& gives(DType (*rule)(DType)) { return result_dtype = rule, *this; }
  // Several results have all the dtype of the first, and a gradient. Otherwise those after it are int64.
  OpCase& results_alike() { return alike = true, *this; }
  OpCase& not_differentiable() { return differentiable = false, *this; }
  // Equal elements have no derivative: expanded inputs are left to the values.
  OpCase& kinks_at_ties() { return ties_are_kinks = true, *this; }
  // A sample that is too large for gradcheck: past the sizes at which kernels tile their work or
  // share it out.
  OpCase& values_at(Sample sample) { return large_samples.push_back(std::move(sample)), *this; }
  // The result shares storage with the first input, in every layout that the row has.
  OpCase& is_view() { return shares_storage = true, *this; }
  // A view that other strides do not allow.
  OpCase& only_contiguous() { return layouts = {Layout::kContiguous}, *this; }
  OpCase& tolerance(double relative) { return float32_tolerance = relative, *this; }
  template <class E>
  OpCase& fails(std::string type, std::string text, std::vector<NDArray> inputs, Form form) {
    bad_calls.push_back(
        {std::move(text), std::move(inputs), std::move(form),
         [](const std::exception& e) { return dynamic_cast<const E*>(&e) != nullptr; },
         std::move(type)});
    return *this;
  }

  // The operation alone: "sum" of "sum(x, dims, keepdim)".
  std::string op() const { return declaration.substr(0, declaration.find('(')); }
  std::string title() const { return label.empty() ? declaration : declaration + " " + label; }

  std::string declaration;  // name and parameters as ops.inc has them
  std::string label;        // tells rows of one declaration apart
  std::vector<Sample> samples;
  std::vector<Sample> large_samples;
  std::vector<Form> forms;
  Reference reference;
  std::vector<DType> dtypes = kFloats;
  DType (*result_dtype)(DType) = same_result;
  bool refuses_others = true;
  bool alike = false;
  bool differentiable = true;
  bool ties_are_kinks = false;
  bool shares_storage = false;
  std::vector<Layout> layouts = {Layout::kContiguous, Layout::kTransposed, Layout::kNarrowed,
                                 Layout::kExpanded};
  double float32_tolerance = 1e-6;
  std::vector<BadCall> bad_calls;

 private:
  static std::vector<Dense> as_list_of_dense(Dense one) { return {std::move(one)}; }
  static std::vector<Dense> as_list_of_dense(std::vector<Dense> all) { return all; }
};
#define LAMINA_FAILS(E, ...) fails<E>(#E, __VA_ARGS__)

using Table = std::vector<OpCase>;
void add_activation_rows(Table& table);
void add_arithmetic_rows(Table& table);
void add_reduce_rows(Table& table);
void add_product_rows(Table& table);
void add_convolution_rows(Table& table);
void add_index_rows(Table& table);
void add_indexing_rows(Table& table);
void add_view_rows(Table& table);
void add_pointwise_rows(Table& table);
void add_slicing_rows(Table& table);
void add_movement_rows(Table& table);
void add_padding_rows(Table& table);
void add_pooling_rows(Table& table);
void add_normalization_rows(Table& table);
void add_order_rows(Table& table);
void add_statistics_rows(Table& table);
void add_linalg_rows(Table& table);
void add_einsum_rows(Table& table);

const Table& all_op_cases();

// ---- Making inputs

// Values for one input; the same each time. `input` tells the inputs of a sample apart. An expanded
// layout makes the values along the first dimension equal; integer dtypes get integers from 0
// (kReal of signed ones: from -9).
Dense values_for(const Input& input, size_t number, DType dtype, Layout layout);
// An array that holds `values`, laid out as asked. An index is int64 whatever the dtype.
NDArray array_of(const Dense& values, DType dtype, Layout layout);
DType dtype_for(const Input& input, DType dtype);

inline NDArray zeros_of(const Shape& shape, DType dtype = float32) {
  return NDArray::zeros(shape, dtype);
}
Extents extents_of(const Shape& shape);

}  // namespace lamina::op_cases

#endif  // LAMINA_TESTS_OP_CASES_OP_CASE_H_
