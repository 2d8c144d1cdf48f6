// Selection, accumulation and scattering by integer indices.
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

// Ranks 0 and 1 are alike: an index of one, for the other.
Extents as_index_of(const Dense& x, Extents i) {
  i.resize(x.shape.size(), 0);
  return i;
}

Dense naive_gather(const Dense& x, int64_t dim, const Dense& index) {
  return make(index.shape, [&](const Extents& i) {
    Extents j = as_index_of(x, i);
    if (x.rank() > 0) j[x.dim(dim)] = integer(index.at(i));
    return x.at(j);
  });
}

Dense naive_scatter_add(Dense x, int64_t dim, const Dense& index, const Dense& source) {
  for_each_index(index.shape, [&](const Extents& i) {
    Extents j = as_index_of(x, i);
    if (x.rank() > 0) j[x.dim(dim)] = integer(index.at(i));
    x.at(j) += source.at(as_index_of(source, i));
  });
  return x;
}

NDArray integers(std::initializer_list<int64_t> values, const Shape& shape) {
  return NDArray::from(values, shape);
}
NDArray integers(std::initializer_list<int64_t> values) {
  return integers(values, static_cast<int64_t>(values.size()));
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
              {zeros_of({2, 3}), integers({0, 3})}, select_form)
          .LAMINA_FAILS(
              IndexError,
              "[index_select] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got -1",
              {zeros_of({2, 3}), integers({-1})}, select_form)
          .LAMINA_FAILS(IndexError, "[index_select] expected a dimension from -1 to 0, got 1",
                        {zeros_of({3}), integers({0})}, select_form)
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
              {zeros_of({}), integers({0, 0, 0})}, LAMINA_OP(index_select(in[0], 0, in[1]))));

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
                        {zeros_of({2, 3}), integers({0})}, gather_form)
          .LAMINA_FAILS(
              IndexError,
              "[gather] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3}), NDArray::full({2, 1}, 3, int64)}, gather_form)
          .LAMINA_FAILS(DTypeError, "[gather] expected an index of dtype int64, got float32",
                        {zeros_of({2, 3}), zeros_of({2, 1})}, gather_form));
  table.push_back(
      OpCase(gather_of,
             {{Real({3, 2}), Index({5, 2}, 3)},
              {Real({4}), Index({3}, 4)},
              {Real({}), Index({}, 1)},
              {Real({}), Index({3}, 1)},
              {Real({4}), Index({}, 4)},
              {Real({2, 2}), Index({0}, 2)}},
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
                        {zeros_of({2, 3}), integers({0, 1}), zeros_of({2, 3})}, add_form)
          .LAMINA_FAILS(
              IndexError,
              "[index_add] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3}), integers({3}), zeros_of({2, 1})}, add_form)
          .LAMINA_FAILS(DTypeError, "[index_add] expected a source of dtype float32, got float64",
                        {zeros_of({2, 3}), integers({0}), zeros_of({2, 1}, float64)}, add_form)
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
                        {zeros_of({}), integers({0, 0, 0}), zeros_of({})},
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
             {{Real({3, 2}), Index({5, 2}, 3), Real({5, 2})},
              {Real({}), Index({}, 1), Real({})},
              {Real({}), Index({3}, 1), Real({4})},
              {Real({4}), Index({}, 4), Real({3})},
              {Real({4}), Index({1}, 4), Real({})},
              {Real({2, 2}), Index({0}, 2), Real({3})}},
             {LAMINA_OP(scatter_add(in[0], 0, in[1], in[2])),
              LAMINA_OP(in[0].scatter_add(-in[0].dim(), in[1], in[2]))},
             [](const std::vector<Dense>& in) { return naive_scatter_add(in[0], 0, in[1], in[2]); })
          .takes(kNumbers)
          .named("along the first"));
}

void add_scatter(Table& table) {
  const std::string array_of = "scatter(x, dim, index, source)",
                    value_of = "scatter(x, dim, index, value)";
  // Each place once; (1, 2) stays.
  static const auto& places = *new NDArray(integers({2, 0, 1, 0}, {2, 2}));
  const Form by_index = LAMINA_OP(scatter(in[0], 1, in[1], in[2]));
  table.push_back(OpCase(array_of, {{Real({2, 3}), Real({2, 2})}, {Real({3, 3}), Real({2, 4})}},
                         {LAMINA_OP(scatter(in[0], 1, places, in[1])),
                          LAMINA_OP(in[0].scatter(-1, places, in[1]))},
                         [](const Inputs& in) {
                           Dense x = in[0];
                           const int64_t column[2][2] = {{2, 0}, {1, 0}};
                           for_each_index({2, 2}, [&](const Extents& i) {
                             x.at({i[0], column[i[0]][i[1]]}) = in[1].at(i);
                           });
                           return x;
                         })
                      .takes(kAll));
  table.push_back(
      OpCase(array_of,
             {{Real({2, 3}), Index({2, 4}, 3), Real({2, 4})},
              {Real({2, 3}), Index({2, 0}, 3), Real({2, 2})}},
             {by_index},
             [](const Inputs& in) {
               Dense x = in[0];
               for_each_index(in[1].shape, [&](const Extents& i) {
                 x.at({i[0], integer(in[1].at(i))}) = in[2].at(i);
               });
               return x;
             })
          .takes(kAll)
          .named("the last of repeated indices")
          .not_differentiable()
          .values_at({Real({200, 30}), Index({200, 40}, 30), Real({200, 40})})
          .LAMINA_FAILS(
              IndexError,
              "[scatter] expected indices from 0 to 2 for dimension 1 of shape (2, 3), got 3 at "
              "position 1",
              {zeros_of({2, 3}), integers({0, 3}, {2, 1}), zeros_of({2, 1})}, by_index)
          .LAMINA_FAILS(
              IndexError,
              "[scatter] expected no indices, for dimension 1 of shape (2, 0) is empty, got 0",
              {zeros_of({2, 0}), integers({0}, {1, 1}), zeros_of({1, 1})}, by_index)
          .LAMINA_FAILS(DTypeError, "[scatter] expected a source of dtype float32, got float64",
                        {zeros_of({2, 3}), zeros_of({2, 1}, int64), zeros_of({2, 1}, float64)},
                        by_index)
          .LAMINA_FAILS(ShapeError,
                        "[scatter] expected a source not smaller than the index (2, 3), got (2, 2)",
                        {zeros_of({2, 3}), zeros_of({2, 3}, int64), zeros_of({2, 2})}, by_index));
  table.push_back(
      OpCase(value_of, {{Real({3, 2}), Index({1, 2}, 3)}, {Real({0, 2}), Index({0, 2}, 3)}},
             {LAMINA_OP(scatter(in[0], 0, in[1], 1)), LAMINA_OP(in[0].scatter(-2, in[1], 1))},
             [](const Inputs& in) {
               Dense x = in[0];
               for_each_index(in[1].shape, [&](const Extents& i) {
                 x.at({integer(in[1].at(i)), i[1]}) = 1;
               });
               return x;
             })
          .takes(kAll));
  table.push_back(
      OpCase(
          "take_along_dim(x, indices, dim)",
          {{Real({2, 3}), Index({2, 4}, 3)},
           {Real({1, 3}), Index({2, 2}, 3)},
           {Real({2, 3}), Index({1, 2}, 3)}},
          {LAMINA_OP(take_along_dim(in[0], in[1], 1)), LAMINA_OP(in[0].take_along_dim(in[1], -1))},
          [](const Inputs& in) {
            const int64_t rows = std::max(in[0].shape[0], in[1].shape[0]);
            return make({rows, in[1].shape[1]}, [&](const Extents& i) {
              const int64_t r0 = in[0].shape[0] == 1 ? 0 : i[0];
              const int64_t r1 = in[1].shape[0] == 1 ? 0 : i[0];
              return in[0].at({r0, integer(in[1].at({r1, i[1]}))});
            });
          })
          .takes(kAll)
          .LAMINA_FAILS(
              ShapeError,
              "[take_along_dim] expected indices of rank 2 for shape (2, 3), got shape (1,)",
              {zeros_of({2, 3}), integers({0})}, LAMINA_OP(take_along_dim(in[0], in[1], 0)))
          .LAMINA_FAILS(ShapeError, "[take_along_dim] expected shapes that broadcast together",
                        {zeros_of({2, 3}), zeros_of({3, 1}, int64)},
                        LAMINA_OP(take_along_dim(in[0], in[1], 1))));
  table.push_back(
      OpCase("take_along_dim(x, indices, dim)", {{Real({2, 3}), Index({2, 2}, 6)}},
             {LAMINA_OP(take_along_dim(in[0], in[1])), LAMINA_OP(in[0].take_along_dim(in[1]))},
             [](const Inputs& in) {
               return make({4}, [&](const Extents& i) {
                 return in[0].values[integer(in[1].values[i[0]])];
               });
             })
          .takes(kAll)
          .named("of everything"));
}
void add_one_hot(Table& table) {
  const Form form = LAMINA_OP(one_hot(in[0], 4));
  table.push_back(
      OpCase("one_hot(indices, classes)", {{Index({2, 3}, 4)}, {Index({}, 4)}, {Index({0}, 4)}},
             {form},
             [](const std::vector<Dense>& in) {
               Extents shape = in[0].shape;
               shape.push_back(4);
               return make(shape, [&](const Extents& i) {
                 const Extents at(i.begin(), i.end() - 1);
                 return in[0].at(at) == static_cast<double>(i.back()) ? 1 : 0;
               });
             })
          .takes(kAll)
          .gives(int64_result)
          .not_differentiable()
          .LAMINA_FAILS(IndexError, "[one_hot] expected indices from 0 to 3, got 4 at position 1",
                        {NDArray::from<int64_t>({0, 4}, {2})}, form)
          .LAMINA_FAILS(DTypeError, "[one_hot] expected indices of dtype int64, got int32",
                        {zeros_of({2}, int32)}, form)
          .LAMINA_FAILS(ValueError, "[one_hot] expected a number of classes for an empty array",
                        {zeros_of({0}, int64)}, LAMINA_OP(one_hot(in[0]))));
}
}  // namespace

void add_index_rows(Table& table) {
  add_selecting(table);
  add_adding(table);
  add_scatter(table);
  add_one_hot(table);
}

}  // namespace lamina::op_cases
