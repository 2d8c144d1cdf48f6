// grad() and backward(inputs): gradients by name, which leave the others alone.
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::leaf;
using test::Values;
using test::values_of;

// Counts how often its backward runs.
struct Counting : Function<Counting> {
  static int& runs() {
    static int count = 0;
    return count;
  }
  static NDArray forward(Context&, const NDArray& x) { return x * 2; }
  static Gradients backward(Context&, const Tensor& dy) {
    ++runs();
    return {dy * 2};
  }
};

TEST(GradTest, ReturnsGradientsAndLeavesGradAlone) {
  const Tensor a = leaf({2, 3}), b = leaf({5, 7}), y = sum(a * a * b);
  b.set_grad(ones(2, float64));
  const std::vector<Tensor> g = grad({y}, {b, a, b});
  EXPECT_EQ(values_of(g[0]), (Values{4, 9}));
  EXPECT_EQ(values_of(g[1]), (Values{20, 42}));
  EXPECT_EQ(values_of(g[2]), (Values{4, 9}));
  EXPECT_FALSE(a.grad().defined());
  EXPECT_EQ(values_of(b.grad()), (Values{1, 1}));
  EXPECT_FALSE(g[0].requires_grad());
}

TEST(GradTest, OfResultsOfOperations) {
  const Tensor a = leaf({2, 3}), h = a * a, y = sum(h * a);
  const std::vector<Tensor> g = grad({y}, {h, a, y}, {}, {true});
  EXPECT_EQ(values_of(g[0]), (Values{2, 3}));
  EXPECT_EQ(values_of(g[1]), (Values{12, 27}));
  EXPECT_EQ(values_of(g[2]), (Values{1}));
  // Of h alone: what comes before it does not run.
  Counting::runs() = 0;
  const Tensor first = Counting::apply(a), second = Counting::apply(first), z = sum(second);
  EXPECT_EQ(values_of(grad({z}, {first}, {}, {true})[0]), (Values{2, 2}));
  EXPECT_EQ(Counting::runs(), 1);
  EXPECT_EQ(values_of(grad({z}, {a})[0]), (Values{4, 4}));
  EXPECT_EQ(Counting::runs(), 3);
}

TEST(GradTest, RunsOnlyWhatLeadsToTheInputs) {
  const Tensor a = leaf({2, 3}), b = leaf({1, 1});
  Counting::runs() = 0;
  const Tensor side = Counting::apply(b), y = sum(a * side);
  EXPECT_EQ(values_of(grad({y}, {a})[0]), (Values{2, 2}));
  EXPECT_EQ(Counting::runs(), 0);
  // What did not run was not consumed.
  EXPECT_EQ(values_of(grad({sum(side)}, {b})[0]), (Values{2, 2}));
}

TEST(GradTest, SeveralOutputsAddUp) {
  const Tensor a = leaf({2, 3}), y = a * 2, z = a * a;
  const std::vector<Tensor> g =
      grad({y, z, y}, {a}, {tensor({1.0, 10.0}, {2}), ones(2, float64), ones(2, float64)});
  EXPECT_EQ(values_of(g[0]), (Values{2 + 4 + 2, 20 + 6 + 2}));
  // An output may be an input, and a leaf.
  EXPECT_EQ(values_of(grad({a}, {a}, {ones(2, float64)})[0]), (Values{1, 1}));
}

TEST(GradTest, SecondDerivativesWithoutTouchingGrad) {
  const Tensor a = leaf({2, 3});
  const Tensor first = grad({sum(a * a * a)}, {a}, {}, {false, true})[0];
  EXPECT_EQ(values_of(first), (Values{12, 27}));
  const Tensor second = grad({sum(first)}, {a}, {}, {false, true})[0];
  EXPECT_EQ(values_of(second), (Values{12, 18}));
  EXPECT_EQ(values_of(grad({sum(second)}, {a})[0]), (Values{6, 6}));
  EXPECT_FALSE(a.grad().defined());
}

TEST(GradTest, UnusedInputs) {
  const Tensor a = leaf({2}), b = leaf({3}), y = a * 2;
  EXPECT_THROWS(RuntimeError,
                "[grad] expected outputs that depend on each input, got input 1 that none depends "
                "on; pass allow_unused for an undefined gradient",
                grad({y}, {a, b}));
  // The graph was not touched by the refused call.
  const std::vector<Tensor> g = grad({y}, {a, b}, {}, {false, false, true});
  EXPECT_EQ(values_of(g[0]), (Values{2}));
  EXPECT_FALSE(g[1].defined());
}

TEST(GradTest, ResultsAreTheCallersToWriteTo) {
  const Tensor a = leaf({2, 3}), b = leaf({5, 7}), v = ones(2, float64);
  std::vector<Tensor> g = grad({a + b}, {a, b, a}, {v});
  g[0].mul_(10);
  EXPECT_EQ(values_of(g[1]), (Values{1, 1}));
  EXPECT_EQ(values_of(g[2]), (Values{1, 1}));
  EXPECT_EQ(values_of(v), (Values{1, 1}));
  grad({sum(a)}, {a})[0].add_(1);  // not an expanded one
  grad({a}, {a}, {v})[0].zero_();
  EXPECT_EQ(values_of(v), (Values{1, 1}));
}

TEST(GradTest, InsideABackwardThatWaits) {
  const Tensor a = leaf({1}), h = a * 2, q = h * 5, p = h * 3;
  p.register_hook([&](const Tensor&) { grad({q}, {a}, {}, {true}); });
  EXPECT_THROWS(RuntimeError,
                "[mul] backward through an operation that is waiting for the gradients of the "
                "backward around this one",
                (p + h).backward({}, {true}));
  const Tensor b = leaf({1}), r = b * 3;
  Tensor inner;
  r.register_hook([&](const Tensor&) {
    const EnableGradGuard enable_grad;
    inner = grad({a * a}, {a})[0];  // a graph of its own
  });
  r.backward();
  EXPECT_EQ(values_of(inner), (Values{2}));
  EXPECT_EQ(values_of(b.grad()), (Values{3}));
}

TEST(GradTest, BadCalls) {
  const Tensor a = leaf({2, 3}), y = a * 2, c = ones(2, float64);
  EXPECT_THROWS(ValueError, "[grad] expected at least one output, got none", grad({}, {a}));
  EXPECT_THROWS(ValueError, "[grad] expected as many grad_outputs as outputs, 1, got 2",
                grad({y}, {a}, {c, c}));
  EXPECT_THROWS(RuntimeError, "[grad] expected a tensor of one element, got shape (2,)",
                grad({y}, {a}));
  EXPECT_THROWS(ShapeError, "[grad] expected a gradient of shape (2,) and dtype float64, got (3,)",
                grad({y}, {a}, {ones(3, float64)}));
  EXPECT_THROWS(RuntimeError,
                "[grad] expected input 1 to require a gradient, got one that does not",
                grad({sum(y)}, {a, c}));
  EXPECT_THROWS(RuntimeError, "[grad] expected input 0 to require a gradient, got an undefined",
                grad({sum(y)}, {Tensor()}));
  EXPECT_THROWS(RuntimeError, "[grad] expected a tensor with a graph", grad({sum(c)}, {a}));
  EXPECT_TRUE(grad({sum(y)}, {}).empty());
  const Tensor z = sum(a * a);
  grad({z}, {a});
  EXPECT_THROWS(RuntimeError,
                "[sum] backward through a graph that an earlier backward has consumed; pass "
                "retain_graph to that one",
                grad({z}, {a}));
}

TEST(BackwardInputsTest, FillsTheGradientsOfTheInputsOnly) {
  const Tensor a = leaf({2, 3}), b = leaf({5, 7}), h = a * b, y = sum(h * h);
  y.backward({}, {true, false, {b}});
  EXPECT_FALSE(a.grad().defined());
  EXPECT_EQ(values_of(b.grad()), (Values{2 * 5 * 4, 2 * 7 * 9}));
  y.backward({}, {true, false, {h, b, h}});  // h once; b's adds up
  EXPECT_EQ(values_of(h.grad()), (Values{20, 42}));
  EXPECT_EQ(values_of(b.grad()), (Values{4 * 5 * 4, 4 * 7 * 9}));
  EXPECT_FALSE(a.grad().defined());
  EXPECT_THROWS(RuntimeError, "[backward] expected input 0 to require a gradient",
                y.backward({}, {true, false, {ones(2, float64)}}));
  const Tensor unused = leaf({1});
  y.backward({}, {false, false, {unused}});
  EXPECT_FALSE(unused.grad().defined());
}

TEST(RetainGradTest, FillsTheGradientOfAResult) {
  const Tensor a = leaf({2, 3}), h = a * a;
  h.retain_grad();
  h.retain_grad();
  const Tensor y = sum(h * 5);
  y.backward({}, {true});
  EXPECT_EQ(values_of(h.grad()), (Values{5, 5}));
  y.backward();
  EXPECT_EQ(values_of(h.grad()), (Values{10, 10}));
  EXPECT_EQ(values_of(a.grad()), (Values{40, 60}));
  h.set_grad({});
  EXPECT_FALSE(h.grad().defined());
  a.retain_grad();  // has it anyway
  EXPECT_THROWS(RuntimeError, "[retain_grad] expected a tensor that requires a gradient",
                ones(1).retain_grad());
  const Tensor other = a * 2;
  other.retain_grad();
  grad({sum(other)}, {a});
  EXPECT_FALSE(other.grad().defined());  // grad() fills none
}

TEST(RetainGradTest, DoesNotKeepTheGraphAlive) {
  const Tensor a = leaf({2, 3});
  {
    const Tensor h = a * a;
    h.retain_grad();
    sum(h).backward();
  }
  {
    const Tensor h = a * a;
    h.retain_grad();
    sum(h * h).backward({}, {false, true});
    a.set_grad({});
  }
  EXPECT_EQ(a.impl()->use_count(), 1u);
}

TEST(GradTest, AnotherResultOfTheSameOperationIsNotDependedOn) {
  const Tensor x = leaf({3, 1});
  const auto [values, indices] = topk(x * 1, 2);
  const auto [u, s, vt] = svd(x.reshape({1, 2}) * 1);
  EXPECT_THROWS(RuntimeError, "[grad] expected outputs that depend on each input, got input 0 that",
                grad({sum(u)}, {s}));
  EXPECT_EQ(values_of(grad({sum(s * 4)}, {s})[0]), (Values{4}));
  EXPECT_FALSE(grad({sum(u)}, {s}, {}, {false, false, true})[0].defined());
}

}  // namespace
}  // namespace lamina
