// Mathematical functions, logic, bits, and choices between elements.
#include <algorithm>
#include <cmath>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Maker = Input (*)(Extents);

std::vector<Sample> broadcasting(Maker first, Maker second) {
  return {
      {first({2, 3}), second({2, 3})}, {first({2, 3}), second({3})},
      {first({3}), second({2, 3})},    {first({2, 1, 3}), second({4, 1})},
      {first({}), second({2, 2})},     {first({}), second({})},
      {first({0, 3}), second({3})},
  };
}

OpCase unary(const std::string& name, Maker input, std::vector<Form> forms,
             const std::function<double(double)>& f) {
  return OpCase(name + "(x)", {{input({2, 3})}, {input({})}, {input({0, 2})}, {input({3, 1, 4})}},
                std::move(forms),
                [f](const std::vector<Dense>& in) { return elementwise(in[0], f); })
      .values_at({input({130, 70})})
      .values_at({input({70001})});
}
#define LAMINA_UNARY(op, domain, dtypes, result, f)                                 \
  table.push_back(unary(#op, domain, {LAMINA_OP(op(in[0])), LAMINA_OP(in[0].op())}, \
                        [](double x) -> double { return f; })                       \
                      .takes(dtypes)                                                \
                      .gives(result))

OpCase binary(const std::string& name, const std::string& parameters, Maker first, Maker second,
              std::vector<Form> forms, const std::function<double(double, double)>& f) {
  const Form form = forms[0];
  return OpCase(name + parameters, broadcasting(first, second), std::move(forms),
                [f](const std::vector<Dense>& in) { return elementwise(in[0], in[1], f); })
      .values_at({first({90, 80}), second({90, 80})})
      .values_at({first({300, 1, 150}), second({2, 1})})
      .LAMINA_FAILS(ShapeError,
                    "[" + name + "] expected shapes that broadcast together, got (2, 3) and (4,)",
                    {zeros_of({2, 3}, int64), zeros_of(4, int64)}, form);
}
#define LAMINA_BINARY(op, first, second, f)                                                       \
  binary(#op, "(a, b)", first, second, {LAMINA_OP(op(in[0], in[1])), LAMINA_OP(in[0].op(in[1]))}, \
         [](double a, double b) -> double { return f; })
// The second operand a Scalar, and the first.
#define LAMINA_RIGHT(op, parameters, domain, scalar, f)                      \
  OpCase(#op parameters, {{domain({2, 3})}, {domain({})}, {domain({0})}},    \
         {LAMINA_OP(op(in[0], scalar)), LAMINA_OP(in[0].op(scalar))},        \
         [](const std::vector<Dense>& in) {                                  \
           const double b = scalar;                                          \
           return elementwise(in[0], [&](double a) -> double { return f; }); \
         })                                                                  \
      .named("and " #scalar)
#define LAMINA_LEFT(op, domain, scalar, f)                                   \
  OpCase(#op "(a, b)", {{domain({2, 3})}, {domain({})}, {domain({0})}},      \
         {LAMINA_OP(op(scalar, in[0]))},                                     \
         [](const std::vector<Dense>& in) {                                  \
           const double a = scalar;                                          \
           return elementwise(in[0], [&](double b) -> double { return f; }); \
         })                                                                  \
      .named("of " #scalar)

DType beside_floating(DType dtype) { return to_floating(dtype); }
DType beside_integer(DType dtype) { return dtype == bool_ ? int64 : dtype; }
const std::vector<DType> kBits = {bool_, uint8, int32, int64};

double floor_mod(double a, double b) { return a - b * std::floor(a / b); }

void add_functions_of_one(Table& table) {
  LAMINA_UNARY(abs, Real, kNumbers, same_result, std::abs(x));
  LAMINA_UNARY(sign, Real, kAll, same_result, x > 0 ? 1 : x < 0 ? -1 : 0);
  LAMINA_UNARY(floor, Real, kNumbers, same_result, std::floor(x));
  LAMINA_UNARY(ceil, Real, kNumbers, same_result, std::ceil(x));
  LAMINA_UNARY(round, Real, kNumbers, same_result, std::nearbyint(x));
  LAMINA_UNARY(trunc, Real, kNumbers, same_result, std::trunc(x));
  LAMINA_UNARY(frac, Real, kFloats, same_result, x - std::trunc(x));
  LAMINA_UNARY(expm1, Real, kAll, floating_result, std::expm1(x));
  LAMINA_UNARY(log1p, Positive, kAll, floating_result, std::log1p(x));
  LAMINA_UNARY(log2, Positive, kAll, floating_result, std::log2(x));
  LAMINA_UNARY(sqrt, Positive, kAll, floating_result, std::sqrt(x));
  LAMINA_UNARY(rsqrt, Positive, kAll, floating_result, 1 / std::sqrt(x));
  LAMINA_UNARY(reciprocal, Positive, kAll, floating_result, 1 / x);
  LAMINA_UNARY(sin, Real, kAll, floating_result, std::sin(x));
  LAMINA_UNARY(cos, Real, kAll, floating_result, std::cos(x));
  LAMINA_UNARY(tan, Unit, kAll, floating_result, std::tan(x));
  LAMINA_UNARY(asin, Unit, kAll, floating_result, std::asin(x));
  LAMINA_UNARY(acos, Unit, kAll, floating_result, std::acos(x));
  LAMINA_UNARY(atan, Real, kAll, floating_result, std::atan(x));
  LAMINA_UNARY(sinh, Real, kAll, floating_result, std::sinh(x));
  LAMINA_UNARY(cosh, Real, kAll, floating_result, std::cosh(x));
  LAMINA_UNARY(tanh, Real, kAll, floating_result, std::tanh(x));
  LAMINA_UNARY(sigmoid, Real, kAll, floating_result, 1 / (1 + std::exp(-x)));
  LAMINA_UNARY(erf, Real, kAll, floating_result, std::erf(x));
  LAMINA_UNARY(erfc, Real, kAll, floating_result, std::erfc(x));
  LAMINA_UNARY(square, Real, kAll, beside_integer, x * x);
}

void add_arithmetic(Table& table) {
  table.push_back(LAMINA_BINARY(pow, Positive, Positive, std::pow(a, b)).takes(kNumbers));
  table.back().LAMINA_FAILS(ValueError,
                            "[pow] expected an exponent of at least 0 for integers, got -1",
                            {zeros_of(2, int64)}, LAMINA_OP(pow(in[0], -1)));
  table.push_back(LAMINA_BINARY(pow, Real, Small, std::pow(a, b))
                      .tried_in({uint8, int32, int64})
                      .not_differentiable()
                      .named("to 0, 1 or 2"));
  table.push_back(
      LAMINA_RIGHT(pow, "(a, b)", Real, 2, std::pow(a, b)).takes(kAll).gives(beside_integer));
  table.push_back(LAMINA_RIGHT(pow, "(a, b)", Real, 3, std::pow(a, b)).tried_in(kFloats));
  table.push_back(LAMINA_RIGHT(pow, "(a, b)", Real, 0, std::pow(a, b)).tried_in(kFloats));
  table.push_back(LAMINA_RIGHT(pow, "(a, b)", Positive, 0.5, std::pow(a, b))
                      .takes(kAll)
                      .gives(beside_floating));
  table.push_back(LAMINA_RIGHT(pow, "(a, b)", Positive, -3.0, std::pow(a, b)).tried_in(kFloats));
  table.push_back(LAMINA_LEFT(pow, Real, 1.5, std::pow(a, b)).tried_in(kFloats));
  table.push_back(LAMINA_LEFT(pow, Small, 2, std::pow(a, b))
                      .tried_in({bool_, uint8, int32, int64})
                      .gives(beside_integer)
                      .not_differentiable());

  table.push_back(LAMINA_BINARY(fmod, Real, Positive, std::fmod(a, b)).takes(kNumbers));
  table.back().LAMINA_FAILS(ValueError, "[fmod] expected integer divisors other than 0, got a 0",
                            {zeros_of(2, int64), zeros_of(2, int64)},
                            LAMINA_OP(fmod(in[0], in[1])));
  table.push_back(
      LAMINA_RIGHT(fmod, "(a, b)", Real, 0.75, std::fmod(a, b)).takes(kAll).gives(beside_floating));
  table.push_back(LAMINA_BINARY(remainder, Real, Positive, floor_mod(a, b)).takes(kNumbers));
  table.back().forms.push_back(LAMINA_OP(in[0] % in[1]));
  table.back().LAMINA_FAILS(ValueError,
                            "[remainder] expected integer divisors other than 0, got a 0",
                            {zeros_of(2, int64)}, LAMINA_OP(remainder(in[0], 0)));
  table.push_back(LAMINA_RIGHT(remainder, "(a, b)", Real, -4, floor_mod(a, b))
                      .tried_in({int32, int64, float32, float64}));
  table.push_back(LAMINA_LEFT(remainder, Positive, -7, floor_mod(a, b))
                      .tried_in({int32, int64, float32, float64}));

  table.push_back(LAMINA_BINARY(maximum, Real, Real, std::max(a, b)).takes(kAll));
  table.push_back(LAMINA_RIGHT(maximum, "(a, b)", Real, 0.5, std::max(a, b))
                      .takes(kAll)
                      .gives(beside_floating));
  table.push_back(LAMINA_BINARY(minimum, Real, Real, std::min(a, b)).takes(kAll));
  table.push_back(
      LAMINA_LEFT(minimum, Real, 0.5, std::min(a, b)).takes(kAll).gives(beside_floating));
  table.push_back(
      LAMINA_BINARY(atan2, Real, Real, std::atan2(a, b)).takes(kAll).gives(floating_result));
  table.push_back(
      LAMINA_LEFT(atan2, Real, 0.5, std::atan2(a, b)).takes(kAll).gives(beside_floating));
}

void add_logic(Table& table) {
#define LAMINA_LOGIC(op, dtypes, result, f) \
  table.push_back(                          \
      LAMINA_BINARY(op, Small, Small, f).takes(dtypes).gives(result).not_differentiable())
  LAMINA_LOGIC(logical_and, kAll, bool_result, a != 0 && b != 0);
  LAMINA_LOGIC(logical_or, kAll, bool_result, a != 0 || b != 0);
  LAMINA_LOGIC(logical_xor, kAll, bool_result, (a != 0) != (b != 0));
  LAMINA_LOGIC(bitwise_and, kBits, same_result, static_cast<double>(int64_t(a) & int64_t(b)));
  table.back().forms.push_back(LAMINA_OP(in[0] & in[1]));
  LAMINA_LOGIC(bitwise_or, kBits, same_result, static_cast<double>(int64_t(a) | int64_t(b)));
  table.back().forms.push_back(LAMINA_OP(in[0] | in[1]));
  LAMINA_LOGIC(bitwise_xor, kBits, same_result, static_cast<double>(int64_t(a) ^ int64_t(b)));
  table.back().forms.push_back(LAMINA_OP(in[0] ^ in[1]));
#undef LAMINA_LOGIC
  table.push_back(
      LAMINA_RIGHT(bitwise_and, "(a, b)", Real, 5, static_cast<double>(int64_t(a) & int64_t(b)))
          .takes(kBits)
          .gives(beside_integer)
          .not_differentiable());
  table.push_back(LAMINA_LEFT(logical_or, Small, false, a != 0 || b != 0)
                      .takes(kAll)
                      .gives(bool_result)
                      .not_differentiable());

  LAMINA_UNARY(logical_not, Small, kAll, bool_result, x == 0 ? 1 : 0);
  table.back().not_differentiable();
  LAMINA_UNARY(bitwise_not, Real, kBits, same_result, -x - 1);
  table.back().tried_in({uint8, int32, int64}).not_differentiable();
  table.push_back(OpCase("bitwise_not(x)", {{Real({2, 3})}, {Real({})}, {Real({0, 2})}},
                         {LAMINA_OP(bitwise_not(in[0])), LAMINA_OP(~in[0])},
                         [](const std::vector<Dense>& in) {
                           return elementwise(in[0], [](double x) { return x == 0 ? 1.0 : 0.0; });
                         })
                      .tried_in({bool_})
                      .not_differentiable()
                      .named("of bool"));
  // What NaN and infinities give is in tensor/math_test.cc.
  LAMINA_UNARY(isnan, Real, kAll, bool_result, x != x ? 1 : 0);
  table.back().not_differentiable();
  LAMINA_UNARY(isinf, Real, kAll, bool_result, std::isinf(x) ? 1 : 0);
  table.back().not_differentiable();
  LAMINA_UNARY(isfinite, Real, kAll, bool_result, std::isfinite(x) ? 1 : 0);
  table.back().not_differentiable();
}

void add_choices(Table& table) {
  table.push_back(binary("clamp_min", "(x, low)", Real, Real,
                         {LAMINA_OP(clamp_min(in[0], in[1])), LAMINA_OP(in[0].clamp_min(in[1]))},
                         [](double a, double b) { return std::max(a, b); })
                      .takes(kAll));
  table.push_back(LAMINA_RIGHT(clamp_min, "(x, low)", Real, 0.5, std::max(a, b))
                      .takes(kAll)
                      .gives(beside_floating));
  table.push_back(binary("clamp_max", "(x, high)", Real, Real,
                         {LAMINA_OP(clamp_max(in[0], in[1])), LAMINA_OP(in[0].clamp_max(in[1]))},
                         [](double a, double b) { return std::min(a, b); })
                      .takes(kAll));
  table.push_back(LAMINA_RIGHT(clamp_max, "(x, high)", Real, 1, std::min(a, b))
                      .takes(kAll)
                      .gives(beside_integer));

  const auto naive_clamp = [](double x, double low, double high) {
    return std::min(std::max(x, low), high);
  };
  table.push_back(
      OpCase("clamp(x, low, high)",
             {{Real({2, 3}), Real({3}), Real({2, 1})},
              {Real({}), Real({}), Real({})},
              {Real({0, 2}), Real({2}), Real({})}},
             {LAMINA_OP(clamp(in[0], in[1], in[2])), LAMINA_OP(in[0].clamp(in[1], in[2]))},
             [naive_clamp](const std::vector<Dense>& in) {
               return make(broadcast(in[0].shape, broadcast(in[1].shape, in[2].shape)),
                           [&](const Extents& i) {
                             return naive_clamp(broadcast_at(in[0], i), broadcast_at(in[1], i),
                                                broadcast_at(in[2], i));
                           });
             })
          .takes(kAll));
  table.push_back(OpCase("clamp(x, low, high)", {{Real({2, 3})}, {Real({})}, {Real({0, 2})}},
                         {LAMINA_OP(clamp(in[0], -0.5, 1.25)), LAMINA_OP(in[0].clamp(-0.5, 1.25))},
                         [naive_clamp](const std::vector<Dense>& in) {
                           return elementwise(in[0],
                                              [&](double x) { return naive_clamp(x, -0.5, 1.25); });
                         })
                      .takes(kAll)
                      .gives(beside_floating)
                      .named("with numbers"));

  const std::vector<Sample> three = {{Real({2, 3}), Real({3}), Real({2, 1})},
                                     {Real({}), Real({}), Real({})},
                                     {Real({0, 2}), Real({2}), Real({})}};
  const std::vector<Sample> three_with_divisor = {{Real({2, 3}), Real({3}), Positive({2, 1})},
                                                  {Real({}), Real({}), Positive({})},
                                                  {Real({0, 2}), Real({2}), Positive({})}};
  const auto of_three = [](auto f) {
    return [f](const std::vector<Dense>& in) {
      return make(
          broadcast(in[0].shape, broadcast(in[1].shape, in[2].shape)), [&](const Extents& i) {
            return f(broadcast_at(in[0], i), broadcast_at(in[1], i), broadcast_at(in[2], i));
          });
    };
  };
  table.push_back(
      OpCase("lerp(a, b, weight)", three,
             {LAMINA_OP(lerp(in[0], in[1], in[2])), LAMINA_OP(in[0].lerp(in[1], in[2]))},
             of_three([](double a, double b, double w) { return a + w * (b - a); }))
          .LAMINA_FAILS(DTypeError, "[lerp] expected one floating dtype, got float32 and float64",
                        {zeros_of(2), zeros_of(2, float64), zeros_of(2)},
                        LAMINA_OP(lerp(in[0], in[1], in[2]))));
  for (const double weight : {0.25, 0.75}) {
    table.push_back(
        OpCase("lerp(a, b, weight)", {{Real({2, 3}), Real({3})}, {Real({}), Real({})}},
               {Form([weight](const auto& in) { return as_list(lerp(in[0], in[1], weight)); })},
               [weight](const std::vector<Dense>& in) {
                 return elementwise(in[0], in[1],
                                    [&](double a, double b) { return a + weight * (b - a); });
               })
            .named("with " + std::to_string(weight)));
  }
  table.push_back(OpCase("addcmul(x, a, b, value)", three,
                         {LAMINA_OP(addcmul(in[0], in[1], in[2], 2)),
                          LAMINA_OP(in[0].addcmul(in[1], in[2], 2))},
                         of_three([](double x, double a, double b) { return x + 2 * a * b; }))
                      .takes(kNumbers)
                      .LAMINA_FAILS(DTypeError,
                                    "[addcmul] expected numeric dtypes, and an integer value for "
                                    "integers, got int64 and 0.5",
                                    {zeros_of(2, int64), zeros_of(2, int64), zeros_of(2, int64)},
                                    LAMINA_OP(addcmul(in[0], in[1], in[2], 0.5))));
  table.push_back(OpCase(
      "addcdiv(x, a, b, value)", three_with_divisor,
      {LAMINA_OP(addcdiv(in[0], in[1], in[2], 0.5)), LAMINA_OP(in[0].addcdiv(in[1], in[2], 0.5))},
      of_three([](double x, double a, double b) { return x + 0.5 * a / b; })));
}

}  // namespace

void add_pointwise_rows(Table& table) {
  add_functions_of_one(table);
  add_arithmetic(table);
  add_logic(table);
  add_choices(table);
}

}  // namespace lamina::op_cases
