// Running sums and products, sorting, and softmax.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "lamina/tensor/fused.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Elements = std::vector<double>;

// f maps the elements along `dim` to as many others, or to fewer.
Dense along(const Dense& x, int64_t dim, const std::function<Elements(const Elements&)>& f) {
  if (x.rank() == 0) return {{}, f(x.values)};
  const size_t d = static_cast<size_t>(x.dim(dim));
  const int64_t extent = x.shape[d];
  Extents shape = x.shape;
  shape[d] = static_cast<int64_t>(f(Elements(static_cast<size_t>(extent))).size());
  return make(shape, [&](const Extents& i) {
    Elements elements;
    Extents j = i;
    for (j[d] = 0; j[d] < extent; ++j[d]) elements.push_back(x.at(j));
    return f(elements)[static_cast<size_t>(i[d])];
  });
}

auto maps(int64_t dim, Elements (*f)(const Elements&)) {
  return [=](const std::vector<Dense>& in) { return along(in[0], dim, f); };
}

// ---- Running sums and products

Elements running_sum(const Elements& v) {
  Elements out = v;
  std::partial_sum(v.begin(), v.end(), out.begin());
  return out;
}
Elements running_product(const Elements& v) {
  Elements out = v;
  std::partial_sum(v.begin(), v.end(), out.begin(), std::multiplies<double>());
  return out;
}

void add_scans(Table& table) {
#define LAMINA_SCAN(op, naive)                                                                   \
  table.push_back(OpCase(#op "(x, dim)", {{Real({2, 3, 4})}, {Real({3, 1, 2})}, {Real({2, 0})}}, \
                         {LAMINA_OP(op(in[0], 1)), LAMINA_OP(in[0].op(1))}, maps(1, naive))      \
                      .named("along the second")                                                 \
                      .takes(kAll)                                                               \
                      .gives(sum_result)                                                         \
                      .values_at({Positive({3, 8, 1100})})                                       \
                      .LAMINA_FAILS(IndexError,                                                  \
                                    "[" #op "] expected a dimension from -2 to 1, got 2",        \
                                    {zeros_of({2, 3})}, LAMINA_OP(op(in[0], 2))));               \
  table.push_back(OpCase(#op "(x, dim)", {{Real({2, 5})}, {Real({4})}, {Real({0, 3})}},          \
                         {LAMINA_OP(op(in[0], -1)), LAMINA_OP(in[0].op(-1))}, maps(-1, naive))   \
                      .named("along the last")                                                   \
                      .takes(kAll)                                                               \
                      .gives(sum_result)                                                         \
                      .values_at({Positive({3000, 12})}));                                       \
  table.push_back(OpCase(#op "(x, dim)", {{Real({3, 2})}, {Real({})}},                           \
                         {LAMINA_OP(op(in[0], 0)), LAMINA_OP(in[0].op(0))}, maps(0, naive))      \
                      .named("along the first")                                                  \
                      .takes(kAll)                                                               \
                      .gives(sum_result))
  LAMINA_SCAN(cumsum, running_sum);
  LAMINA_SCAN(cumprod, running_product);
#undef LAMINA_SCAN

  const auto recurs = [](int64_t dim) {
    return [=](const std::vector<Dense>& in) {
      Dense r = in[1];
      const size_t d = static_cast<size_t>(r.dim(dim));
      for_each_index(r.shape, [&](const Extents& i) {
        if (r.rank() == 0 || i[d] == 0) return;
        Extents before = i;
        --before[d];
        r.at(i) += in[0].at(i) * r.at(before);
      });
      return r;
    };
  };
  const Form form(
      [](const std::vector<NDArray>& in) { return as_list(recurrence(in[0], in[1], 0)); }, nullptr);
  const Form last(
      [](const std::vector<NDArray>& in) { return as_list(recurrence(in[0], in[1], -1)); },
      nullptr);
  table.push_back(
      OpCase("recurrence(a, b, dim)",
             {{Real({4, 3}), Real({4, 3})}, {Real({}), Real({})}, {Real({0, 2}), Real({0, 2})}},
             {form}, recurs(0))
          .not_differentiable()
          .tolerance(1e-5)
          .LAMINA_FAILS(
              ShapeError,
              "[recurrence] expected a and b of one shape and dtype, got (2, 3) float32 and (3,)",
              {zeros_of({2, 3}), zeros_of({3})}, form)
          .LAMINA_FAILS(IndexError, "[recurrence] expected a dimension from -1 to 0",
                        {NDArray(), NDArray()},
                        Form(
                            [](const std::vector<NDArray>&) {
                              return as_list(recurrence(zeros_of({3}), zeros_of({3}), 1));
                            },
                            nullptr)));
  table.push_back(
      OpCase("recurrence(a, b, dim)", {{Real({4, 5}), Real({4, 5})}}, {last}, recurs(-1))
          .named("along the last")
          .not_differentiable()
          .tolerance(1e-5));
}

// ---- Sorting

// The positions of v's elements in order; equal ones keep theirs.
std::vector<size_t> order_of(const Elements& v, bool descending) {
  std::vector<size_t> order(v.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return descending ? v[a] > v[b] : v[a] < v[b]; });
  return order;
}

auto sorts(int64_t dim, bool descending, size_t k = static_cast<size_t>(-1)) {
  return [=](const std::vector<Dense>& in) {
    const auto first = [=](bool values) {
      return along(in[0], dim, [=](const Elements& v) {
        Elements out;
        for (size_t i : order_of(v, descending)) {
          if (out.size() < k) out.push_back(values ? v[i] : static_cast<double>(i));
        }
        return out;
      });
    };
    return std::vector<Dense>{first(true), first(false)};
  };
}

auto sorts_positions(int64_t dim, bool descending) {
  return [=](const std::vector<Dense>& in) { return sorts(dim, descending)(in)[1]; };
}

void add_sorting(Table& table) {
  const std::string declaration = "sort(x, dim, descending)";
  // Real inputs for the derivatives, small ones for ties.
  for (int small = 0; small < 2; ++small) {
    const auto of = small ? Small : Real;
    const auto finish = [&](OpCase row, const std::string& which) {
      row.takes(kAll).named(which + (small ? " with ties" : "")).kinks_at_ties();
      if (small) row.not_differentiable();
      table.push_back(row);
    };
    finish(
        OpCase(declaration, {{of({2, 7})}, {of({5})}, {of({})}, {of({0, 3})}, {of({3, 0})}},
               {LAMINA_OP(sort(in[0])), LAMINA_OP(in[0].sort()), LAMINA_OP(sort(in[0], -1, false))},
               sorts(-1, false))
            .values_at({of({3, 1000})}),
        "ascending");
    finish(OpCase(declaration, {{of({4, 3, 2})}, {of({1, 2})}},
                  {LAMINA_OP(sort(in[0], 0, true)), LAMINA_OP(in[0].sort(0, true))}, sorts(0, true))
               .values_at({of({700, 3})}),
           "descending along the first");
    finish(OpCase("topk(x, k, dim, largest, sorted)", {{of({2, 7})}, {of({3, 3})}},
                  {LAMINA_OP(topk(in[0], 3)), LAMINA_OP(in[0].topk(3)),
                   LAMINA_OP(topk(in[0], 3, 1, true, true))},
                  sorts(-1, true, 3))
               .values_at({of({3, 1000})})
               .values_at({of({3, 100})}),
           "largest");
    finish(OpCase("topk(x, k, dim, largest, sorted)", {{of({5, 2, 2})}, {of({2, 1})}},
                  {LAMINA_OP(topk(in[0], 2, 0, false)), LAMINA_OP(in[0].topk(2, 0, false))},
                  sorts(0, false, 2)),
           "smallest along the first");
  }
  table.push_back(OpCase("topk(x, k, dim, largest, sorted)", {{Real({})}},
                         {LAMINA_OP(topk(in[0], 1, 0)), LAMINA_OP(in[0].topk(1))}, sorts(0, true))
                      .named("of rank 0")
                      .takes(kAll));
  // Without an order the largest are the same, which sorting shows.
  table.push_back(
      OpCase("topk(x, k, dim, largest, sorted)", {{Real({3, 9})}},
             {LAMINA_OP(sort(topk(in[0], 4, -1, true, false).values, -1, true).values)},
             [](const std::vector<Dense>& in) { return sorts(-1, true, 4)(in)[0]; })
          .named("not sorted")
          .takes(kAll)
          .kinks_at_ties()
          .values_at({Real({4, 300})})
          .LAMINA_FAILS(ValueError,
                        "[topk] expected k from 0 to 3 for dimension 1 of shape (2, 3), got 4",
                        {zeros_of({2, 3})}, LAMINA_OP(topk(in[0], 4)))
          .LAMINA_FAILS(ValueError, "[topk] expected k from 0 to 2", {zeros_of({2, 3})},
                        LAMINA_OP(topk(in[0], -1, 0)))
          .LAMINA_FAILS(IndexError, "[topk] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(topk(in[0], 1, 2)))
          .LAMINA_FAILS(IndexError, "[sort] expected a dimension from -2 to 1, got -3",
                        {zeros_of({2, 3})}, LAMINA_OP(sort(in[0], -3))));
  table.push_back(OpCase("argsort(x, dim, descending)", {{Small({4, 5})}, {Small({})}},
                         {LAMINA_OP(argsort(in[0])), LAMINA_OP(in[0].argsort())},
                         sorts_positions(-1, false))
                      .named("ascending")
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable()
                      .values_at({Small({2, 500})}));
  table.push_back(OpCase("argsort(x, dim, descending)", {{Small({4, 5})}},
                         {LAMINA_OP(argsort(in[0], 0, true)), LAMINA_OP(in[0].argsort(-2, true))},
                         sorts_positions(0, true))
                      .named("descending along the first")
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable()
                      .LAMINA_FAILS(IndexError, "[argsort] expected a dimension from -1 to 0",
                                    {zeros_of({2})}, LAMINA_OP(argsort(in[0], 1))));
}

std::vector<Dense> naive_unique(const std::vector<Dense>& in) {
  std::map<double, int64_t> found;
  for (double v : in[0].values) ++found[v];
  Dense values, counts;
  for (const auto& [value, times] : found) {
    values.values.push_back(value);
    counts.values.push_back(static_cast<double>(times));
  }
  values.shape = counts.shape = {static_cast<int64_t>(found.size())};
  const Dense inverse = elementwise(in[0], [&](double v) {
    return static_cast<double>(std::distance(found.begin(), found.find(v)));
  });
  return {values, inverse, counts};
}

void add_unique(Table& table) {
  const std::string declaration = "unique(x, return_inverse, return_counts)";
  const std::vector<Sample> samples = {{Small({4, 5})}, {Small({})}, {Small({0, 2})}, {Real({7})}};
  table.push_back(
      OpCase(declaration, samples,
             {LAMINA_OP(unique(in[0], true, true)), LAMINA_OP(in[0].unique(true, true))},
             naive_unique)
          .takes(kAll)
          .not_differentiable()
          .values_at({Small({30, 40})}));
  table.push_back(
      OpCase(declaration, samples,
             {LAMINA_OP(unique(in[0]).values), LAMINA_OP(in[0].unique(false, false).values)},
             [](const std::vector<Dense>& in) { return naive_unique(in)[0]; })
          .named("values alone")
          .takes(kAll)
          .not_differentiable());
}

// ---- Softmax

Elements naive_softmax(const Elements& v) {
  Elements out;
  double sum = 0;
  for (double e : v) sum += std::exp(e);
  for (double e : v) out.push_back(std::exp(e) / sum);
  return out;
}

void add_softmax(Table& table) {
  const std::string declaration = "softmax(x, dim)";
  table.push_back(
      OpCase(declaration,
             {{Real({2, 3})}, {Real({4})}, {Real({2, 1})}, {Real({0, 3})}, {Real({2, 0})}},
             {LAMINA_OP(softmax(in[0], -1)), LAMINA_OP(in[0].softmax(-1))}, maps(-1, naive_softmax))
          .named("over the last")
          .values_at({Real({301, 13})})
          .LAMINA_FAILS(DTypeError, "[softmax] expected a floating dtype, got int64",
                        {NDArray::arange(3)}, LAMINA_OP(softmax(in[0], 0)))
          .LAMINA_FAILS(IndexError, "[softmax] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(softmax(in[0], 2))));
  table.push_back(
      OpCase(declaration, {{Real({2, 3, 2})}, {Real({3, 4})}, {Real({0, 2})}, {Real({})}},
             {LAMINA_OP(softmax(in[0], 0)), LAMINA_OP(in[0].softmax(0))}, maps(0, naive_softmax))
          .named("over the first")
          .values_at({Real({40, 130})}));
  const auto backward = [](int64_t dim) {
    return [=](const std::vector<Dense>& in) {
      const Dense& dy = in[0];
      const Dense& y = in[1];
      const Dense products = elementwise(dy, y, [](double a, double b) { return a * b; });
      const Dense mean = reduce(products, {dim}, true, [](const Elements& v) {
        return std::accumulate(v.begin(), v.end(), 0.0);
      });
      const Dense rest = elementwise(dy, mean, [](double a, double b) { return a - b; });
      return elementwise(y, rest, [](double a, double b) { return a * b; });
    };
  };
  const Form last(
      [](const std::vector<NDArray>& in) { return as_list(softmax_backward(in[0], in[1], -1)); },
      nullptr);
  const Form first(
      [](const std::vector<NDArray>& in) { return as_list(softmax_backward(in[0], in[1], 0)); },
      nullptr);
  table.push_back(
      OpCase("softmax_backward(dy, y, dim)",
             {{Real({2, 5}), Real({2, 5})}, {Real({}), Real({})}, {Real({2, 0}), Real({2, 0})}},
             {last}, backward(-1))
          .named("over the last")
          .not_differentiable()
          .values_at({Real({301, 33}), Real({301, 33})})
          .tolerance(1e-5)
          .LAMINA_FAILS(ShapeError,
                        "[softmax_backward] expected dy and y of one shape and dtype, got (2,) "
                        "float32 and (2,) float64",
                        {zeros_of({2}), zeros_of({2}, float64)}, last));
  table.push_back(
      OpCase("softmax_backward(dy, y, dim)", {{Real({2, 5}), Real({2, 5})}}, {first}, backward(0))
          .named("over the first")
          .not_differentiable());
}

}  // namespace

void add_order_rows(Table& table) {
  add_scans(table);
  add_sorting(table);
  add_unique(table);
  add_softmax(table);
}

}  // namespace lamina::op_cases
