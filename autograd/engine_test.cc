#include "lamina/autograd/engine.h"

#include <stdexcept>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::grad_of;
using test::leaf;
using test::Values;

const BackwardOptions kRetain{true, false}, kCreateGraph{false, true};

struct Boom : Function<Boom> {
  static constexpr const char* kName = "boom";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor&) { throw std::runtime_error("boom"); }
};

// ---- Sums of gradients

TEST(Engine, AddsUpWhatReachesALeafOverSeveralPaths) {
  const Tensor a = leaf({2, 3}), h = a * a;
  sum(h * a + h).backward();  // a^3 + a^2
  EXPECT_EQ(grad_of(a), (Values{3 * 4 + 4, 3 * 9 + 6}));
}

TEST(Engine, OneGradientForBothOperandsIsCountedTwice) {
  const Tensor a = leaf({1, 1}), h = a * 1;
  sum(h + h).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 2}));
}

TEST(Engine, ExpandedGradientIsNotAddedIntoInPlace) {
  // The gradient of sum has stride 0: added into in place, each element would get the sum of all.
  const Tensor a = leaf({1, 1, 1, 1}), h = a * 1;
  (sum(h) + sum(h) + sum(h)).backward();
  EXPECT_EQ(grad_of(a), (Values{3, 3, 3, 3}));
}

TEST(Engine, GradientSharedWithAnotherTensorIsNotAddedIntoInPlace) {
  // add hands the same gradient to b and h; h then receives more.
  const Tensor a = leaf({1, 1}), b = leaf({5, 5}), h = a * 1;
  const Tensor later = h * 10;
  sum((b + h) + later).backward();
  EXPECT_EQ(grad_of(b), (Values{1, 1}));
  EXPECT_EQ(grad_of(a), (Values{11, 11}));
}

TEST(Engine, ViewOfAGradientIsNotAddedIntoInPlace) {
  const Tensor a = leaf({1, 2, 3, 4}), b = leaf({1, 2, 3, 4}), h = a * 1;
  const Tensor both = b.view({2, 2}) + h.view({2, 2});  // both gradients are views of one
  sum(both + (h * 3).view({2, 2})).backward();
  EXPECT_EQ(grad_of(b), (Values{1, 1, 1, 1}));
  EXPECT_EQ(grad_of(a), (Values{4, 4, 4, 4}));
}

TEST(Engine, AddsUpAFanOutOfAHundred) {
  const Tensor a = leaf({1, 2}), h = a * 1;
  Tensor total = sum(h * 2);
  for (int i = 1; i < 100; ++i) total = total + sum(h * 2);
  total.backward();
  EXPECT_EQ(grad_of(a), (Values{200, 200}));
}

TEST(Engine, TheUsersGradientIsNeitherWrittenToNorTaken) {
  const Tensor a = leaf({1, 1}), seed = tensor({5.0, 7.0}, {2}), h = a * 1;
  (h + h).backward(seed);
  EXPECT_EQ(seed.to_vector<double>(), (Values{5, 7}));
  EXPECT_EQ(grad_of(a), (Values{10, 14}));
  a.set_grad({});
  a.backward(seed);  // a leaf is its own graph
  a.backward(seed);
  EXPECT_EQ(seed.to_vector<double>(), (Values{5, 7}));
  EXPECT_EQ(grad_of(a), (Values{10, 14}));
  a.set_grad({});
  (a + zeros({}, float64)).backward(seed);
  (a + zeros({}, float64)).backward(seed);
  EXPECT_EQ(seed.to_vector<double>(), (Values{5, 7}));
}

TEST(Engine, LeafsGradientIsAddedToInPlaceSoThatHandlesSeeIt) {
  const Tensor a = leaf({3, 3});
  sum(a * a).backward();
  const Tensor g = a.grad();
  sum(a * a).backward();
  EXPECT_EQ(a.grad().impl(), g.impl());
  EXPECT_EQ(g.to_vector<double>(), (Values{12, 12}));
}

TEST(Engine, CreateGraphDoesNotWriteToTheOldGradient) {
  const Tensor a = leaf({3, 3});
  sum(a * a).backward();
  const Tensor g = a.grad();
  sum(a * a).backward({}, kCreateGraph);
  EXPECT_EQ(g.to_vector<double>(), (Values{6, 6}));
  EXPECT_EQ(grad_of(a), (Values{12, 12}));
  EXPECT_TRUE(a.grad().requires_grad());
  const Tensor gg = a.grad();
  a.set_grad({});
  sum(gg).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 2}));
}

TEST(Engine, CreateGraphGivesLeavesGradientsOfTheirOwn) {
  const Tensor a = leaf({1, 1}), b = leaf({2, 2}), c = leaf({3, 3});
  sum((a + b) * c).backward({}, kCreateGraph);  // a and b get one gradient, which has a history
  ASSERT_TRUE(a.grad().requires_grad());
  EXPECT_NE(a.grad().data().storage(), b.grad().data().storage());
  sum(a * 10).backward();
  EXPECT_EQ(grad_of(a), (Values{13, 13}));
  EXPECT_EQ(grad_of(b), (Values{3, 3}));
  NDArray clipped = a.grad().data();
  clipped.fill_(0);
  EXPECT_EQ(grad_of(b), (Values{3, 3}));
  for (const Tensor& t : {b, c}) t.set_grad({});  // one with a history holds its leaf: a cycle
}

TEST(Engine, CreateGraphThenAnOrdinaryBackwardLeavesTheOtherGradientAlone) {
  const Tensor a = leaf({1, 1}), b = leaf({2, 2});
  sum(a + b).backward({}, kCreateGraph);
  sum(a * 10).backward();
  EXPECT_EQ(grad_of(a), (Values{11, 11}));
  EXPECT_EQ(grad_of(b), (Values{1, 1}));
}

TEST(Engine, LeafWhoseGradientTheUserExpandedIsNotCorrupted) {
  const Tensor a = leaf({1, 2, 3});
  a.set_grad(ones({1}, float64).expand(3));
  sum(a).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 2, 2}));
}

TEST(Engine, GradientOfASecondOrderExpressionHasAHistoryOnlyIfAskedFor) {
  const Tensor a = leaf({2});
  (a * a * a).backward();
  EXPECT_FALSE(a.grad().requires_grad());
  EXPECT_TRUE(is_grad_enabled());
}

// ---- What may be run backward

TEST(Engine, MoreThanOneElementNeedsAGradient) {
  const Tensor a = leaf({1, 2});
  EXPECT_THROWS(
      RuntimeError,
      "[backward] expected a tensor of one element, got shape (2,); pass a gradient of that shape",
      (a * 2).backward());
  EXPECT_THROWS(RuntimeError, "got shape (0,)", (a.narrow(0, 0, 0) * 2).backward());
  const Tensor one = leaf({1});
  one.view({1, 1}).backward();
  EXPECT_EQ(grad_of(one), (Values{1}));
}

TEST(Engine, GradientMustHaveShapeAndDtypeOfTheTensor) {
  const Tensor y = leaf({1, 2}) * 2;
  EXPECT_THROWS(
      ShapeError,
      "[backward] expected a gradient of shape (2,) and dtype float64, got (1,) and float64",
      y.backward(ones({1}, float64)));
  EXPECT_THROWS(
      ShapeError,
      "[backward] expected a gradient of shape (2,) and dtype float64, got (2,) and float32",
      y.backward(ones({2})));
}

TEST(Engine, WithoutAGraphSaysWhatToDo) {
  EXPECT_THROWS(
      RuntimeError,
      "[backward] expected a tensor with a graph, got one that does not require a gradient; call "
      "requires_grad_() on a leaf",
      ones({}).backward());
  const Tensor a = leaf({1});
  const NoGradGuard no_grad;
  EXPECT_THROWS(RuntimeError, "[backward] expected a tensor with a graph", (a * 2).backward());
}

TEST(Engine, RunsInsideNoGradGuardOnAGraphRecordedBefore) {
  const Tensor a = leaf({3}), y = a * a;
  const NoGradGuard no_grad;
  y.backward();
  EXPECT_EQ(grad_of(a), (Values{6}));
}

TEST(Engine, ConsumedGraphSaysSo) {
  const Tensor a = leaf({3}), y = a * a;
  y.backward();
  EXPECT_THROWS(
      RuntimeError,
      "[mul] backward through a graph that an earlier backward has consumed; pass retain_graph",
      y.backward());
  EXPECT_EQ(grad_of(a), (Values{6}));
}

TEST(Engine, ConsumedGraphSaysSoThoughItSavedNothing) {
  const Tensor a = leaf({3}), y = a + a;
  y.backward();
  EXPECT_THROWS(RuntimeError,
                "[add] backward through a graph that an earlier backward has consumed",
                y.backward());
}

TEST(Engine, RetainedGraphRunsAgain) {
  const Tensor a = leaf({3}), y = exp(a * a) * 0 + a * a;
  y.backward({}, kRetain);
  y.backward({}, kRetain);
  y.backward();
  EXPECT_EQ(grad_of(a), (Values{18}));
  EXPECT_THROWS(RuntimeError, "consumed", y.backward());
}

TEST(Engine, TwoRootsThatShareASubgraphNeedRetainGraph) {
  const Tensor a = leaf({2}), h = a * a, first = h * 3, second = h * 5;
  first.backward({}, kRetain);
  second.backward();
  EXPECT_EQ(grad_of(a), (Values{4 * 3 + 4 * 5}));

  const Tensor g = a * a, third = g * 3, fourth = g * 5;
  third.backward();
  EXPECT_THROWS(RuntimeError,
                "[mul] backward through a graph that an earlier backward has consumed",
                fourth.backward());
}

TEST(Engine, NodesAreServedAfterAllThatUseThem) {
  // h is reached over a long path and a short one; it must wait for both.
  const Tensor a = leaf({2}), h = a * a;
  Tensor long_way = h;
  for (int i = 0; i < 20; ++i) long_way = long_way + 1;
  (long_way + h).backward();  // a consumed graph would throw if h ran twice
  EXPECT_EQ(grad_of(a), (Values{8}));
}

TEST(Engine, LeavesThatDoNotRequireAGradientGetNone) {
  const Tensor a = leaf({2}), b = tensor({3.0}, {1});
  (a * b).backward();
  EXPECT_FALSE(b.grad().defined());
  EXPECT_EQ(grad_of(a), (Values{3}));
}

TEST(Engine, ResultsKeepNoGradient) {
  const Tensor a = leaf({2}), h = a * 3;
  (h * h).backward();
  EXPECT_FALSE(h.grad().defined());
}

// ---- Exceptions

TEST(Engine, ExceptionInBackwardLeavesNoHalfSummedGradients) {
  const Tensor a = leaf({3, 3}), h = a * 2, y = sum(h), z = sum(Boom::apply(h)), t = z + y;
  EXPECT_THROW(t.backward({}, kRetain), std::runtime_error);
  EXPECT_TRUE(is_grad_enabled());
  a.set_grad({});
  y.backward({}, kRetain);
  EXPECT_EQ(grad_of(a), (Values{2, 2}));
  a.set_grad({});
  EXPECT_THROW(t.backward({}, kRetain), std::runtime_error);
  a.set_grad({});
  y.backward();
  EXPECT_EQ(grad_of(a), (Values{2, 2}));
}

TEST(Engine, ExceptionRestoresTheGradMode) {
  const NoGradGuard no_grad;
  Tensor y;
  {
    const GradModeGuard grad(true);
    y = Boom::apply(leaf({1}));
  }
  EXPECT_THROW(y.backward({}, kCreateGraph), std::runtime_error);
  EXPECT_FALSE(is_grad_enabled());
}

// ---- Higher orders

TEST(Engine, HigherDerivativesOfAPolynomial) {
  const Tensor x = leaf({2});
  Tensor g = x * x * x * x;  // 16; then 4 x^3 = 32, 12 x^2 = 48, 24 x = 48, 24
  for (const double expected : {32.0, 48.0, 48.0, 24.0}) {
    x.set_grad({});
    g.backward({}, kCreateGraph);
    g = x.grad();
    EXPECT_DOUBLE_EQ(g.item<double>(), expected);
  }
  x.set_grad({});
}

TEST(Engine, CreateGraphKeepsTheGraphItself) {
  const Tensor x = leaf({2}), y = x * x;
  y.backward({}, kCreateGraph);
  y.backward();
  EXPECT_EQ(grad_of(x), (Values{8}));
}

}  // namespace
}  // namespace lamina
