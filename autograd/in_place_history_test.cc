// Histories after recorded in-place writes: views and their base, what is refused, and memory.
// Where the text says so, numbers are PyTorch's; the others are by hand.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/allocator.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::grad_of;
using test::leaf;
using test::Values;

// ---- Views and their base

TEST(InPlaceHistoryTest, ViewsSeeWritesToTheirBase) {
  const Tensor a = leaf({1, 2, 3}), h = a * 1, view = h.narrow(0, 1, 2);
  EXPECT_STREQ(view.grad_fn().name(), "narrow");
  h.mul_(a);
  EXPECT_STREQ(h.grad_fn().name(), "mul");
  EXPECT_STREQ(view.grad_fn().name(), "view");
  sum(view).backward();
  EXPECT_EQ(grad_of(a), (Values{0, 4, 6}));  // PyTorch's
}

TEST(InPlaceHistoryTest, ViewOfAConstantRequiresAGradientOnceItsBaseDoes) {
  const Tensor a = leaf({1, 2, 3}), buffer = zeros(3, float64), view = buffer.narrow(0, 0, 2);
  EXPECT_FALSE(view.requires_grad());
  buffer.copy_(a);
  EXPECT_TRUE(buffer.requires_grad());
  EXPECT_TRUE(view.requires_grad());
  EXPECT_FALSE(view.is_leaf());
  sum(view * view).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 4, 0}));
  const Tensor other = zeros(3, float64), part = other.narrow(0, 0, 1);
  part.add_(sum(a));
  EXPECT_TRUE(other.requires_grad());
  EXPECT_TRUE(other.narrow(0, 2, 1).requires_grad());  // as PyTorch has it
}

TEST(InPlaceHistoryTest, ExpandedAndOverlappingViewsAreRenewed) {
  const Tensor a = leaf({1, 2, 3}), h = a * 1;
  const Tensor wide = h.expand({2, 3}), windows = h.as_strided({2, 2}, {1, 1});
  h.mul_(h);
  sum(wide + 0).backward({}, {true});
  EXPECT_EQ(grad_of(a), (Values{4, 8, 12}));
  a.set_grad({});
  sum(windows).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 8, 6}));
}

TEST(InPlaceHistoryTest, EarlierUsesKeepTheirHistory) {
  const Tensor a = leaf({2, 3}), h = a * 1;
  const Tensor before = h * 5;  // saves no value of h
  h.mul_(h);
  (sum(before) + sum(h)).backward();
  EXPECT_EQ(grad_of(a), (Values{5 + 4, 5 + 6}));
}

TEST(InPlaceHistoryTest, ValueThatBackwardNeedsIsNoticedThroughViewsToo) {
  const Tensor a = leaf({2, 3}), b = leaf({1, 1});
  const auto text = "[mul] a value that backward needs was changed in place: shape (2,)";
  {
    const Tensor h = a * 1, y = h * b;
    h.add_(1);
    EXPECT_THROWS(RuntimeError, text, sum(y).backward());
  }
  {
    const Tensor h = a * 1, y = h * b;
    h.narrow(0, 0, 1).fill_(7);
    EXPECT_THROWS(RuntimeError, text, sum(y).backward());
  }
  {
    const Tensor h = a * 1, y = h.narrow(0, 0, 2) * b;
    h.zero_();
    EXPECT_THROWS(RuntimeError, text, sum(y).backward());
  }
}

TEST(InPlaceHistoryTest, StepsOfARecurrenceIntoOneBuffer) {
  // h[t] = tanh(h[t - 1] * w), each step read from and written to a row. The numbers are PyTorch's.
  const Tensor w = leaf({0.7, -0.4}), states = zeros({4, 2}, float64);
  states[0].fill_(0.5);
  for (int t = 1; t < 4; ++t) states[t].copy_(tanh(states[t - 1].clone() * w));
  EXPECT_CLOSE(states.data(),
               Values({0.5, 0.5, 0.33637554433633221, -0.19737532022490401, 0.23120569687827702,
                       0.078786500762350831, 0.16044555238553532, -0.031504171329150794}),
               1e-15);
  sum(states * states).backward();
  EXPECT_CLOSE(w.grad().data(), Values({0.78765974249321902, -0.26540048100302893}), 1e-15);
}

// ---- What is refused, and what is not recorded

TEST(InPlaceHistoryTest, LeavesThatRequireAGradientAreRefused) {
  const Tensor a = leaf({1, 2, 3});
  const std::string rest =
      "; write under NoGradGuard if no gradient is to know of it, or make a new tensor out of "
      "place";
  EXPECT_THROWS(
      RuntimeError,
      "[add_] expected a tensor that may be written to while gradients are recorded, got a "
      "leaf that requires a gradient" +
          rest,
      a.add_(1));
  EXPECT_THROWS(RuntimeError, "[fill_] expected", a.fill_(1));
  EXPECT_THROWS(RuntimeError, "got a view of a leaf that requires a gradient" + rest,
                a.narrow(0, 0, 1).mul_(2));
  EXPECT_THROWS(RuntimeError, "[copy_] expected", a.index({Slice(0, 2)}).copy_(zeros(2)));
  Tensor cut;
  {
    const NoGradGuard no_grad;
    cut = (a * 1).narrow(0, 0, 1);  // of a constant: nothing was recorded
    cut.add_(1);
    a.narrow(0, 0, 1).add_(10);
    a += 1;
  }
  EXPECT_EQ(a.to_vector<double>(), (Values{12, 3, 4}));
  EXPECT_TRUE(a.is_leaf());
  cut.add_(1);
  const Tensor h = a * 1;
  {
    const NoGradGuard no_grad;
    cut = h.narrow(0, 0, 1);
  }
  EXPECT_FALSE(cut.requires_grad());
  EXPECT_THROWS(
      RuntimeError,
      "[mul_] expected a tensor that may be written to while gradients are recorded, got a "
      "view, made under NoGradGuard, of a tensor that requires a gradient" +
          rest,
      cut.mul_(2));
}

TEST(InPlaceHistoryTest, RefusedWritesChangeNothing) {
  const Tensor a = leaf({1, 2}), h = a * 1;
  EXPECT_THROWS(ShapeError,
                "[add_] expected operands that broadcast to (2,), got a result of shape "
                "(3, 2)",
                h.add_(ones({3, 2}, float64)));
  const Tensor f = (a * 1).to(float32);
  EXPECT_THROWS(RuntimeError, "[mul_] expected elements of their own, got an expanded array",
                f.expand({3, 2}).mul_(2));
  EXPECT_THROWS(RuntimeError, "[add_] expected a defined", h.add_(Tensor()));
  EXPECT_THROWS(RuntimeError, "[add_] expected a defined", Tensor().add_(h));
  const Tensor n = arange(2);
  EXPECT_THROWS(DTypeError, "[add_] expected a result that int64 can hold, got float64", n.add_(h));
  EXPECT_EQ(h.to_vector<double>(), (Values{1, 2}));
  EXPECT_EQ(n.to_vector<double>(), (Values{0, 1}));
  sum(h).backward();
  EXPECT_EQ(grad_of(a), (Values{1, 1}));
}

TEST(InPlaceHistoryTest, AWiderDtypeIsConvertedInTheHistoryToo) {
  const Tensor a = leaf({1, 2}), h = ones(2, float32) * 1;
  h.mul_(a);
  EXPECT_EQ(h.dtype(), float32);
  sum(h).backward();
  EXPECT_EQ(a.grad().dtype(), float64);
  EXPECT_EQ(grad_of(a), (Values{1, 1}));
}

TEST(InPlaceHistoryTest, OfHalfTargets) {
  const Tensor a = tensor({1.f, 2.f}).requires_grad_(), h = a.to(float16) * 1;
  h.mul_(tensor({3.f, 0.5f}));
  EXPECT_EQ(h.dtype(), float16);
  h.add_(a);
  EXPECT_EQ(h.dtype(), float16);
  EXPECT_EQ(h.to_vector<double>(), (Values{4, 3}));
  sum(h * h).backward();
  EXPECT_EQ(a.grad().dtype(), float32);
  EXPECT_EQ(grad_of(a), (Values{32, 9}));  // PyTorch's
}

TEST(InPlaceHistoryTest, AMultipleAddedToAHalfIsRoundedOnce) {
  // Between 2048 and 4096 a float16 is even: 2049.0004 is nearer to 2050. The product alone would
  // be rounded to 1, and 2049 then to 2048.
  for (const bool recorded : {false, true}) {
    const Tensor x = full(1, 2048, float16).requires_grad_(recorded), h = x * 1;
    h.add_(full(1, 1, float16), 1.0004);
    EXPECT_EQ(h.requires_grad(), recorded);
    EXPECT_EQ(h.item<double>(), 2050);
  }
}

TEST(InPlaceHistoryTest, IntegerTargetsTakeTheValuesWithoutAHistory) {
  const Tensor a = leaf({1, 2, 3}), n = arange(3), part = n.narrow(0, 0, 2);
  n.copy_(a * 1.5);
  EXPECT_EQ(n.to_vector<double>(), (Values{1, 3, 4}));  // PyTorch's, towards 0
  EXPECT_FALSE(n.requires_grad());
  EXPECT_FALSE(part.requires_grad());
  part.copy_(a.narrow(0, 1, 2));
  EXPECT_EQ(n.to_vector<double>(), (Values{2, 3, 4}));
  EXPECT_TRUE(n.is_leaf());
  EXPECT_THROWS(DTypeError, "[mul_] expected a result that int64 can hold, got float64", n.mul_(a));
}

TEST(InPlaceHistoryTest, RetainedGradientOfAViewIsThatOfItsElements) {
  const Tensor a = leaf({1, 2, 3});
  {
    const Tensor h = a * 1, view = h.narrow(0, 1, 2);
    view.retain_grad();
    (sum(view * 3) + sum(h)).backward();
    EXPECT_EQ(grad_of(view), (Values{3, 3}));  // PyTorch's, like the next
  }
  {
    const Tensor h = a * 1, view = h.narrow(0, 1, 2);
    view.retain_grad();
    h.mul_(2);
    sum(view * view).backward();
    EXPECT_EQ(grad_of(view), (Values{8, 12}));
  }
  {
    const Tensor h = a * 1, view = h.narrow(0, 1, 2);
    view.retain_grad();
    view.mul_(2);
    sum(view * view).backward();
    EXPECT_EQ(grad_of(view), (Values{8, 12}));
  }
}

TEST(InPlaceHistoryTest, RetainedGradientIsThatOfTheNewValue) {
  const Tensor a = leaf({1, 2}), h = a * 1;
  h.retain_grad();
  h.mul_(3);
  sum(h * h).backward();
  EXPECT_EQ(grad_of(h), (Values{6, 12}));  // PyTorch's
  EXPECT_EQ(grad_of(a), (Values{18, 36}));
}

TEST(InPlaceHistoryTest, DetachedWritesAreNotRecordedButNoticed) {
  const Tensor a = leaf({1, 2}), h = a * 1, y = h * h, z = h + 1;
  h.detach().fill_(5);
  EXPECT_EQ(h.to_vector<double>(), (Values{5, 5}));
  sum(z).backward();
  EXPECT_EQ(grad_of(a), (Values{1, 1}));
  EXPECT_THROWS(RuntimeError, "[mul] a value that backward needs was changed", sum(y).backward());
}

TEST(InPlaceHistoryTest, AViewIsNoneAnyMoreOnceItsBaseHasOtherElements) {
  const Tensor a = leaf({1, 2}), buffer = zeros(4, float64), view = buffer.narrow(0, 1, 2);
  buffer.set_data(NDArray::ones(2, float64));
  buffer.mul_(a);
  EXPECT_FALSE(view.requires_grad());
  view.copy_(a);
  EXPECT_EQ(buffer.to_vector<double>(), (Values{1, 2}));
  sum(view * view).backward();
  EXPECT_EQ(grad_of(a), (Values{2, 4}));
}

TEST(InPlaceHistoryTest, LeafThatSharesTheElementsKeepsItsGradient) {
  const Tensor a = leaf({2, 3}), x = a.detach();
  x.add_(a);
  sum(x).backward();
  EXPECT_EQ(grad_of(a), (Values{1, 1}));
  const Tensor y = a.detach();  // 4, 6
  y.mul_(a);
  a.set_grad({});
  sum(y).backward();
  EXPECT_EQ(grad_of(a), (Values{4, 6}));
}

TEST(InPlaceHistoryTest, AViewIsRenewedAsIfRecordedWhereverItIsAskedFor) {
  const Tensor a = leaf({1, 2, 3}), h = a * 1, view = h.narrow(0, 1, 2);
  h.mul_(a);
  {
    const InferenceModeGuard inference;
    EXPECT_TRUE(view.requires_grad());
  }
  sum(view).backward();
  EXPECT_EQ(grad_of(a), (Values{0, 4, 6}));
}

TEST(InPlaceHistoryTest, ViewsOfElementsOfTheCallers) {
  double memory[3] = {1, 1, 1};
  const Tensor a = leaf({2, 2, 2}), b = NDArray::from_blob(memory, {3}, float64);
  const Tensor wide = b.narrow(0, 1, 1).expand(Shape{4});
  b.mul_(a);
  sum(wide).backward();
  EXPECT_EQ(grad_of(a), (Values{0, 4, 0}));
}

TEST(InPlaceHistoryTest, ViewsThatBecomeLeavesAndLeavesThatWere) {
  const Tensor a = leaf({1, 2}), buffer = zeros(3, float64), view = buffer.narrow(0, 0, 2);
  Tensor same = view;
  same.requires_grad_(false);  // as it was: still a view
  view.copy_(a);
  EXPECT_TRUE(buffer.requires_grad());
  const Tensor other = zeros(3, float64);
  Tensor part = other.narrow(0, 0, 2);
  part.requires_grad_();
  EXPECT_THROWS(RuntimeError,
                "[mul_] expected a tensor that may be written to while gradients are "
                "recorded, got elements of a leaf that requires a gradient",
                other.mul_(sum(a)));
  Tensor w = leaf({1, 2});
  const Tensor h = w * 2;
  w.requires_grad_(false);
  EXPECT_THROWS(RuntimeError, "got a leaf that required a gradient", w.mul_(h));
  w.mul_(2);  // of a constant, nothing is recorded
  EXPECT_EQ(w.to_vector<double>(), (Values{2, 4}));
}

TEST(InPlaceHistoryTest, RecordedWritesOfNothingAndOfFloat32) {
  const Tensor a = zeros({0, 3}, float64).requires_grad_(), h = a * 1;
  h.add_(1);
  h.narrow(1, 0, 2).mul_(2);
  sum(h).backward();
  EXPECT_EQ(a.grad().shape(), (Shape{0, 3}));
  const Tensor f = ones(2).requires_grad_(), g = f * 1;
  g.mul_(3).sub_(1);
  sum(g).backward();
  EXPECT_EQ(grad_of(f), (Values{3, 3}));
}

// ---- Memory

TEST(InPlaceHistoryTest, GraphsThatWriteToWhatTheyReadAreFreed) {
  const auto steps = [](bool backward) {
    const Tensor w = full(2, 0.5, float64).requires_grad_();
    for (int i = 0; i < 20; ++i) {
      const Tensor states = zeros({3, 2}, float64);
      for (int t = 1; t < 3; ++t) {
        // Saves a view of what is written to.
        states.select(0, t).add_(states.select(0, t - 1) * w);
      }
      const Tensor h = w * 1;
      h.add_(h * w);  // saves h
      h.mul_(h);
      if (backward) {
        EXPECT_THROWS(RuntimeError, "changed in place", sum(h * h + states[2]).backward());
      }
    }
  };
  steps(false);
  const int64_t before = memory_stats().current;
  for (int i = 0; i < 5; ++i) steps(i % 2 == 0);
  EXPECT_EQ(memory_stats().current, before);
}

TEST(InPlaceHistoryTest, LoopUnderNoGradOrOnDetachedGrowsNothing) {
  // needle's memory lesson.
  Tensor w = ones({100}).requires_grad_();
  const auto step = [&](bool detached) {
    w.set_grad({});
    sum(w * w).backward();
    if (detached) {
      w = (w.detach() - w.grad().detach() * 0.01).requires_grad_();
    } else {
      const NoGradGuard no_grad;
      w = (w - w.grad() * 0.01).requires_grad_();
    }
  };
  step(true);
  step(false);
  const int64_t before = memory_stats().current;
  for (int i = 0; i < 1000; ++i) step(i % 2 == 0);
  EXPECT_EQ(memory_stats().current, before);
}

TEST(InPlaceHistoryTest, NoGradViewOfAViewThatIsOutOfDateIsRefused) {
  const Tensor w = leaf({2, 3}), b = ones(2, float64), x = b.narrow(0, 0, 2);
  b.mul_(w);
  const Tensor y = [&] {
    const NoGradGuard no_grad;
    return x.narrow(0, 0, 1);
  }();
  EXPECT_THROWS(RuntimeError,
                "[mul_] expected a tensor that may be written to while gradients are recorded, got "
                "a view, made under NoGradGuard",
                y.mul_(10));
}

TEST(InPlaceHistoryTest, PartOfABaseWhoseElementsShareAPlaceIsRefused) {
  const Tensor w = leaf({5}), base = ones(1, float64).expand(3).detach();
  EXPECT_THROWS(RuntimeError, "[mul_] expected elements of their own, got an expanded",
                base.narrow(0, 0, 1).mul_(w));
  EXPECT_FALSE(base.requires_grad());
}

TEST(InPlaceHistoryTest, ViewOfALeafThatRequiredAGradientIsRefused) {
  const int64_t before = memory_stats().current;
  {
    const Tensor w = leaf({5, 5});
    Tensor x = leaf({1, 2, 3});
    const Tensor view = x.narrow(0, 0, 2);
    x.requires_grad_(false);
    EXPECT_THROWS(RuntimeError,
                  "[mul_] expected a tensor that may be written to while gradients are recorded, "
                  "got a view of a leaf that required a gradient",
                  view.mul_(w));
    Tensor b = ones(2, float64);
    const Tensor older = b.narrow(0, 0, 2);
    b.requires_grad_();
    const Tensor y = b * w;  // would come to depend on itself
    b.requires_grad_(false);
    EXPECT_THROWS(RuntimeError, "got a view of a leaf that required a gradient", older.mul_(y));
  }
  EXPECT_EQ(memory_stats().current, before);
}

TEST(InPlaceHistoryTest, ViewOfAViewWhoseBaseWasReplacedFollowsTheView) {
  const Tensor b = ones(4, float64), x = b.narrow(0, 0, 2), w = leaf({5});
  b.set_data(NDArray::zeros(4, float64));
  const Tensor y = x.narrow(0, 0, 1);
  b.mul_(w);
  EXPECT_FALSE(y.requires_grad());
  y.mul_(w);
  EXPECT_EQ(test::values_of(x), (Values{5, 1}));
  b.mul_(1);  // x and y are both out of date, by different bases
  EXPECT_TRUE(y.requires_grad());
  sum(x * x).backward();
  EXPECT_EQ(grad_of(w), (Values{10}));  // 2 w
}

}  // namespace
}  // namespace lamina
