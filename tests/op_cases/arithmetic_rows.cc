// Arithmetic, comparison and functions of one array.
#include <algorithm>
#include <cmath>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Binary = std::function<double(double, double)>;

std::vector<Sample> broadcasting(Input (*second)(Extents)) {
  return {
      {Real({2, 3}), second({2, 3})}, {Real({2, 3}), second({3})},
      {Real({3}), second({2, 3})},    {Real({2, 1, 3}), second({4, 1})},
      {Real({}), second({2, 2})},     {Real({1, 1}), second({})},
      {Real({}), second({})},         {Real({0, 3}), second({3})},
      {Real({1, 3}), second({0, 1})},
  };
}

// A floating Scalar beside integers makes float32; an integer one raises bool only.
DType beside_floating(DType dtype) { return to_floating(dtype); }
DType beside_integer(DType dtype) { return dtype == bool_ ? int64 : dtype; }

struct BinaryOp {
  std::string declaration;
  std::vector<Form> arrays, right_floating, right_integer, left_floating;
  Binary f;
  std::vector<DType> dtypes;
  bool comparison, division;
};

void add_binary(Table& table, const BinaryOp& op) {
  const std::string name = op.declaration.substr(0, op.declaration.find('('));
  const auto second = op.division ? Positive : op.comparison ? Small : Real;
  const auto finish = [&](OpCase& row, DType (*result)(DType)) -> OpCase& {
    row.gives(op.comparison ? bool_result : op.division ? floating_result : result);
    return op.comparison ? row.not_differentiable() : row;
  };
  const auto naive = [f = op.f](const std::vector<Dense>& in) {
    return elementwise(in[0], in[1], f);
  };
  std::vector<Sample> samples = broadcasting(second);
  if (op.comparison) {
    for (Sample& sample : samples) sample[0].domain = Domain::kSmall;
  }
  OpCase row(op.declaration, samples, op.arrays, naive);
  row.takes(op.dtypes)
      .values_at({Real({90, 80}), second({90, 80})})
      .values_at({Real({300, 1, 150}), second({2, 1})});
  const Form& form = op.arrays[0];
  row.LAMINA_FAILS(ShapeError,
                   "[" + name + "] expected shapes that broadcast together, got (2, 3) and (4,)",
                   {zeros_of({2, 3}), zeros_of(4)}, form)
      .LAMINA_FAILS(ShapeError,
                    "[" + name + "] expected shapes that broadcast together, got (0,) and (2,)",
                    {zeros_of(0), zeros_of(2)}, form);
  table.push_back(finish(row, same_result));

  std::vector<Sample> one = {{Real({2, 3})}, {Real({})}, {Real({0})}};
  for (Sample& sample : one) sample[0].domain = op.comparison ? Domain::kSmall : Domain::kReal;
  const auto right = [&](double scalar) {
    return [f = op.f, scalar](const std::vector<Dense>& in) {
      return elementwise(in[0], [&](double x) { return f(x, scalar); });
    };
  };
  table.push_back(finish(
      OpCase(op.declaration, one, op.right_floating, right(2.5)).takes(op.dtypes).named("and 2.5"),
      beside_floating));
  table.push_back(finish(
      OpCase(op.declaration, one, op.right_integer, right(2)).takes(op.dtypes).named("and 2"),
      beside_integer));
  if (op.division) {
    for (Sample& sample : one) sample[0].domain = Domain::kPositive;
  }
  const auto left = [f = op.f](const std::vector<Dense>& in) {
    return elementwise(in[0], [&](double x) { return f(1.5, x); });
  };
  table.push_back(
      finish(OpCase(op.declaration, one, op.left_floating, left).takes(op.dtypes).named("of 1.5"),
             beside_floating));
}

#define LAMINA_BINARY(op, symbol, f, dtypes, comparison, division)                               \
  add_binary(                                                                                    \
      table,                                                                                     \
      {#op "(a, b)",                                                                             \
       {LAMINA_OP(op(in[0], in[1])), LAMINA_OP(in[0].op(in[1])), LAMINA_OP(in[0] symbol in[1])}, \
       {LAMINA_OP(op(in[0], 2.5)), LAMINA_OP(in[0].op(2.5)), LAMINA_OP(in[0] symbol 2.5)},       \
       {LAMINA_OP(op(in[0], 2)), LAMINA_OP(in[0].op(2)), LAMINA_OP(in[0] symbol 2)},             \
       {LAMINA_OP(op(1.5, in[0])), LAMINA_OP(1.5 symbol in[0])},                                 \
       f,                                                                                        \
       dtypes,                                                                                   \
       comparison,                                                                               \
       division})

OpCase unary(std::string declaration, Input (*input)(Extents), std::vector<Form> forms,
             double (*f)(double)) {
  return OpCase(std::move(declaration),
                {{input({2, 3})}, {input({})}, {input({0, 2})}, {input({3, 1, 4})}},
                std::move(forms),
                [f](const std::vector<Dense>& in) { return elementwise(in[0], f); })
      .values_at({input({130, 70})})
      .values_at({input({70001})});
}

}  // namespace

void add_arithmetic_rows(Table& table) {
  LAMINA_BINARY(
      add, +, [](double a, double b) { return a + b; }, kAll, false, false);
  LAMINA_BINARY(
      sub, -, [](double a, double b) { return a - b; }, kNumbers, false, false);
  LAMINA_BINARY(
      mul, *, [](double a, double b) { return a * b; }, kAll, false, false);
  LAMINA_BINARY(
      div, /, [](double a, double b) { return a / b; }, kAll, false, true);
  LAMINA_BINARY(
      eq, ==, [](double a, double b) { return a == b ? 1.0 : 0.0; }, kAll, true, false);
  LAMINA_BINARY(
      ne, !=, [](double a, double b) { return a != b ? 1.0 : 0.0; }, kAll, true, false);
  LAMINA_BINARY(
      lt, <, [](double a, double b) { return a < b ? 1.0 : 0.0; }, kAll, true, false);
  LAMINA_BINARY(
      le, <=, [](double a, double b) { return a <= b ? 1.0 : 0.0; }, kAll, true, false);
  LAMINA_BINARY(
      gt, >, [](double a, double b) { return a > b ? 1.0 : 0.0; }, kAll, true, false);
  LAMINA_BINARY(
      ge, >=, [](double a, double b) { return a >= b ? 1.0 : 0.0; }, kAll, true, false);

  // Both operands one array, and both results of one: gradients meet at the input.
  table.push_back(OpCase("mul(a, b)", {{Real({2, 3})}},
                         {LAMINA_OP(mul(in[0], in[0])), LAMINA_OP(in[0] * in[0])},
                         [](const std::vector<Dense>& in) {
                           return elementwise(in[0], [](double x) { return x * x; });
                         })
                      .takes(kAll)
                      .named("of one array twice"));

  table.push_back(unary("neg(x)", Real,
                        {LAMINA_OP(neg(in[0])), LAMINA_OP(in[0].neg()), LAMINA_OP(-in[0])},
                        [](double x) { return -x; })
                      .takes(kNumbers));
  table.push_back(
      unary("relu(x)", Real, {LAMINA_OP(relu(in[0])), LAMINA_OP(in[0].relu())}, [](double x) {
        return x > 0 ? x : 0;
      }).takes(kNumbers));
  table.push_back(unary("exp(x)", Real, {LAMINA_OP(exp(in[0])), LAMINA_OP(in[0].exp())},
                        [](double x) { return std::exp(x); })
                      .takes(kAll)
                      .gives(floating_result));
  table.push_back(unary("log(x)", Positive, {LAMINA_OP(log(in[0])), LAMINA_OP(in[0].log())},
                        [](double x) { return std::log(x); })
                      .takes(kAll)
                      .gives(floating_result));
}

}  // namespace lamina::op_cases
