// A checkpointed function must do what the function does.
#include "lamina/autograd/checkpoint.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/allocator.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::leaf;
using test::Values;
using test::values_of;

using In = absl::Span<const Tensor>;

TEST(CheckpointTest, GradientsOfInputsAndOfLeavesInside) {
  const Tensor x = leaf({1, 2}), y = leaf({3, 4}), w = leaf({0.5, -1});
  const auto f = [&](In in) { return tanh(in[0] * w) * in[1] + w; };
  const Tensor direct = f({x, y}), through = checkpoint(f, {x, y});
  EXPECT_EQ(values_of(through), values_of(direct));
  EXPECT_STREQ(through.grad_fn().name(), "checkpoint");
  const std::vector<Tensor> expected = grad({sum(direct * direct)}, {x, y, w});
  sum(through * through).backward();
  EXPECT_EQ(values_of(x.grad()), values_of(expected[0]));
  EXPECT_EQ(values_of(y.grad()), values_of(expected[1]));
  EXPECT_EQ(values_of(w.grad()), values_of(expected[2]));
}

TEST(CheckpointTest, PassesGradcheckOfBothOrders) {
  const Tensor x = leaf({0.4, 1.2}), w = leaf({0.5, -1});
  const TensorFunction f = [](In outer) {
    const Tensor w_now = outer[1];
    return checkpoint([](In in) { return tanh(in[0] * in[1]) * in[0]; }, {outer[0] * 2, w_now});
  };
  const GradcheckReport first = gradcheck(f, {x, w}), second = gradgradcheck(f, {x, w});
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
}

TEST(CheckpointTest, SecondDerivativesReachLeavesInside) {
  const Tensor x = leaf({0.4, 1.2}), w = leaf({0.5, -1});
  const auto f = [&](In in) { return in[0] * in[0] * w * w; };
  const auto second = [&](const Tensor& y) {
    const std::vector<Tensor> g = grad({sum(y)}, {x, w}, {}, {false, true});
    return grad({sum(g[0] * g[1])}, {x, w});
  };
  const std::vector<Tensor> expected = second(f({x})), got = second(checkpoint(f, {x}));
  EXPECT_CLOSE(got[0].data(), values_of(expected[0]), 1e-14);
  EXPECT_CLOSE(got[1].data(), values_of(expected[1]), 1e-14);
}

TEST(CheckpointTest, RandomNumbersRepeatAndTheStreamGoesOn) {
  const Tensor x = ones(1000).requires_grad_();
  const auto dropout = [](In in) { return in[0] * bernoulli(in[0].shape(), 0.5) * 2; };
  manual_seed(7);
  const Tensor y = checkpoint(dropout, {x}), after = rand(3);
  manual_seed(7);
  const Tensor expected = dropout({x}), expected_after = rand(3);
  EXPECT_EQ(values_of(y), values_of(expected));
  EXPECT_EQ(values_of(after), values_of(expected_after));
  const Generator::State before = default_generator().state();
  sum(y).backward();
  EXPECT_EQ(default_generator().state().position, before.position);
  EXPECT_EQ(default_generator().state().seed, before.seed);
  EXPECT_EQ(values_of(x.grad()), values_of(y));  // the same mask: d y / d x = y / x, x = 1
}

TEST(CheckpointTest, RandomNumbersRepeatBesideOtherThreads) {
  const auto dropout = [](In in) {
    const Tensor once = in[0] * bernoulli(in[0].shape(), 0.5) * 2;
    return checkpoint([](In h) { return h[0] * (bernoulli(h[0].shape(), 0.5) + 1); }, {once});
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const Tensor x = ones(40).requires_grad_(), y = checkpoint(dropout, {x});
        sum(y).backward();
        EXPECT_EQ(values_of(x.grad()), values_of(y));  // y / x, and x is 1
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CheckpointTest, HooksOfLeavesInsideRunOnce) {
  const Tensor x = leaf({3}), w = leaf({1});
  int calls = 0;
  w.register_hook([&](const Tensor& g) {
    ++calls;
    return g * 2;
  });
  sum(checkpoint([&](In in) { return in[0] * w; }, {x})).backward();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(values_of(w.grad()), (Values{6}));
}

TEST(CheckpointTest, KeepsInputsOnly) {
  const Tensor x = ones({64, 1024}).requires_grad_();
  const auto deep = [](In in) {
    Tensor h = in[0];
    for (int i = 0; i < 10; ++i) h = sin(h);  // each saves its input
    return h;
  };
  const int64_t before = memory_stats().current;
  const Tensor direct = deep({x});
  const int64_t all = memory_stats().current - before;
  const Tensor through = checkpoint(deep, {x});
  const int64_t kept = memory_stats().current - before - all;
  constexpr int64_t kBytes = 64 * 1024 * 4;
  EXPECT_GE(all, 10 * kBytes);
  EXPECT_LT(kept, 2 * kBytes);  // the result
}

TEST(CheckpointTest, NestedAndInALoop) {
  const Tensor x = leaf({0.4, 1.2}), w = leaf({0.5, -1});
  const auto step = [&](In in) { return sin(in[0] * w); };
  const auto two = [&](In in) { return checkpoint(step, {checkpoint(step, {in[0]})}); };
  Tensor h = x, expected = x;
  for (int i = 0; i < 3; ++i) h = checkpoint(two, {h});
  for (int i = 0; i < 6; ++i) expected = sin(expected * w);
  const std::vector<Tensor> g = grad({sum(expected)}, {x, w});
  sum(h).backward();
  EXPECT_CLOSE(x.grad().data(), values_of(g[0]), 1e-14);
  EXPECT_CLOSE(w.grad().data(), values_of(g[1]), 1e-14);
}

TEST(CheckpointTest, WithoutGradients) {
  const Tensor x = ones(2);
  EXPECT_FALSE(checkpoint([](In in) { return in[0] * 2; }, {x}).requires_grad());
  const Tensor w = leaf({1, 2});
  const NoGradGuard no_grad;
  EXPECT_FALSE(checkpoint([](In in) { return in[0] * 2; }, {w}).requires_grad());
}

TEST(CheckpointTest, ConstantsAndIntegersAmongTheInputs) {
  const Tensor x = leaf({1, 2, 3}), index = tensor({int64_t{2}, int64_t{0}}, {2});
  sum(checkpoint([](In in) { return index_select(in[0], 0, in[1]) * in[2]; },
                 {x, index, tensor({10.0, 20.0}, {2})}))
      .backward();
  EXPECT_EQ(values_of(x.grad()), (Values{20, 0, 10}));
}

TEST(CheckpointTest, AnUndefinedInputStaysUndefined) {
  const Tensor x = leaf({1, 2}), bias = leaf({10, 20});
  const auto f = [](In in) { return in[1].defined() ? in[0] * 3 + in[1] : in[0] * 3; };
  sum(checkpoint(f, {x, Tensor()}) * 2).backward();
  EXPECT_EQ(values_of(x.grad()), (Values{6, 6}));
  sum(checkpoint(f, {x, bias})).backward();
  EXPECT_EQ(values_of(x.grad()), (Values{9, 9}));
  EXPECT_EQ(values_of(bias.grad()), (Values{1, 1}));
  const Tensor again = grad({sum(checkpoint(f, {x * x, Tensor()}))}, {x}, {}, {false, true})[0];
  EXPECT_EQ(values_of(again), (Values{6, 12}));  // 6 x
  EXPECT_EQ(values_of(grad({sum(again)}, {x})[0]), (Values{6, 6}));
}

TEST(CheckpointTest, BadCalls) {
  const Tensor x = leaf({1, 2}), h = x * 2;
  EXPECT_THROWS(ValueError, "[checkpoint] expected a function, got none",
                checkpoint(TensorFunction(), {x}));
  EXPECT_THROWS(RuntimeError, "[checkpoint] expected a defined tensor from the function",
                checkpoint([](In) { return Tensor(); }, {x}));
  EXPECT_THROWS(RuntimeError,
                "[checkpoint] expected a function that uses results of operations only through its "
                "inputs, got one that uses a result of mul from outside; pass it as an input",
                checkpoint([&](In in) { return in[0] * h; }, {x}));
  int calls = 0;
  const Tensor fickle =
      checkpoint([&](In in) { return ++calls == 1 ? in[0] * 2 : sum(in[0]); }, {x});
  EXPECT_THROWS(RuntimeError,
                "[checkpoint] backward: expected the function to give shape (2,) and dtype float64 "
                "again, got () and float64",
                sum(fickle).backward());
  const Tensor w = leaf({3, 4}), y = checkpoint([&](In in) { return in[0] * w; }, {x});
  {
    const NoGradGuard no_grad;
    w.add_(1);
  }
  EXPECT_THROWS(RuntimeError,
                "[checkpoint] a value that backward needs was changed in place: shape (2,)",
                sum(y).backward());
}

TEST(CheckpointTest, CreateGraphCountsALeafThatFeedsAnInputOnce) {
  const Tensor w = leaf({0.5, -1}), h = w * 3;
  const auto f = [&](In in) { return in[0] * in[0] * w; };
  const Tensor g = grad({sum(checkpoint(f, {h}))}, {w}, {}, {false, true})[0];
  EXPECT_EQ(values_of(g), (Values{6.75, 27}));                      // 9 w^3
  EXPECT_EQ(values_of(grad({sum(g)}, {w})[0]), (Values{27, -54}));  // 54 w
  const Tensor x = leaf({2, 3});
  const auto product = [](In in) { return in[0] * in[1]; };  // of x * x and x
  EXPECT_EQ(values_of(grad({sum(checkpoint(product, {x * x, x}))}, {x}, {}, {false, true})[0]),
            (Values{12, 27}));
}

TEST(CheckpointTest, SecondDerivativesOfARecurrentNetwork) {
  const Tensor w = leaf({0.5, -1}), x = leaf({1, 2});
  Tensor h = x;
  for (int step = 0; step < 3; ++step) {
    h = checkpoint([&](In in) { return tanh(in[0] * w); }, {h});
  }
  const std::vector<Tensor> g = grad({sum(h)}, {x, w}, {}, {false, true});
  const std::vector<Tensor> second = grad({sum(g[0] * g[0])}, {x, w});
  // PyTorch's.
  EXPECT_CLOSE(g[0].data(), Values({0.09204767757866435, -0.018781658980725008}), 1e-12);
  EXPECT_CLOSE(g[1].data(), Values({0.6245764637242187, 0.7411564450156383}), 1e-12);
  EXPECT_CLOSE(second[0].data(), Values({-0.009700812350783159, -0.001462589815003356}), 1e-12);
  EXPECT_CLOSE(second[1].data(), Values({0.07700675648070837, 0.002871305293914891}), 1e-12);
}

TEST(CheckpointTest, HooksThatTheFunctionPutsOnItsInputsRun) {
  const Tensor w = leaf({1, 1});
  int of_leaf = 0;
  w.register_hook([&](const Tensor&) { ++of_leaf; });
  const auto f = [](In in) {
    in[0].register_hook([](const Tensor& g) { return g * 10; });
    return in[0] * 2;
  };
  for (const bool create_graph : {false, true}) {
    EXPECT_EQ(values_of(grad({sum(checkpoint(f, {w * 1}))}, {w}, {}, {false, create_graph})[0]),
              (Values{20, 20}));
  }
  EXPECT_EQ(of_leaf, 2);
}

TEST(CheckpointTest, RandomNumbersRepeatBehindABackwardInsideTheFunction) {
  const Tensor x = ones(64, float64).requires_grad_();
  const auto drop = [](In in) { return in[0] * bernoulli(64, 0.5, float64); };
  const auto f = [&](In in) {
    const Tensor inner = in[0].detach().requires_grad_();
    const Tensor g = grad({sum(checkpoint(drop, {inner}))}, {inner})[0];
    return in[0] * (g + 2 * bernoulli(64, 0.5, float64));
  };
  const Tensor y = checkpoint(f, {x});
  sum(y).backward();
  EXPECT_EQ(values_of(x.grad()), values_of(y));  // both are the factor of x, which is 1
}

TEST(CheckpointTest, AFunctionThatWritesToItsInputsIsRefused) {
  const Tensor x = leaf({1, 1}), c = ones(2, float64);
  const auto f = [](In in) {
    in[1].mul_(2);
    return in[0] * in[1];
  };
  EXPECT_THROWS(RuntimeError,
                "[checkpoint] expected a function that leaves its inputs as they are, for backward "
                "needs them, got one that wrote to input 1; write to a clone() of it",
                checkpoint(f, {x, c}));
}

TEST(CheckpointTest, AConstantThatTheFunctionReturnsIsCopied) {
  const Tensor x = leaf({1, 1}), w = leaf({3, 4}), c = ones(2, float64);
  const Tensor y = checkpoint([&](In) { return c; }, {x});
  y.mul_(w);
  EXPECT_EQ(values_of(y), (Values{3, 4}));
  EXPECT_EQ(values_of(c), (Values{1, 1}));
}

TEST(CheckpointTest, BackwardInInferenceModeIsRefused) {
  const Tensor x = leaf({1, 2}), y = sum(checkpoint([](In in) { return in[0] * in[0]; }, {x}));
  {
    const InferenceModeGuard inference;
    EXPECT_THROWS(RuntimeError,
                  "[checkpoint] backward: expected to be called outside of inference mode",
                  y.backward({}, {true}));
  }
  y.backward();
  EXPECT_EQ(values_of(x.grad()), (Values{2, 4}));
}

}  // namespace
}  // namespace lamina
