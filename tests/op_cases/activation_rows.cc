// GELU and SiLU. What infinities give is in tensor/fused_test.cc.
#include <cmath>

#include "lamina/tensor/fused.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

constexpr double kPi = 3.14159265358979323846;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double phi(double x) { return (1 + std::erf(x / std::sqrt(2.0))) / 2; }
double tanh_argument(double x) { return std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x); }

double naive_gelu(double x) { return x * phi(x); }
double naive_gelu_tanh(double x) { return x * (1 + std::tanh(tanh_argument(x))) / 2; }
double naive_silu(double x) { return x * sigmoid(x); }

double gelu_slope(double x) { return phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * kPi); }
double gelu_tanh_slope(double x) {
  const double t = std::tanh(tanh_argument(x));
  return (1 + t) / 2 + x * (1 - t * t) / 2 * std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
}
double silu_slope(double x) { return sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x)); }

OpCase activation(const std::string& op, const std::string& declaration, Form form,
                  double (*f)(double)) {
  return OpCase(declaration, {{Real({2, 3})}, {Real({})}, {Real({0, 2})}, {Real({3, 1, 4})}},
                {form}, [f](const std::vector<Dense>& in) { return elementwise(in[0], f); })
      .values_at({Real({130, 70})})
      .values_at({Real({70001})})
      .LAMINA_FAILS(DTypeError, "[" + op + "] expected a floating dtype, got int64",
                    {zeros_of({2}, int64)}, form);
}

OpCase backward(const std::string& op, const std::string& declaration, Call<NDArray> call,
                double (*slope)(double)) {
  const Form form(std::move(call), nullptr);
  return OpCase(declaration,
                {{Real({2, 3}), Real({2, 3})}, {Real({}), Real({})}, {Real({0}), Real({0})}},
                {form},
                [slope](const std::vector<Dense>& in) {
                  return elementwise(in[0], in[1],
                                     [slope](double dy, double x) { return dy * slope(x); });
                })
      .not_differentiable()
      .values_at({Real({300, 301}), Real({300, 301})})
      .LAMINA_FAILS(ShapeError,
                    "[" + op +
                        "] expected dy and x of one shape and dtype, got (2,) float32 and "
                        "(3,) float32",
                    {zeros_of({2}), zeros_of({3})}, form);
}

}  // namespace

void add_activation_rows(Table& table) {
  table.push_back(
      activation("gelu", "gelu(x, form)", LAMINA_OP(gelu(in[0], Gelu::kExact)), naive_gelu));
  table.push_back(
      activation("gelu", "gelu(x, form)", LAMINA_OP(gelu(in[0], Gelu::kTanh)), naive_gelu_tanh)
          .named("by tanh"));
  table.push_back(activation("silu", "silu(x)", LAMINA_OP(silu(in[0])), naive_silu));
  table.push_back(backward(
      "gelu_backward", "gelu_backward(dy, x, form)",
      [](const auto& in) { return as_list(gelu_backward(in[0], in[1], Gelu::kExact)); },
      gelu_slope));
  table.push_back(
      backward(
          "gelu_backward", "gelu_backward(dy, x, form)",
          [](const auto& in) { return as_list(gelu_backward(in[0], in[1], Gelu::kTanh)); },
          gelu_tanh_slope)
          .named("by tanh"));
  table.push_back(backward(
      "silu_backward", "silu_backward(dy, x)",
      [](const auto& in) { return as_list(silu_backward(in[0], in[1])); }, silu_slope));
}

}  // namespace lamina::op_cases
