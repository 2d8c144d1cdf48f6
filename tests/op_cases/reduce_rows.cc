// Reductions and softmax.
#include <algorithm>
#include <numeric>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Elements = std::vector<double>;

double total(const Elements& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double average(const Elements& v) { return total(v) / static_cast<double>(v.size()); }
double largest(const Elements& v) { return *std::max_element(v.begin(), v.end()); }
double position_of_largest(const Elements& v) {
  return static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
}

template <class F>
auto reduces(Extents dims, bool keepdim, F f) {
  return [=](const std::vector<Dense>& in) { return reduce(in[0], dims, keepdim, f); };
}

const std::vector<Sample> kRank3 = {{Real({2, 3, 4})}, {Real({3, 1, 2})}};
// Zero elements, along the reduced dimensions or beside them.
const std::vector<Sample> kEmpty3 = {{Real({2, 0, 4})}, {Real({0, 3, 2})}};

void add_sum_and_mean(Table& table) {
#define LAMINA_SUM_LIKE(op, f, all)                                                               \
  table.push_back(                                                                                \
      OpCase(#op "(x, dims, keepdim)", {{Real({2, 3})}, {Real({})}, {Real({0, 3})}, {Real({5})}}, \
             {LAMINA_OP(op(in[0])), LAMINA_OP(in[0].op()), LAMINA_OP(op(in[0], {}, false))},      \
             reduces({}, false, f))                                                               \
          .named("over everything")                                                               \
          .values_at({Positive({300, 401})}) all);                                                \
  table.push_back(OpCase(#op "(x, dims, keepdim)", {{Real({2, 3})}, {Real({})}},                  \
                         {LAMINA_OP(op(in[0], {}, true)), LAMINA_OP(in[0].op({}, true))},         \
                         reduces({}, true, f))                                                    \
                      .named("over everything, keepdim") all);                                    \
  table.push_back(                                                                                \
      OpCase(#op "(x, dims, keepdim)", kRank3,                                                    \
             {LAMINA_OP(op(in[0], 1)), LAMINA_OP(in[0].op(1)), LAMINA_OP(op(in[0], -2))},         \
             reduces({1}, false, f))                                                              \
          .named("over the middle")                                                               \
          .values_at({Positive({40, 50, 60})})                                                    \
          .values_at(kEmpty3[0])                                                                  \
          .values_at(kEmpty3[1]) all);                                                            \
  table.push_back(OpCase(#op "(x, dims, keepdim)", kRank3,                                        \
                         {LAMINA_OP(op(in[0], -1, true)), LAMINA_OP(in[0].op(2, true))},          \
                         reduces({2}, true, f))                                                   \
                      .named("over the last, keepdim")                                            \
                      .values_at({Positive({3, 4, 1300})})                                        \
                      .values_at(kEmpty3[0]) all);                                                \
  table.push_back(OpCase(#op "(x, dims, keepdim)", kRank3,                                        \
                         {LAMINA_OP(op(in[0], {0, 2})), LAMINA_OP(in[0].op({-1, 0}))},            \
                         reduces({0, 2}, false, f))                                               \
                      .named("over the first and last")                                           \
                      .values_at({Positive({40, 50, 60})})                                        \
                      .values_at(kEmpty3[0])                                                      \
                      .values_at(kEmpty3[1]) all);                                                \
  table.push_back(OpCase(#op "(x, dims, keepdim)", {{Real({})}},                                  \
                         {LAMINA_OP(op(in[0], 0)), LAMINA_OP(in[0].op(-1, true))},                \
                         reduces({}, false, f))                                                   \
                      .named("of rank 0 over dimension 0") all)
  LAMINA_SUM_LIKE(sum, total, .takes(kAll).gives(sum_result));
  LAMINA_SUM_LIKE(mean, average, );
#undef LAMINA_SUM_LIKE

  OpCase& row =
      *std::find_if(table.begin(), table.end(), [](const OpCase& c) { return c.op() == "sum"; });
  row.LAMINA_FAILS(IndexError, "[sum] expected a dimension from -2 to 1, got 2", {zeros_of({2, 3})},
                   LAMINA_OP(sum(in[0], 2)))
      .LAMINA_FAILS(IndexError, "[sum] expected different dimensions, got (0, -2)",
                    {zeros_of({2, 3})}, LAMINA_OP(sum(in[0], {0, -2})))
      .LAMINA_FAILS(IndexError, "[sum] expected a dimension from -1 to 0, got 1", {zeros_of({})},
                    LAMINA_OP(sum(in[0], 1)));
  OpCase& mean_row =
      *std::find_if(table.begin(), table.end(), [](const OpCase& c) { return c.op() == "mean"; });
  mean_row
      .LAMINA_FAILS(DTypeError, "[mean] expected a floating dtype, got int64", {NDArray::arange(3)},
                    LAMINA_OP(mean(in[0])))
      .LAMINA_FAILS(IndexError, "[mean] expected a dimension from -2 to 1, got -3",
                    {zeros_of({2, 3})}, LAMINA_OP(mean(in[0], -3)));
}

void add_max(Table& table) {
  table.push_back(
      OpCase("max(x)", {{Real({2, 3})}, {Real({})}, {Real({1})}, {Real({2, 3, 4})}},
             {LAMINA_OP(max(in[0])), LAMINA_OP(in[0].max())}, reduces({}, false, largest))
          .takes(kAll)
          .kinks_at_ties()
          .values_at({Real({300, 401})})
          .LAMINA_FAILS(ShapeError, "[max] expected at least one element, got shape (0, 2)",
                        {zeros_of({0, 2})}, LAMINA_OP(max(in[0]))));
  table.push_back(OpCase("argmax(x)", {{Small({4, 5})}, {Small({})}, {Small({1})}},
                         {LAMINA_OP(argmax(in[0])), LAMINA_OP(in[0].argmax())},
                         reduces({}, false, position_of_largest))
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable()
                      .values_at({Small({200, 300})})
                      .LAMINA_FAILS(ShapeError, "[argmax] expected at least one element",
                                    {zeros_of({0})}, LAMINA_OP(argmax(in[0]))));
  const auto values_and_indices = [](int64_t dim, bool keepdim) {
    return [=](const std::vector<Dense>& in) {
      return std::vector<Dense>{reduce(in[0], {dim}, keepdim, largest),
                                reduce(in[0], {dim}, keepdim, position_of_largest)};
    };
  };
  const std::string along = "max(x, dim, keepdim)", arg_along = "argmax(x, dim, keepdim)";
  // Real inputs for the derivatives, small ones for ties: the first of equal ones wins.
  for (int small = 0; small < 2; ++small) {
    const auto of = small ? Small : Real;
    const auto finish = [&](OpCase row, const std::string& which) {
      row.takes(kAll).named(which + (small ? " with ties" : "")).kinks_at_ties();
      if (small || row.op() == "argmax") row.not_differentiable();
      if (row.op() == "argmax") row.gives(int64_result);
      table.push_back(row);
    };
    const std::vector<Sample> rank3 = {
        {of({2, 3, 4})}, {of({2, 1, 3})}, {of({0, 2, 3})}, {of({1, 5, 0})}};
    finish(OpCase(along, rank3, {LAMINA_OP(max(in[0], 1)), LAMINA_OP(in[0].max(-2))},
                  values_and_indices(1, false)),
           "over the middle");
    finish(OpCase(along, {{of({2, 3})}, {of({0, 1})}},
                  {LAMINA_OP(max(in[0], -1, true)), LAMINA_OP(in[0].max(1, true))},
                  values_and_indices(1, true))
               .values_at({of({60, 700})}),
           "over the last, keepdim");
    finish(OpCase(along, {{of({3, 2})}, {of({})}},
                  {LAMINA_OP(max(in[0], 0)), LAMINA_OP(in[0].max(0))}, values_and_indices(0, false))
               .values_at({of({700, 60})}),
           "over the first");
    finish(OpCase(arg_along, rank3, {LAMINA_OP(argmax(in[0], 1)), LAMINA_OP(in[0].argmax(-2))},
                  reduces({1}, false, position_of_largest)),
           "over the middle");
    finish(OpCase(arg_along, {{of({2, 3})}},
                  {LAMINA_OP(argmax(in[0], -1, true)), LAMINA_OP(in[0].argmax(1, true))},
                  reduces({1}, true, position_of_largest)),
           "over the last, keepdim");
  }
  for (OpCase& row : table) {
    if (row.title() == along + " over the middle") {
      row.LAMINA_FAILS(IndexError, "[max] expected a dimension from -2 to 1, got 2",
                       {zeros_of({2, 3})}, LAMINA_OP(max(in[0], 2)))
          .LAMINA_FAILS(ShapeError,
                        "[max] expected at least one element along dimension 1, got shape (2, 0)",
                        {zeros_of({2, 0})}, LAMINA_OP(max(in[0], 1)));
    } else if (row.title() == arg_along + " over the middle") {
      row.LAMINA_FAILS(IndexError, "[argmax] expected a dimension from -2 to 1, got -3",
                       {zeros_of({2, 3})}, LAMINA_OP(argmax(in[0], -3)))
          .LAMINA_FAILS(
              ShapeError,
              "[argmax] expected at least one element along dimension 0, got shape (0, 2)",
              {zeros_of({0, 2})}, LAMINA_OP(argmax(in[0], 0)));
    }
  }
}

void add_log_softmax(Table& table) {
  const std::string declaration = "log_softmax(x, dim)";
  table.push_back(
      OpCase(declaration,
             {{Real({2, 3})}, {Real({4})}, {Real({2, 1})}, {Real({0, 3})}, {Real({2, 0})}},
             {LAMINA_OP(log_softmax(in[0], -1)), LAMINA_OP(in[0].log_softmax(-1))},
             [](const std::vector<Dense>& in) { return naive_log_softmax(in[0], -1); })
          .named("over the last")
          .values_at({Real({301, 130})})
          .LAMINA_FAILS(DTypeError, "[log_softmax] expected a floating dtype, got int64",
                        {NDArray::arange(3)}, LAMINA_OP(log_softmax(in[0], 0)))
          .LAMINA_FAILS(IndexError, "[log_softmax] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(log_softmax(in[0], 2))));
  table.push_back(OpCase(declaration, {{Real({2, 3, 2})}, {Real({3, 4})}, {Real({0, 2})}},
                         {LAMINA_OP(log_softmax(in[0], 0)), LAMINA_OP(in[0].log_softmax(0))},
                         [](const std::vector<Dense>& in) { return naive_log_softmax(in[0], 0); })
                      .named("over the first")
                      .values_at({Real({301, 130})}));
  table.push_back(OpCase(declaration, {{Real({})}},
                         {LAMINA_OP(log_softmax(in[0], 0)), LAMINA_OP(in[0].log_softmax(-1))},
                         [](const std::vector<Dense>& in) {
                           return elementwise(in[0], [](double) { return 0.0; });
                         })
                      .named("of rank 0"));
}

}  // namespace

void add_reduce_rows(Table& table) {
  add_sum_and_mean(table);
  add_max(table);
  add_log_softmax(table);
}

}  // namespace lamina::op_cases
