// Convolutions and their gradients.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

// The options of a convolution, for rows and columns.
struct ConvSpec {
  int64_t stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1};
  int64_t groups = 1;

  int64_t outputs(int d, int64_t extent, int64_t kernel) const {
    return (extent + 2 * padding[d] - dilation[d] * (kernel - 1) - 1) / stride[d] + 1;
  }
  // Calls f(index of y, of x, of the weight) for each product that is summed into y.
  template <class F>
  void walk(const Extents& x, const Extents& weight, const F& f) const {
    const int64_t filters = weight[0] / groups;
    for_each_index({x[0], weight[0], outputs(0, x[2], weight[2]), outputs(1, x[3], weight[3]),
                    weight[1], weight[2], weight[3]},
                   [&](const Extents& i) {
                     const int64_t row = i[2] * stride[0] + i[5] * dilation[0] - padding[0];
                     const int64_t column = i[3] * stride[1] + i[6] * dilation[1] - padding[1];
                     if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) return;
                     f(Extents{i[0], i[1], i[2], i[3]},
                       Extents{i[0], i[1] / filters * weight[1] + i[4], row, column},
                       Extents{i[1], i[4], i[5], i[6]});
                   });
  }
  ConvOptions options() const {
    ConvOptions o;
    o.stride = {stride[0], stride[1]};
    o.padding = {padding[0], padding[1]};
    o.dilation = {dilation[0], dilation[1]};
    o.groups = groups;
    return o;
  }
};

Dense zeros(const Extents& shape) {
  return make(shape, [](const Extents&) { return 0.0; });
}
Dense plus_bias(Dense y, const Inputs& in) {
  if (in.size() < 3) return y;
  return make(y.shape, [&](const Extents& i) { return y.at(i) + in[2].at({i[1]}); });
}

auto convolved(ConvSpec s) {
  return [s](const Inputs& in) {
    const Extents &x = in[0].shape, &w = in[1].shape;
    Dense y = zeros({x[0], w[0], s.outputs(0, x[2], w[2]), s.outputs(1, x[3], w[3])});
    s.walk(x, w, [&](const Extents& i, const Extents& j, const Extents& k) {
      y.at(i) += in[0].at(j) * in[1].at(k);
    });
    return plus_bias(y, in);
  };
}
// The adjoint: from (N, O, rows, columns) to images of this height and width, plus a bias.
auto spread(ConvSpec s, int64_t height, int64_t width) {
  return [=](const Inputs& in) {
    const Extents& w = in[1].shape;
    Dense x = zeros({in[0].shape[0], w[1] * s.groups, height, width});
    s.walk(x.shape, w, [&](const Extents& i, const Extents& j, const Extents& k) {
      x.at(j) += in[0].at(i) * in[1].at(k);
    });
    return plus_bias(x, in);
  };
}
auto correlated(ConvSpec s, int64_t height, int64_t width) {
  return [=](const Inputs& in) {
    Dense w = zeros({in[0].shape[1], in[1].shape[1] / s.groups, height, width});
    s.walk(in[1].shape, w.shape, [&](const Extents& i, const Extents& j, const Extents& k) {
      w.at(k) += in[0].at(i) * in[1].at(j);
    });
    return w;
  };
}

template <class A>
A nothing(const std::vector<A>&) {
  return A();
}

const char* const kConv2d = "conv2d(x, weight, bias, options)";

OpCase conv_row(const char* label, ConvSpec s, std::vector<Sample> samples) {
  return OpCase(kConv2d, std::move(samples),
                {[s](const auto& in) { return as_list(conv2d(in[0], in[1], in[2], s.options())); }},
                convolved(s))
      .named(label)
      .tolerance(1e-5);
}
Sample conv_sample(Extents x, Extents weight) {
  const int64_t filters = weight[0];
  return {Real(std::move(x)), Real(std::move(weight)), Optional(Real({filters}))};
}

void add_conv2d(Table& table) {
  table.push_back(
      conv_row("plain", {},
               {conv_sample({2, 2, 4, 3}, {3, 2, 2, 2}), conv_sample({1, 1, 2, 3}, {1, 1, 2, 3}),
                conv_sample({0, 2, 4, 3}, {3, 2, 2, 2})})
          .values_at(conv_sample({2, 9, 15, 20}, {17, 9, 3, 3}))
          .values_at(conv_sample({1, 130, 6, 7}, {33, 130, 2, 3}))
          .values_at(conv_sample({2, 1, 70, 33}, {3, 1, 5, 5}))
          // Of 780 products that cancel: in the order of AVX2's kernel 1.3e-5, where a rounding of the sum of
          // their magnitudes is 5e-5.
          .tolerance(3e-5));
  table.push_back(
      conv_row("padded", {{1, 1}, {1, 2}, {1, 1}, 1}, {conv_sample({1, 2, 3, 3}, {2, 2, 3, 3})})
          .values_at(conv_sample({3, 5, 14, 14}, {20, 5, 3, 5})));
  table.push_back(
      conv_row("strided", {{2, 3}, {1, 1}, {1, 1}, 1}, {conv_sample({1, 2, 5, 6}, {2, 2, 3, 2})})
          .values_at(conv_sample({2, 6, 31, 29}, {16, 6, 5, 4})));
  table.push_back(
      conv_row("dilated", {{1, 2}, {2, 3}, {2, 3}, 1}, {conv_sample({1, 1, 5, 6}, {2, 1, 2, 3})})
          .values_at(conv_sample({2, 6, 20, 21}, {16, 6, 3, 3})));
  table.push_back(
      conv_row("in groups", {{2, 1}, {1, 0}, {1, 2}, 2}, {conv_sample({2, 4, 4, 5}, {2, 2, 2, 2})})
          .values_at(conv_sample({2, 8, 20, 11}, {32, 4, 3, 3})));
  table.push_back(
      conv_row("in depth", {{1, 1}, {1, 1}, {1, 1}, 3},
               {conv_sample({1, 3, 3, 4}, {3, 1, 3, 3}), conv_sample({1, 3, 2, 3}, {6, 1, 3, 2})})
          .values_at(conv_sample({2, 3, 40, 41}, {3, 1, 3, 3})));
  table.push_back(conv_row("with one tap", {}, {conv_sample({2, 3, 2, 3}, {4, 3, 1, 1})})
                      .values_at(conv_sample({3, 20, 9, 11}, {36, 20, 1, 1})));
  table.push_back(conv_row("with one tap in groups", {{1, 1}, {0, 0}, {1, 1}, 2},
                           {conv_sample({2, 4, 2, 3}, {4, 2, 1, 1})}));
  // Far beyond the image: by way of unfold.
  table.push_back(conv_row("that reaches far", {{1, 1}, {4000, 4000}, {4000, 4000}, 1},
                           {conv_sample({1, 1, 2, 2}, {1, 1, 3, 3})}));
  const Form without_bias = LAMINA_OP(conv2d(in[0], in[1], nothing(in), {{2, 1}}));
  table.push_back(OpCase(kConv2d, {{Real({2, 2, 4, 3}), Real({3, 2, 2, 2})}}, {without_bias},
                         convolved({{2, 1}, {0, 0}, {1, 1}, 1}))
                      .named("without bias")
                      .tolerance(1e-5));
  table.push_back(OpCase(kConv2d, {{Real({2, 4, 3}), Real({3, 2, 2, 2}), Optional(Real({3}))}},
                         {LAMINA_OP(conv2d(in[0], in[1], in[2]))},
                         [](const Inputs& in) {
                           Dense y = convolved({})({with_shape(in[0], {1, 2, 4, 3}), in[1], in[2]});
                           return with_shape(y, {3, 3, 2});
                         })
                      .named("of one image")
                      .tolerance(1e-5));
}

void add_conv2d_errors(Table& table) {
  const Form plain = LAMINA_OP(conv2d(in[0], in[1], in[2]));
  const NDArray none;
  table.push_back(
      conv_row("refusing", {}, {conv_sample({1, 1, 2, 2}, {1, 1, 1, 1})})
          .LAMINA_FAILS(ShapeError,
                        "[conv2d] expected weight.shape[1] == 3 (input channels), got 4; input (8, "
                        "3, 32, 32), weight (16, 4, 3, 3)",
                        {zeros_of({8, 3, 32, 32}), zeros_of({16, 4, 3, 3}), none}, plain)
          .LAMINA_FAILS(
              ShapeError,
              "[conv2d] expected a kernel that has elements and fits into the padded "
              "input, got (5, 5) with dilation (1, 1) and padding (0, 0); input (1, 1, 4, "
              "6), weight (1, 1, 5, 5)",
              {zeros_of({1, 1, 4, 6}), zeros_of({1, 1, 5, 5}), none}, plain)
          .LAMINA_FAILS(ShapeError,
                        "[conv2d] expected bias (2,), got (3,); input (1, 1, 4, 6), weight (2, 1, "
                        "3, 3)",
                        {zeros_of({1, 1, 4, 6}), zeros_of({2, 1, 3, 3}), zeros_of({3})}, plain)
          .LAMINA_FAILS(ShapeError,
                        "[conv2d] expected input (N, C, H, W) or (C, H, W) and weight (O, C / "
                        "groups, kh, kw), got input (4, 6), weight (2, 1, 3, 3)",
                        {zeros_of({4, 6}), zeros_of({2, 1, 3, 3}), none}, plain)
          .LAMINA_FAILS(DTypeError,
                        "[conv2d] expected one dtype, got input float32, weight float64",
                        {zeros_of({1, 1, 4, 6}), zeros_of({2, 1, 3, 3}, float64), none}, plain)
          .LAMINA_FAILS(ShapeError,
                        "[conv2d] expected channels that 2 groups divide, got 4 of the input and 3 "
                        "of the output",
                        {zeros_of({1, 4, 4, 6}), zeros_of({3, 2, 3, 3}), none},
                        LAMINA_OP(conv2d(in[0], in[1], in[2], {1, 0, 1, 2})))
          .LAMINA_FAILS(ValueError, "[conv2d] expected at least one group, got 0",
                        {zeros_of({1, 4, 4, 6}), zeros_of({3, 2, 3, 3}), none},
                        LAMINA_OP(conv2d(in[0], in[1], in[2], {1, 0, 1, 0})))
          .LAMINA_FAILS(
              ValueError,
              "[conv2d] expected one or two numbers of at least 1 for the stride, got (0,)",
              {zeros_of({1, 1, 4, 6}), zeros_of({2, 1, 3, 3}), none},
              LAMINA_OP(conv2d(in[0], in[1], in[2], {0}))));
}

void add_gradients(Table& table) {
  const auto input_row = [&](const char* label, ConvSpec s, int64_t height, int64_t width,
                             Sample sample) {
    return OpCase(
               "conv2d_input_gradient(dy, weight, input_size, options)", {std::move(sample)},
               {[=](const auto& in) {
                 return as_list(conv2d_input_gradient(in[0], in[1], {height, width}, s.options()));
               }},
               spread(s, height, width))
        .named(label)
        .tolerance(1e-5);
  };
  const Form input_form = LAMINA_OP(conv2d_input_gradient(in[0], in[1], {4, 4}));
  table.push_back(
      input_row("plain", {}, 4, 3, {Real({2, 2, 3, 2}), Real({2, 2, 2, 2})})
          .LAMINA_FAILS(ShapeError,
                        "[conv2d_input_gradient] expected dy (1, 2, 3, 3), got (1, 2, 4, "
                        "3); input (1, 1, 4, 4), weight (2, 1, 2, 2)",
                        {zeros_of({1, 2, 4, 3}), zeros_of({2, 1, 2, 2})}, input_form)
          .LAMINA_FAILS(DTypeError,
                        "[conv2d_input_gradient] expected one dtype, got dy float32 and "
                        "weight float64",
                        {zeros_of({1, 2, 3, 3}), zeros_of({2, 1, 2, 2}, float64)}, input_form));
  table.push_back(input_row("padded", {{1, 1}, {1, 2}, {1, 1}, 1}, 3, 3,
                            {Real({1, 2, 3, 5}), Real({2, 2, 3, 3})})
                      .named("padded"));
  table.push_back(input_row("strided", {{3, 2}, {1, 1}, {2, 1}, 2}, 7, 6,
                            {Real({1, 2, 3, 3}), Real({2, 1, 2, 3})}));
  table.push_back(input_row("with one tap", {{1, 1}, {0, 0}, {1, 1}, 2}, 2, 3,
                            {Real({2, 4, 2, 3}), Real({4, 3, 1, 1})}));
  table.push_back(input_row("of large images", {{2, 2}, {1, 1}, {1, 1}, 1}, 30, 31,
                            {Real({0, 2, 15, 16}), Real({2, 1, 3, 3})})
                      .values_at({Real({2, 17, 15, 16}), Real({17, 6, 3, 3})}));

  const auto weight_row = [&](const char* label, ConvSpec s, int64_t height, int64_t width,
                              Sample sample) {
    return OpCase(
               "conv2d_weight_gradient(dy, x, kernel, options)", {std::move(sample)},
               {[=](const auto& in) {
                 return as_list(conv2d_weight_gradient(in[0], in[1], {height, width}, s.options()));
               }},
               correlated(s, height, width))
        .named(label)
        .tolerance(1e-4);
  };
  const Form weight_form = LAMINA_OP(conv2d_weight_gradient(in[0], in[1], 2));
  table.push_back(
      weight_row("plain", {}, 2, 2, {Real({2, 2, 3, 2}), Real({2, 2, 4, 3})})
          .LAMINA_FAILS(
              ShapeError,
              "[conv2d_weight_gradient] expected dy (1, 2, 3, 3), got (1, 2, 4, 3); input "
              "(1, 1, 4, 4), weight (2, 1, 2, 2)",
              {zeros_of({1, 2, 4, 3}), zeros_of({1, 1, 4, 4})}, weight_form));
  table.push_back(weight_row("of strided ones", {{2, 1}, {1, 2}, {1, 2}, 2}, 3, 2,
                             {Real({2, 2, 2, 5}), Real({2, 4, 4, 3})})
                      .values_at({Real({5, 4, 15, 13}), Real({5, 8, 30, 11})}));
  table.push_back(weight_row("of few channels", {{1, 1}, {1, 1}, {1, 1}, 1}, 3, 3,
                             {Real({1, 2, 3, 4}), Real({1, 1, 3, 4})})
                      .values_at({Real({3, 20, 9, 28}), Real({3, 1, 9, 28})}));
  table.push_back(weight_row("of many channels", {{1, 1}, {1, 1}, {1, 1}, 1}, 3, 3,
                             {Real({0, 2, 3, 4}), Real({0, 1, 3, 4})})
                      .values_at({Real({19, 17, 7, 7}), Real({19, 70, 7, 7})}));
}

void add_relatives(Table& table) {
  // As an image of one row.
  const auto rows = [](ConvSpec s) {
    return [s](Inputs in) {
      for (size_t k = 0; k < 2; ++k) in[k].shape.insert(in[k].shape.begin() + 2, 1);
      Dense y = convolved(s)(in);
      y.shape.erase(y.shape.begin() + 2);
      return y;
    };
  };
  const char* const conv1d_of = "conv1d(x, weight, bias, options)";
  const Form plain = LAMINA_OP(conv1d(in[0], in[1], in[2]));
  const NDArray none;
  table.push_back(
      OpCase(conv1d_of,
             {{Real({2, 4, 6}), Real({2, 2, 3}), Optional(Real({2}))},
              {Real({0, 4, 6}), Real({2, 2, 3}), Optional(Real({2}))}},
             {LAMINA_OP(conv1d(in[0], in[1], in[2], {2, 3, 2, 2}))},
             rows({{1, 2}, {0, 3}, {1, 2}, 2}))
          .tolerance(1e-5)
          .values_at({Real({3, 20, 200}), Real({18, 10, 5}), Real({18})})
          .LAMINA_FAILS(ShapeError,
                        "[conv1d] expected weight.shape[1] == 3 (input channels), got 4; input (8, "
                        "3, 32), weight (16, 4, 3)",
                        {zeros_of({8, 3, 32}), zeros_of({16, 4, 3}), none}, plain)
          .LAMINA_FAILS(ShapeError,
                        "[conv1d] expected a kernel that has elements and fits into the padded "
                        "input, got (3,) with dilation (1,) and padding (0,); input (1, 1, 2), "
                        "weight (1, 1, 3)",
                        {zeros_of({1, 1, 2}), zeros_of({1, 1, 3}), none}, plain)
          .LAMINA_FAILS(ValueError,
                        "[conv1d] expected one number of at least 1 for the stride, got (1, 1)",
                        {zeros_of({1, 1, 4}), zeros_of({1, 1, 3}), none},
                        LAMINA_OP(conv1d(in[0], in[1], in[2], {{1, 1}}))));
  const char* const transpose_of = "conv_transpose2d(x, weight, bias, options)";
  const Form transposed = LAMINA_OP(conv_transpose2d(in[0], in[1], in[2]));
  table.push_back(
      OpCase(transpose_of,
             {{Real({2, 4, 2, 3}), Real({4, 1, 3, 2}), Optional(Real({2}))},
              {Real({0, 4, 2, 3}), Real({4, 1, 3, 2}), Optional(Real({2}))}},
             {LAMINA_OP(conv_transpose2d(in[0], in[1], in[2], {{2, 3}, {1, 0}, {1, 2}, 2, 1}))},
             spread({{2, 3}, {1, 0}, {1, 1}, 2}, 4, 10))
          .tolerance(1e-5)
          .LAMINA_FAILS(ShapeError,
                        "[conv_transpose2d] expected weight.shape[0] == 3 (input channels), got 4; "
                        "input (8, 3, 5, 5), weight (4, 2, 3, 3)",
                        {zeros_of({8, 3, 5, 5}), zeros_of({4, 2, 3, 3}), none}, transposed)
          .LAMINA_FAILS(
              ShapeError,
              "[conv_transpose2d] expected bias (2,), got (3,); input (8, 3, 5, 5), weight "
              "(3, 2, 3, 3)",
              {zeros_of({8, 3, 5, 5}), zeros_of({3, 2, 3, 3}), zeros_of({3})}, transposed)
          .LAMINA_FAILS(ValueError,
                        "[conv_transpose2d] expected output_padding less than stride or dilation, "
                        "got (1, 1) for stride (1, 1) and dilation (1, 1)",
                        {zeros_of({8, 3, 5, 5}), zeros_of({3, 2, 3, 3}), none},
                        LAMINA_OP(conv_transpose2d(in[0], in[1], in[2], {1, 0, 1})))
          .LAMINA_FAILS(ShapeError, "[conv_transpose2d] expected extents and a kernel that leave",
                        {zeros_of({8, 3, 1, 5}), zeros_of({3, 2, 1, 3}), none},
                        LAMINA_OP(conv_transpose2d(in[0], in[1], in[2], {1, 1}))));
  // Output padding that is not less than the stride, but than the dilation.
  table.push_back(OpCase(transpose_of,
                         {{Real({1, 2, 3, 2}), Real({2, 1, 2, 3}), Optional(Real({1}))}},
                         {LAMINA_OP(conv_transpose2d(in[0], in[1], in[2], {1, 1, {2, 1}, 1, 3}))},
                         [](const Inputs& in) {
                           // As a convolution of the image among zeros with the kernel flipped.
                           const ConvSpec s{{1, 1}, {0, 0}, {3, 3}, 1};
                           const Dense x = make({1, 2, 9, 13}, [&](const Extents& i) {
                             const int64_t row = i[2] - 2, column = i[3] - 5;
                             const bool inside = row >= 0 && row < 3 && column >= 0 && column < 2;
                             return inside ? in[0].at({0, i[1], row, column}) : 0.0;
                           });
                           const Dense flipped = make({1, 2, 2, 3}, [&](const Extents& i) {
                             return in[1].at({i[1], 0, 1 - i[2], 2 - i[3]});
                           });
                           return convolved(s)({x, flipped, in[2]});
                         })
                      .named("with output padding beyond the stride")
                      .tolerance(1e-5));
  table.push_back(OpCase(transpose_of, {{Real({2, 3, 2}), Real({2, 2, 2, 2}), Optional(Real({2}))}},
                         {LAMINA_OP(conv_transpose2d(in[0], in[1], in[2]))},
                         [](const Inputs& in) {
                           const Dense x = with_shape(in[0], {1, 2, 3, 2});
                           return with_shape(spread({}, 4, 3)({x, in[1], in[2]}), {2, 4, 3});
                         })
                      .named("of one image")
                      .tolerance(1e-5));
}

}  // namespace

void add_convolution_rows(Table& table) {
  add_conv2d(table);
  add_conv2d_errors(table);
  add_gradients(table);
  add_relatives(table);
}

}  // namespace lamina::op_cases
