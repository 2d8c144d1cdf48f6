// Several threads, each with a graph of its own. To be run under ThreadSanitizer as well.
#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr int kThreads = 16;

template <class F>
void on_threads(const F& f) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&f, t] { f(t); });
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, RunSeparateGraphsBackwardAtOnce) {
  const Tensor shared = full({64}, 2.0);  // read by all
  on_threads([&](int t) {
    for (int i = 0; i < 50; ++i) {
      const Tensor a = full({64}, t + 1.0).requires_grad_();
      Tensor h = a * shared;
      for (int k = 0; k < 20; ++k) h = relu(h + a) * 1;
      sum(h * h).backward();
      // h = 22 a, so d(h^2) / da = 2 * 22^2 a
      EXPECT_EQ(a.grad().to_vector<double>(), std::vector<double>(64, 2 * 22 * 22 * (t + 1.0)));
    }
  });
}

TEST(Threads, ReadOneParameterInForwardAtOnce) {
  // Each computes the gradient with respect to its own input through the same weight.
  const Tensor w = full({8, 8}, 0.5);
  const Tensor trained = full({8, 8}, 0.5).requires_grad_();
  on_threads([&](int) {
    for (int i = 0; i < 50; ++i) {
      const Tensor x = ones({4, 8}).requires_grad_();
      sum(linear(x, w)).backward();
      EXPECT_EQ(x.grad().to_vector<double>(), std::vector<double>(32, 4));
      // A graph on the shared parameter may be recorded and dropped by each.
      EXPECT_TRUE(linear(x, trained).requires_grad());
    }
  });
  EXPECT_EQ(trained.impl()->use_count(), 1u);
}

TEST(Threads, RunBackwardThroughParametersThatAllRead) {
  // grad() of each thread's own input leaves the shared parameters alone, though they require
  // gradients, and so do views of them that a write has made out of date.
  const Tensor w = full({8, 8}, 0.5).requires_grad_(), b = full({2, 8}, 0.25).requires_grad_();
  const Tensor bias = b * 1, row = bias.select(0, 1);
  bias.mul_(2);
  on_threads([&](int) {
    for (int i = 0; i < 20; ++i) {
      const Tensor x = ones({4, 8}).requires_grad_();
      const Tensor y = sum(relu(linear(x, w, row)) * row);
      EXPECT_EQ(grad({y}, {x})[0].to_vector<double>(), std::vector<double>(32, 2));
    }
  });
  EXPECT_FALSE(w.grad().defined());
}

TEST(Threads, HaveGradModesOfTheirOwn) {
  const NoGradGuard no_grad;
  on_threads([](int t) {
    EXPECT_TRUE(is_grad_enabled());
    const GradModeGuard mode(t % 2 == 0);
    const Tensor a = ones({2}).requires_grad_();
    for (int i = 0; i < 50; ++i) EXPECT_EQ((a * 2).requires_grad(), t % 2 == 0);
  });
  EXPECT_FALSE(is_grad_enabled());
}

TEST(Threads, DestroyGraphsThatOthersBuilt) {
  const Tensor a = ones({8}).requires_grad_();
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> roots(kThreads);
    const Tensor h = a * 3;
    on_threads([&](int t) {
      Tensor c = h;
      for (int i = 0; i < 100; ++i) c = c * h;
      roots[t] = c;
    });
    on_threads([&](int t) { roots[(t + 1) % kThreads] = Tensor(); });
  }
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

}  // namespace
}  // namespace lamina
