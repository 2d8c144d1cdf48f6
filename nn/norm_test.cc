// What the comparison with PyTorch (tests/differential) leaves open of the normalisation layers.
#include "lamina/nn/norm.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/autograd.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

Tensor near_one(const Shape& shape) { return (randn(shape, float64) * 0.3 + 1).requires_grad_(); }

void expect_two_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
}

// ---- LayerNorm

TEST(LayerNorm, ByHand) {
  LayerNorm layer(Dims{4}, {.eps = 0.55});
  layer.weight.set_data(NDArray::from({1.f, 1.f, 1.f, 2.f}, {4}));
  layer.bias.set_data(NDArray::from({0.f, 0.f, 10.f, 0.f}, {4}));
  // Mean 5 and variance (9 + 1 + 1 + 9) / 4 = 5: the divisor is sqrt(5.55).
  const auto root = static_cast<float>(std::sqrt(5.55));
  const Tensor y = layer(tensor({2.f, 4.f, 6.f, 8.f}, {1, 4}));
  EXPECT_THAT(y.to_vector<float>(),
              Pointwise(FloatNear(1e-6f), {-3 / root, -1 / root, 10 + 1 / root, 6 / root}));
}

TEST(LayerNorm, OfRowsFarFromZeroKeepsTheirVariance) {
  // 100,000 and 100,001 in turn: exactly representable, mean 100,000.5 and variance 1 / 4.
  std::vector<float> values;
  for (int i = 0; i < 256; ++i) values.push_back(100000.f + static_cast<float>(i % 2));
  const Tensor y = LayerNorm(256, {.eps = 0})(tensor(values, {1, 256}));
  for (int64_t i = 0; i < 256; ++i) EXPECT_NEAR(y[0][i].item<float>(), i % 2 ? 1 : -1, 1e-5);
}

TEST(LayerNorm, OfANumberOfFeaturesFlattensTrailingDimensions) {
  manual_seed(1);
  const Tensor x = randn({2, 3, 4}, float64);
  const Tensor flat = functional::layer_norm(x.reshape({2, 12}), 12).reshape({2, 3, 4});
  LayerNorm layer(12, {.dtype = float64});
  EXPECT_EQ(layer(x).to_vector<double>(), flat.to_vector<double>());
  EXPECT_EQ(LayerNorm(4, {.dtype = float64})(x).to_vector<double>(),
            functional::layer_norm(x, 4).to_vector<double>());
  EXPECT_THROWS(ShapeError,
                "[LayerNorm] expected x whose trailing extents multiply to 8, got "
                "shape (2, 3, 4)",
                LayerNorm(8)(ones({2, 3, 4})));
  EXPECT_THROWS(ShapeError,
                "[LayerNorm] expected x whose trailing extents multiply to 1, got shape (2, 5)",
                LayerNorm(1)(ones({2, 5})));
}

TEST(LayerNorm, StartsAsTheIdentityOfNormalisedRows) {
  LayerNorm layer(Dims{2, 3});
  EXPECT_EQ(layer.weight.shape(), (Shape{2, 3}));
  EXPECT_THAT(layer.weight.to_vector<float>(), Each(1));
  EXPECT_THAT(layer.bias.to_vector<float>(), Each(0));
  layer.weight.set_data(NDArray::zeros({2, 3}));
  layer.reset_parameters();
  EXPECT_THAT(layer.weight.to_vector<float>(), Each(1));
  EXPECT_FALSE(LayerNorm(3, {.bias = false}).bias.defined());
  EXPECT_FALSE(LayerNorm(3, {.elementwise_affine = false}).weight.defined());
  EXPECT_FALSE(LayerNorm(3, {.elementwise_affine = false}).bias.defined());
}

TEST(LayerNorm, HasTwoDerivatives) {
  manual_seed(2);
  const TensorFunction f = [](absl::Span<const Tensor> in) {
    return functional::layer_norm(in[0], {2, 3}, in[1], in[2]);
  };
  expect_two_derivatives(
      f, {randn({2, 2, 3}, float64).requires_grad_(), near_one({2, 3}), near_one({2, 3})});
  const TensorFunction plain = [](absl::Span<const Tensor> in) {
    return functional::layer_norm(in[0], 4);
  };
  expect_two_derivatives(plain, {randn({2, 4}, float64).requires_grad_()});
}

TEST(LayerNorm, TakesArraysWithoutElements) {
  EXPECT_EQ(LayerNorm(3)(ones({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(LayerNorm(0)(ones({2, 0})).shape(), (Shape{2, 0}));
}

TEST(LayerNorm, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError,
                "[LayerNorm] expected a normalized_shape of extents of at least 0, got (3, -1)",
                LayerNorm({3, -1}));
  EXPECT_THROWS(ValueError,
                "[LayerNorm] expected a normalized_shape of extents of at least 0, got ()",
                LayerNorm(Dims{}));
  EXPECT_THROWS(ValueError, "[LayerNorm] expected an eps of at least 0, got -1",
                LayerNorm(3, {.eps = -1}));
  EXPECT_THROWS(ValueError, "[layer_norm] expected an eps of at least 0, got nan",
                functional::layer_norm(ones(3), 3, {}, {}, NAN));
  EXPECT_THROWS(DTypeError, "[LayerNorm] expected a floating dtype, got int64",
                LayerNorm(3, {.dtype = int64}));
  EXPECT_THROWS(ShapeError, "[layer_norm] expected x of shape (..., 4, 5), got (4, 4)",
                LayerNorm({4, 5})(ones({4, 4})));
  EXPECT_THROWS(ShapeError, "[layer_norm] expected x of shape (..., 4, 5), got (5,)",
                LayerNorm({4, 5})(ones(5)));
  EXPECT_THROWS(ShapeError, "[layer_norm] expected a weight of shape (3,), got (1,)",
                functional::layer_norm(ones(3), 3, ones(1)));
  EXPECT_THROWS(DTypeError, "[layer_norm] expected a bias of x's dtype float32, got float64",
                functional::layer_norm(ones(3), 3, ones(3), ones(3, float64)));
  EXPECT_THROWS(DTypeError, "[layer_norm] expected a floating dtype, got int64",
                LayerNorm(3)(ones(3, int64)));
}

// ---- RMSNorm

TEST(RMSNorm, ByHand) {
  RMSNorm layer(2, {.eps = 3.5});
  layer.weight.set_data(NDArray::from({1.f, 10.f}, {2}));
  // The mean of 9 and 16 is 12.5: the divisor is sqrt(12.5 + 3.5) = 4.
  EXPECT_THAT(layer(tensor({3.f, 4.f}, {2})).to_vector<float>(), ElementsAre(0.75, 10));
}

TEST(RMSNorm, HasByDefaultTheEpsilonOfItsDtype) {
  // x^2 is below or far below either epsilon: y = x / sqrt(eps).
  const Tensor single = functional::rms_norm(full(1, 1e-6), 1);
  EXPECT_NEAR(single.item<float>(), 1e-6 / std::sqrt(0x1p-23 + 1e-12), 1e-7);
  const Tensor wide = functional::rms_norm(full(1, 1e-10, float64), 1);
  EXPECT_NEAR(wide.item<double>(), 1e-10 / std::sqrt(0x1p-52 + 1e-20), 1e-12);
}

TEST(RMSNorm, PrintsAsPyTorchDoes) {
  EXPECT_EQ(RMSNorm(128).str(), "RMSNorm((128,), eps=None, elementwise_affine=True)");
  EXPECT_EQ(RMSNorm({2, 3}, {.eps = 1e-6, .elementwise_affine = false}).str(),
            "RMSNorm((2, 3), eps=1e-06, elementwise_affine=False)");
}

TEST(RMSNorm, HasTwoDerivatives) {
  manual_seed(3);
  const TensorFunction f = [](absl::Span<const Tensor> in) {
    return functional::rms_norm(in[0], {2, 3}, in[1], 1e-3);
  };
  expect_two_derivatives(f, {randn({2, 2, 3}, float64).requires_grad_(), near_one({2, 3})});
}

TEST(RMSNorm, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "[RMSNorm] expected an eps of at least 0, got -1",
                RMSNorm(3, {.eps = -1}));
  EXPECT_THROWS(ValueError,
                "[RMSNorm] expected a normalized_shape of extents of at least 0, got (-3,)",
                RMSNorm(-3));
  EXPECT_THROWS(ShapeError, "[rms_norm] expected x of shape (..., 4), got (4, 3)",
                RMSNorm(4)(ones({4, 3})));
  EXPECT_THROWS(ShapeError, "[rms_norm] expected a weight of shape (3,), got (1,)",
                functional::rms_norm(ones(3), 3, ones(1)));
}

// ---- GroupNorm

TEST(GroupNorm, ByHand) {
  GroupNorm layer(2, 4, {.eps = 0});
  layer.weight.set_data(NDArray::from({1.f, 1.f, 2.f, 3.f}, {4}));
  layer.bias.set_data(NDArray::from({0.f, 10.f, 0.f, 0.f}, {4}));
  // Means 2 and 15, variances 1 and 25.
  const Tensor y = layer(tensor({1.f, 3.f, 10.f, 20.f}, {1, 4}));
  EXPECT_THAT(y.to_vector<float>(), Pointwise(FloatNear(1e-6f), {-1.f, 11.f, -2.f, 3.f}));
}

TEST(GroupNorm, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError,
                "[GroupNorm] expected num_groups above 0 that divide num_channels, got 2 and 3",
                GroupNorm(2, 3));
  EXPECT_THROWS(ValueError, "got 0 and 3", GroupNorm(0, 3));
  EXPECT_THROWS(ValueError, "[GroupNorm] expected num_groups above 0", GroupNorm(1, -4));
  EXPECT_THROWS(ValueError, "[GroupNorm] expected an eps of at least 0, got -1",
                GroupNorm(1, 2, {.eps = -1}));
  EXPECT_THROWS(DTypeError, "[GroupNorm] expected a floating dtype, got int64",
                GroupNorm(1, 2, {.dtype = int64}));
  EXPECT_THROWS(ShapeError, "[GroupNorm] expected x (n, 4, ...), got shape (4, 2)",
                GroupNorm(2, 4)(ones({4, 2})));
  EXPECT_THROWS(ValueError, "[group_norm] expected groups that divide the 4 channels of x, got 3",
                functional::group_norm(ones({1, 4}), 3));
  EXPECT_THROWS(ShapeError, "[group_norm] expected x (n, channels, ...), got shape (4,)",
                functional::group_norm(ones(4), 1));
}

}  // namespace
}  // namespace lamina::nn
