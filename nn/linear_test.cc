#include "lamina/nn/linear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// ---- Values

// Row by row in double: y[r][o] = sum_i x[r][i] w[o][i] + b[o], and the same sum of magnitudes,
// which bounds rounding.
void expect_is_affine(const Tensor& y, const Tensor& x, const Linear& layer) {
  const int64_t in = layer.weight.size(1), out = layer.weight.size(0);
  Shape expected = x.shape();
  expected[x.dim() - 1] = out;
  ASSERT_EQ(y.shape(), expected);
  ASSERT_EQ(y.dtype(), x.dtype());
  const auto xs = x.to_vector<double>(), ws = layer.weight.to_vector<double>();
  const auto ys = y.to_vector<double>();
  const auto bs = layer.bias.defined() ? layer.bias.to_vector<double>() : std::vector<double>(out);
  const double eps = x.dtype() == float32 ? 0x1p-23 : 0x1p-52;
  for (size_t e = 0; e < ys.size(); ++e) {
    const int64_t row = static_cast<int64_t>(e) / out, o = static_cast<int64_t>(e) % out;
    double sum = bs[o], magnitude = std::abs(bs[o]);
    for (int64_t i = 0; i < in; ++i) {
      const double product = xs[row * in + i] * ws[o * in + i];
      sum += product;
      magnitude += std::abs(product);
    }
    // The usual bound of a sum of n terms is n eps magnitude; its random walk stays far below.
    EXPECT_NEAR(ys[e], sum, 4 * std::sqrt(in + 1.0) * eps * magnitude)
        << "row " << row << ", " << o;
  }
}

TEST(Linear, MultipliesTheLastDimensionWhateverTheLeadingOnes) {
  manual_seed(1);
  for (const bool bias : {true, false}) {
    for (const DType dtype : {float32, float64}) {
      Linear layer(37, 19, {.bias = bias, .dtype = dtype});
      const std::vector<Shape> leadings = {{},     {1},          {5}, {64},
                                           {2, 3}, {2, 1, 3, 2}, {0}, {2, 0, 3}};
      for (Shape shape : leadings) {
        shape.push_back(37);
        const Tensor x = randn(shape, dtype);
        expect_is_affine(layer(x), x, layer);
      }
    }
  }
}

TEST(Linear, TakesInputsThatAreNotContiguous) {
  manual_seed(2);
  Linear layer(6, 4);
  const Tensor transposed = randn({6, 5}).t(), every = randn({3, 4, 6}).select(1, 2),
               repeated = randn({1, 6}).expand({4, 6}),
               permuted = randn({6, 2, 3}).permute({2, 1, 0});
  for (const Tensor& x : {transposed, every, repeated, permuted})
    expect_is_affine(layer(x), x, layer);
}

TEST(Linear, ByHand) {
  Linear layer(2, 3);
  layer.weight.set_data(NDArray::from({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {3, 2}));
  layer.bias.set_data(NDArray::from({0.5f, 0.f, -1.f}, {3}));
  const Tensor y = layer(tensor({1.f, 10.f}, {1, 2}));
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(21.5, 43, 64));
  y.sum().backward();
  EXPECT_THAT(layer.weight.grad().to_vector<float>(), ElementsAre(1, 10, 1, 10, 1, 10));
  EXPECT_THAT(layer.bias.grad().to_vector<float>(), ElementsAre(1, 1, 1));
}

TEST(Linear, IsAFunctionOfWeightAndBiasToo) {
  const Tensor weight = tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {3, 2}),
               bias = tensor({0.5f, 0.f, -1.f}, {3}), x = tensor({1.f, 10.f}, {2});
  EXPECT_THAT(functional::linear(x, weight, bias).to_vector<float>(), ElementsAre(21.5, 43, 64));
  EXPECT_THAT(functional::linear(x, weight).to_vector<float>(), ElementsAre(21, 43, 65));
}

// ---- Gradients

TEST(Linear, GradientsAgreeWithDifferences) {
  manual_seed(3);
  for (const bool bias : {true, false}) {
    for (const Shape& shape : {Shape{4, 3}, Shape{3}, Shape{2, 2, 3}, Shape{0, 3}}) {
      Linear layer(3, 2, {.bias = bias, .dtype = float64});
      std::vector<Tensor> inputs = layer.parameters();
      inputs.push_back(randn(shape, float64).requires_grad_());
      const TensorFunction f = [&](absl::Span<const Tensor> in) { return layer(in.back()); };
      const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
      EXPECT_TRUE(first.passed) << first.message << " for " << shape;
      EXPECT_TRUE(second.passed) << second.message << " for " << shape;
    }
  }
}

TEST(Linear, GradientsAddUpOverTwoUsesInOneGraph) {
  Linear layer(1, 1, {.bias = false});
  layer.weight.set_data(NDArray::full({1, 1}, 3.f));
  layer(layer(full({1, 1}, 2.f))).sum().backward();  // 2 w^2
  EXPECT_EQ(layer.weight.grad().item<float>(), 12);
}

// ---- Starting values: torch.nn.Linear draws weight and bias from uniform(-1 / sqrt(in), 1 /
// sqrt(in))

TEST(Linear, StartsUniformWithinOneOverTheRootOfItsInputs) {
  manual_seed(4);
  const Linear layer(400, 1000);
  const float bound = 0.05f;
  for (const Tensor& parameter : layer.parameters()) {
    std::vector<float> values = parameter.to_vector<float>();
    const auto n = static_cast<double>(values.size());
    double sum = 0, squares = 0;
    for (const float v : values) {
      EXPECT_LE(std::abs(v), bound);
      sum += v;
      squares += double{v} * v;
    }
    const double variance = bound * bound / 3;  // of a uniform distribution
    EXPECT_LT(std::abs(sum / n), 5 * std::sqrt(variance / n));
    EXPECT_NEAR(squares / n, variance, 5 * variance * std::sqrt(0.8 / n));
    // Kolmogorov and Smirnov: the distance to the distribution function; 2.2 has probability 1e-4.
    std::sort(values.begin(), values.end());
    double distance = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      distance = std::max(distance, std::abs((values[i] / bound + 1) / 2 - (i + 0.5) / n));
    }
    EXPECT_LT(distance * std::sqrt(n), 2.2);
  }
}

TEST(Linear, StartsTheSameForTheSameSeedAndElseDiffers) {
  manual_seed(5);
  const std::vector<float> first = Linear(8, 8).weight.to_vector<float>();
  const std::vector<float> next = Linear(8, 8).weight.to_vector<float>();
  manual_seed(5);
  EXPECT_EQ(Linear(8, 8).weight.to_vector<float>(), first);
  EXPECT_NE(next, first);
}

TEST(Linear, ResetParametersDrawsAgainInPlace) {
  Linear layer(8, 8);
  const Tensor handle = layer.weight;
  const auto* where = handle.data().raw_data();
  const std::vector<float> before = handle.to_vector<float>();
  layer.reset_parameters();
  EXPECT_NE(handle.to_vector<float>(), before);
  EXPECT_EQ(handle.data().raw_data(), where);
  EXPECT_TRUE(layer.weight.requires_grad() && layer.weight.get().is_leaf());
}

TEST(Linear, MadeWithoutGradientModeStillHasParametersToTrain) {
  const NoGradGuard no_grad;
  const Linear layer(2, 2);
  EXPECT_TRUE(layer.weight.requires_grad());
}

// ---- Text, sizes, errors

TEST(Linear, TellsItsSizesAsPyTorchDoes) {
  EXPECT_EQ(Linear(784, 10).extra_repr(), "in_features=784, out_features=10, bias=True");
  EXPECT_EQ(Linear(1, 2, {.bias = false}).str(),
            "Linear(in_features=1, out_features=2, bias=False)");
}

TEST(Linear, WithoutInputsGivesItsBias) {
  Linear layer(0, 3);
  EXPECT_THAT(layer.bias.to_vector<float>(), Each(0));  // as PyTorch's
  layer.bias.set_data(NDArray::from({1.f, 2.f, 3.f}, {3}));
  const Tensor x = zeros({2, 0}).requires_grad_();
  const Tensor y = layer(x);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(1, 2, 3, 1, 2, 3));
  y.sum().backward();
  EXPECT_THAT(layer.bias.grad().to_vector<float>(), ElementsAre(2, 2, 2));
  EXPECT_EQ(layer.weight.grad().shape(), Shape({3, 0}));
  EXPECT_EQ(x.grad().shape(), Shape({2, 0}));
  Linear without(0, 3, {.bias = false, .dtype = float64});
  EXPECT_THAT(without(zeros({2, 0}, float64)).to_vector<float>(), ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(Linear, WithoutOutputsOrSamplesHasZeroGradients) {
  Linear no_outputs(3, 0), layer(3, 2);
  const Tensor x = ones({2, 3}).requires_grad_();
  const Tensor y = no_outputs(x);
  EXPECT_EQ(y.shape(), Shape({2, 0}));
  y.sum().backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(no_outputs.weight.grad().shape(), Shape({0, 3}));
  layer(zeros({0, 3})).sum().backward();
  EXPECT_THAT(layer.weight.grad().to_vector<float>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(layer.bias.grad().to_vector<float>(), ElementsAre(0, 0));
}

TEST(Linear, ThrowsForInputsOfAnotherShape) {
  Linear layer(5, 2), without(5, 2, {.bias = false});
  EXPECT_THROWS(ShapeError, "[linear] expected x (..., 5), got shape (2, 4)", layer(ones({2, 4})));
  EXPECT_THROWS(ShapeError, "[linear] expected x (..., 5), got shape ()", without(ones({})));
}

TEST(Linear, ThrowsForInputsOfAnotherDtype) {
  Linear layer(3, 2), without(3, 2, {.bias = false});
  EXPECT_THROWS(DTypeError,
                "[linear] expected one dtype, got x float64, weight float32, bias float32",
                layer(ones({4, 3}, float64)));
  EXPECT_THROWS(DTypeError, "[linear] expected one dtype, got x float64, weight float32",
                without(ones({4, 3}, float64)));
  EXPECT_THROWS(DTypeError, "[linear] expected a floating dtype, got uint8",
                layer(ones({4, 3}, uint8)));
}

TEST(Linear, ThrowsForAnUndefinedInput) {
  Linear layer(3, 2);
  EXPECT_THROWS(RuntimeError, "[linear] expected a defined array, got one without a value",
                layer(Tensor()));
}

TEST(Linear, ThrowsForSizesAndDtypesThatItCannotHave) {
  EXPECT_THROWS(ValueError, "[Linear] expected sizes of at least 0, got -1 and 2", Linear(-1, 2));
  EXPECT_THROWS(ValueError, "[Linear] expected sizes of at least 0, got 1 and -2", Linear(1, -2));
  EXPECT_THROWS(DTypeError, "[Linear] expected a floating dtype, got int64",
                Linear(1, 2, {.dtype = int64}));
}

}  // namespace
}  // namespace lamina::nn
