// Gradients of reductions, running products and sorting at ties, zeros, infinities and NaN.
// Expected values are PyTorch 1.13's, except where a test says what is better.
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/autograd/tensor.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using Values = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The gradient of f(x) with dy = upstream, or ones.
template <class F>
Tensor grad_of(const Values& values, const F& f, const Tensor& upstream = {}) {
  const Tensor x = tensor(values, {static_cast<int64_t>(values.size())}).requires_grad_();
  const Tensor y = f(x);
  y.backward(upstream.defined() ? upstream : ones(y.shape(), float64));
  return x.grad();
}
#define EXPECT_GRAD(values, call, ...)                                              \
  EXPECT_CLOSE(grad_of(Values values, [](const Tensor& x) { return call; }).data(), \
               Values __VA_ARGS__)

TEST(ExtremeGradients, OfNanGoToTheNanElements) {
  EXPECT_GRAD(({1, kNan, kNan}), max(x), ({0, 0.5, 0.5}));
  EXPECT_GRAD(({kNan, 2}), min(x), ({1, 0}));
  // But amax and amin find nothing that equals it, and share it among none.
  EXPECT_GRAD(({1, kNan, kNan}), amax(x), ({kNan, kNan, kNan}));
  EXPECT_GRAD(({kNan, 2}), amin(x, 0), ({kNan, kNan}));
  EXPECT_GRAD(({1, kNan, 2, 1}), amax(x.view({2, 2}), 1), ({kNan, kNan, 1, 0}));
}

TEST(ExtremeGradients, OfInfinityMakeNoNanOfZeros) {
  const Tensor infinite = full({}, kInf, float64);
  EXPECT_CLOSE(grad_of(
                   {1, 2, 3}, [](const Tensor& x) { return max(x); }, infinite)
                   .data(),
               {0, 0, kInf});
  EXPECT_CLOSE(grad_of(
                   {1, 2, 3}, [](const Tensor& x) { return amin(x); }, infinite)
                   .data(),
               {kInf, 0, 0});
}

TEST(ExtremeGradients, AreSharedEvenlyAmongEqualElements) {
  EXPECT_GRAD(({1, 1, 3}), min(x), ({0.5, 0.5, 0}));
  EXPECT_GRAD(({1, 3, 3}), amax(x), ({0, 0.5, 0.5}));
  EXPECT_GRAD(({1, 3, 3, 3}), sum(amax(x.view({2, 2}), 1)), ({0, 1, 0.5, 0.5}));
  EXPECT_GRAD(({2, 1, 1}), min(x, 0).values, ({0, 1, 0}));
}

TEST(ProdGradients, OfZerosAreTheProductsOfTheOthers) {
  EXPECT_GRAD(({2, 3, 4}), prod(x), ({12, 8, 6}));
  EXPECT_GRAD(({2, 0, 3}), prod(x), ({0, 6, 0}));
  EXPECT_GRAD(({2, 0, 0}), prod(x), ({0, 0, 0}));
  EXPECT_GRAD(({2, 0, 3, 4}), prod(x.view({2, 2}), 1), ({0, 2, 4, 3}));
  EXPECT_GRAD(({5}), prod(x), ({1}));
  EXPECT_GRAD(({0}), prod(x, 0, true), ({1}));
}

TEST(CumprodGradients, OfZeros) {
  EXPECT_GRAD(({2, 0, 3, 0, 4}), cumprod(x, 0), ({1, 8, 0, 0, 0}));
  EXPECT_GRAD(({2, 3}), cumprod(x, 0), ({4, 2}));
}

TEST(ProductGradients, OfGradientsAreRightWithZeros) {
  const std::vector<Values> inputs = {{2, 0, 3, 4}, {2, 0, 0, -1}, {0, 0, 0, 1}, {0, 5, 0.5, 0}};
  const std::vector<TensorFunction> functions = {
      [](absl::Span<const Tensor> in) { return prod(in[0]); },
      [](absl::Span<const Tensor> in) {
        return prod(in[0].view({2, 2}), 0);
      },
      [](absl::Span<const Tensor> in) { return cumprod(in[0], 0); },
      [](absl::Span<const Tensor> in) {
        return cumprod(in[0].view({2, 2}), 1);
      }};
  for (const Values& values : inputs) {
    for (const TensorFunction& f : functions) {
      const Tensor x = tensor(values, {4}).requires_grad_();
      const GradcheckReport first = gradcheck(f, {x}), second = gradgradcheck(f, {x});
      EXPECT_TRUE(first.passed) << first.message;
      EXPECT_TRUE(second.passed) << second.message;
    }
  }
}

TEST(VarianceGradients, WithoutSpreadStdHasGradientZero) {
  EXPECT_GRAD(({2, 2}), std(x), ({0, 0}));
  EXPECT_GRAD(({2, 2}), var(x), ({0, 0}));
  EXPECT_GRAD(({1, 3}), var(x), ({-2, 2}));
  EXPECT_GRAD(({1, 3}), var(x, 0, 3), ({2, -2}));
}

TEST(NormGradients, OfZeroAreZero) {
  EXPECT_GRAD(({0, 0}), norm(x), ({0, 0}));
  EXPECT_GRAD(({0, 0}), norm(x, 3), ({0, 0}));
  EXPECT_GRAD(({0, 0}), norm(x, kInf), ({0, 0}));
  EXPECT_GRAD(({0, -2}), norm(x, 1), ({0, -1}));
  EXPECT_GRAD(({0, -2}), norm(x, 0), ({0, 0}));
  EXPECT_GRAD(({0, 4}), norm(x, 0.5), ({0, 1}), 1e-12);
  EXPECT_GRAD(({0, 4}), norm(x, -1), ({0, 0}));
}

TEST(NormGradients, OfEachP) {
  EXPECT_GRAD(({2, 4}), norm(x, -1), ({4.0 / 9, 1.0 / 9}), 1e-12);
  EXPECT_GRAD(({0, 4, -2}), norm(x, 1.5), ({0, 0.9040134035, -0.6392340079}), 1e-6);
  EXPECT_GRAD(({4, 4, -4, 1}), norm(x, kInf), ({1.0 / 3, 1.0 / 3, -1.0 / 3, 0}), 1e-12);
  EXPECT_GRAD(({4, 4, -4, 8}), norm(x, -kInf), ({1.0 / 3, 1.0 / 3, -1.0 / 3, 0}), 1e-12);
  EXPECT_GRAD(({3, -4}), norm(x), ({0.6, -0.8}), 1e-12);
}

TEST(SortGradients, GoBackToWhereTheElementsWere) {
  EXPECT_GRAD(({3, 1, 2}), sort(x).values * tensor({1.0, 10.0, 100.0}, {3}), ({100, 1, 10}));
  EXPECT_GRAD(({3, 1, 2}), topk(x, 2).values * tensor({1.0, 10.0}, {2}), ({1, 0, 10}));
}

TEST(SoftmaxGradients, OfLargeValuesAreSafe) {
  const auto first = [](const Tensor& x) { return softmax(x, 0).select(0, 0); };
  EXPECT_CLOSE(grad_of({1e10, 1e10}, first).data(), {0.25, -0.25});
  EXPECT_CLOSE(grad_of({1e10, 0}, first).data(), {0, 0});
}

TEST(LogSumExpGradients, AreTheSoftmax) {
  EXPECT_GRAD(({1, 2}), logsumexp(x, 0), ({0.2689414, 0.7310586}), 1e-6);
  EXPECT_GRAD(({1e10, 1e10, -kInf}), logsumexp(x, 0), ({0.5, 0.5, 0}), 1e-6);
}

TEST(OrderGradients, WhatTellsOrCountsIsNotRecorded) {
  const Tensor x = ones({2, 3}).requires_grad_();
  EXPECT_FALSE(all(x).requires_grad());
  EXPECT_FALSE(count_nonzero(x).requires_grad());
  EXPECT_FALSE(argsort(x).requires_grad());
  EXPECT_FALSE(sort(x).indices.requires_grad());
  EXPECT_TRUE(sort(x).values.requires_grad());
  EXPECT_FALSE(unique(x).values.requires_grad());
}

}  // namespace
}  // namespace lamina
