// What the comparison with PyTorch (tests/differential) leaves open of convolutions as layers.
#include "lamina/nn/conv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/clone.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

// ---- Values by hand

std::vector<float> of_123(const Conv1dOptions& options) {
  Conv1d layer(1, 1, 3, options);
  layer.weight.set_data(NDArray::from({1.f, 10.f, 100.f}, {1, 1, 3}));
  return layer(tensor({1.f, 2.f, 3.f}, {1, 3})).to_vector<float>();
}

TEST(Conv1d, PadsInEachMode) {
  EXPECT_THAT(of_123({.padding = 1, .bias = false}), ElementsAre(210, 321, 32));
  EXPECT_THAT(of_123({.padding = 1, .bias = false, .padding_mode = "reflect"}),
              ElementsAre(212, 321, 232));
  EXPECT_THAT(of_123({.padding = 1, .bias = false, .padding_mode = "replicate"}),
              ElementsAre(211, 321, 332));
  EXPECT_THAT(of_123({.padding = 1, .bias = false, .padding_mode = "circular"}),
              ElementsAre(213, 321, 132));
  EXPECT_THAT(of_123({.padding = "valid", .bias = false}), ElementsAre(321));
  EXPECT_THAT(of_123({.padding = "same", .dilation = 2, .bias = false}), ElementsAre(310, 20, 31));
}

TEST(Conv1d, PadsOneMoreAtTheEndWhereAKernelOfEvenSizeKeepsTheExtent) {
  Conv1d layer(1, 1, 2, {.padding = "same"});
  layer.weight.set_data(NDArray::from({1.f, 10.f}, {1, 1, 2}));
  layer.bias.set_data(NDArray::from({0.5f}, {1}));
  const Tensor x = tensor({1.f, 2.f, 3.f, 4.f}, {1, 1, 4});
  EXPECT_THAT(layer(x).to_vector<float>(), ElementsAre(21.5, 32.5, 43.5, 4.5));
}

TEST(Conv2d, TakesOtherStridesAndPaddingForRowsThanForColumns) {
  Conv2d layer(1, 1, {1, 3}, {.stride = {2, 1}, .padding = {0, 1}, .bias = false});
  layer.weight.set_data(NDArray::ones({1, 1, 1, 3}));
  const Tensor y = layer(arange(1, 10, 1, float32).view({1, 1, 3, 3}));
  EXPECT_EQ(y.shape(), (Shape{1, 1, 2, 3}));
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(3, 6, 5, 15, 24, 17));
}

TEST(Conv2d, GroupsSeeTheirChannelsOnly) {
  Conv2d layer(2, 2, {1, 2}, {.groups = 2});
  EXPECT_EQ(layer.weight.shape(), (Shape{2, 1, 1, 2}));
  layer.weight.set_data(NDArray::from({1.f, 10.f, 100.f, 1000.f}, {2, 1, 1, 2}));
  layer.bias.set_data(NDArray::from({0.f, 0.5f}, {2}));
  const Tensor y = layer(tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {2, 1, 3}));
  EXPECT_EQ(y.shape(), (Shape{2, 1, 2}));
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(21, 32, 5400.5, 6500.5));
  y.sum().backward();
  EXPECT_THAT(layer.weight.grad().to_vector<float>(), ElementsAre(3, 5, 9, 11));
  EXPECT_THAT(layer.bias.grad().to_vector<float>(), ElementsAre(2, 2));
}

TEST(ConvTranspose2d, SpreadsEachPixelAndReachesAnOutputSize) {
  ConvTranspose2d layer(1, 1, {1, 2}, {.stride = {1, 2}});
  layer.weight.set_data(NDArray::from({1.f, 10.f}, {1, 1, 1, 2}));
  layer.bias.set_data(NDArray::from({0.5f}, {1}));
  const Tensor x = tensor({1.f, 2.f}, {1, 1, 2});
  EXPECT_THAT(layer(x).to_vector<float>(), ElementsAre(1.5, 10.5, 2.5, 20.5));
  const Tensor wider = layer.forward(x, {1, 5});
  EXPECT_EQ(wider.shape(), (Shape{1, 1, 5}));
  EXPECT_THAT(wider.to_vector<float>(), ElementsAre(1.5, 10.5, 2.5, 20.5, 0.5));
  EXPECT_THROWS(ValueError,
                "[conv_transpose2d] expected an output_size that the stride (1, 2) leaves open for "
                "the input (1, 1, 2), got (1, 6)",
                layer.forward(x, {1, 6}));
  EXPECT_THROWS(ValueError, "got (1, 3)", layer.forward(x, {1, 3}));
  EXPECT_THROWS(ValueError,
                "[conv_transpose2d] expected output_size of one or two numbers of at least 1",
                layer.forward(x, {1, 1, 5}));
}

// ---- Gradients

template <class L>
void expect_gradients(L&& layer, const Shape& shape) {
  std::vector<Tensor> inputs = layer.parameters();
  inputs.push_back(randn(shape, float64).requires_grad_());
  const TensorFunction f = [&](absl::Span<const Tensor> in) { return layer(in.back()); };
  const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  EXPECT_TRUE(first.passed) << layer.str() << ": " << first.message;
  EXPECT_TRUE(second.passed) << layer.str() << ": " << second.message;
}

TEST(Conv, GradientsAgreeWithDifferences) {
  manual_seed(1);
  expect_gradients(Conv1d(2, 3, 3, {.stride = 2, .padding = 1, .dtype = float64}), {2, 2, 6});
  for (const char* mode : {"zeros", "reflect", "replicate", "circular"}) {
    expect_gradients(Conv1d(1, 1, 2, {.padding = "same", .padding_mode = mode, .dtype = float64}),
                     {1, 3});
    expect_gradients(Conv2d(2, 2, {2, 3},
                            {.stride = {1, 2},
                             .padding = {1, 2},
                             .groups = 2,
                             .padding_mode = mode,
                             .dtype = float64}),
                     {1, 2, 3, 4});
  }
  expect_gradients(ConvTranspose2d(2, 2, {3, 2},
                                   {.stride = 2,
                                    .padding = {1, 0},
                                    .output_padding = {0, 1},
                                    .groups = 2,
                                    .dtype = float64}),
                   {2, 2, 2, 2});
}

// ---- Starting values: PyTorch draws both from uniform(-bound, bound) with bound
// 1 / sqrt(weight.shape[1] kh kw)

void expect_uniform_within(double bound, const Parameter& weight, const Parameter& bias) {
  double most = 0, squares = 0, most_of_bias = 0;
  const std::vector<double> values = weight.to_vector<double>();
  for (const double v : values) {
    most = std::max(most, std::abs(v));
    squares += v * v;
  }
  for (const double v : bias.to_vector<double>())
    most_of_bias = std::max(most_of_bias, std::abs(v));
  EXPECT_LE(most, bound * (1 + 1e-6));
  EXPECT_GT(most, bound * 0.98);
  const auto n = static_cast<double>(values.size());
  // A uniform value has variance b^2 / 3, and its square the variance b^4 (1/5 - 1/9).
  EXPECT_NEAR(squares / n, bound * bound / 3, 5 * bound * bound * std::sqrt(4.0 / 45 / n));
  EXPECT_LE(most_of_bias, bound * (1 + 1e-6));
  EXPECT_GT(most_of_bias, bound * 0.8);
}

TEST(Conv, StartsUniformWithinOneOverTheRootOfWhatAnOutputSees) {
  manual_seed(2);
  const Conv1d conv1(6, 64, 4);
  expect_uniform_within(1 / std::sqrt(24.0), conv1.weight, conv1.bias);
  const Conv2d conv2(8, 32, 5), grouped(32, 64, {3, 1}, {.groups = 16});
  expect_uniform_within(1 / std::sqrt(200.0), conv2.weight, conv2.bias);
  expect_uniform_within(1 / std::sqrt(6.0), grouped.weight, grouped.bias);
  ConvTranspose2d transposed(16, 32, 3);  // as in PyTorch of the outputs here
  expect_uniform_within(1 / std::sqrt(288.0), transposed.weight, transposed.bias);
  const std::vector<double> before = transposed.weight.to_vector<double>();
  transposed.reset_parameters();
  EXPECT_NE(transposed.weight.to_vector<double>(), before);
  EXPECT_FALSE(ConvTranspose2d(1, 1, 1, {.bias = false}).bias.defined());
}

// ---- Texts and state, as PyTorch 1.13 has them

TEST(Conv, PrintsWhatIsNotTheDefault) {
  EXPECT_EQ(Conv2d(3, 16, 3, {.stride = 2, .padding = 1, .bias = false}).str(),
            "Conv2d(3, 16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)");
  EXPECT_EQ(
      Conv1d(4, 2, 5, {.padding = "same", .dilation = 2, .groups = 2, .padding_mode = "circular"})
          .str(),
      "Conv1d(4, 2, kernel_size=(5,), stride=(1,), padding=same, dilation=(2,), groups=2, "
      "padding_mode=circular)");
  EXPECT_EQ(Conv2d(1, 2, {2, 3}, {.padding = "valid"}).str(),
            "Conv2d(1, 2, kernel_size=(2, 3), stride=(1, 1), padding=valid)");
  EXPECT_EQ(ConvTranspose2d(2, 4, 3, {.stride = 2, .output_padding = 1, .dilation = {1, 2}}).str(),
            "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), dilation=(1, 2), "
            "output_padding=(1, 1))");
}

TEST(Conv, CopiesAndLoadsItsState) {
  manual_seed(3);
  Conv2d layer(2, 3, 3, {.padding = {1, 0}, .padding_mode = "reflect"});
  std::vector<std::string> keys;
  for (const auto& entry : layer.state_dict()) keys.push_back(entry.first);
  EXPECT_THAT(keys, ElementsAre("weight", "bias"));
  const Tensor x = randn({1, 2, 5, 4});
  const std::vector<float> y = layer(x).to_vector<float>();
  EXPECT_EQ(clone(layer)(x).to_vector<float>(), y);
  Conv2d other(2, 3, 3, {.padding = {1, 0}, .padding_mode = "reflect"});
  EXPECT_NE(other(x).to_vector<float>(), y);
  other.load_state_dict(layer.state_dict());
  EXPECT_EQ(other(x).to_vector<float>(), y);
}

// ---- Errors

TEST(Conv, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError,
                "[Conv2d] expected in_channels and out_channels of at least 1, got 0 and 4",
                Conv2d(0, 4, 3));
  EXPECT_THROWS(ValueError, "[Conv1d] expected in_channels and out_channels of at least 1",
                Conv1d(4, -1, 3));
  EXPECT_THROWS(
      ValueError,
      "[Conv2d] expected groups that divide in_channels and out_channels, got 2 for 4 and 3",
      Conv2d(4, 3, 3, {.groups = 2}));
  EXPECT_THROWS(ValueError, "got 0 for 4 and 4", Conv2d(4, 4, 3, {.groups = 0}));
  EXPECT_THROWS(ValueError,
                "[Conv2d] expected kernel_size of one or two numbers of at least 1, got (3, 0)",
                Conv2d(1, 1, {3, 0}));
  EXPECT_THROWS(ValueError, "[Conv1d] expected kernel_size of one number of at least 1, got (3, 3)",
                Conv1d(1, 1, {3, 3}));
  EXPECT_THROWS(ValueError, "[Conv2d] expected stride of one or two numbers of at least 1",
                Conv2d(1, 1, 3, {.stride = 0}));
  EXPECT_THROWS(ValueError, "[Conv2d] expected padding of one or two numbers of at least 0",
                Conv2d(1, 1, 3, {.padding = {1, -1}}));
  EXPECT_THROWS(ValueError, "[Conv2d] expected dilation of one or two numbers of at least 1",
                Conv2d(1, 1, 3, {.dilation = {1, 1, 1}}));
  EXPECT_THROWS(ValueError, "[Conv2d] expected padding to be numbers, same or valid, got \"full\"",
                Conv2d(1, 1, 3, {.padding = "full"}));
  EXPECT_THROWS(ValueError, "[Conv2d] expected a stride of 1 for the padding same, got (1, 2)",
                Conv2d(1, 1, 3, {.stride = {1, 2}, .padding = "same"}));
  EXPECT_THROWS(ValueError, "[Conv1d] expected a kernel that reaches less than 2^63",
                Conv1d(1, 1, 3, {.padding = "same", .dilation = int64_t{1} << 62}));
  EXPECT_THROWS(ValueError,
                "[Conv1d] expected padding_mode to be zeros, reflect, replicate or circular, got "
                "\"mirror\"",
                Conv1d(1, 1, 3, {.padding_mode = "mirror"}));
  EXPECT_THROWS(DTypeError, "[Conv2d] expected a floating dtype, got int64",
                Conv2d(1, 1, 3, {.dtype = int64}));
  EXPECT_THROWS(
      ValueError,
      "[ConvTranspose2d] expected an output_padding below the stride or dilation, got "
      "(0, 2) for (2, 2) and (3, 1)",
      ConvTranspose2d(1, 1, 3, {.stride = 2, .output_padding = {0, 2}, .dilation = {3, 1}}));
  EXPECT_THROWS(ValueError, "[ConvTranspose2d] expected groups that divide",
                ConvTranspose2d(3, 2, 3, {.groups = 2}));
  EXPECT_THROWS(ValueError, "[ConvTranspose2d] expected in_channels and out_channels of at least 1",
                ConvTranspose2d(-1, 2, 3));
  EXPECT_THROWS(ValueError,
                "[ConvTranspose2d] expected kernel_size of one or two numbers of at least 1, got "
                "(3, 0)",
                ConvTranspose2d(1, 1, {3, 0}));
  EXPECT_THROWS(ValueError, "[ConvTranspose2d] expected stride of one or two numbers of at least 1",
                ConvTranspose2d(1, 1, 3, {.stride = {2, 0}}));
  EXPECT_THROWS(ValueError,
                "[ConvTranspose2d] expected padding of one or two numbers of at least 0",
                ConvTranspose2d(1, 1, 3, {.padding = -1}));
  EXPECT_THROWS(ValueError,
                "[ConvTranspose2d] expected output_padding of one or two numbers of at least 0",
                ConvTranspose2d(1, 1, 3, {.output_padding = {0, -1}}));
  EXPECT_THROWS(ValueError,
                "[ConvTranspose2d] expected dilation of one or two numbers of at least 1",
                ConvTranspose2d(1, 1, 3, {.dilation = {1, 2, 3}}));
  EXPECT_THROWS(DTypeError, "[ConvTranspose2d] expected a floating dtype, got int64",
                ConvTranspose2d(1, 1, 3, {.dtype = int64}));
}

TEST(Conv, NamesTheShapeThatItWanted) {
  EXPECT_THROWS(ShapeError, "[conv2d] expected x (n, 3, h, w) or (3, h, w), got shape (1, 4, 8, 8)",
                Conv2d(3, 6, 3)(ones({1, 4, 8, 8})));
  EXPECT_THROWS(ShapeError, "[conv2d] expected x (n, 4, h, w) or (4, h, w), got shape (8, 8)",
                Conv2d(4, 6, 3, {.groups = 2})(ones({8, 8})));
  EXPECT_THROWS(ShapeError, "[conv1d] expected x (n, 3, length) or (3, length), got shape ()",
                Conv1d(3, 6, 3)(ones({})));
  EXPECT_THROWS(ShapeError, "[conv2d] expected a kernel that has elements and fits",
                Conv2d(3, 6, 3)(ones({3, 8, 2})));
  EXPECT_THROWS(ShapeError,
                "[conv1d] expected no more padding than the extent of dimension 2 of shape (1, 1, "
                "2) to go around, got (3, 3)",
                Conv1d(1, 1, 3, {.padding = 3, .padding_mode = "circular"})(ones({1, 1, 2})));
  EXPECT_THROWS(DTypeError, "[conv2d] expected one dtype, got input float64, weight float32",
                Conv2d(1, 1, 1)(ones({1, 2, 2}, float64)));
  EXPECT_THROWS(ShapeError,
                "[conv_transpose2d] expected x (n, 2, h, w) or (2, h, w), got shape (1, 3, 4, 4)",
                ConvTranspose2d(2, 3, 3)(ones({1, 3, 4, 4})));
  EXPECT_THROWS(RuntimeError, "[conv2d]", Conv2d(1, 1, 1)(Tensor()));
}

}  // namespace
}  // namespace lamina::nn
