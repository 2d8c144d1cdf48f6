// Pooling and resampling of images.
#include <cmath>
#include <limits>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

// Windows along one axis; `count` of them is written down where rounding up makes it special.
struct PoolAxis {
  int64_t kernel, stride, padding = 0, dilation = 1, count = -1;
  int64_t outputs(int64_t extent) const {
    if (count >= 0) return count;
    return (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
  // The places in window i, which are in the image.
  std::vector<int64_t> places(int64_t i, int64_t extent) const {
    std::vector<int64_t> all;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t place = i * stride - padding + k * dilation;
      if (place >= 0 && place < extent) all.push_back(place);
    }
    return all;
  }
};

Extents pooled_shape(const Extents& x, const PoolAxis& rows, const PoolAxis& columns) {
  Extents shape = x;
  const size_t r = shape.size() - 2;
  shape[r] = rows.outputs(x[r]);
  shape[r + 1] = columns.outputs(x[r + 1]);
  return shape;
}

// f(row, column, element) for each element of the window at index i of the result.
template <class F>
void for_window(const Dense& x, const PoolAxis& rows, const PoolAxis& columns, const Extents& i,
                const F& f) {
  const size_t r = i.size() - 2;
  for (int64_t row : rows.places(i[r], x.shape[r])) {
    for (int64_t column : columns.places(i[r + 1], x.shape[r + 1])) {
      Extents at = i;
      at[r] = row;
      at[r + 1] = column;
      f(row, column, x.at(at));
    }
  }
}

auto largest(PoolAxis rows, PoolAxis columns, bool indices) {
  return [=](const Inputs& in) {
    const Extents shape = pooled_shape(in[0].shape, rows, columns);
    Dense values{shape, {}}, places{shape, {}};
    for_each_index(shape, [&](const Extents& i) {
      double best = -std::numeric_limits<double>::infinity();
      int64_t place = -1;
      for_window(in[0], rows, columns, i, [&](int64_t row, int64_t column, double x) {
        if (x <= best) return;
        best = x;
        place = row * in[0].shape.back() + column;
      });
      values.values.push_back(best);
      places.values.push_back(static_cast<double>(place));
    });
    return indices ? std::vector<Dense>{values, places} : std::vector<Dense>{values};
  };
}

void add_max_pool(Table& table) {
  const char* const of = "max_pool2d(x, kernel, options)";
  const char* const with = "max_pool2d_with_indices(x, kernel, options)";
  const Form two = LAMINA_OP(max_pool2d(in[0], 2));
  table.push_back(
      OpCase(of, {{Real({2, 2, 4, 5})}, {Real({3, 2, 3})}, {Real({0, 2, 4, 5})}},
             {two, LAMINA_OP(max_pool2d(in[0], {2, 2}, {2}))}, largest({2, 2}, {2, 2}, false))
          .named("two by two")
          .kinks_at_ties()
          .values_at({Real({5, 16, 28, 27})})
          .LAMINA_FAILS(
              ShapeError,
              "[max_pool2d] expected a kernel that fits into the padded input, got (2, 2) for "
              "shape (1, 1, 4)",
              {zeros_of({1, 1, 4})}, two)
          .LAMINA_FAILS(ShapeError,
                        "[max_pool2d] expected x (N, C, H, W) or (C, H, W), got shape (4, 4)",
                        {zeros_of({4, 4})}, two)
          .LAMINA_FAILS(
              ValueError,
              "[max_pool2d] expected a padding of at most half the kernel, got (2, 2) for "
              "kernel (3, 3)",
              {zeros_of({1, 4, 4})}, LAMINA_OP(max_pool2d(in[0], 3, {1, 2})))
          .LAMINA_FAILS(
              ValueError,
              "[max_pool2d] expected one or two numbers of at least 1 for the stride, got (0,)",
              {zeros_of({1, 4, 4})}, LAMINA_OP(max_pool2d(in[0], 3, {0}))));
  table.push_back(OpCase(of, {{Real({1, 2, 5, 7})}},
                         {LAMINA_OP(max_pool2d(in[0], {3, 2}, {{1, 3}, {1, 1}, {1, 2}}))},
                         largest({3, 1, 1, 1}, {2, 3, 1, 2}, false))
                      .named("overlapping, padded and dilated")
                      .kinks_at_ties()
                      .values_at({Real({3, 7, 33, 40})}));
  // Rows: (5 - 2) / 2 rounded up. Columns: a third window would begin in the padding behind.
  table.push_back(
      OpCase(with, {{Real({1, 2, 5, 4})}, {Real({0, 2, 5, 4})}},
             {LAMINA_OP(max_pool2d_with_indices(in[0], {2, 2}, {{2, 2}, {0, 1}, 1, true}))},
             largest({2, 2, 0, 1, 3}, {2, 2, 1, 1, 3}, true))
          .named("rounded up")
          .kinks_at_ties()
          .values_at({Real({400, 9, 5, 4})}));
  table.push_back(OpCase(with, {{Small({2, 3, 6, 6})}},
                         {LAMINA_OP(max_pool2d_with_indices(in[0], 3, {1}))},
                         largest({3, 1}, {3, 1}, true))
                      .named("the first of equal ones")
                      .not_differentiable());
  const auto in_rows = [](PoolAxis columns, bool indices) {
    return [=](Inputs in) {
      in[0].shape.insert(in[0].shape.end() - 1, 1);
      std::vector<Dense> y = largest({1, 1}, columns, indices)(in);
      for (Dense& d : y) d.shape.erase(d.shape.end() - 2);
      return y;
    };
  };
  const Form line = LAMINA_OP(max_pool1d(in[0], 3));
  table.push_back(
      OpCase("max_pool1d(x, kernel, options)",
             {{Real({2, 2, 7})}, {Real({2, 5})}, {Real({0, 2, 7})}},
             {LAMINA_OP(max_pool1d(in[0], 3, {2, 1}))}, in_rows({3, 2, 1}, false))
          .kinks_at_ties()
          .LAMINA_FAILS(ShapeError,
                        "[max_pool1d] expected a kernel that fits into the padded input, got (3,) "
                        "for shape (1, 2)",
                        {zeros_of({1, 2})}, line)
          .LAMINA_FAILS(ShapeError, "[max_pool1d] expected x (N, C, L) or (C, L), got shape (4,)",
                        {zeros_of({4})}, line));
  table.push_back(OpCase("max_pool1d_with_indices(x, kernel, options)",
                         {{Real({2, 2, 7})}, {Real({2, 5})}},
                         {LAMINA_OP(max_pool1d_with_indices(in[0], 2))}, in_rows({2, 2}, true))
                      .kinks_at_ties());
}

// Means over windows; `counted` is the divisor along one axis where zeros in the padding count.
auto means(PoolAxis rows, PoolAxis columns, bool count_padding) {
  return [=](const Inputs& in) {
    return make(pooled_shape(in[0].shape, rows, columns), [&](const Extents& i) {
      double sum = 0;
      for_window(in[0], rows, columns, i, [&](int64_t, int64_t, double x) { sum += x; });
      const size_t r = i.size() - 2;
      const auto counted = [&](const PoolAxis& axis, int64_t n, int64_t extent) {
        if (!count_padding) return static_cast<int64_t>(axis.places(n, extent).size());
        // Up to the end of the padding.
        return std::min(axis.kernel, extent + 2 * axis.padding - n * axis.stride);
      };
      return sum / static_cast<double>(counted(rows, i[r], in[0].shape[r]) *
                                       counted(columns, i[r + 1], in[0].shape[r + 1]));
    });
  };
}

void add_avg_pool(Table& table) {
  const char* const of = "avg_pool2d(x, kernel, options)";
  const Form two = LAMINA_OP(avg_pool2d(in[0], 2));
  table.push_back(
      OpCase(of, {{Real({2, 2, 4, 5})}, {Real({3, 2, 3})}, {Real({0, 2, 4, 5})}}, {two},
             means({2, 2}, {2, 2}, true))
          .named("two by two")
          .values_at({Real({5, 8, 28, 27})})
          .LAMINA_FAILS(
              ShapeError,
              "[avg_pool2d] expected a kernel that fits into the padded input, got (2, 2) "
              "for shape (1, 1, 4)",
              {zeros_of({1, 1, 4})}, two)
          .LAMINA_FAILS(
              ValueError,
              "[avg_pool2d] expected a padding of at most half the kernel, got (1, 1) for "
              "kernel (1, 1)",
              {zeros_of({1, 4, 4})}, LAMINA_OP(avg_pool2d(in[0], 1, {1, 1}))));
  table.push_back(OpCase(of, {{Real({1, 2, 5, 7})}},
                         {LAMINA_OP(avg_pool2d(in[0], {3, 2}, {{1, 3}, {1, 1}}))},
                         means({3, 1, 1}, {2, 3, 1}, true))
                      .named("over the padding"));
  table.push_back(OpCase(of, {{Real({1, 2, 5, 6})}},
                         {LAMINA_OP(avg_pool2d(in[0], {3, 4}, {{2, 3}, {1, 2}, true, false}))},
                         means({3, 2, 1, 1, 3}, {4, 3, 2, 1, 3}, false))
                      .named("within the image, rounded up"));
  table.push_back(OpCase(of, {{Real({1, 2, 6, 5})}},
                         {LAMINA_OP(avg_pool2d(in[0], {3, 2}, {{2, 2}, {1, 0}, true}))},
                         means({3, 2, 1, 1, 4}, {2, 2, 0, 1, 3}, true))
                      .named("rounded up")
                      .values_at({Real({3, 9, 6, 5})}));
  table.push_back(OpCase("avg_pool1d(x, kernel, options)", {{Real({2, 2, 7})}, {Real({2, 5})}},
                         {LAMINA_OP(avg_pool1d(in[0], 3, {2, 1}))},
                         [](Inputs in) {
                           in[0].shape.insert(in[0].shape.end() - 1, 1);
                           Dense y = means({1, 1}, {3, 2, 1}, true)(in);
                           y.shape.erase(y.shape.end() - 2);
                           return y;
                         })
                      .LAMINA_FAILS(ShapeError,
                                    "[avg_pool1d] expected x (N, C, L) or (C, L), got shape (4,)",
                                    {zeros_of({4})}, LAMINA_OP(avg_pool1d(in[0], 3))));
  // Window i of n over e elements is [floor(i e / n), ceil((i + 1) e / n)).
  const auto adaptive = [](int64_t rows, int64_t columns) {
    return [=](const Inputs& in) {
      Extents shape = in[0].shape;
      const size_t r = shape.size() - 2;
      const int64_t height = shape[r], width = shape[r + 1];
      shape[r] = rows;
      shape[r + 1] = columns;
      return make(shape, [&](const Extents& i) {
        double sum = 0, count = 0;
        Extents at = i;
        for (at[r] = 0; at[r] < height; ++at[r]) {
          for (at[r + 1] = 0; at[r + 1] < width; ++at[r + 1]) {
            const auto inside = [](int64_t place, int64_t window, int64_t n, int64_t e) {
              return place >= window * e / n && place * n < (window + 1) * e;
            };
            if (!inside(at[r], i[r], rows, height)) continue;
            if (!inside(at[r + 1], i[r + 1], columns, width)) continue;
            sum += in[0].at(at);
            count += 1;
          }
        }
        return sum / count;
      });
    };
  };
  const char* const adaptive_of = "adaptive_avg_pool2d(x, output_size)";
  table.push_back(
      OpCase(adaptive_of, {{Real({2, 2, 5, 7})}, {Real({1, 5, 2})}, {Real({0, 2, 5, 7})}},
             {LAMINA_OP(adaptive_avg_pool2d(in[0], {3, 4}))}, adaptive(3, 4))
          .values_at({Real({4, 9, 31, 33})})
          .LAMINA_FAILS(
              ShapeError,
              "[adaptive_avg_pool2d] expected x (N, C, H, W) or (C, H, W) with pixels, got "
              "shape (1, 0, 3)",
              {zeros_of({1, 0, 3})}, LAMINA_OP(adaptive_avg_pool2d(in[0], 1)))
          .LAMINA_FAILS(ValueError,
                        "[adaptive_avg_pool2d] expected one or two numbers of at least 1 for the "
                        "output_size, got (0,)",
                        {zeros_of({1, 2, 3})}, LAMINA_OP(adaptive_avg_pool2d(in[0], 0))));
  table.push_back(OpCase(adaptive_of, {{Real({2, 2, 4, 6})}},
                         {LAMINA_OP(adaptive_avg_pool2d(in[0], {2, 3}))}, adaptive(2, 3))
                      .named("evenly"));
  table.push_back(OpCase(adaptive_of, {{Real({2, 2, 3, 4})}},
                         {LAMINA_OP(adaptive_avg_pool2d(in[0], 1))}, adaptive(1, 1))
                      .named("to one pixel"));
}

// Row i of the result reads source(i, 0, rows of x), a real number; so do columns.
using Source = std::function<double(int64_t, int, int64_t)>;
auto resampled(int64_t rows, int64_t columns, bool nearest, Source source) {
  return [=](const Inputs& in) {
    Extents shape = in[0].shape;
    const size_t r = shape.size() - 2;
    shape[r] = rows;
    shape[r + 1] = columns;
    return make(shape, [&](const Extents& i) {
      double sum = 0;
      Extents at = i;
      for (at[r] = 0; at[r] < in[0].shape[r]; ++at[r]) {
        for (at[r + 1] = 0; at[r + 1] < in[0].shape[r + 1]; ++at[r + 1]) {
          double weight = 1;
          for (int axis = 0; axis < 2; ++axis) {
            const size_t d = r + static_cast<size_t>(axis);
            const double last = static_cast<double>(in[0].shape[d] - 1);
            const double place = std::min(std::max(source(i[d], axis, in[0].shape[d]), 0.0), last);
            const double way = std::abs(place - static_cast<double>(at[d]));
            weight *= nearest ? (std::floor(place) == static_cast<double>(at[d]) ? 1 : 0)
                              : std::max(0.0, 1 - way);
          }
          sum += weight * in[0].at(at);
        }
      }
      return sum;
    });
  };
}

void add_resampling(Table& table) {
  const char* const of = "interpolate(x, options)";
  const auto options = [](Dims size, std::vector<double> factors, InterpolateMode mode,
                          bool align) {
    InterpolateOptions o;
    o.size = size;
    o.scale_factor = std::move(factors);
    o.mode = mode;
    o.align_corners = align;
    return o;
  };
  const auto form = [](InterpolateOptions o) {
    return Form([o](const auto& in) { return as_list(interpolate(in[0], o)); });
  };
  const auto nearest = InterpolateMode::kNearest, bilinear = InterpolateMode::kBilinear;
  const auto spread = [](int64_t rows, int64_t columns) {
    return [=](int64_t i, int axis, int64_t extent) {
      return static_cast<double>(i * extent) / static_cast<double>(axis == 0 ? rows : columns);
    };
  };
  table.push_back(
      OpCase(of, {{Real({2, 2, 3, 4})}, {Real({1, 2, 3})}, {Real({0, 1, 3, 4})}},
             {form(options({6, 5}, {}, nearest, false))}, resampled(6, 5, true, spread(6, 5)))
          .named("nearest")
          .takes(kAll)
          .values_at({Real({3, 8, 20, 21})})
          .LAMINA_FAILS(ValueError,
                        "[interpolate] expected either a size or a scale_factor, got neither",
                        {zeros_of({1, 2, 3})}, LAMINA_OP(interpolate(in[0], {})))
          .LAMINA_FAILS(ValueError,
                        "[interpolate] expected align_corners with the mode kBilinear alone",
                        {zeros_of({1, 2, 3})}, form(options(2, {}, nearest, true)))
          .LAMINA_FAILS(
              ValueError,
              "[interpolate] expected one or two factors that leave rows and columns, got "
              "0.25 for 2 x 3",
              {zeros_of({1, 2, 3})}, form(options({}, {0.25}, nearest, false)))
          .LAMINA_FAILS(ValueError,
                        "[interpolate] expected one or two numbers of at least 1 for the size, got "
                        "(0,)",
                        {zeros_of({1, 2, 3})}, form(options(0, {}, nearest, false)))
          .LAMINA_FAILS(ShapeError,
                        "[interpolate] expected x (N, C, H, W) or (C, H, W) with pixels, got shape "
                        "(2, 3)",
                        {zeros_of({2, 3})}, form(options(2, {}, nearest, false))));
  // floor(3 * 1.5) rows, floor(4 * 2.5) columns, by the factors themselves.
  table.push_back(OpCase(of, {{Real({2, 2, 3, 4})}},
                         {form(options({}, {1.5, 2.5}, nearest, false))},
                         resampled(4, 10, true,
                                   [](int64_t i, int axis, int64_t) {
                                     return static_cast<double>(i) / (axis == 0 ? 1.5 : 2.5);
                                   }))
                      .named("nearest, by factors")
                      .takes(kAll));
  table.push_back(OpCase(of, {{Real({2, 2, 3, 4})}, {Real({1, 1, 2})}, {Real({0, 1, 3, 4})}},
                         {form(options({5, 7}, {}, bilinear, false))},
                         resampled(5, 7, false,
                                   [](int64_t i, int axis, int64_t extent) {
                                     return (static_cast<double>(i) + 0.5) *
                                                static_cast<double>(extent) / (axis == 0 ? 5 : 7) -
                                            0.5;
                                   }))
                      .named("bilinear")
                      .values_at({Real({3, 8, 20, 21})}));
  table.push_back(OpCase(of, {{Real({2, 2, 3, 4})}}, {form(options({}, {2.3}, bilinear, false))},
                         resampled(6, 9, false,
                                   [](int64_t i, int, int64_t) {
                                     return (static_cast<double>(i) + 0.5) / 2.3 - 0.5;
                                   }))
                      .named("bilinear, by a factor"));
  table.push_back(OpCase(of, {{Real({2, 2, 3, 4})}, {Real({1, 5, 2})}},
                         {form(options({4, 1}, {}, bilinear, true))},
                         resampled(4, 1, false,
                                   [](int64_t i, int axis, int64_t extent) {
                                     const double last = static_cast<double>(extent - 1);
                                     return axis == 0 ? static_cast<double>(i) * last / 3 : 0.0;
                                   }))
                      .named("bilinear, with aligned corners"));
  const Form shuffle = LAMINA_OP(pixel_shuffle(in[0], 2));
  table.push_back(
      OpCase("pixel_shuffle(x, factor)",
             {{Real({2, 8, 2, 3})}, {Real({4, 1, 2})}, {Real({0, 4, 2, 3})}}, {shuffle},
             [](const Inputs& in) {
               Extents shape = in[0].shape;
               const size_t c = shape.size() - 3;
               shape[c] /= 4;
               shape[c + 1] *= 2;
               shape[c + 2] *= 2;
               return mapped_of(in[0], shape, [&](Extents i) {
                 i[c] = i[c] * 4 + i[c + 1] % 2 * 2 + i[c + 2] % 2;
                 i[c + 1] /= 2;
                 i[c + 2] /= 2;
                 return i;
               });
             })
          .takes(kAll)
          .LAMINA_FAILS(
              ShapeError,
              "[pixel_shuffle] expected x (N, C * 4, H, W) or without N, got shape (6, 2, "
              "2)",
              {zeros_of({6, 2, 2})}, shuffle)
          .LAMINA_FAILS(ValueError, "[pixel_shuffle] expected a factor of at least 1, got 0",
                        {zeros_of({4, 2, 2})}, LAMINA_OP(pixel_shuffle(in[0], 0))));
}

}  // namespace

void add_pooling_rows(Table& table) {
  add_max_pool(table);
  add_avg_pool(table);
  add_resampling(table);
}

}  // namespace lamina::op_cases
