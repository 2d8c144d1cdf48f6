// What the comparison with PyTorch (tests/differential) leaves open of pooling as layers.
#include "lamina/nn/pooling.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

Tensor one_to(int64_t n, const Shape& shape) { return arange(1, n + 1, 1, float32).view(shape); }

// ---- Values by hand

TEST(MaxPool, TakesTheLargestOfEachWindow) {
  const Tensor x = one_to(9, {1, 3, 3}).requires_grad_();
  EXPECT_THAT(MaxPool2d(2)(x).to_vector<float>(), ElementsAre(5));
  EXPECT_THAT(MaxPool2d(2, {.ceil_mode = true})(x).to_vector<float>(), ElementsAre(5, 6, 8, 9));
  EXPECT_THAT(MaxPool2d({1, 3}, {.stride = 1})(x).to_vector<float>(), ElementsAre(3, 6, 9));
  // The padding is below every number.
  const Tensor y = MaxPool2d(2, {.stride = 3, .padding = 1})(-x);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(-1, -3, -7, -9));
  y.sum().backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(-1, 0, -1, 0, 0, 0, -1, 0, -1));
  EXPECT_THAT(MaxPool1d(2, {.stride = 1, .dilation = 2})(one_to(4, {1, 4})).to_vector<float>(),
              ElementsAre(3, 4));
}

TEST(AvgPool, CountsThePaddingOrNot) {
  const Tensor x = one_to(4, {1, 2, 2});
  EXPECT_THAT(AvgPool2d(2)(x).to_vector<float>(), ElementsAre(2.5));
  EXPECT_THAT(AvgPool2d(2, {.padding = 1})(x).to_vector<float>(), ElementsAre(0.25, 0.5, 0.75, 1));
  EXPECT_THAT(AvgPool2d(2, {.padding = 1, .count_include_pad = false})(x).to_vector<float>(),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(AvgPool1d(2, {.stride = 1})(one_to(3, {1, 1, 3})).to_vector<float>(),
              ElementsAre(1.5, 2.5));
}

TEST(AdaptiveAvgPool2d, CoversTheImageWithWindowsOfAboutOneSize) {
  // Rows [0, 2) and [1, 3) of three, all columns.
  EXPECT_THAT(AdaptiveAvgPool2d({2, 1})(one_to(9, {1, 3, 3})).to_vector<float>(),
              ElementsAre(3.5, 6.5));
  EXPECT_EQ(AdaptiveAvgPool2d(7)(ones({2, 3, 30, 20})).shape(), (Shape{2, 3, 7, 7}));
}

TEST(Upsample, RepeatsOrInterpolates) {
  const Tensor x = tensor({0.f, 4.f}, {1, 1, 1, 2});
  EXPECT_THAT(Upsample({.scale_factor = {1, 2}})(x).to_vector<float>(), ElementsAre(0, 0, 4, 4));
  EXPECT_THAT(Upsample({.size = {1, 4}, .mode = "bilinear"})(x).to_vector<float>(),
              ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(
      Upsample({.size = {1, 5}, .mode = "bilinear", .align_corners = true})(x).to_vector<float>(),
      ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(Upsample({.scale_factor = {3}})(x).shape(), (Shape{1, 1, 3, 6}));
}

// ---- Gradients

template <class L>
void expect_gradients(L&& layer, const Shape& shape) {
  const Tensor x = (randn(shape, float64) * 10).detach().requires_grad_();
  const TensorFunction f = [&](absl::Span<const Tensor> in) { return square(layer(in[0])); };
  const GradcheckReport first = gradcheck(f, {x}), second = gradgradcheck(f, {x});
  EXPECT_TRUE(first.passed) << layer.str() << ": " << first.message;
  EXPECT_TRUE(second.passed) << layer.str() << ": " << second.message;
}

TEST(Pooling, GradientsAgreeWithDifferences) {
  manual_seed(1);
  expect_gradients(MaxPool1d(3, {.stride = 2, .padding = 1}), {2, 2, 6});
  expect_gradients(MaxPool2d({2, 3}, {.stride = 1, .ceil_mode = true}), {2, 2, 4, 5});
  expect_gradients(AvgPool1d(3, {.stride = 2, .padding = 1, .count_include_pad = false}), {2, 6});
  expect_gradients(AvgPool2d({3, 2}, {.padding = 1, .ceil_mode = true}), {1, 2, 4, 5});
  expect_gradients(AdaptiveAvgPool2d({2, 3}), {2, 5, 4});
  expect_gradients(Upsample({.scale_factor = {1.5, 2}}), {1, 2, 2, 3});
  expect_gradients(Upsample({.size = {3, 5}, .mode = "bilinear"}), {1, 2, 4, 3});
  expect_gradients(Upsample({.size = 5, .mode = "bilinear", .align_corners = true}), {1, 1, 2, 3});
}

// ---- Texts, as PyTorch 1.13 has them

TEST(Pooling, PrintsNumbersOrTuplesAsTheyWereGiven) {
  EXPECT_EQ(MaxPool2d(2).str(),
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
  EXPECT_EQ(MaxPool2d({3, 2}, {.stride = {2, 1}, .padding = 1, .ceil_mode = true}).str(),
            "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=1, dilation=1, ceil_mode=True)");
  EXPECT_EQ(MaxPool1d(3, {.dilation = 2}).str(),
            "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=2, ceil_mode=False)");
  EXPECT_EQ(AvgPool1d(2, {.padding = 1}).str(),
            "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(1,))");
  EXPECT_EQ(AvgPool2d({2, 3}).str(), "AvgPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0)");
  EXPECT_EQ(AdaptiveAvgPool2d({1, 2}).str(), "AdaptiveAvgPool2d(output_size=(1, 2))");
  EXPECT_EQ(AdaptiveAvgPool2d(7).str(), "AdaptiveAvgPool2d(output_size=7)");
  EXPECT_EQ(Upsample({.scale_factor = {2}}).str(), "Upsample(scale_factor=2.0, mode=nearest)");
  EXPECT_EQ(Upsample({.scale_factor = {2, 1.5}, .mode = "bilinear"}).str(),
            "Upsample(scale_factor=(2.0, 1.5), mode=bilinear)");
  EXPECT_EQ(Upsample({.size = {4, 5}}).str(), "Upsample(size=(4, 5), mode=nearest)");
}

// ---- Errors

TEST(Pooling, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError,
                "[MaxPool2d] expected kernel_size of one or two numbers of at least 1, got (0,)",
                MaxPool2d(0));
  EXPECT_THROWS(ValueError, "[MaxPool1d] expected kernel_size of one number of at least 1",
                MaxPool1d({2, 2}));
  EXPECT_THROWS(ValueError, "[MaxPool2d] expected stride of one or two numbers of at least 1",
                MaxPool2d(2, {.stride = -1}));
  EXPECT_THROWS(ValueError, "[MaxPool2d] expected dilation of one or two numbers of at least 1",
                MaxPool2d(2, {.dilation = 0}));
  EXPECT_THROWS(ValueError,
                "[MaxPool2d] expected a padding of at most half the kernel_size, got (1, 2) for 3",
                MaxPool2d(3, {.padding = {1, 2}}));
  EXPECT_THROWS(ValueError,
                "[AvgPool1d] expected a padding of at most half the kernel_size, got 1 for 1",
                AvgPool1d(1, {.padding = 1}));
  EXPECT_THROWS(ValueError, "[AvgPool2d] expected padding of one or two numbers of at least 0",
                AvgPool2d(2, {.padding = -1}));
  EXPECT_THROWS(ValueError,
                "[AdaptiveAvgPool2d] expected output_size of one or two numbers of at least 1",
                AdaptiveAvgPool2d({7, 0}));
  EXPECT_THROWS(ValueError, "[Upsample] expected either a size or a scale_factor, got neither",
                Upsample({}));
  EXPECT_THROWS(ValueError, "[Upsample] expected either a size or a scale_factor, got both",
                Upsample({.size = 3, .scale_factor = {2}}));
  EXPECT_THROWS(ValueError, "[Upsample] expected size of one or two numbers of at least 1",
                Upsample({.size = {0, 1}}));
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROWS(ValueError,
                  "[Upsample] expected a scale_factor of one or two finite numbers above 0, got ",
                  Upsample({.scale_factor = {2, bad}}));
  }
  EXPECT_THROWS(ValueError, "[Upsample] expected mode to be nearest or bilinear, got \"bicubic\"",
                Upsample({.size = 3, .mode = "bicubic"}));
  EXPECT_THROWS(ValueError, "[Upsample] expected align_corners with the mode bilinear alone",
                Upsample({.size = 3, .align_corners = true}));
  EXPECT_THROWS(ValueError, "[interpolate] expected mode to be nearest or bilinear",
                functional::interpolate(ones({1, 2, 2}), {.size = 3, .mode = "area"}));
}

TEST(Pooling, NamesTheShapeThatItWanted) {
  EXPECT_THROWS(ShapeError, "[max_pool2d] expected x (N, C, H, W) or (C, H, W), got shape (4, 4)",
                MaxPool2d(2)(ones({4, 4})));
  EXPECT_THROWS(ShapeError,
                "[avg_pool1d] expected a kernel that fits into the padded input, got (5,) for "
                "shape (1, 4)",
                AvgPool1d(5)(ones({1, 4})));
  EXPECT_THROWS(ShapeError, "[adaptive_avg_pool2d] expected x (N, C, H, W) or (C, H, W)",
                AdaptiveAvgPool2d(1)(ones({4, 4})));
  EXPECT_THROWS(ShapeError, "[interpolate] expected x (N, C, H, W) or (C, H, W)",
                Upsample({.size = 3})(ones({1, 1, 0, 4})));
}

}  // namespace
}  // namespace lamina::nn
