// Selection and accumulation by integer indices.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

int64_t integer(double x) { return static_cast<int64_t>(x); }

Dense naive_index_select(const Dense& x, int64_t dim, const Dense& index) {
  Extents shape = x.shape;
  shape[x.dim(dim)] = count(index.shape);
  return make(shape, [&](Extents i) {
    i[x.dim(dim)] = integer(index.values[i[x.dim(dim)]]);
    return x.at(i);
  });
}

Dense naive_index_add(Dense x, int64_t dim, const Dense& index, const Dense& source) {
  for_each_index(source.shape, [&](const Extents& i) {
    Extents j = i;
    j[x.dim(dim)] = integer(index.values[i[x.dim(dim)]]);
    x.at(j) += source.at(i);
  });
  return x;
}

Dense naive_gather(const Dense& x, int64_t dim, const Dense& index) {
  return make(index.shape, [&](const Extents& i) {
    Extents j = i;
    if (x.rank() > 0) j[x.dim(dim)] = integer(index.at(i));
    return x.at(j);
  });
}

Dense naive_scatter_add(Dense x, int64_t dim, const Dense& index, const Dense& source) {
  for_each_index(index.shape, [&](const Extents& i) {
    Extents j = i;
    if (x.rank() > 0) j[x.dim(dim)] = integer(index.at(i));
    x.at(j) += source.at(i);
  });
  return x;
}

NDArray indices(std::initializer_list<int64_t> values) {
  return NDArray::from(values, {static_cast<int64_t>(values.size())});
}

void add_selecting(Table& table) {
  const std::string select = "index_select(x, dim, index)", gather_of = "gather(x, dim, index)";
  const Form select_form = LAMINA_OP(index_select(in[0], 1, in[1])),
             gather_form = LAMINA_OP(gather(in[0], 1, in[1]));
  table.push_back(
      OpCase(select,
             {{Real({2, 3}), Index({4}, 3)},
              {Real({2, 3, 2}), Index({2}, 3)},
              {Real({2, 3}), Index({}, 3)},
              {Real({2, 3}), Index({0}, 3)},
              {Real({0, 3}), Index({2}, 3)}},
             {select_form, LAMINA_OP(in[0].index_select(1 - in[0].dim(), in[1]))},
             [](const std::vector<Dense>& in) { return naive_index_select(in[0], 1, in[1]); })
          .takes(kAll)
          .named("along the second")
          .values_at({Real({300, 50, 7}), Index({40}, 50)})
          .LAMINA_FAILS(
              IndexError,
              "[index_select] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3}), indices({0, 3})}, select_form)
          .LAMINA_FAILS(
              IndexError,
              "[index_select] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got -1",
              {zeros_of({2, 3}), indices({-1})}, select_form)
          .LAMINA_FAILS(IndexError, "[index_select] expected a dimension from -1 to 0, got 1",
                        {zeros_of({3}), indices({0})}, select_form)
          .LAMINA_FAILS(ShapeError,
                        "[index_select] expected an index of rank at most 1, got shape (1, 1)",
                        {zeros_of({2, 3}), zeros_of({1, 1}, int64)}, select_form)
          .LAMINA_FAILS(DTypeError, "[index_select] expected an index of dtype int64, got int32",
                        {zeros_of({2, 3}), zeros_of({1}, int32)}, select_form));
  table.push_back(
      OpCase(select, {{Real({5}), Index({3}, 5)}, {Real({4, 2}), Index({6}, 4)}},
             {LAMINA_OP(index_select(in[0], 0, in[1])), LAMINA_OP(in[0].index_select(0, in[1]))},
             [](const std::vector<Dense>& in) { return naive_index_select(in[0], 0, in[1]); })
          .takes(kAll)
          .named("along the first"));
  // PyTorch: a 0-d array takes one index, and stays 0-d.
  table.push_back(
      OpCase(select, {{Real({}), Index({1}, 1)}, {Real({}), Index({}, 1)}},
             {LAMINA_OP(index_select(in[0], 0, in[1])), LAMINA_OP(in[0].index_select(-1, in[1]))},
             [](const std::vector<Dense>& in) { return in[0]; })
          .takes(kAll)
          .named("of rank 0")
          .LAMINA_FAILS(
              ShapeError, "[index_select] expected one index for a 0-d array, got shape (3,)",
              {zeros_of({}), indices({0, 0, 0})}, LAMINA_OP(index_select(in[0], 0, in[1]))));

  table.push_back(
      OpCase(gather_of,
             {{Real({2, 3}), Index({2, 4}, 3)},
              {Real({3, 3}), Index({2, 2}, 3)},
              {Real({2, 3, 2}), Index({2, 1, 2}, 3)},
              {Real({2, 3}), Index({0, 3}, 3)},
              {Real({2, 3}), Index({2, 0}, 3)}},
             {gather_form, LAMINA_OP(in[0].gather(1, in[1]))},
             [](const std::vector<Dense>& in) { return naive_gather(in[0], 1, in[1]); })
          .takes(kAll)
          .named("along the second")
          .values_at({Real({200, 30}), Index({200, 40}, 30)})
          .LAMINA_FAILS(
              ShapeError,
              "[gather] expected an index of rank 2, not larger than (2, 3) outside dimension 1, "
              "got shape (3, 1)",
              {zeros_of({2, 3}), zeros_of({3, 1}, int64)}, gather_form)
          .LAMINA_FAILS(ShapeError, "[gather] expected an index of rank 2",
                        {zeros_of({2, 3}), indices({0})}, gather_form)
          .LAMINA_FAILS(
              IndexError,
              "[gather] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3}), NDArray::full({2, 1}, 3, int64)}, gather_form)
          .LAMINA_FAILS(DTypeError, "[gather] expected an index of dtype int64, got float32",
                        {zeros_of({2, 3}), zeros_of({2, 1})}, gather_form));
  table.push_back(
      OpCase(
          gather_of,
          {{Real({3, 2}), Index({5, 2}, 3)}, {Real({4}), Index({3}, 4)}, {Real({}), Index({}, 1)}},
          {LAMINA_OP(gather(in[0], 0, in[1])), LAMINA_OP(in[0].gather(-in[0].dim(), in[1]))},
          [](const std::vector<Dense>& in) { return naive_gather(in[0], 0, in[1]); })
          .takes(kAll)
          .named("along the first"));
}

void add_adding(Table& table) {
  const std::string add_of = "index_add(x, dim, index, source)",
                    scatter = "scatter_add(x, dim, index, source)";
  const Form add_form = LAMINA_OP(index_add(in[0], 1, in[1], in[2]));
  const Form scatter_form = LAMINA_OP(scatter_add(in[0], 1, in[1], in[2]));
  table.push_back(
      OpCase(add_of,
             {{Real({2, 3}), Index({4}, 3), Real({2, 4})},
              {Real({2, 3, 2}), Index({2}, 3), Real({2, 2, 2})},
              {Real({2, 3}), Index({0}, 3), Real({2, 0})},
              {Real({2, 3}), Index({}, 3), Real({2, 1})}},
             {add_form, LAMINA_OP(in[0].index_add(1, in[1], in[2]))},
             [](const std::vector<Dense>& in) { return naive_index_add(in[0], 1, in[1], in[2]); })
          .takes(kNumbers)
          .named("along the second")
          .values_at({Real({200, 30}), Index({50}, 30), Real({200, 50})})
          .LAMINA_FAILS(ShapeError,
                        "[index_add] expected a source of shape (2, 2) for x (2, 3) and 2 indices, "
                        "got (2, 3)",
                        {zeros_of({2, 3}), indices({0, 1}), zeros_of({2, 3})}, add_form)
          .LAMINA_FAILS(
              IndexError,
              "[index_add] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3}), indices({3}), zeros_of({2, 1})}, add_form)
          .LAMINA_FAILS(DTypeError, "[index_add] expected a source of dtype float32, got float64",
                        {zeros_of({2, 3}), indices({0}), zeros_of({2, 1}, float64)}, add_form)
          .LAMINA_FAILS(DTypeError, "[index_add] expected an index of dtype int64, got float32",
                        {zeros_of({2, 3}), zeros_of({1}), zeros_of({2, 1})}, add_form));
  table.push_back(
      OpCase(add_of,
             {{Real({4}), Index({6}, 4), Real({6})}, {Real({3, 2}), Index({3}, 3), Real({3, 2})}},
             {LAMINA_OP(index_add(in[0], 0, in[1], in[2])),
              LAMINA_OP(in[0].index_add(-in[0].dim(), in[1], in[2]))},
             [](const std::vector<Dense>& in) { return naive_index_add(in[0], 0, in[1], in[2]); })
          .takes(kNumbers)
          .named("along the first"));
  table.push_back(
      OpCase(add_of, {{Real({}), Index({1}, 1), Real({})}},
             {LAMINA_OP(index_add(in[0], 0, in[1], in[2])),
              LAMINA_OP(in[0].index_add(0, in[1], in[2]))},
             [](const std::vector<Dense>& in) {
               return elementwise(in[0], in[2], [](double a, double b) { return a + b; });
             })
          .takes(kNumbers)
          .named("of rank 0")
          .LAMINA_FAILS(ShapeError,
                        "[index_add] expected one index for a 0-d array, got shape (3,)",
                        {zeros_of({}), indices({0, 0, 0}), zeros_of({})},
                        LAMINA_OP(index_add(in[0], 0, in[1], in[2]))));

  table.push_back(
      OpCase(scatter,
             {{Real({2, 3}), Index({2, 4}, 3), Real({2, 4})},
              {Real({3, 3}), Index({2, 2}, 3), Real({4, 3})},  // a source larger than the index
              {Real({2, 3, 2}), Index({1, 2, 2}, 3), Real({2, 2, 2})},
              {Real({2, 3}), Index({2, 0}, 3), Real({2, 2})},
              {Real({2, 3}), Index({0, 7}, 3), Real({2, 5})}},
             {scatter_form, LAMINA_OP(in[0].scatter_add(1, in[1], in[2]))},
             [](const std::vector<Dense>& in) { return naive_scatter_add(in[0], 1, in[1], in[2]); })
          .takes(kNumbers)
          .named("along the second")
          .values_at({Real({200, 30}), Index({200, 40}, 30), Real({200, 40})})
          .LAMINA_FAILS(
              ShapeError,
              "[scatter_add] expected a source not smaller than the index (2, 3), got (2, 2)",
              {zeros_of({2, 3}), zeros_of({2, 3}, int64), zeros_of({2, 2})}, scatter_form)
          .LAMINA_FAILS(
              ShapeError,
              "[scatter_add] expected an index of rank 2, not larger than (2, 3) outside dimension "
              "1, got shape (3, 1)",
              {zeros_of({2, 3}), zeros_of({3, 1}, int64), zeros_of({3, 1})}, scatter_form)
          .LAMINA_FAILS(
              IndexError,
              "[scatter_add] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got -1",
              {zeros_of({2, 3}), NDArray::full({2, 1}, -1, int64), zeros_of({2, 1})}, scatter_form)
          .LAMINA_FAILS(DTypeError, "[scatter_add] expected a source of dtype float32, got float64",
                        {zeros_of({2, 3}), zeros_of({2, 1}, int64), zeros_of({2, 1}, float64)},
                        scatter_form));
  table.push_back(
      OpCase(scatter,
             {{Real({3, 2}), Index({5, 2}, 3), Real({5, 2})}, {Real({}), Index({}, 1), Real({})}},
             {LAMINA_OP(scatter_add(in[0], 0, in[1], in[2])),
              LAMINA_OP(in[0].scatter_add(-in[0].dim(), in[1], in[2]))},
             [](const std::vector<Dense>& in) { return naive_scatter_add(in[0], 0, in[1], in[2]); })
          .takes(kNumbers)
          .named("along the first"));
}

}  // namespace

void add_index_rows(Table& table) {
  add_selecting(table);
  add_adding(table);
}

}  // namespace lamina::op_cases
