// Gradients that differences cannot check: where a function has no derivative, in float32, between
// dtypes, and of inputs without elements. Those of smooth functions are checked by
// //tests/op_cases.
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::grad_of;
using test::leaf;
using test::Values;

using test::kInf;

TEST(Gradients, MaximumIsSharedEvenlyAmongEqualElements) {
  const Tensor x = leaf({1, 5, 5, 2, 5});
  (max(x) * 6).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 2, 2, 0, 2}));
}

TEST(Gradients, MaximumAlongADimensionGoesToTheFirstOfEqualElements) {
  const Tensor x = leaf({5, 1, 5, 2, 7, 7}, {2, 3});
  sum(max(x, 1).values * tensor({10.0, 20.0}, {2})).backward();
  EXPECT_EQ(grad_of(x), (Values{10, 0, 0, 0, 20, 0}));
}

TEST(Gradients, MaximumOfRankZeroIsItself) {
  for (const bool keepdim : {false, true}) {
    const Tensor x = leaf({3}, {});
    (max(x, 0, keepdim).values * 2).backward();
    EXPECT_EQ(grad_of(x), (Values{2}));
  }
}

TEST(Gradients, ReluPassesNothingAtZero) {
  const Tensor x = leaf({-1, -0.0, 0, 1e-300, kInf});
  sum(relu(x)).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 0, 1, 1}));
}

TEST(Gradients, LogAtZeroIsInfinite) {
  const Tensor x = leaf({0, 2});
  sum(log(x)).backward();
  EXPECT_EQ(grad_of(x), (Values{kInf, 0.5}));
}

TEST(Gradients, LogSoftmaxOfLargeValuesIsSafe) {
  const Tensor x = leaf({1000, 0, -1000});
  log_softmax(x, 0).select(0, 0).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 0}));
  x.set_grad({});
  log_softmax(x, 0).select(0, 1).backward();
  EXPECT_EQ(grad_of(x), (Values{-1, 1, 0}));
}

TEST(Gradients, CrossEntropyIsSoftmaxLessOneHot) {
  // softmax(log 1, log 3) = (1/4, 3/4)
  const Tensor x = leaf({0, std::log(3.0), 0, std::log(3.0)}, {2, 2});
  const Tensor loss = cross_entropy(x, tensor({int64_t{1}, int64_t{0}}, {2}));
  EXPECT_CLOSE(loss.data(), (Values{-std::log(0.75), -std::log(0.25)}), 1e-15);
  sum(loss * tensor({1.0, 2.0}, {2})).backward();
  EXPECT_CLOSE(x.grad().data(), (Values{0.25, -0.25, -1.5, 1.5}), 1e-14);
}

TEST(Gradients, MeanSpreadsByTheCount) {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6}, {2, 3});
  sum(mean(x, 0) * tensor({2.0, 4.0, 6.0}, {3})).backward();
  EXPECT_EQ(grad_of(x), (Values{1, 2, 3, 1, 2, 3}));
}

TEST(Gradients, OfNoElementsAreEmpty) {
  for (const auto f :
       {+[](const Tensor& x) { return sum(x); }, +[](const Tensor& x) { return mean(x); },
        +[](const Tensor& x) { return sum(exp(x) * x + x.narrow(0, 0, 1)); },
        +[](const Tensor& x) { return sum(matmul(x, x.t())); }}) {
    const Tensor x = leaf({}, {2, 0});
    f(x).backward();
    EXPECT_EQ(x.grad().shape(), (Shape{2, 0}));
  }
}

TEST(Gradients, HaveTheDtypeOfTheirInput) {
  const Tensor narrow = ones({2}).requires_grad_(), wide = full({2}, 3, float64).requires_grad_();
  const Tensor scalar = full({}, 2, float64).requires_grad_();
  sum(narrow * wide + narrow / wide - wide).backward();
  EXPECT_EQ(narrow.grad().dtype(), float32);
  EXPECT_EQ(wide.grad().dtype(), float64);
  EXPECT_CLOSE(narrow.grad().data(), Values(2, 3 + 1 / 3.0), 1e-7);
  EXPECT_CLOSE(wide.grad().data(), Values(2, 1 - 1 / 9.0 - 1), 1e-15);
  narrow.set_grad({});
  const Tensor y = sum(narrow * scalar);  // a 0-d float64 does not raise float32
  EXPECT_EQ(y.dtype(), float32);
  y.backward();
  EXPECT_EQ(scalar.grad().dtype(), float64);
  EXPECT_EQ(scalar.grad().shape(), Shape{});
  EXPECT_EQ(scalar.grad().item<double>(), 2);
  EXPECT_EQ(narrow.grad().dtype(), float32);
}

TEST(Gradients, PassThroughIntegersBesideThem) {
  const Tensor x = ones({3}).requires_grad_(), n = arange(3);
  sum(x * n + n / x - n * 2).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 0}));  // n - n / x^2 at 1
  x.set_grad({});
  sum(x * (n > 0)).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 1, 1}));
}

TEST(Gradients, PassThroughAChangeOfDtype) {
  const Tensor x = ones({2}).requires_grad_();
  sum(x.to(float64) * 3).backward();
  EXPECT_EQ(x.grad().dtype(), float32);
  EXPECT_EQ(grad_of(x), (Values{3, 3}));
}

TEST(Gradients, OfRepeatedIndicesAddUp) {
  const Tensor x = leaf({1, 2, 3});
  sum(index_select(x, 0, tensor({int64_t{1}, int64_t{1}, int64_t{0}}, {3})) *
      tensor({1.0, 10.0, 100.0}, {3}))
      .backward();
  EXPECT_EQ(grad_of(x), (Values{100, 11, 0}));
}

TEST(Gradients, OperationsThatNeedNoWorkGiveTheSameTensor) {
  const Tensor x = ones({2, 3}).requires_grad_();
  EXPECT_EQ(x.contiguous().impl(), x.impl());
  EXPECT_EQ(x.to(float32).impl(), x.impl());
  EXPECT_EQ(x.sum_to({2, 3}).impl(), x.impl());
  EXPECT_NE(x.clone().impl(), x.impl());
}

TEST(Gradients, VectorProductIsOneOperation) {
  // Not a product to find the shape and another for the result.
  const Tensor a = ones({3}).requires_grad_(), b = ones({3, 2}).requires_grad_();
  EXPECT_STREQ(matmul(a, b).grad_fn().name(), "matmul");
  EXPECT_STREQ(matmul(b.t(), a).grad_fn().name(), "matmul");
  EXPECT_STREQ(matmul(a, a).grad_fn().name(), "matmul");
}

TEST(GradientsTest, OfARemainderUsesTheQuotientThatWasUsed) {
  // 1 / 0.1f rounds to 10, but 0.1f is above 0.1 and goes 9 times.
  const Tensor a = tensor({1.f}, 1), b = tensor({0.1f}, 1).requires_grad_();
  remainder(a, b).backward();
  EXPECT_CLOSE(b.grad().data(), {-9});
}

TEST(GradientsTest, OfAPowerOfAnIntegerAreAsExactAsTheExponent) {
  const double log2 = std::log(2.0);  // 2^x has the derivative 2^x log(2)
  const Tensor x = leaf({3, -1});
  sum(pow(2, x)).backward();
  EXPECT_NEAR(grad_of(x)[0], 8 * log2, 1e-14);
  EXPECT_NEAR(grad_of(x)[1], 0.5 * log2, 1e-14);
  x.set_grad({});
  sum(pow(full({2}, 2, int64), x)).backward();
  EXPECT_NEAR(grad_of(x)[0], 8 * log2, 1e-14);
}

TEST(GradientsTest, OfAClampIsZeroAtNaN) {
  const Tensor x = tensor({std::nanf(""), 1.f, 3.f}, 3).requires_grad_();
  clamp(x, 0, 2).sum().backward();
  EXPECT_CLOSE(x.grad().data(), {0, 1, 0});
}

// Two elements less -2^63 are 2^63: 2 / 2^63 (x - mean) for var.
TEST(GradientsTest, OfAVarianceTakeTheLeastCorrection) {
  const Tensor x = Tensor(test::array({1, 5})).requires_grad_();
  var(x, {}, std::numeric_limits<int64_t>::min()).backward();
  EXPECT_CLOSE(x.grad().data(), {-0x1p-61, 0x1p-61});
}

TEST(GradientsTest, OfAPowerWhoseExponentIsBool) {
  const Tensor x = Tensor(test::array({2, 3})).requires_grad_();
  pow(x, Tensor(test::array({1, 0}, bool_))).sum().backward();
  EXPECT_CLOSE(x.grad().data(), {1, 0});
  const Tensor y = Tensor(test::array({0, 3})).requires_grad_();
  pow(y, true).sum().backward();
  EXPECT_CLOSE(y.grad().data(), {1, 1});
  const Tensor z = Tensor(test::array({0, 3})).requires_grad_();
  pow(z, false).sum().backward();
  EXPECT_CLOSE(z.grad().data(), {0, 0});
}

// -floor(a / b), as PyTorch 1.13 gives it.
TEST(GradientsTest, OfARemainderOfBools) {
  const Tensor mask(test::array({1, 0}, bool_));
  const Tensor b = Tensor(test::array({-2, 3})).requires_grad_();
  remainder(mask, b).sum().backward();
  EXPECT_CLOSE(b.grad().data(), {1, 0});
  const Tensor c = Tensor(test::array({0.5, 3})).requires_grad_();
  fmod(mask, c).sum().backward();
  EXPECT_CLOSE(c.grad().data(), {-2, 0});
  const Tensor d = Tensor(test::array({0.5, 3})).requires_grad_();
  remainder(Tensor(scalar_array(true)), d).sum().backward();
  EXPECT_CLOSE(d.grad().data(), {-2, 0});
}

}  // namespace
}  // namespace lamina
