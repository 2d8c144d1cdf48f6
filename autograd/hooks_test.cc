#include "lamina/autograd/hooks.h"

#include <array>
#include <string>
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

TEST(TensorHooks, SeeAndReplaceTheGradientOfAResult) {
  const Tensor a = leaf({2, 3}), h = a * a;
  std::vector<Values> seen;
  h.register_hook([&](const Tensor& g) { seen.push_back(values_of(g)); });
  HookHandle handle = h.register_hook([](const Tensor& g) { return g * 10; });
  h.register_hook([&](const Tensor& g) { seen.push_back(values_of(g)); });
  const Tensor y = sum(h) + sum(h * 2);  // the hooks get the sum
  y.backward({}, {true});
  EXPECT_EQ(seen, (std::vector<Values>{{3, 3}, {30, 30}}));
  EXPECT_EQ(values_of(a.grad()), (Values{120, 180}));
  handle.remove();
  handle.remove();
  a.set_grad({});
  y.backward();
  EXPECT_EQ(values_of(a.grad()), (Values{12, 18}));
  EXPECT_EQ(seen.size(), 4u);
}

TEST(TensorHooks, OfALeafRunOnceAndGiveWhatIsAddedToGrad) {
  const Tensor a = leaf({2, 3});
  int calls = 0;
  HookHandle handle = a.register_hook([&](const Tensor& g) {
    ++calls;
    return g * 2;
  });
  const auto run = [&] { sum(a * a + a).backward(); };  // two uses and three edges
  run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(values_of(a.grad()), (Values{10, 14}));
  run();
  EXPECT_EQ(values_of(a.grad()), (Values{20, 28}));
  EXPECT_EQ(values_of(grad({sum(a)}, {a})[0]), (Values{2, 2}));
  EXPECT_EQ(calls, 3);
  handle.remove();
  a.set_grad({});
  run();
  EXPECT_EQ(values_of(a.grad()), (Values{5, 7}));
  EXPECT_EQ(calls, 3);
}

TEST(TensorHooks, MayRemoveThemselvesAndAddOthers) {
  const Tensor a = leaf({1}), y = sum(a * 1);
  HookHandle handle;
  int first = 0, second = 0;
  handle = a.register_hook([&](const Tensor&) {
    ++first;
    handle.remove();
    a.register_hook([&](const Tensor&) { ++second; });
  });
  y.backward({}, {true});
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  y.backward();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(TensorHooks, AreRecordedWithCreateGraph) {
  const Tensor a = leaf({2, 3});
  HookHandle of_leaf = a.register_hook([](const Tensor& g) { return g * g; });
  const Tensor g = grad({sum(a * a)}, {a}, {}, {false, true})[0];  // (2a)^2
  EXPECT_EQ(values_of(g), (Values{16, 36}));
  of_leaf.remove();
  EXPECT_EQ(values_of(grad({sum(g)}, {a})[0]), (Values{16, 24}));
  const Tensor b = leaf({2, 3}), h = b * 1;
  HookHandle handle = h.register_hook([](const Tensor& g2) { return g2 * g2; });
  const Tensor gb = grad({sum(h * h)}, {b}, {}, {false, true})[0];
  handle.remove();
  EXPECT_EQ(values_of(grad({sum(gb)}, {b})[0]), (Values{16, 24}));  // d (2b)^2
}

// Two results: 2 x and 3 x.
struct Multiples : Function<Multiples> {
  static std::array<NDArray, 2> forward(Context&, const NDArray& x) { return {x * 2, x * 3}; }
  static Gradients backward(Context&, absl::Span<const Tensor> dy) {
    Tensor dx;
    if (dy[0].defined()) dx = dy[0] * 2;
    if (dy[1].defined()) dx = dx.defined() ? dx + dy[1] * 3 : dy[1] * 3;
    return {dx};
  }
};

TEST(TensorHooks, OfEachResultOfOneOperation) {
  const Tensor x = leaf({1, 2});
  const auto [two, three] = Multiples::apply(x);
  std::vector<Values> of_two, of_three;
  two.register_hook([&](const Tensor& g) {
    of_two.push_back(values_of(g));
    return g * 10;
  });
  three.register_hook([&](const Tensor& g) { of_three.push_back(values_of(g)); });
  three.retain_grad();
  two.grad_fn().register_prehook([](absl::Span<const Tensor> dy) {  // after the tensors' hooks
    EXPECT_EQ(dy.size(), 2u);
    EXPECT_EQ(dy[0].defined() ? values_of(dy[0]) : Values(), (Values{10, 10}));
  });
  const Tensor one = sum(two), both = one + sum(three * three);
  one.backward({}, {true});
  EXPECT_EQ(values_of(x.grad()), (Values{20, 20}));
  EXPECT_TRUE(of_three.empty());  // no gradient arrived there
  EXPECT_FALSE(three.grad().defined());
  x.set_grad({});
  both.backward();
  EXPECT_EQ(of_two, (std::vector<Values>{{1, 1}, {1, 1}}));
  EXPECT_EQ(of_three, (std::vector<Values>{{6, 12}}));  // 2 * 3 x
  EXPECT_EQ(values_of(three.grad()), (Values{6, 12}));
  EXPECT_EQ(values_of(x.grad()), (Values{20 + 18, 20 + 36}));
}

TEST(NodeHooks, OfAnOperationWithSeveralResultsMayReplaceEachGradient) {
  const Tensor x = leaf({1, 2});
  const auto [two, three] = Multiples::apply(x);
  three.grad_fn().register_prehook(  // gives a gradient to the result that had none
      [](absl::Span<const Tensor> dy) {
        return std::vector<Tensor>{dy[1] * 100, Tensor()};
      });
  std::vector<Values> seen;
  two.grad_fn().register_hook([&](absl::Span<const Tensor> dx, absl::Span<const Tensor> dy) {
    EXPECT_FALSE(dy[1].defined());
    seen.push_back(values_of(dx[0]));
  });
  sum(three).backward({}, {true});
  EXPECT_EQ(seen, (std::vector<Values>{{200, 200}}));
  EXPECT_EQ(values_of(x.grad()), (Values{200, 200}));
  two.grad_fn().register_prehook([](absl::Span<const Tensor>) { return std::vector<Tensor>(1); });
  EXPECT_THROWS(RuntimeError, "[Multiples] prehook: expected 2 gradients or none, got 1",
                sum(three).backward());
}

TEST(TensorHooks, HandleOutlivesTheTensor) {
  HookHandle handle;
  {
    const Tensor a = leaf({1});
    handle = (a * 2).register_hook([](const Tensor& g) { return g; });
  }
  handle.remove();
  HookHandle().remove();
}

TEST(TensorHooks, MustNotWriteToTheGradient) {
  const Tensor a = leaf({1}), b = leaf({1}), h = a * 1;
  h.register_hook([](const Tensor& g) { g.mul_(10); });  // add hands b the same
  EXPECT_THROWS(RuntimeError,
                "[mul] hook: expected the gradients to be left as they are, got one that "
                "was written to; return others instead",
                (h + b).backward());
}

TEST(TensorHooks, BadHooks) {
  const Tensor a = leaf({2, 3}), h = a * a;
  EXPECT_THROWS(RuntimeError, "[register_hook] expected a tensor that requires a gradient",
                ones(2).register_hook([](const Tensor& g) { return g; }));
  EXPECT_THROWS(ValueError, "[register_hook] expected a function, got none",
                h.register_hook(TensorHook()));
  h.register_hook([](const Tensor&) { return ones({3, 1}); });
  const Tensor y = sum(h);
  EXPECT_THROWS(ShapeError,
                "[mul] hook: expected a gradient of shape (2,) and dtype float64, got (3, 1) and "
                "float32",
                y.backward({}, {true}));
  EXPECT_FALSE(a.grad().defined());
  a.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("mine"); });
  EXPECT_THROWS(std::runtime_error, "mine", sum(a * 1).backward());
}

TEST(NodeHooks, SeeAndReplaceTheGradientsOfAnOperation) {
  const Tensor a = leaf({2, 3}), b = leaf({5, 7}), h = a * b;
  ASSERT_TRUE(h.grad_fn());
  std::vector<std::string> order;
  h.grad_fn().register_prehook([&](absl::Span<const Tensor> dy) {
    order.push_back("pre");
    EXPECT_EQ(dy.size(), 1u);
    return std::vector<Tensor>{dy[0] * 10};
  });
  HookHandle handle =
      h.grad_fn().register_hook([&](absl::Span<const Tensor> dx, absl::Span<const Tensor> dy) {
        order.push_back("post");
        EXPECT_EQ(values_of(dy[0]), (Values{10, 10}));
        EXPECT_EQ(values_of(dx[0]), (Values{50, 70}));
        return std::vector<Tensor>{dx[0] * 0, Tensor()};
      });
  h.grad_fn().register_hook([&](absl::Span<const Tensor> dx, absl::Span<const Tensor>) {
    order.push_back("last");
    EXPECT_EQ(dx.size(), 2u);
  });
  const Tensor y = sum(h);
  y.backward({}, {true});
  EXPECT_EQ(order, (std::vector<std::string>{"pre", "post", "last"}));
  EXPECT_EQ(values_of(a.grad()), (Values{0, 0}));
  EXPECT_FALSE(b.grad().defined());
  handle.remove();
  y.backward();
  EXPECT_EQ(values_of(b.grad()), (Values{20, 30}));
}

TEST(NodeHooks, PrehookMayTakeTheGradientAway) {
  const Tensor a = leaf({2, 3}), h = a * 2;
  h.grad_fn().register_prehook([](absl::Span<const Tensor>) { return std::vector<Tensor>(1); });
  sum(h + a).backward();
  EXPECT_EQ(values_of(a.grad()), (Values{1, 1}));
}

TEST(NodeHooks, MayRemoveThemselvesWhileTheyRun) {
  const Tensor a = leaf({2, 3}), h = a * 2;
  HookHandle before, after;
  int first = 0, second = 0, last = 0;
  before = h.grad_fn().register_prehook([&](absl::Span<const Tensor> dy) {
    ++first;
    before.remove();
    return std::vector<Tensor>{dy[0] * 10};  // counts this time
  });
  h.grad_fn().register_prehook([&](absl::Span<const Tensor>) { ++second; });
  after = h.grad_fn().register_hook([&](absl::Span<const Tensor>, absl::Span<const Tensor>) {
    ++last;
    after.remove();
  });
  const Tensor y = sum(h);
  y.backward({}, {true});
  EXPECT_EQ(values_of(a.grad()), (Values{20, 20}));
  a.set_grad({});
  y.backward();
  EXPECT_EQ(values_of(a.grad()), (Values{2, 2}));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
  EXPECT_EQ(last, 1);
}

TEST(NodeHooks, BadHooks) {
  const Tensor a = leaf({2, 3});
  EXPECT_THROWS(RuntimeError, "[register_prehook] expected the result of an operation",
                a.grad_fn().register_prehook([](absl::Span<const Tensor>) {}));
  EXPECT_THROWS(
      RuntimeError, "[register_hook] expected the result of an operation",
      a.grad_fn().register_hook([](absl::Span<const Tensor>, absl::Span<const Tensor>) {}));
  EXPECT_THROWS(ValueError, "[register_prehook] expected a function, got none",
                (a * 1).grad_fn().register_prehook(NodePrehook()));
  const Tensor two = a * 1;
  two.grad_fn().register_hook(
      [](absl::Span<const Tensor>, absl::Span<const Tensor>) { return std::vector<Tensor>(3); });
  EXPECT_THROWS(RuntimeError, "[mul] hook: expected 2 gradients or none, got 3",
                sum(two).backward());
  const Tensor shaped = a * 1;
  shaped.grad_fn().register_hook([](absl::Span<const Tensor>, absl::Span<const Tensor>) {
    return std::vector<Tensor>{ones(5), Tensor()};
  });
  EXPECT_THROWS(ShapeError,
                "[mul] backward: expected a gradient of shape (2,) and dtype float64 for input 0, "
                "got (5,) and float32",
                sum(shaped).backward());
  const Tensor before = a * 1;
  before.grad_fn().register_prehook(
      [](absl::Span<const Tensor>) { return std::vector<Tensor>{ones(5)}; });
  EXPECT_THROWS(
      ShapeError,
      "[mul] backward: expected a gradient of shape (2,) and dtype float64 from a prehook "
      "for result 0, got (5,) and float32",
      sum(before).backward());
}

TEST(GradFnTest, LeadsThroughTheGraph) {
  const Tensor a = leaf({2, 3}), h = a * a, y = sum(h);
  const GradFn fn = y.grad_fn();
  EXPECT_STREQ(fn.name(), "sum");
  ASSERT_EQ(fn.next_functions().size(), 1u);
  EXPECT_STREQ(fn.next_functions()[0].name(), "mul");
  const std::vector<GradFn> leaves = fn.next_functions()[0].next_functions();
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_FALSE(leaves[0]);
  EXPECT_STREQ(GradFn().name(), "");
  EXPECT_TRUE(GradFn().next_functions().empty());
}

TEST(TensorHooks, OfALeafSeeAllOfTheGradientWhenRegisteredMeanwhile) {
  const Tensor w = leaf({1}), a = w * 2,
               y = log(exp(a)) * w;  // mul reaches w before a's operations
  Values seen;
  a.register_hook([&](const Tensor&) {
    w.register_hook([&](const Tensor& g) {
      seen = values_of(g);
      return g * 100;
    });
  });
  sum(y).backward();
  EXPECT_EQ(seen, (Values{4}));  // PyTorch's, as the gradient
  EXPECT_EQ(values_of(w.grad()), (Values{400}));
}

TEST(TensorHooks, MayRunBackwardThroughTheLeafWhoseGradientIsUnderWay) {
  const Tensor w = leaf({1}), a = w * 2, y = log(exp(a)) * w;
  std::vector<Values> seen;
  w.register_hook([&](const Tensor& g) { seen.push_back(values_of(g)); });
  a.register_hook([&](const Tensor&) {
    const EnableGradGuard enable_grad;
    sum(w.expand(3)).backward();
  });
  sum(y).backward();
  EXPECT_EQ(seen, (std::vector<Values>{{3}, {4}}));
  EXPECT_EQ(values_of(w.grad()), (Values{7}));
}

TEST(TensorHooks, MayWriteToTheResultWhoseGradientIsWanted) {
  const Tensor x = leaf({1, 2});
  const auto write_to = [](const Tensor& h) {
    return h.register_hook([h](const Tensor&) {
      const EnableGradGuard enable_grad;
      h.mul_(5);
    });
  };
  const Tensor h = x * 2, k = x * 2;
  HookHandle on_h = write_to(h), on_k = write_to(k);
  EXPECT_EQ(values_of(grad({sum(h * 3)}, {h})[0]), (Values{3, 3}));
  sum(k * 3).backward({}, {false, false, {k}});
  EXPECT_EQ(values_of(k.grad()), (Values{3, 3}));
  on_h.remove();  // each holds the tensor that holds it
  on_k.remove();
}

TEST(TensorHooks, ThatGiveALeafAnotherShapeAreRefused) {
  const Tensor w = leaf({1, 2}), u = leaf({1, 2}), y = sum(w * 2 + u * 3);
  w.register_hook([&](const Tensor&) { u.set_data(NDArray::zeros(3, float64)); });
  EXPECT_THROWS(RuntimeError,
                "[backward] expected leaves to keep their shape and dtype meanwhile, got one that "
                "a hook has given others, (3,) and float64, by set_data",
                y.backward());
}

TEST(NodeHooks, ThatWriteToGradientsAreRefused) {
  const Tensor a = leaf({1, 1}), b = leaf({2, 2}), k = ones(2, float64);
  const Tensor y = a + b, h = a * 2, z = h + b;
  y.grad_fn().register_hook(
      [](absl::Span<const Tensor> in, absl::Span<const Tensor>) { in[0].mul_(10); });
  EXPECT_THROWS(RuntimeError,
                "[add] hook: expected the gradients to be left as they are, got one that was "
                "written to; return others instead",
                sum(y * k).backward());
  h.grad_fn().register_prehook([](absl::Span<const Tensor> out) { out[0].mul_(10); });
  EXPECT_THROWS(RuntimeError, "[mul] prehook: expected the gradients to be left as they are",
                sum(z * k).backward());
  EXPECT_FALSE(a.grad().defined());
}

}  // namespace
}  // namespace lamina
