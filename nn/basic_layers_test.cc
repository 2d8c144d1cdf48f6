// What the comparison with PyTorch (tests/differential) leaves open of the layers that move,
// look up and add.
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/bilinear.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/embedding.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/residual.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/shape.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

Tensor indices(const std::vector<int64_t>& values, const Shape& shape) {
  return tensor(values, shape);
}

// ---- Embedding

TEST(Embedding, TakesRowsAndGivesEachItsGradient) {
  Embedding table(3, 2, {.padding_idx = -1});
  EXPECT_THAT(table.weight[2].to_vector<float>(), Each(0));
  table.weight.set_data(NDArray::from({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {3, 2}));
  const Tensor y = table(indices({1, 2, 1, 0}, {2, 2}));
  EXPECT_EQ(y.shape(), (Shape{2, 2, 2}));
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(3, 4, 5, 6, 3, 4, 1, 2));
  y.sum().backward();
  EXPECT_THAT(table.weight.grad().to_vector<float>(), ElementsAre(1, 1, 2, 2, 0, 0));
  EXPECT_EQ(table(indices({}, {0, 3})).shape(), (Shape{0, 3, 2}));
}

TEST(Embedding, StartsNormal) {
  manual_seed(1);
  const Embedding table(500, 200);
  const std::vector<double> values = table.weight.to_vector<double>();
  double sum = 0, squares = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(values.size());
  EXPECT_LT(std::abs(sum / n), 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n));
}

TEST(Embedding, OfPretrainedRowsSharesThemAndIsFrozen) {
  const Tensor rows = tensor({1.f, 2.f, 3.f, 4.f}, {2, 2});
  Embedding frozen = Embedding::from_pretrained(rows);
  EXPECT_FALSE(frozen.weight.requires_grad());
  EXPECT_TRUE(Embedding::from_pretrained(rows, {.freeze = false}).weight.requires_grad());
  EXPECT_THAT(frozen(indices({1}, {1})).to_vector<float>(), ElementsAre(3, 4));
  EXPECT_EQ(frozen.weight.data().storage(), rows.data().storage());
  EXPECT_EQ(Embedding::from_pretrained(rows, {.padding_idx = 0}).str(),
            "Embedding(2, 2, padding_idx=0)");
}

TEST(Embedding, HasTwoDerivatives) {
  const Tensor weight = randn({4, 3}, float64).requires_grad_();
  const Tensor at = indices({0, 3, 0, 2}, {4});
  const TensorFunction f = [&](absl::Span<const Tensor> in) {
    return square(functional::embedding(at, in[0], 3));
  };
  // The padding row has an effect on the result, and no gradient: only the others are asked about.
  const TensorFunction g = [&](absl::Span<const Tensor> in) {
    return square(functional::embedding(indices({0, 1, 0, 2}, {4}), in[0], 3));
  };
  const GradcheckReport first = gradcheck(g, {weight}), second = gradgradcheck(g, {weight});
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
  EXPECT_FALSE(gradcheck(f, {weight}).passed);
}

TEST(Embedding, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "[Embedding] expected sizes of at least 0, got -1 and 2",
                Embedding(-1, 2));
  EXPECT_THROWS(ValueError, "[Embedding] expected a padding_idx among 3 rows, got 3",
                Embedding(3, 2, {.padding_idx = 3}));
  EXPECT_THROWS(DTypeError, "[Embedding] expected a floating dtype, got int64",
                Embedding(3, 2, {.dtype = int64}));
  EXPECT_THROWS(ShapeError, "[Embedding] expected embeddings (rows, dim), got shape (3,)",
                Embedding::from_pretrained(ones(3)));
  EXPECT_THROWS(IndexError, "[embedding] expected indices from 0 to 2, got 5 at position 1",
                Embedding(3, 2)(indices({0, 5}, {2})));
  EXPECT_THROWS(IndexError, "[embedding] expected indices from 0 to 2, got 3 at (1, 0)",
                Embedding(3, 2)(indices({0, 1, 2, 3, -1, 0}, {2, 3})));
  EXPECT_THROWS(IndexError, "got 3 at (1, 0)",
                Embedding(3, 2)(indices({0, 3, 1, -1, 2, 0}, {3, 2}).t()));
  EXPECT_THROWS(IndexError, "[embedding] expected no indices, for there are no rows, got 0 at ",
                Embedding(0, 2)(indices({0}, {})));
  EXPECT_THROWS(IndexError, "got -1 at position 0",
                Embedding(3, 2, {.padding_idx = 0})(indices({-1}, {1})));
  EXPECT_THROWS(DTypeError, "[embedding] expected indices of dtype int64, got float32",
                Embedding(3, 2)(ones(2)));
  EXPECT_THROWS(ShapeError, "[embedding] expected a weight (rows, dim), got shape (3,)",
                functional::embedding(indices({0}, {1}), ones(3)));
}

// ---- Bilinear

TEST(Bilinear, ByHand) {
  Bilinear layer(2, 2, 1);
  layer.weight.set_data(NDArray::from({1.f, 2.f, 3.f, 4.f}, {1, 2, 2}));
  layer.bias.set_data(NDArray::from({0.5f}, {1}));
  // 1 (1 10 + 2 100) + 2 (3 10 + 4 100) + 0.5
  const Tensor y = layer(tensor({1.f, 2.f}, {2}), tensor({10.f, 100.f}, {2}));
  EXPECT_EQ(y.shape(), Shape(1));
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(1070.5));
}

TEST(Bilinear, StartsWithinOneOverTheRootOfItsFirstInputs) {
  manual_seed(2);
  const Bilinear layer(25, 10, 20);
  double most = 0;
  for (const float v : layer.weight.to_vector<float>()) most = std::max<double>(most, std::abs(v));
  EXPECT_LE(most, 0.2);
  EXPECT_GT(most, 0.199);
  EXPECT_FALSE(Bilinear(2, 2, 2, {.bias = false}).bias.defined());
}

TEST(Bilinear, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "of at least 0, got 2, -1 and 3", Bilinear(2, -1, 3));
  EXPECT_THROWS(ValueError, "of at least 0, got 2, 1 and -3", Bilinear(2, 1, -3));
  EXPECT_THROWS(DTypeError, "[Bilinear] expected a floating dtype, got int64",
                Bilinear(1, 1, 1, {.dtype = int64}));
  EXPECT_THROWS(
      ValueError,
      "[Bilinear] expected in1_features above 0 and other sizes of at least 0, got 0, 2 and 3",
      Bilinear(0, 2, 3));
  EXPECT_THROWS(
      ShapeError,
      "[bilinear] expected x1 (..., 2) and x2 (..., 3) with the same leading extents, got "
      "(4, 2) and (5, 3)",
      Bilinear(2, 3, 1)(ones({4, 2}), ones({5, 3})));
  EXPECT_THROWS(ShapeError, "got () and (3,)", Bilinear(2, 3, 1)(ones({}), ones(3)));
  EXPECT_THROWS(ShapeError, "[bilinear] expected a bias of shape (1,), got (2,)",
                functional::bilinear(ones(2), ones(3), ones({1, 2, 3}), ones(2)));
}

// ---- Residual

TEST(Residual, AddsWhatItsLayerMakesOfTheInput) {
  Residual block(Sequential{Linear(2, 2), ReLU()});
  EXPECT_EQ(block.str(),
            "Residual(\n"
            "  (fn): Sequential(\n"
            "    (0): Linear(in_features=2, out_features=2, bias=True)\n"
            "    (1): ReLU()\n"
            "  )\n"
            ")");
  EXPECT_EQ(block.named_parameters()[0].first, "fn.0.weight");
  const Tensor weight = block.get_parameter("fn.0.weight"), bias = block.get_parameter("fn.0.bias");
  weight.set_data(NDArray::from({1.f, 0.f, 0.f, -1.f}, {2, 2}));
  bias.set_data(NDArray::zeros(2));
  Tensor x = tensor({3.f, 5.f}, {1, 2}).requires_grad_();
  const Tensor y = block(x);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(6, 5));
  y.sum().backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(2, 1));
  EXPECT_THAT(clone(block)(x).to_vector<float>(), ElementsAre(6, 5));
}

TEST(Residual, SharesALayerThatOthersHoldToo) {
  const auto linear = std::make_shared<Linear>(2, 2);
  EXPECT_EQ(&*Residual(linear).fn, linear.get());
  EXPECT_THROWS(ShapeError, "[Residual] expected fn to keep the shape (1, 2), got (1, 3)",
                Residual(Linear(2, 3))(ones({1, 2})));
}

// ---- Movement

TEST(Shape, LayersRefuseImpossibleSettings) {
  EXPECT_THROWS(ValueError, "[Unflatten] expected extents of at least 0, or one -1, got (2, -2)",
                Unflatten(1, {2, -2}));
  EXPECT_THROWS(ValueError, "[Unflatten] expected extents of at least 0, or one -1, got (-1, -1)",
                Unflatten(1, {-1, -1}));
  EXPECT_THROWS(ValueError, "[PixelShuffle] expected an upscale_factor of at least 1, got 0",
                PixelShuffle(0));
  EXPECT_THROWS(
      ValueError,
      "[ZeroPad2d] expected padding of one number or four (left, right, top, bottom), got "
      "(1, 2)",
      ZeroPad2d({1, 2}));
  EXPECT_THROWS(ValueError, "[ReflectionPad2d] expected padding of one number or four",
                ReflectionPad2d(Dims{}));
  EXPECT_THROWS(ValueError,
                "[Unfold] expected kernel_size of one or two numbers of at least 1, got (0,)",
                Unfold(0));
  EXPECT_THROWS(ValueError,
                "[Unfold] expected padding of one or two numbers of at least 0, got (-1,)",
                Unfold(2, {.padding = -1}));
  EXPECT_THROWS(ValueError,
                "[Fold] expected output_size of one or two numbers of at least 1, got "
                "(4, 0)",
                Fold({4, 0}, 2));
  EXPECT_THROWS(ValueError, "[Fold] expected stride of one or two numbers of at least 1, got (0,)",
                Fold(4, 2, {.stride = 0}));
}

TEST(Shape, LayersNameWhatTheyWanted) {
  EXPECT_THROWS(
      ShapeError,
      "[pixel_shuffle] expected x (..., channels, h, w) with channels divisible by 4, got "
      "shape (2, 3, 3)",
      PixelShuffle(2)(ones({2, 3, 3})));
  EXPECT_THROWS(ShapeError,
                "[ZeroPad2d] expected x (n, channels, h, w) or (channels, h, w), got shape (3, 3)",
                ZeroPad2d(1)(ones({3, 3})));
  EXPECT_THROWS(
      ShapeError,
      "[ReflectionPad2d] expected less padding than the extent of dimension 2 of shape (1, "
      "2, 2) to reflect, got (2, 2, 2, 2)",
      ReflectionPad2d(2)(ones({1, 2, 2})));
  EXPECT_THROWS(ValueError, "[Flatten] expected start_dim <= end_dim, got 2 and 1",
                Flatten({.start_dim = 2, .end_dim = 1}));
  EXPECT_THROWS(ValueError, "[Flatten] expected start_dim <= end_dim, got -1 and -2",
                Flatten({.start_dim = -1, .end_dim = -2}));
  EXPECT_EQ(Flatten({.start_dim = -2, .end_dim = 2})(ones({2, 3, 4})).shape(), Shape({2, 12}));
  EXPECT_THROWS(IndexError, "[flatten]", Flatten({.start_dim = 3})(ones({2, 2})));
  EXPECT_THROWS(ShapeError, "[unflatten]", Unflatten(1, {2, 2})(ones({2, 3})));
}

}  // namespace
}  // namespace lamina::nn
