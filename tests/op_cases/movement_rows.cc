// Operations that join, cut, repeat, pad and rearrange arrays.
#include <cmath>
#include <utility>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

using Map = std::function<Extents(Extents)>;
using Inputs = std::vector<Dense>;

// The array of this shape whose element i is element from(i) of the input.
Dense mapped_of(const Dense& x, const Extents& shape, const Map& from) {
  return make(shape, [&](const Extents& i) { return x.at(from(i)); });
}
auto mapped(Extents shape, Map from) {
  return [=](const Inputs& in) { return mapped_of(in[0], shape, from); };
}

// The elements start ... start + length - 1 along `dim`.
Dense piece(const Dense& x, int64_t dim, int64_t start, int64_t length) {
  Extents shape = x.shape;
  shape[dim] = length;
  return mapped_of(x, shape, [=](Extents i) {
    i[dim] += start;
    return i;
  });
}

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

// (n, c, h, w) -> (n, c k_h k_w, l): element (n, (c k_h + r) k_w + s, l) is pixel
// (y stride + r dilation - padding, x stride + s dilation - padding), 0 outside.
struct WindowSpec {
  int64_t rows, columns;  // of the kernel
  int64_t dilation, padding, stride;
  int64_t count(int64_t extent, int64_t kernel) const {
    return (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
  // Calls f(index in the columns, index in the image) for each element of a window in the image.
  template <class F>
  void walk(int64_t images, int64_t channels, int64_t height, int64_t width, const F& f) const {
    const int64_t across = count(width, columns);
    for_each_index({images, channels, rows, columns, count(height, rows), across},
                   [&](const Extents& i) {
                     const int64_t y = i[4] * stride + i[2] * dilation - padding;
                     const int64_t x = i[5] * stride + i[3] * dilation - padding;
                     if (y < 0 || y >= height || x < 0 || x >= width) return;
                     f(Extents{i[0], (i[1] * rows + i[2]) * columns + i[3], i[4] * across + i[5]},
                       Extents{i[0], i[1], y, x});
                   });
  }
};
auto unfolded(WindowSpec w) {
  return [=](const Inputs& in) {
    const Extents& s = in[0].shape;
    Dense out =
        make({s[0], s[1] * w.rows * w.columns, w.count(s[2], w.rows) * w.count(s[3], w.columns)},
             [](const Extents&) { return 0.0; });
    w.walk(s[0], s[1], s[2], s[3],
           [&](const Extents& column, const Extents& pixel) { out.at(column) = in[0].at(pixel); });
    return out;
  };
}
auto folded(WindowSpec w, int64_t height, int64_t width) {
  return [=](const Inputs& in) {
    const int64_t channels = in[0].shape[1] / w.rows / w.columns;
    Dense out = make({in[0].shape[0], channels, height, width}, [](const Extents&) { return 0.0; });
    w.walk(in[0].shape[0], channels, height, width,
           [&](const Extents& column, const Extents& pixel) { out.at(pixel) += in[0].at(column); });
    return out;
  };
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
          .LAMINA_FAILS(IndexError, "[as_strided] expected elements inside a storage of 6",
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

void add_padding(Table& table) {
  const std::string pad_of = "pad(x, padding, mode, value)";
  table.push_back(
      OpCase(pad_of, {{Real({2, 3})}, {Real({3, 3})}},
             {LAMINA_OP(pad(in[0], {1, 2, -1, 1}, PadMode::kConstant, 1))},
             [](const Inputs& in) {
               return make({in[0].shape[0], 6}, [&](const Extents& i) {
                 const int64_t r = i[0] + 1, c = i[1] - 1;
                 return r < in[0].shape[0] && c >= 0 && c < 3 ? in[0].at({r, c}) : 1.0;
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(
              ShapeError,
              "[pad] expected two numbers for each of at most 1 dimensions, got (1, 1, 1)",
              {zeros_of({2})}, LAMINA_OP(pad(in[0], {1, 1, 1})))
          .LAMINA_FAILS(ShapeError,
                        "[pad] expected padding that leaves dimension 1 of shape (2, 3) an extent, "
                        "got (-2, -2)",
                        {zeros_of({2, 3})}, LAMINA_OP(pad(in[0], {-2, -2})))
          .LAMINA_FAILS(ShapeError, "[pad] expected", {zeros_of({2, 3})},
                        LAMINA_OP(pad(in[0], {int64_t{1} << 62, int64_t{1} << 62}))));
  table.push_back(OpCase(pad_of, {{Real({0, 2})}, {Real({})}}, {LAMINA_OP(pad(in[0], {}))},
                         [](const Inputs& in) { return in[0]; })
                      .takes(kAll)
                      .named("by nothing"));
  table.push_back(
      OpCase(pad_of, {{Real({3, 4})}}, {LAMINA_OP(pad(in[0], {3, -1, 1, 2}, PadMode::kReflect))},
             [](const Inputs& in) {
               const int64_t rows[] = {1, 0, 1, 2, 1, 0}, columns[] = {3, 2, 1, 0, 1, 2};
               return mapped_of(in[0], {6, 6}, [&](Extents i) {
                 return Extents{rows[i[0]], columns[i[1]]};
               });
             })
          .takes(kAll)
          .named("reflecting")
          .LAMINA_FAILS(
              ShapeError,
              "[pad] expected less padding than the extent of dimension 0 of shape (3,) to "
              "reflect, got (3, 0)",
              {zeros_of({3})}, LAMINA_OP(pad(in[0], {3, 0}, PadMode::kReflect))));
  table.push_back(
      OpCase(pad_of, {{Real({2, 3})}}, {LAMINA_OP(pad(in[0], {2, 1}, PadMode::kReplicate))},
             mapped({2, 6},
                    [](Extents i) {
                      return Extents{i[0], std::min<int64_t>(std::max<int64_t>(i[1] - 2, 0), 2)};
                    }))
          .takes(kAll)
          .named("replicating")
          .LAMINA_FAILS(ShapeError,
                        "[pad] expected elements along dimension 0 of shape (0,) to replicate",
                        {zeros_of({0})}, LAMINA_OP(pad(in[0], {1, 0}, PadMode::kReplicate))));
  table.push_back(
      OpCase("dilate(x, dims, dilation)", {{Real({2, 3, 2})}, {Real({0, 3, 2})}},
             {LAMINA_OP(dilate(in[0], {0, 2}, 2)), LAMINA_OP(dilate(in[0], {-1, -3}, 2))},
             [](const Inputs& in) {
               return make({in[0].shape[0] * 3, 3, 6}, [&](const Extents& i) {
                 return i[0] % 3 || i[2] % 3 ? 0.0 : in[0].at({i[0] / 3, i[1], i[2] / 3});
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(ValueError, "[dilate] expected a dilation of at least 0, got -1",
                        {zeros_of({2})}, LAMINA_OP(dilate(in[0], 0, -1)))
          .LAMINA_FAILS(ShapeError, "[dilate] expected extents below 2^63", {zeros_of({4})},
                        LAMINA_OP(dilate(in[0], 0, int64_t{1} << 62))));
}

void add_windows(Table& table) {
  const std::string unfold_of = "unfold(x, kernel, options)",
                    fold_of = "fold(x, output_size, kernel, options)";
  table.push_back(
      OpCase(unfold_of, {{Real({2, 2, 4, 3})}, {Real({1, 1, 5, 3})}},
             {LAMINA_OP(unfold(in[0], {3, 2}, {1, 1, 2})),
              LAMINA_OP(unfold(in[0], {3, 2}, {{1, 1}, {1, 1}, {2, 2}}))},
             unfolded({3, 2, 1, 1, 2}))
          .takes(kAll)
          .values_at({Real({3, 4, 30, 40})})
          .LAMINA_FAILS(
              ShapeError,
              "[unfold] expected x of rank 4 (N, C, H, W) or 3 (C, H, W), got shape (3, 3)",
              {zeros_of({3, 3})}, LAMINA_OP(unfold(in[0], 2)))
          .LAMINA_FAILS(
              ShapeError,
              "[unfold] expected a kernel that fits into the padded image, got kernel (4, 4) "
              "with dilation (1, 1) and padding (0, 0) for image (3, 3)",
              {zeros_of({1, 1, 3, 3})}, LAMINA_OP(unfold(in[0], 4)))
          .LAMINA_FAILS(
              ValueError,
              "[unfold] expected one or two numbers of at least 1 for the stride, got (0,)",
              {zeros_of({1, 1, 3, 3})}, LAMINA_OP(unfold(in[0], 2, {1, 0, 0})))
          .LAMINA_FAILS(ShapeError, "[unfold] expected windows whose sizes are below 2^63",
                        {zeros_of({1, 1, 3, 3})},
                        LAMINA_OP(unfold(in[0], 3, {int64_t{1} << 62, 0, 1}))));
  table.push_back(OpCase(unfold_of, {{Real({1, 2, 5, 6})}, {Real({0, 2, 5, 6})}},
                         {LAMINA_OP(unfold(in[0], {2, 3}, {2}))}, unfolded({2, 3, 2, 0, 1}))
                      .takes(kAll)
                      .named("dilated"));
  table.push_back(
      OpCase(fold_of, {{Real({2, 12, 4})}, {Real({0, 6, 4})}},
             {LAMINA_OP(fold(in[0], {4, 3}, {3, 2}, {1, 1, 2}))}, folded({3, 2, 1, 1, 2}, 4, 3))
          .takes(kNumbers)
          .LAMINA_FAILS(
              ShapeError,
              "[fold] expected x (N, C * 4, 4) for output size (3,) and kernel (2,), got (1, "
              "3, 4)",
              {zeros_of({1, 3, 4})}, LAMINA_OP(fold(in[0], 3, 2)))
          .LAMINA_FAILS(ShapeError, "[fold] expected x of rank 3 (N, C kh kw, L) or 2 (C kh kw, L)",
                        {zeros_of({4})}, LAMINA_OP(fold(in[0], 3, 2))));
  table.push_back(OpCase(fold_of, {{Real({1, 12, 6})}},
                         {LAMINA_OP(fold(in[0], {4, 7}, {2, 3}, {2, 0, 1}))},
                         folded({2, 3, 2, 0, 1}, 4, 7))
                      .takes(kNumbers)
                      .named("dilated"));
  table.push_back(OpCase(fold_of, {{Real({1, 4, 6})}},
                         {LAMINA_OP(fold(in[0], {4, 6}, 2, {1, 0, 2}))},
                         folded({2, 2, 1, 0, 2}, 4, 6))
                      .takes(kNumbers)
                      .named("that do not overlap")
                      .values_at({Real({300, 24, 6})}));
}

}  // namespace

void add_movement_rows(Table& table) {
  add_views(table);
  add_pieces(table);
  add_joins(table);
  add_rearranging(table);
  add_padding(table);
  add_windows(table);
}

}  // namespace lamina::op_cases
