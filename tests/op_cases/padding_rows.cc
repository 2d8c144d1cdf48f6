// Padding, dilation, and the windows of images.
#include <algorithm>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

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
          .LAMINA_FAILS(ShapeError,
                        "[pad] expected padding that leaves dimension 1 of shape (2, 3) an extent, "
                        "got (-3, 0, 1, 0)",
                        {zeros_of({2, 3})}, LAMINA_OP(pad(in[0], {-3, 0, 1, 0})))
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
      OpCase(pad_of, {{Real({3, 4})}}, {LAMINA_OP(pad(in[0], {3, -1, 0, 2}, PadMode::kCircular))},
             [](const Inputs& in) {
               const int64_t columns[] = {0, 1, 2, 0, 1, 2};  // of the three that are left
               return mapped_of(in[0], {5, 6}, [&](Extents i) {
                 return Extents{i[0] % 3, columns[i[1]]};
               });
             })
          .takes(kAll)
          .named("going around")
          .LAMINA_FAILS(ShapeError,
                        "[pad] expected no more padding than the extent of dimension 0 of shape "
                        "(3,) to go around, got (0, 4)",
                        {zeros_of({3})}, LAMINA_OP(pad(in[0], {0, 4}, PadMode::kCircular))));
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

void add_padding_rows(Table& table) {
  add_padding(table);
  add_windows(table);
}

}  // namespace lamina::op_cases
