// Reductions other than sum, mean and max: products, extremes, variance, norms, truth.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Elements = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();

double product(const Elements& v) {
  return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<double>());
}
double largest(const Elements& v) { return *std::max_element(v.begin(), v.end()); }
double smallest(const Elements& v) { return *std::min_element(v.begin(), v.end()); }
double position_of_smallest(const Elements& v) {
  return static_cast<double>(std::min_element(v.begin(), v.end()) - v.begin());
}

template <class F>
auto reduces(Extents dims, bool keepdim, F f) {
  return [=](const std::vector<Dense>& in) { return reduce(in[0], dims, keepdim, f); };
}

void add_prod(Table& table) {
  table.push_back(OpCase("prod(x)", {{Real({3, 4})}, {Real({})}, {Real({0, 2})}},
                         {LAMINA_OP(prod(in[0])), LAMINA_OP(in[0].prod())},
                         reduces({}, false, product))
                      .takes(kAll)
                      .gives(sum_result)
                      .values_at({Positive({9, 7})}));
  table.push_back(
      OpCase("prod(x, dim, keepdim)", {{Real({2, 3, 4})}, {Real({2, 0})}, {Real({0, 2})}},
             {LAMINA_OP(prod(in[0], 1)), LAMINA_OP(in[0].prod(1))}, reduces({1}, false, product))
          .named("over the second")
          .takes(kAll)
          .gives(sum_result)
          .values_at({Positive({100, 20, 7})})
          .values_at({Positive({2, 20, 1100})})
          .LAMINA_FAILS(IndexError, "[prod] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(prod(in[0], 2))));
  table.push_back(
      OpCase("prod(x, dim, keepdim)", {{Real({2, 3})}, {Real({})}},
             {LAMINA_OP(prod(in[0], -1, true)), LAMINA_OP(in[0].prod(-1, true))},
             [](const std::vector<Dense>& in) { return reduce(in[0], {-1}, true, product); })
          .named("over the last, keepdim")
          .takes(kAll)
          .gives(sum_result)
          .values_at({Positive({300, 40})}));
}

void add_extremes(Table& table) {
  table.push_back(
      OpCase("min(x)", {{Real({2, 3})}, {Real({})}, {Real({1})}, {Real({2, 3, 4})}},
             {LAMINA_OP(min(in[0])), LAMINA_OP(in[0].min())}, reduces({}, false, smallest))
          .takes(kAll)
          .kinks_at_ties()
          .values_at({Real({300, 401})})
          .LAMINA_FAILS(ShapeError, "[min] expected at least one element, got shape (0, 2)",
                        {zeros_of({0, 2})}, LAMINA_OP(min(in[0]))));
#define LAMINA_EXTREME(op, naive)                                                                  \
  table.push_back(OpCase(#op "(x, dims, keepdim)",                                                 \
                         {{Real({2, 3})}, {Real({})}, {Real({2, 1, 3})}},                          \
                         {LAMINA_OP(op(in[0])), LAMINA_OP(in[0].op())}, reduces({}, false, naive)) \
                      .named("over everything")                                                    \
                      .takes(kAll)                                                                 \
                      .kinks_at_ties()                                                             \
                      .values_at({Real({300, 401})}));                                             \
  table.push_back(OpCase(#op "(x, dims, keepdim)", {{Real({2, 3, 2})}, {Real({1, 2, 0})}},         \
                         {LAMINA_OP(op(in[0], 1, true)), LAMINA_OP(in[0].op(-2, true))},           \
                         reduces({1}, true, naive))                                                \
                      .named("over the second, keepdim")                                           \
                      .takes(kAll)                                                                 \
                      .kinks_at_ties()                                                             \
                      .values_at({Real({3, 60, 530})}));                                           \
  table.push_back(                                                                                 \
      OpCase(#op "(x, dims, keepdim)", {{Real({2, 3, 4})}, {Real({3, 0, 2})}},                     \
             {LAMINA_OP(op(in[0], {0, 2})), LAMINA_OP(in[0].op({0, -1}))},                         \
             reduces({0, 2}, false, naive))                                                        \
          .named("over the first and last")                                                        \
          .takes(kAll)                                                                             \
          .kinks_at_ties()                                                                         \
          .LAMINA_FAILS(ShapeError, "[" #op "] expected at least one element, got shape (0, 2)",   \
                        {zeros_of({0, 2})}, LAMINA_OP(op(in[0])))                                  \
          .LAMINA_FAILS(ShapeError,                                                                \
                        "[" #op "] expected at least one element along dimensions (0,), got "      \
                        "shape (0, 2)",                                                            \
                        {zeros_of({0, 2})}, LAMINA_OP(op(in[0], 0)))                               \
          .LAMINA_FAILS(IndexError, "[" #op "] expected a dimension from -2 to 1, got 2",          \
                        {zeros_of({2, 3})}, LAMINA_OP(op(in[0], 2))))
  LAMINA_EXTREME(amax, largest);
  LAMINA_EXTREME(amin, smallest);
#undef LAMINA_EXTREME

  table.push_back(OpCase("argmin(x)", {{Small({4, 5})}, {Small({})}, {Small({1})}},
                         {LAMINA_OP(argmin(in[0])), LAMINA_OP(in[0].argmin())},
                         reduces({}, false, position_of_smallest))
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable()
                      .values_at({Small({200, 300})})
                      .LAMINA_FAILS(ShapeError, "[argmin] expected at least one element",
                                    {zeros_of({0})}, LAMINA_OP(argmin(in[0]))));
  const auto values_and_indices = [](int64_t dim, bool keepdim) {
    return [=](const std::vector<Dense>& in) {
      return std::vector<Dense>{reduce(in[0], {dim}, keepdim, smallest),
                                reduce(in[0], {dim}, keepdim, position_of_smallest)};
    };
  };
  // Real inputs for the derivatives, small ones for ties: the first of equal ones wins.
  for (int small = 0; small < 2; ++small) {
    const auto of = small ? Small : Real;
    const auto finish = [&](OpCase row, const std::string& which) {
      row.takes(kAll).named(which + (small ? " with ties" : "")).kinks_at_ties();
      if (small || row.op() == "argmin") row.not_differentiable();
      if (row.op() == "argmin") row.gives(int64_result);
      table.push_back(row);
    };
    finish(
        OpCase("min(x, dim, keepdim)", {{of({2, 3, 4})}, {of({0, 2, 3})}, {of({1, 5, 0})}},
               {LAMINA_OP(min(in[0], 1)), LAMINA_OP(in[0].min(-2))}, values_and_indices(1, false))
            .values_at({of({2, 70, 600})})
            .LAMINA_FAILS(ShapeError,
                          "[min] expected at least one element along dimension 1, got shape (2, 0)",
                          {zeros_of({2, 0})}, LAMINA_OP(min(in[0], 1)))
            .LAMINA_FAILS(IndexError, "[min] expected a dimension from -2 to 1, got 2",
                          {zeros_of({2, 3})}, LAMINA_OP(min(in[0], 2))),
        "over the middle");
    finish(OpCase("min(x, dim, keepdim)", {{of({2, 3})}, {of({})}},
                  {LAMINA_OP(min(in[0], -1, true)), LAMINA_OP(in[0].min(-1, true))},
                  values_and_indices(-1, true))
               .values_at({of({60, 700})}),
           "over the last, keepdim");
    finish(OpCase("argmin(x, dim, keepdim)", {{of({2, 3, 4})}, {of({1, 5, 0})}},
                  {LAMINA_OP(argmin(in[0], 1)), LAMINA_OP(in[0].argmin(-2))},
                  reduces({1}, false, position_of_smallest))
               .LAMINA_FAILS(IndexError, "[argmin] expected a dimension from -2 to 1, got -3",
                             {zeros_of({2, 3})}, LAMINA_OP(argmin(in[0], -3))),
           "over the middle");
    finish(OpCase("argmin(x, dim, keepdim)", {{of({2, 3})}},
                  {LAMINA_OP(argmin(in[0], -1, true)), LAMINA_OP(in[0].argmin(1, true))},
                  reduces({1}, true, position_of_smallest)),
           "over the last, keepdim");
  }
}

// ---- Variance and norms

double naive_variance(const Elements& v, int64_t correction) {
  const double n = static_cast<double>(v.size());
  const double mean = std::accumulate(v.begin(), v.end(), 0.0) / n;
  double squares = 0;
  for (double e : v) squares += (e - mean) * (e - mean);
  return squares / std::max(0.0, n - static_cast<double>(correction));
}

void add_variance(Table& table) {
#define LAMINA_VARIANCE(op, finish)                                                               \
  table.push_back(                                                                                \
      OpCase(#op "(x, dims, correction, keepdim)", {{Real({2, 3})}, {Real({5})}},                 \
             {LAMINA_OP(op(in[0])), LAMINA_OP(in[0].op()), LAMINA_OP(op(in[0], {}, 1, false))},   \
             reduces({}, false, [](const Elements& v) { return finish(naive_variance(v, 1)); }))  \
          .named("over everything")                                                               \
          .kinks_at_ties()                                                                        \
          .values_at({Real({})})                                                                  \
          .values_at({Real({0, 3})})                                                              \
          .values_at({Positive({300, 401})})                                                      \
          .LAMINA_FAILS(IndexError, "[" #op "] expected a dimension from -2 to 1, got 2",         \
                        {zeros_of({2, 3})}, LAMINA_OP(op(in[0], 2))));                            \
  table.push_back(                                                                                \
      OpCase(#op "(x, dims, correction, keepdim)", {{Real({4, 3})}, {Real({3, 2, 2})}},           \
             {LAMINA_OP(op(in[0], 0, 0)), LAMINA_OP(in[0].op(0, 0))},                             \
             reduces({0}, false, [](const Elements& v) { return finish(naive_variance(v, 0)); })) \
          .named("over the first, correction 0")                                                  \
          .kinks_at_ties()                                                                        \
          .values_at({Positive({300, 601})})                                                      \
          .values_at({Real({0, 3})}));                                                            \
  table.push_back(                                                                                \
      OpCase(                                                                                     \
          #op "(x, dims, correction, keepdim)", {{Real({2, 3, 4})}},                              \
          {LAMINA_OP(op(in[0], {0, 2}, 2, true)), LAMINA_OP(in[0].op({2, 0}, 2, true))},          \
          reduces({0, 2}, true, [](const Elements& v) { return finish(naive_variance(v, 2)); }))  \
          .named("over the first and last, correction 2, keepdim")                                \
          .values_at({Positive({4, 5, 3000})}))
  LAMINA_VARIANCE(var, );
  LAMINA_VARIANCE(std, std::sqrt);
#undef LAMINA_VARIANCE
}

double naive_norm(const Elements& v, double p) {
  double all = p == -kInf && !v.empty() ? kInf : 0;
  for (double e : v) {
    const double a = std::abs(e);
    if (p == kInf)
      all = std::max(all, a);
    else if (p == -kInf)
      all = std::min(all, a);
    else
      all += p == 0 ? (a != 0 ? 1.0 : 0.0) : std::pow(a, p);
  }
  if (v.empty()) return 0;
  return std::isinf(p) || p == 0 ? all : std::pow(all, 1 / p);
}

// Test names have no minus sign.
std::string in_words(double p) { return (p < 0 ? "minus " : "") + Scalar(std::abs(p)).str(); }

void add_norms(Table& table) {
  const std::string declaration = "norm(x, p, dims, keepdim)";
  const auto with = [](double p) { return [p](const Elements& v) { return naive_norm(v, p); }; };
  table.push_back(
      OpCase(declaration, {{Real({2, 3})}, {Real({})}, {Real({0, 2})}},
             {LAMINA_OP(norm(in[0])), LAMINA_OP(in[0].norm()), LAMINA_OP(norm(in[0], 2))},
             reduces({}, false, with(2)))
          .named("of everything")
          .values_at({Real({300, 401})})
          .LAMINA_FAILS(IndexError, "[norm] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(norm(in[0], 2, 2))));
  for (const double p : {2.0, 1.0, 0.0, kInf, -kInf, 3.0, 0.5, -1.0}) {
    OpCase row(declaration, {{Real({2, 3, 4})}, {Real({1, 3, 2})}},
               {[p](const auto& in) { return as_list(norm(in[0], p, 1)); },
                [p](const auto& in) { return as_list(in[0].norm(p, -2)); }},
               reduces({1}, false, with(p)));
    row.named("over the second, p " + in_words(p)).kinks_at_ties();
    row.values_at({Real({2, 0, 3})}).values_at({Positive({3, 90, 600})});
    if (p == 0) row.not_differentiable();
    table.push_back(row);
    OpCase last(declaration, {{Real({4, 3})}},
                {[p](const auto& in) { return as_list(norm(in[0], p, {-1}, true)); },
                 [p](const auto& in) { return as_list(in[0].norm(p, 1, true)); }},
                reduces({1}, true, with(p)));
    last.named("over the last, keepdim, p " + in_words(p)).kinks_at_ties();
    last.values_at({Positive({3, 3000})});
    if (p == 0) last.not_differentiable();
    table.push_back(last);
  }
}

double naive_logsumexp(const Elements& v) {
  double sum = 0;
  for (double e : v) sum += std::exp(e);
  return std::log(sum);
}

void add_logsumexp(Table& table) {
  table.push_back(
      OpCase("logsumexp(x, dims, keepdim)", {{Real({2, 3, 4})}, {Real({2, 0})}, {Real({0, 2})}},
             {LAMINA_OP(logsumexp(in[0], 1)), LAMINA_OP(in[0].logsumexp(1))},
             reduces({1}, false, naive_logsumexp))
          .named("over the second")
          .takes(kAll)
          .gives(floating_result)
          .values_at({Real({30, 401, 2})})
          .LAMINA_FAILS(IndexError, "[logsumexp] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(logsumexp(in[0], 2))));
  table.push_back(
      OpCase("logsumexp(x, dims, keepdim)", {{Real({2, 3, 2})}, {Real({2, 1, 1})}},
             {LAMINA_OP(logsumexp(in[0], {0, -1}, true)), LAMINA_OP(in[0].logsumexp({2, 0}, true))},
             reduces({0, 2}, true, naive_logsumexp))
          .named("over the first and last, keepdim")
          .takes(kAll)
          .gives(floating_result));
}

// ---- Truth

DType truth_result(DType dtype) { return dtype == uint8 ? uint8 : bool_; }

double how_many(const Elements& v) {
  return static_cast<double>(std::count_if(v.begin(), v.end(), [](double e) { return e != 0; }));
}
double is_all(const Elements& v) { return how_many(v) == static_cast<double>(v.size()) ? 1 : 0; }
double is_any(const Elements& v) { return how_many(v) > 0 ? 1 : 0; }

void add_truth(Table& table) {
  const std::vector<Sample> all_samples = {
      {Small({2, 2})}, {Real({2, 3})}, {Small({})}, {Small({0, 2})}, {Small({1})}};
  const std::vector<Sample> samples = {
      {Small({3, 2, 2})}, {Real({2, 3})}, {Small({0, 2})}, {Small({2, 0})}};
#define LAMINA_TRUTH(op, naive)                                                                   \
  table.push_back(OpCase(#op "(x)", all_samples, {LAMINA_OP(op(in[0])), LAMINA_OP(in[0].op())},   \
                         reduces({}, false, naive))                                               \
                      .takes(kAll)                                                                \
                      .gives(truth_result)                                                        \
                      .not_differentiable()                                                       \
                      .values_at({Small({200, 300})}));                                           \
  table.push_back(                                                                                \
      OpCase(#op "(x, dim, keepdim)", samples, {LAMINA_OP(op(in[0], 1)), LAMINA_OP(in[0].op(1))}, \
             reduces({1}, false, naive))                                                          \
          .named("over the second")                                                               \
          .takes(kAll)                                                                            \
          .gives(truth_result)                                                                    \
          .not_differentiable()                                                                   \
          .LAMINA_FAILS(IndexError, "[" #op "] expected a dimension from -2 to 1, got 2",         \
                        {zeros_of({2, 3})}, LAMINA_OP(op(in[0], 2))));                            \
  table.push_back(OpCase(#op "(x, dim, keepdim)", samples,                                        \
                         {LAMINA_OP(op(in[0], 0, true)), LAMINA_OP(in[0].op(0, true))},           \
                         reduces({0}, true, naive))                                               \
                      .named("over the first, keepdim")                                           \
                      .takes(kAll)                                                                \
                      .gives(truth_result)                                                        \
                      .not_differentiable())
  LAMINA_TRUTH(all, is_all);
  LAMINA_TRUTH(any, is_any);
#undef LAMINA_TRUTH
  table.push_back(OpCase("count_nonzero(x, dims)", all_samples,
                         {LAMINA_OP(count_nonzero(in[0])), LAMINA_OP(in[0].count_nonzero())},
                         reduces({}, false, how_many))
                      .named("over everything")
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable()
                      .LAMINA_FAILS(IndexError,
                                    "[count_nonzero] expected a dimension from -2 to 1, got 2",
                                    {zeros_of({2, 3})}, LAMINA_OP(count_nonzero(in[0], 2))));
  table.push_back(
      OpCase("count_nonzero(x, dims)", {{Small({2, 3, 4})}, {Small({0, 2, 3})}},
             {LAMINA_OP(count_nonzero(in[0], {0, 2})), LAMINA_OP(in[0].count_nonzero({0, -1}))},
             reduces({0, 2}, false, how_many))
          .named("over the first and last")
          .takes(kAll)
          .gives(int64_result)
          .not_differentiable());
}

}  // namespace

void add_statistics_rows(Table& table) {
  add_prod(table);
  add_extremes(table);
  add_variance(table);
  add_norms(table);
  add_logsumexp(table);
  add_truth(table);
}

}  // namespace lamina::op_cases
