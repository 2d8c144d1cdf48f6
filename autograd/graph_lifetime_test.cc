// How graphs end: a million operations deep without recursion, and without a byte left behind.
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/allocator.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

#if LAMINA_CACHING_ALLOCATOR
constexpr int kDepth = 1000000;
#else
constexpr int kDepth =
    200000;  // under AddressSanitizer; deep enough for recursion to overflow the stack
#endif

struct Step {
  std::string name;
  std::function<Tensor(const Tensor& c, const Tensor& a)> f;
  int64_t bytes;  // that one may take as long as the graph lives
};
void PrintTo(const Step& step, std::ostream* out) { *out << step.name; }

// What is saved decides who owns whom: nothing, the inputs with their history, or the output.
class DeepGraph : public testing::TestWithParam<Step> {
 protected:
  Tensor chain(const Tensor& a) {
    Tensor c = a;
    for (int i = 0; i < kDepth; ++i) c = GetParam().f(c, a);
    return c;
  }
};

TEST_P(DeepGraph, RunsBackwardAndIsDestroyed) {
  const Tensor a = ones({}).requires_grad_();
  const int64_t before = memory_stats().current;
  {
    const Tensor c = chain(a);
    EXPECT_LT(memory_stats().current - before, GetParam().bytes * kDepth + 4096);
    c.backward();
  }
  EXPECT_LT(memory_stats().current - before, 4096);  // the gradient
  EXPECT_EQ(a.grad().item<double>(), GetParam().name == "relu" ? 1 : kDepth + 1);
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

TEST_P(DeepGraph, IsDestroyedInPiecesFromTheMiddle) {
  const Tensor a = ones({}).requires_grad_();
  std::vector<Tensor> middles;
  {
    Tensor c = a;
    for (int i = 0; i < kDepth; ++i) {
      c = GetParam().f(c, a);
      if (i % (kDepth / 4) == 100) middles.push_back(c);
    }
    c.backward({}, {true, false});
  }
  ASSERT_EQ(middles.size(), 4u);
  middles.erase(middles.begin() + 2);
  a.set_grad({});
  middles.back().backward();
  middles.clear();
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

TEST_P(DeepGraph, IsDestroyedWithTheOtherGraphWhoseSavedTensorOwnsIt) {
  const Tensor a = ones({}).requires_grad_(), b = ones({}).requires_grad_();
  Tensor d;
  {
    const Tensor c = chain(a);
    d = b * c;
  }
  d = Tensor();
  EXPECT_EQ(a.impl()->use_count(), 1u);
  EXPECT_EQ(b.impl()->use_count(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Steps, DeepGraph,
    testing::Values(  // the node; of two also a saved tensor, 256, and its elements, 128
        Step{"add", [](const Tensor& c, const Tensor& a) { return c + a; }, 256},
        Step{"mul", [](const Tensor& c, const Tensor& a) { return c * a; }, 256 + 384},
        Step{"relu", [](const Tensor& c, const Tensor&) { return relu(c); }, 256 + 384}),
    [](const auto& info) { return info.param.name; });

TEST(GraphLifetime, DeepGraphOfSecondOrderIsDestroyed) {
  const Tensor a = ones({}).requires_grad_();
  {
    Tensor c = a;
    for (int i = 0; i < kDepth / 10; ++i) c = c * a;
    c.backward({}, {false, true});
    const Tensor g = a.grad();
    a.set_grad(
        {});  // a leaf's gradient with a history that holds the leaf is a cycle until it is cleared
    EXPECT_EQ(g.item<double>(), kDepth / 10 + 1);
  }
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

TEST(GraphLifetime, NoNodeIsMadeWhereNoInputNeedsAGradient) {
  // Counted in blocks: a result takes one for the tensor and one for its elements, and a node one
  // more.
  const Tensor a = ones({3}), b = ones({3}), w = ones({3}).requires_grad_();
  const auto blocks = [](const std::function<Tensor()>& f) {
    const int64_t before = memory_stats().allocations;
    const Tensor y = f();
    return memory_stats().allocations - before;
  };
  const int64_t without = blocks([&] { return a * b; });
  EXPECT_EQ(without, 2);
  EXPECT_EQ(blocks([&] { return exp(a); }), 2);
  EXPECT_FALSE((a * b).grad_fn());
  EXPECT_TRUE((w * b).grad_fn());
  const NoGradGuard no_grad;
  EXPECT_EQ(blocks([&] { return w * b; }), without);
}

TEST(GraphLifetime, BuiltAndDroppedAHundredThousandTimes) {
  const Tensor a = ones({4}).requires_grad_();
  const auto build = [&](bool backward) {
    Tensor h = a * 2;
    h.mul_(a);
    const Tensor y = sum(exp(h) * h.view({2, 2}).sum());
    if (backward) grad({y}, {a}, {}, {false, true});
  };
  for (int i = 0; i < 100; ++i) build(i % 10 == 0);
  const MemoryStats before = memory_stats();
  for (int i = 0; i < kDepth / 10; ++i) build(i % 10 == 0);
  EXPECT_EQ(memory_stats().current, before.current);
  EXPECT_EQ(memory_stats().reserved, before.reserved);
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

TEST(GraphLifetime, TheCycleOfCreateGraphEndsWithTheGradient) {
  const int64_t before = memory_stats().current;
  {
    const Tensor a = ones({4}).requires_grad_();
    sum(a * a * a).backward({}, {false, true});
    EXPECT_GT(a.impl()->use_count(), 1u);  // its gradient holds the graph, which holds it
    a.set_grad({});
    EXPECT_EQ(a.impl()->use_count(), 1u);
    const Tensor g = grad({sum(a * a * a)}, {a}, {}, {false, true})[0];  // no cycle
    EXPECT_TRUE(g.requires_grad());
  }
  EXPECT_EQ(memory_stats().current, before);
}

TEST(GraphLifetime, BackwardFreesWhatWasSaved) {
  const Tensor a = ones({4}).requires_grad_();
  const Tensor h = a * 2, y = sum(h * h);
  const auto owners = [&] { return h.data().storage()->use_count(); };
  EXPECT_GT(owners(), 1u);
  y.backward();
  EXPECT_EQ(owners(), 1u);
}

TEST(GraphLifetime, UnusedResultDoesNotKeepTheOthersHistory) {
  const Tensor a = ones({3}).requires_grad_();
  Tensor indices;
  { indices = (a * 2).max(0).indices; }
  EXPECT_EQ(a.impl()->use_count(), 1u);
  EXPECT_EQ(indices.item<int64_t>(), 0);
}

TEST(GraphLifetime, AThousandStepsOfTrainingDoNotGrowTheMemory) {
  const Tensor x = randn({32, 20}), w1 = randn({16, 20}).requires_grad_(),
               b1 = zeros({16}).requires_grad_();
  const Tensor w2 = randn({5, 16}).requires_grad_();
  const Tensor labels = zeros({32}, int64);
  const auto step = [&] {
    const Tensor loss = mean(cross_entropy(linear(relu(linear(x, w1, b1)), w2), labels));
    for (const Tensor& p : {w1, b1, w2}) p.set_grad({});
    loss.backward();
    for (const Tensor& p : {w1, b1, w2}) {
      NDArray data = p.data();
      data.add_(p.grad().data(), -0.01);
    }
  };
  for (int i = 0; i < 10; ++i) step();
  const int64_t after_warm_up = memory_stats().reserved;
  for (int i = 0; i < 1000; ++i) step();
  EXPECT_EQ(memory_stats().reserved, after_warm_up);
}

TEST(GraphLifetime, AThousandStepsOfSecondOrderDoNotGrowTheMemory) {
  const Tensor w = randn({50}).requires_grad_();
  const auto step = [&] {
    sum(exp(w * 0.1)).backward({}, {false, true});
    const Tensor g = w.grad();
    w.set_grad({});
    sum(g * g).backward();
    w.set_grad({});
  };
  for (int i = 0; i < 10; ++i) step();
  const int64_t after_warm_up = memory_stats().reserved;
  for (int i = 0; i < 1000; ++i) step();
  EXPECT_EQ(memory_stats().reserved, after_warm_up);
}

TEST(GraphLifetimeTest, ALongChainOfGradientsOfGradientsGoesWithoutStack) {
  Tensor first = ones(1).requires_grad_();
  {
    Tensor last = first;
    for (int i = 0; i < 1000000; ++i) {
      const Tensor next = ones(1);
      last.set_grad(next);
      last = next;
    }
  }
  const int64_t before = memory_stats().current;
  first = Tensor();
  EXPECT_LT(memory_stats().current, before - 1000000 * 64);
}

}  // namespace
}  // namespace lamina
