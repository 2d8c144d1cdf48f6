// Slices, diagonals and strides, and arrays cut to pieces.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

// The elements start ... start + length - 1 along `dim`.
Dense piece(const Dense& x, int64_t dim, int64_t start, int64_t length) {
  Extents shape = x.shape;
  shape[dim] = length;
  return mapped_of(x, shape, [=](Extents i) {
    i[dim] += start;
    return i;
  });
}

void add_views(Table& table) {
  const std::string slice_of = "slice(x, dim, start, end, step)",
                    diagonal_of = "diagonal(x, offset, dim1, dim2)",
                    strided_of = "as_strided(x, shape, strides, storage_offset)";
  table.push_back(
      OpCase(slice_of, {{Real({2, 7})}},
             {LAMINA_OP(slice(in[0], 1, 1, 6, 2)), LAMINA_OP(in[0].slice(-1, -6, -1, 2))},
             mapped({2, 3},
                    [](Extents i) {
                      return Extents{i[0], 1 + 2 * i[1]};
                    }))
          .takes(kAll)
          .is_view()
          .LAMINA_FAILS(ValueError, "[slice] expected a step above 0, got 0", {zeros_of({2})},
                        LAMINA_OP(slice(in[0], 0, 0, 1, 0)))
          .LAMINA_FAILS(IndexError, "[slice] expected a dimension from -1 to 0, got 1",
                        {zeros_of({2})}, LAMINA_OP(slice(in[0], 1)))
          .LAMINA_FAILS(ShapeError, "[slice] expected a rank of at least 1", {zeros_of({})},
                        LAMINA_OP(slice(in[0], 0))));
  table.push_back(
      OpCase(slice_of, {{Real({5, 2})}},
             {LAMINA_OP(slice(in[0], 0, -100, 100, 3)), LAMINA_OP(in[0].slice(0, None, None, 3))},
             mapped({2, 2},
                    [](Extents i) {
                      return Extents{3 * i[0], i[1]};
                    }))
          .takes(kAll)
          .named("beyond the ends"));
  table.push_back(OpCase(slice_of, {{Real({5})}, {Real({0})}},
                         {LAMINA_OP(slice(in[0], 0, 4, 2)), LAMINA_OP(in[0].slice(0, 9))},
                         mapped({0}, [](Extents i) { return i; }))
                      .takes(kAll)
                      .named("of nothing"));
  table.push_back(
      OpCase("unflatten(x, dim, sizes)", {{Real({2, 6})}},
             {LAMINA_OP(unflatten(in[0], 1, {3, 2})), LAMINA_OP(in[0].unflatten(-1, {-1, 2}))},
             mapped({2, 3, 2},
                    [](Extents i) {
                      return Extents{i[0], 2 * i[1] + i[2]};
                    }))
          .takes(kAll)
          .is_view()
          .LAMINA_FAILS(ShapeError, "[unflatten] expected a shape of 6 elements, got (4, 2)",
                        {zeros_of({2, 6})}, LAMINA_OP(unflatten(in[0], 1, {4, 2})))
          .LAMINA_FAILS(ShapeError, "[unflatten] expected at least one size", {zeros_of({2, 6})},
                        LAMINA_OP(unflatten(in[0], 1, {}))));
  table.push_back(
      OpCase(
          "movedim(x, source, destination)", {{Real({2, 3, 4})}, {Real({2, 0, 4})}},
          {LAMINA_OP(movedim(in[0], {0, 1}, {2, 0})), LAMINA_OP(in[0].movedim({-3, 1}, {-1, 0}))},
          [](const Inputs& in) {
            const Extents& s = in[0].shape;
            return mapped_of(in[0], {s[1], s[2], s[0]}, [](Extents i) {
              return Extents{i[2], i[0], i[1]};
            });
          })
          .takes(kAll)
          .is_view()
          .LAMINA_FAILS(ShapeError,
                        "[movedim] expected a destination for each source, got (0, 1) and (0,)",
                        {zeros_of({2, 3})}, LAMINA_OP(movedim(in[0], {0, 1}, 0)))
          .LAMINA_FAILS(IndexError, "[movedim] expected different dimensions, got (0, 0)",
                        {zeros_of({2, 3})}, LAMINA_OP(movedim(in[0], {0, 0}, {0, 1}))));
  table.push_back(
      OpCase("broadcast_to(x, shape)", {{Real({3, 1})}, {Real({2, 3, 4})}, {Real({})}},
             {LAMINA_OP(broadcast_to(in[0], {2, 3, 4})), LAMINA_OP(in[0].broadcast_to({2, 3, 4}))},
             [](const Inputs& in) {
               return make({2, 3, 4}, [&](const Extents& i) { return broadcast_at(in[0], i); });
             })
          .takes(kAll)
          .is_view()
          .LAMINA_FAILS(ShapeError, "expected a shape that (2, 3) broadcasts to, got (3, 3)",
                        {zeros_of({2, 3})}, LAMINA_OP(broadcast_to(in[0], {3, 3}))));
  table.push_back(
      OpCase(diagonal_of, {{Real({3, 4})}, {Real({5, 3})}},
             {LAMINA_OP(diagonal(in[0])), LAMINA_OP(in[0].diagonal(0, -2, -1))},
             mapped({3},
                    [](Extents i) {
                      return Extents{i[0], i[0]};
                    }))
          .takes(kAll)
          .is_view()
          .LAMINA_FAILS(ShapeError, "[diagonal] expected a rank of at least 2, got shape (3,)",
                        {zeros_of({3})}, LAMINA_OP(diagonal(in[0])))
          .LAMINA_FAILS(IndexError, "[diagonal] expected different dimensions, got 1 and -1",
                        {zeros_of({3, 2})}, LAMINA_OP(diagonal(in[0], 0, 1, -1))));
  table.push_back(OpCase(diagonal_of, {{Real({4, 2, 3})}},
                         {LAMINA_OP(diagonal(in[0], -2, 0, 2)), LAMINA_OP(in[0].diagonal(2, 2, 0))},
                         mapped({2, 2},
                                [](Extents i) {
                                  return Extents{i[1] + 2, i[0], i[1]};
                                }))
                      .takes(kAll)
                      .named("below, of rank 3"));
  table.push_back(OpCase(diagonal_of, {{Real({3, 4})}, {Real({0, 4})}},
                         {LAMINA_OP(diagonal(in[0], 5)), LAMINA_OP(in[0].diagonal(-7))},
                         mapped({0}, [](Extents i) { return i; }))
                      .takes(kAll)
                      .named("outside"));
  table.push_back(
      OpCase(strided_of, {{Real({3, 4})}},
             {LAMINA_OP(as_strided(in[0], {2, 3}, {4, 2}, 1)),
              LAMINA_OP(in[0].as_strided({2, 3}, {4, 2}, 1))},
             mapped({2, 3},
                    [](Extents i) {
                      const int64_t at = 1 + 4 * i[0] + 2 * i[1];
                      return Extents{at / 4, at % 4};
                    }))
          .takes(kAll)
          .is_view()
          .only_contiguous()
          .LAMINA_FAILS(
              IndexError,
              "[as_strided] expected elements inside a storage of 6, got shape (2, 3) with "
              "strides (3, 1) from element 1 on",
              {zeros_of({6})}, LAMINA_OP(as_strided(in[0], {2, 3}, {3, 1}, 1)))
          .LAMINA_FAILS(ShapeError,
                        "[as_strided] expected strides that reach less than 2^59 places",
                        {zeros_of({6})},
                        LAMINA_OP(as_strided(in[0], {3, 3}, {int64_t{1} << 62, int64_t{1} << 62})))
          .LAMINA_FAILS(ValueError, "[as_strided] expected strides of at least 0, got (-1,)",
                        {zeros_of({6})}, LAMINA_OP(as_strided(in[0], 3, -1, 5)))
          .LAMINA_FAILS(ValueError, "[as_strided] expected a storage_offset of at least 0, got -1",
                        {zeros_of({6})}, LAMINA_OP(as_strided(in[0], 3, 1, -1)))
          .LAMINA_FAILS(ShapeError, "[as_strided] expected a stride per dimension of shape (3,)",
                        {zeros_of({6})}, LAMINA_OP(as_strided(in[0], 3, {1, 1}))));
  table.push_back(OpCase(strided_of, {{Real({5})}}, {LAMINA_OP(as_strided(in[0], {3, 3}, {1, 1}))},
                         mapped({3, 3}, [](Extents i) { return Extents{i[0] + i[1]}; }))
                      .takes(kAll)
                      .only_contiguous()
                      .named("that overlaps"));
}

void add_pieces(Table& table) {
  table.push_back(
      OpCase("chunk(x, chunks, dim)", {{Real({2, 7})}, {Real({1, 7})}},
             {LAMINA_OP(chunk(in[0], 3, 1)), LAMINA_OP(in[0].chunk(3, -1))},
             [](const Inputs& in) {
               return Inputs{piece(in[0], 1, 0, 3), piece(in[0], 1, 3, 3), piece(in[0], 1, 6, 1)};
             })
          .takes(kAll)
          .results_alike()
          .is_view()
          .LAMINA_FAILS(ValueError, "[chunk] expected at least one chunk, got 0", {zeros_of({3})},
                        LAMINA_OP(chunk(in[0], 0)))
          .LAMINA_FAILS(ShapeError, "[chunk] expected a rank of at least 1", {zeros_of({})},
                        LAMINA_OP(chunk(in[0], 2))));
  table.push_back(OpCase("chunk(x, chunks, dim)", {{Real({0, 2})}},
                         {LAMINA_OP(chunk(in[0], 2)), LAMINA_OP(in[0].chunk(2))},
                         [](const Inputs& in) {
                           return Inputs{in[0], in[0]};
                         })
                      .takes(kAll)
                      .results_alike()
                      .named("of nothing"));
  table.push_back(OpCase("split(x, size, dim)", {{Real({5, 2})}},
                         {LAMINA_OP(split(in[0], 3)), LAMINA_OP(in[0].split(3, -2))},
                         [](const Inputs& in) {
                           return Inputs{piece(in[0], 0, 0, 3), piece(in[0], 0, 3, 2)};
                         })
                      .takes(kAll)
                      .results_alike()
                      .is_view()
                      .LAMINA_FAILS(ValueError,
                                    "[split] expected a size above 0, got 0 for an extent of 3",
                                    {zeros_of({3})}, LAMINA_OP(split(in[0], 0)))
                      .LAMINA_FAILS(ValueError, "[split] expected a size above 0, got -2",
                                    {zeros_of({3})}, LAMINA_OP(split(in[0], -2))));
  table.push_back(
      OpCase("split(x, sizes, dim)", {{Real({2, 5})}},
             {LAMINA_OP(split(in[0], {1, 0, 4}, 1)), LAMINA_OP(in[0].split({1, 0, 4}, -1))},
             [](const Inputs& in) {
               return Inputs{piece(in[0], 1, 0, 1), piece(in[0], 1, 1, 0), piece(in[0], 1, 1, 4)};
             })
          .takes(kAll)
          .results_alike()
          .is_view()
          .LAMINA_FAILS(ShapeError,
                        "[split] expected sizes of at least 0 that add up to 3, got (1, 1)",
                        {zeros_of({3})}, LAMINA_OP(split(in[0], {1, 1})))
          .LAMINA_FAILS(ShapeError, "that add up to 3, got (5, -2)", {zeros_of({3})},
                        LAMINA_OP(split(in[0], {5, -2}))));
  table.push_back(OpCase("unbind(x, dim)", {{Real({3, 2})}},
                         {LAMINA_OP(unbind(in[0], 1)), LAMINA_OP(in[0].unbind(-1))},
                         [](const Inputs& in) {
                           return Inputs{mapped_of(in[0], {3},
                                                   [](Extents i) {
                                                     return Extents{i[0], 0};
                                                   }),
                                         mapped_of(in[0], {3}, [](Extents i) {
                                           return Extents{i[0], 1};
                                         })};
                         })
                      .takes(kAll)
                      .results_alike()
                      .is_view()
                      .LAMINA_FAILS(ShapeError, "[unbind] expected a rank of at least 1",
                                    {zeros_of({})}, LAMINA_OP(unbind(in[0]))));
}

}  // namespace

void add_slicing_rows(Table& table) {
  add_views(table);
  add_pieces(table);
}

}  // namespace lamina::op_cases
