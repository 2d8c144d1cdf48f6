// Operations that join, repeat and rearrange arrays.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

Dense naive_cat(const Inputs& in, int64_t dim) {
  Extents shape = in[0].shape;
  shape[dim] = 0;
  for (const Dense& x : in) shape[dim] += x.shape[dim];
  return make(shape, [&](Extents i) {
    size_t which = 0;
    while (i[dim] >= in[which].shape[dim]) i[dim] -= in[which++].shape[dim];
    return in[which].at(i);
  });
}

void add_joins(Table& table) {
  const Form pair = LAMINA_OP(cat({in[0], in[1]}));
  table.push_back(
      OpCase(
          "cat(arrays, dim)",
          {{Real({2, 3}), Real({2, 1}), Real({2, 2})}, {Real({0, 3}), Real({0, 0}), Real({0, 1})}},
          {LAMINA_OP(cat({in[0], in[1], in[2]}, 1)), LAMINA_OP(cat(in, -1))},
          [](const Inputs& in) { return naive_cat(in, 1); })
          .takes(kAll)
          .values_at({Real({300, 40}), Real({300, 7}), Real({300, 90})})
          .LAMINA_FAILS(
              ShapeError,
              "[cat] expected shapes that differ in dimension 0 only, got (2, 3) and (2, 4)",
              {zeros_of({2, 3}), zeros_of({2, 4})}, pair)
          .LAMINA_FAILS(ShapeError, "[cat] expected shapes that differ in dimension 0 only",
                        {zeros_of({2, 3}), zeros_of({3})}, pair)
          .LAMINA_FAILS(ShapeError, "[cat] expected ranks of at least 1, got a 0-d array",
                        {zeros_of({}), zeros_of({})}, pair)
          .LAMINA_FAILS(IndexError, "[cat] expected a dimension from -1 to 0, got 1",
                        {zeros_of({2})}, LAMINA_OP(cat(in, 1)))
          .LAMINA_FAILS(ValueError, "[cat] expected at least one array, got none", {},
                        LAMINA_OP(cat(in))));
  table.push_back(OpCase("cat(arrays, dim)", {{Real({2, 3}), Real({0}), Real({1, 3})}},
                         {LAMINA_OP(cat(in)), LAMINA_OP(cat({in[0], in[1], in[2]}, 0))},
                         [](const Inputs& in) {
                           return naive_cat({in[0], in[2]}, 0);
                         })
                      .takes(kAll)
                      .named("skips what is empty"));
  table.push_back(
      OpCase("stack(arrays, dim)", {{Real({2, 3}), Real({2, 3})}, {Real({0, 2}), Real({0, 2})}},
             {LAMINA_OP(stack({in[0], in[1]}, 1)), LAMINA_OP(stack(in, -2))},
             [](const Inputs& in) {
               return make({in[0].shape[0], 2, in[0].shape[1]}, [&](const Extents& i) {
                 return in[i[1]].at({i[0], i[2]});
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(ShapeError, "[stack] expected arrays of one shape, got (2,) and (3,)",
                        {zeros_of({2}), zeros_of({3})}, LAMINA_OP(stack(in)))
          .LAMINA_FAILS(ValueError, "[stack] expected at least one array", {},
                        LAMINA_OP(stack(in))));
  table.push_back(OpCase("stack(arrays, dim)", {{Real({}), Real({})}}, {LAMINA_OP(stack(in))},
                         [](const Inputs& in) {
                           return make({2}, [&](const Extents& i) { return in[i[0]].at({}); });
                         })
                      .takes(kAll)
                      .named("of rank 0"));
}

void add_rearranging(Table& table) {
  table.push_back(OpCase("flip(x, dims)", {{Real({2, 3, 4})}, {Real({0, 3, 2})}},
                         {LAMINA_OP(flip(in[0], {0, 2})), LAMINA_OP(in[0].flip({-1, 0}))},
                         [](const Inputs& in) {
                           const Extents s = in[0].shape;
                           return mapped_of(in[0], s, [s](Extents i) {
                             return Extents{s[0] - 1 - i[0], i[1], s[2] - 1 - i[2]};
                           });
                         })
                      .takes(kAll)
                      .values_at({Real({70, 30, 41})})
                      .LAMINA_FAILS(IndexError, "[flip] expected different dimensions, got (0, 0)",
                                    {zeros_of({2})}, LAMINA_OP(flip(in[0], {0, 0}))));
  table.push_back(OpCase("flip(x, dims)", {{Real({})}, {Real({2, 3})}},
                         {LAMINA_OP(flip(in[0], {})), LAMINA_OP(in[0].flip({}))},
                         [](const Inputs& in) { return in[0]; })
                      .takes(kAll)
                      .named("of no dimension"));
  table.push_back(
      OpCase("roll(x, shifts, dims)", {{Real({2, 5})}, {Real({3, 5})}, {Real({0, 2})}},
             {LAMINA_OP(roll(in[0], {2, -1}, {1, 0})), LAMINA_OP(in[0].roll({2, -1}, {-1, -2}))},
             [](const Inputs& in) {
               const Extents s = in[0].shape;
               return mapped_of(in[0], s, [s](Extents i) {
                 return Extents{(i[0] + 1) % s[0], (i[1] + 2 * s[1] - 2) % s[1]};
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(ShapeError,
                        "[roll] expected a shift for each dimension, got shifts (1, 2) and dims ()",
                        {zeros_of({2, 3})}, LAMINA_OP(roll(in[0], {1, 2}))));
  table.push_back(OpCase("roll(x, shifts, dims)", {{Real({2, 3})}},
                         {LAMINA_OP(roll(in[0], 4)), LAMINA_OP(in[0].roll(-8))},
                         mapped({2, 3},
                                [](Extents i) {
                                  const int64_t at = (i[0] * 3 + i[1] + 2) % 6;
                                  return Extents{at / 3, at % 3};
                                }))
                      .takes(kAll)
                      .named("of all elements"));
  table.push_back(
      OpCase("repeat(x, repeats)", {{Real({3, 2})}, {Real({0, 2})}, {Real({2})}, {Real({})}},
             {LAMINA_OP(repeat(in[0], {2, 1, 3})), LAMINA_OP(in[0].repeat({2, 1, 3}))},
             [](const Inputs& in) {
               Extents s = in[0].shape;
               while (s.size() < 3) s.insert(s.begin(), 1);
               const Dense x = with_shape(in[0], s);
               return mapped_of(x, {2 * s[0], s[1], 3 * s[2]}, [s](Extents i) {
                 return Extents{i[0] % s[0], i[1], i[2] % s[2]};
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(ShapeError,
                        "[repeat] expected a number for each dimension of (2, 3), got (2,)",
                        {zeros_of({2, 3})}, LAMINA_OP(repeat(in[0], 2)))
          .LAMINA_FAILS(ValueError, "[repeat] expected numbers of at least 0, got (-1,)",
                        {zeros_of({2})}, LAMINA_OP(repeat(in[0], -1)))
          .LAMINA_FAILS(ShapeError, "[repeat] expected extents below 2^63", {zeros_of({4})},
                        LAMINA_OP(repeat(in[0], int64_t{1} << 62))));
  table.push_back(OpCase("repeat(x, repeats)", {{Real({2})}},
                         {LAMINA_OP(repeat(in[0], 0)), LAMINA_OP(in[0].repeat(0))},
                         mapped({0}, [](Extents i) { return i; }))
                      .takes(kAll)
                      .named("not at all"));
  table.push_back(OpCase("tile(x, repeats)", {{Real({3, 2})}},
                         {LAMINA_OP(tile(in[0], 2)), LAMINA_OP(in[0].tile({1, 2}))},
                         mapped({3, 4},
                                [](Extents i) {
                                  return Extents{i[0], i[1] % 2};
                                }))
                      .takes(kAll));
}

}  // namespace

void add_movement_rows(Table& table) {
  add_joins(table);
  add_rearranging(table);
}

}  // namespace lamina::op_cases
