#include "lamina/nn/optim/clip_grad.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::kInf;
using test::kNan;
using ::testing::ElementsAre;

Tensor with_gradient(const Tensor& gradient) {
  Tensor p = zeros(gradient.shape(), gradient.dtype()).requires_grad_();
  p.set_grad(gradient);
  return p;
}

TEST(ClipGradNorm, IsPyTorchs) {
  // torch.nn.utils.clip_grad_norm_([a, b], 2.5, norm_type) of PyTorch 1.13.
  struct Case {
    double norm_type, norm, factor;
  };
  for (const auto& [norm_type, norm, factor] :
       {Case{1, 16.75, 0.1492537224326136}, Case{2, 8.143248737451165, 0.3070027422224803},
        Case{3.5, 6.542373932503011, 0.3821242325290487}, Case{kInf, 6, 0.4166665972222338}}) {
    const Tensor a = with_gradient(tensor({1., -2., 3., 0.5}, {2, 2})),
                 b = with_gradient(tensor({-4., 0.25, 6.}, {3}));
    EXPECT_DOUBLE_EQ(clip_grad_norm_({a, b, zeros(1).requires_grad_()}, 2.5, norm_type), norm);
    EXPECT_CLOSE(a.grad().data(),
                 std::vector<double>({factor, -2 * factor, 3 * factor, 0.5 * factor}), 1e-15);
    EXPECT_CLOSE(b.grad().data(), std::vector<double>({-4 * factor, 0.25 * factor, 6 * factor}),
                 1e-15);
  }
}

TEST(ClipGradNorm, ASmallNormChangesNothing) {
  const Tensor a = with_gradient(tensor({3., 4.}, {2}));
  EXPECT_EQ(clip_grad_norm_({a}, 5.1), 5);
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(3, 4));
  EXPECT_EQ(clip_grad_norm_({a}, kInf), 5);  // measures
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(3, 4));
  EXPECT_EQ(clip_grad_norm_({}, 1), 0);
}

TEST(ClipGradNorm, WritesToTheGradientInPlace) {
  const Tensor a = with_gradient(tensor({3., 4.}, {2}));
  const Tensor held = a.grad();
  clip_grad_norm_({a}, 2.5);
  EXPECT_CLOSE(held.data(), std::vector<double>({1.5, 2}), 1e-6);
}

TEST(ClipGradNorm, AParameterThatIsListedTwiceCountsOnce) {
  const Tensor a = with_gradient(tensor({3., 4.}, {2}));
  EXPECT_EQ(clip_grad_norm_({a, a}, 2.5), 5);
  EXPECT_CLOSE(a.grad().data(), std::vector<double>({1.5, 2}), 1e-6);
}

TEST(ClipGradNorm, GradientsThatShareElementsAreScaledOnce) {
  // a, b and c have the same gradient, b a part of it, and d one element in the place of four.
  const Tensor shared = tensor({3., 4.}, {2});
  const Tensor a = with_gradient(shared), b = with_gradient(shared),
               c = with_gradient(shared.narrow(0, 1, 1)),
               d = with_gradient(ones(1, float64).expand({4}));
  EXPECT_DOUBLE_EQ(clip_grad_norm_({a, b, c, d}, 1), std::sqrt(25 + 25 + 16 + 4.));
  const double factor = 1 / (std::sqrt(70.) + 1e-6);
  for (const Tensor& p : {a, b}) {
    EXPECT_CLOSE(p.grad().data(), std::vector<double>({3 * factor, 4 * factor}), 1e-15);
  }
  EXPECT_CLOSE(c.grad().data(), std::vector<double>({4 * factor}), 1e-15);
  EXPECT_CLOSE(d.grad().data(), std::vector<double>(4, factor), 1e-15);
  EXPECT_THAT(shared.to_vector<double>(), ElementsAre(3, 4));
}

TEST(ClipGradNorm, AParameterThatIsAGradientStays) {
  const Tensor a = tensor({3., 4.}, {2}).requires_grad_();
  a.set_grad(a.detach());
  clip_grad_norm_({a}, 2.5);
  EXPECT_THAT(a.to_vector<double>(), ElementsAre(3, 4));
  EXPECT_CLOSE(a.grad().data(), std::vector<double>({1.5, 2}), 1e-6);
}

TEST(ClipGradNorm, OfHalfPrecisionNeitherOverflowsNorUnderflows) {
  // 256 elements of 2^15: the norm is 2^19, beyond float16, and so are their squares.
  const Tensor big = with_gradient(full({256}, 32768., float16));
  EXPECT_EQ(clip_grad_norm_({big}, 16), 524288);
  EXPECT_EQ(big.grad().at<Half>({255}), Half(1.f));
  // 2^-20, a subnormal number, whose square is none.
  const Tensor small = with_gradient(full({4}, std::ldexp(1, -20), float16));
  EXPECT_EQ(clip_grad_norm_({small}, 1), std::ldexp(1, -19));
  const Tensor large = with_gradient(full({4}, 1e30, float32));
  EXPECT_NEAR(clip_grad_norm_({large}, 1), 2e30, 1e23);
  EXPECT_NEAR(large.grad().at<float>({0}), 0.5, 1e-6);
}

TEST(ClipGradNorm, PowersBeyondFloat64AreTakenOfMultiples) {
  for (const double size : {1e200, 1e-200}) {
    const Tensor a = with_gradient(tensor({3 * size, -4 * size}, {2}));
    EXPECT_DOUBLE_EQ(clip_grad_norm_({a}, size), 5 * size);
  }
  const Tensor a = with_gradient(tensor({3., 3.}, {2}));
  EXPECT_NEAR(clip_grad_norm_({a}, 1.5, 1000), 3 * std::pow(2, 1e-3), 1e-12);
  EXPECT_NEAR(a.grad().at<double>({0}), 1.5, 2e-3);
}

TEST(ClipGradNorm, LargeAndStridedGradientsAreMeasuredWhole) {
  const Tensor a = with_gradient(ones({700, 900}).transpose(0, 1));  // several pieces
  EXPECT_DOUBLE_EQ(clip_grad_norm_({a}, 1), std::sqrt(630000.));
  EXPECT_NEAR(a.grad().at<float>({899, 699}), 1 / std::sqrt(630000.), 1e-9);
}

TEST(ClipGradNorm, ANormThatIsNotFiniteIsAnErrorIfWanted) {
  const Tensor a = with_gradient(tensor({3., kNan}, {2}));
  EXPECT_THROWS(RuntimeError, "[clip_grad_norm_] expected gradients of a finite norm, got nan",
                clip_grad_norm_({a}, 1, 2, true));
  EXPECT_EQ(a.grad().at<double>({0}), 3);
  EXPECT_TRUE(std::isnan(clip_grad_norm_({a}, 1)));
  EXPECT_TRUE(std::isnan(a.grad().at<double>({0})));
  const Tensor b = with_gradient(tensor({3., kInf}, {2}));  // as in PyTorch: 3 * 0, inf * 0
  EXPECT_EQ(clip_grad_norm_({b}, 1, kInf), kInf);
  EXPECT_EQ(b.grad().at<double>({0}), 0);
  EXPECT_TRUE(std::isnan(b.grad().at<double>({1})));
}

TEST(ClipGradNorm, RefusesBadArguments) {
  EXPECT_THROWS(ValueError, "[clip_grad_norm_] max_norm: expected at least 0, got -1",
                clip_grad_norm_({}, -1));
  EXPECT_THROWS(ValueError, "[clip_grad_norm_] norm_type: expected above 0, got 0",
                clip_grad_norm_({}, 1, 0));
  EXPECT_THROWS(RuntimeError,
                "[clip_grad_norm_] expected tensors, got an undefined one as parameter 1",
                clip_grad_norm_({ones(1), Tensor()}, 1));
}

TEST(ClipGradValue, ClampsEachElement) {
  const Tensor a = with_gradient(tensor({-3., 0.5, 2.}, {3}));
  const Tensor held = a.grad();
  const Tensor b = with_gradient(full({1}, 7., float32).expand({2}));
  clip_grad_value_({a, b, zeros(1).requires_grad_()}, 1);
  EXPECT_THAT(held.to_vector<double>(), ElementsAre(-1, 0.5, 1));
  EXPECT_THAT(b.grad().to_vector<double>(), ElementsAre(1, 1));
  EXPECT_THROWS(ValueError, "[clip_grad_value_] clip_value: expected at least 0, got -1",
                clip_grad_value_({a}, -1));
}

}  // namespace
}  // namespace lamina::nn
