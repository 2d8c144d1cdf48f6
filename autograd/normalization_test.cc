// The fused gradients of normalisation beside the recorded ones, which differences have proved
// (tests/op_cases), and large groups beside double precision.
#include "lamina/autograd/normalization.h"

#include <cmath>
#include <functional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/autograd.h"
#include "lamina/tensor.h"

namespace lamina {
namespace {

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

// x, weight and bias of both dtypes; the gradients with and without create_graph.
void expect_same_gradients(const Op& op, const Shape& x, const Shape& parameters) {
  manual_seed(1);
  for (const DType dtype : {float32, float64}) {
    const std::vector<Tensor> in = {(randn(x, dtype) * 2 + 1).requires_grad_(),
                                    (randn(parameters, dtype) + 1).requires_grad_(),
                                    randn(parameters, dtype).requires_grad_()};
    const Tensor root = randn(x, dtype);
    const std::vector<Tensor> fused = grad({sum(op(in) * root)}, in);
    const std::vector<Tensor> recorded = grad({sum(op(in) * root)}, in, {}, {.create_graph = true});
    for (size_t i = 0; i < in.size(); ++i) {
      const double scale = abs(recorded[i]).max().to(float64).item<double>();
      const double worst = abs(fused[i] - recorded[i]).max().to(float64).item<double>();
      EXPECT_LE(worst, scale * (dtype == float32 ? 2e-5 : 1e-12)) << i << " " << name_of(dtype);
    }
  }
}

TEST(Normalization, FusedGradientsAreTheRecordedOnes) {
  for (const int64_t n : {3, 16, 130, 4999}) {
    SCOPED_TRACE(n);
    const Op layer = [](const std::vector<Tensor>& in) {
      return layer_norm(in[0], in[1].shape(), in[1], in[2]);
    };
    expect_same_gradients(layer, {70, n}, n);
    const Op rms = [](const std::vector<Tensor>& in) {
      return rms_norm(in[0], in[1].shape(), in[1]) + in[2];
    };
    expect_same_gradients(rms, {70, n}, n);
    const Op group = [](const std::vector<Tensor>& in) {
      return group_norm(in[0], 2, in[1], in[2]);
    };
    expect_same_gradients(group, {3, 6, n}, 6);
    const Op batch = [](const std::vector<Tensor>& in) {
      return batch_norm(in[0], {}, {}, in[1], in[2], {.training = true});
    };
    expect_same_gradients(batch, {5, 6, n}, 6);
    expect_same_gradients(batch, {n, 6}, 6);
  }
}

TEST(Normalization, GivesNoGradientToWhatWantsNone) {
  manual_seed(2);
  const Tensor weight = randn(4).requires_grad_(), bias = randn(4), x = randn({3, 4});
  layer_norm(x, 4, weight, bias).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(bias.grad().defined());
  const Tensor only_bias = randn(4).requires_grad_();
  layer_norm(x, 4, {}, only_bias).sum().backward();
  EXPECT_EQ(only_bias.grad().to_vector<float>(), std::vector<float>(4, 3));
}

TEST(Normalization, KeepsTheDigitsOfElementsFarFromZero) {
  // float32 holds 8,388,608 + i exactly: their standard scores are those of i.
  constexpr int64_t kSize = 1000;
  std::vector<float> values;
  for (int64_t i = 0; i < kSize; ++i) values.push_back(8388608.f + static_cast<float>(i));
  const double mean = (kSize - 1) / 2.0, deviation = std::sqrt((kSize * kSize - 1) / 12.0);
  for (const Shape& shape : {Shape{1, kSize}, Shape{1, 1, kSize}}) {
    const Tensor x = tensor(values, shape);
    const Tensor y = shape.rank() == 2 ? layer_norm(x, kSize) : group_norm(x, 1);
    const std::vector<float> got = y.to_vector<float>();
    for (int64_t i = 0; i < kSize; ++i) {
      EXPECT_NEAR(got[static_cast<size_t>(i)], (static_cast<double>(i) - mean) / deviation, 1e-6);
    }
  }
}

TEST(Normalization, ComputesHalfPrecisionInSingle) {
  manual_seed(3);
  const Tensor x = randn({4, 300}).to(bfloat16), weight = randn(300).to(bfloat16);
  const Tensor y = layer_norm(x, 300, weight);
  EXPECT_EQ(y.dtype(), bfloat16);
  const Tensor wide = layer_norm(x.to(float32), 300, weight.to(float32)).to(bfloat16);
  EXPECT_EQ(y.to_vector<float>(), wide.to_vector<float>());
}

// Of values that float16 holds and whose squares it does not.
TEST(Normalization, RoundsHalfPrecisionOnce) {
  manual_seed(4);
  for (const DType half : {float16, bfloat16}) {
    SCOPED_TRACE(name_of(half));
    const Tensor x = (randn({6, 5}) * 3000).to(half), root = (randn({6, 5}) * 1000).to(half);
    const auto rounded = [&](const Tensor& t) { return t.to(half).to_vector<float>(); };

    const Tensor mean = (randn(5) * 3000).to(half), variance = (rand(5) + 0.5).to(half);
    EXPECT_EQ(batch_norm(x, mean, variance).to_vector<float>(),
              rounded(batch_norm(x.to(float32), mean.to(float32), variance.to(float32))));

    const auto gradient = [&](const Tensor& input, const Tensor& dy) {
      const Tensor leaf = input.clone().requires_grad_();
      return grad({sum(layer_norm(leaf, 5) * dy)}, {leaf}, {}, {.create_graph = true})[0];
    };
    EXPECT_EQ(gradient(x, root).to_vector<float>(),
              rounded(gradient(x.to(float32), root.to(float32))));

    const Tensor running = zeros(5, half), spread = ones(5, half);
    batch_norm(x, running, spread, {}, {}, {.training = true});
    const Tensor wide = zeros(5), wide_spread = ones(5);
    batch_norm(x.to(float32), wide, wide_spread, {}, {}, {.training = true});
    EXPECT_EQ(running.to_vector<float>(), rounded(wide));
    EXPECT_EQ(spread.to_vector<float>(), rounded(wide_spread));
  }
}

// A standard score of 0 would overflow: the unused lanes of the kernel must not come in.
TEST(Normalization, OfLargeConstantRowsHasNoGradient) {
  const Tensor x = full({2, 5}, 2e36).requires_grad_(), weight = ones(5).requires_grad_();
  layer_norm(x, 5, weight).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(10, 0));
  EXPECT_EQ(weight.grad().to_vector<float>(), std::vector<float>(5, 0));
}

TEST(Normalization, OfInfinityIsNotANumber) {
  const Tensor y = layer_norm(tensor({1.f, INFINITY, 2.f}, {1, 3}), 3);
  for (const float v : y.to_vector<float>()) EXPECT_TRUE(std::isnan(v));
}

}  // namespace
}  // namespace lamina
