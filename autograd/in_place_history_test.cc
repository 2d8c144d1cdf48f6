// In-place writes that are recorded: derivatives are compared with differences of values, and,
// where the text says so, with PyTorch's.
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/allocator.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::grad_of;
using test::leaf;
using test::Values;

void expect_right_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
}

// ---- Each operation, on a result, on views of one, and on a constant that holds one then

struct Write {
  std::string name;
  std::function<Tensor(const Tensor& x, const Tensor& y)> in_place;  // returns x
};
void PrintTo(const Write& write, std::ostream* out) { *out << write.name; }

#define WRITE(...)                                                                            \
  Write {                                                                                     \
#__VA_ARGS__, [](const Tensor& x, const Tensor& y) -> Tensor { (void)y; return __VA_ARGS__; } \
  }
const std::vector<Write>& writes() {
  static const auto& all = *new std::vector<Write>{
      WRITE(x.fill_(3)),
      WRITE(x.copy_(y)),
      WRITE(x.copy_(y[0])),
      WRITE(x.add_(y)),
      WRITE(x.add_(y, -0.5)),
      WRITE(x.add_(y[0])),
      WRITE(x.add_(2)),
      WRITE(x.add_(x)),
      WRITE(x.sub_(y)),
      WRITE(x.sub_(2)),
      WRITE(x.mul_(y)),
      WRITE(x.mul_(3)),
      WRITE(x.mul_(x)),
      WRITE(x.mul_(x[0])),
      WRITE(x.mul_(x.flip({0}))),
      WRITE(x.div_(y)),
      WRITE(x.div_(x[1])),
      WRITE(x.pow_(y)),
      WRITE(x.pow_(3)),
      WRITE(x.fmod_(0.7)),
      WRITE(x.fmod_(y)),
      WRITE(x.remainder_(0.7)),
      WRITE(x.remainder_(y)),
      WRITE(x.atan2_(y)),
      WRITE(x.clamp_min_(1.1)),
      WRITE(x.clamp_max_(1.1)),
      WRITE(x.clamp_min_(y)),
      WRITE(x.clamp_max_(y)),
      WRITE(x.clamp_(1, 1.4)),
      WRITE(x.neg_()),
      WRITE(x.abs_()),
      WRITE(x.sign_()),
      WRITE(x.square_()),
      WRITE(x.relu_()),
      WRITE(x.floor_()),
      WRITE(x.ceil_()),
      WRITE(x.round_()),
      WRITE(x.trunc_()),
      WRITE(x.frac_()),
      WRITE(x.exp_()),
      WRITE(x.expm1_()),
      WRITE(x.log_()),
      WRITE(x.log1p_()),
      WRITE(x.log2_()),
      WRITE(x.sqrt_()),
      WRITE(x.rsqrt_()),
      WRITE(x.reciprocal_()),
      WRITE(x.sin_()),
      WRITE(x.cos_()),
      WRITE(x.tan_()),
      WRITE((x / 3).asin_()),
      WRITE((x / 3).acos_()),
      WRITE(x.atan_()),
      WRITE(x.sinh_()),
      WRITE(x.cosh_()),
      WRITE(x.tanh_()),
      WRITE(x.sigmoid_()),
      WRITE(x.erf_()),
      WRITE(x.erfc_()),
      WRITE(x.lerp_(y, 0.3)),
      WRITE(x.addcmul_(y, x, 0.5)),
      WRITE(x.addcdiv_(y, y + 1, 0.5)),
      WRITE(x.masked_fill_(NDArray(y.data()).gt(1.2), 5)),
      WRITE(x.masked_fill_(NDArray(y.data()).gt(1.2), y[0][0])),
      WRITE(x.index_put_({1}, y[0])),
      WRITE(x.index_put_({Slice(0, 2), tensor({int64_t{0}, int64_t{2}})}, y[0][0])),
      WRITE(x.index_put_({tensor({int64_t{1}, int64_t{1}})}, y.narrow(0, 0, 2), true)),
      WRITE(x.index_put_({0}, 4)),
      WRITE(x.scatter_(1, zeros({2, 1}, int64), y)),
      WRITE(x.scatter_(1, zeros({2, 1}, int64), 2)),
      WRITE(x.scatter_add_(1, zeros({2, 2}, int64), y)),
      WRITE(x.index_add_(0, tensor({int64_t{1}, int64_t{1}}), y.narrow(0, 0, 2))),
      WRITE(x += y),
      WRITE(x -= 0.5),
      WRITE(x *= y),
      WRITE(x /= y),
  };
  return all;
}
#undef WRITE

class InPlaceHistory : public testing::TestWithParam<Write> {
 protected:
  // Away from integers, multiples of 0.7, and the bounds above.
  const Tensor x_ = tensor({{1.23, 1.71, 0.87}, {1.55, 0.52, 1.93}}).requires_grad_();
  const Tensor y_ = tensor({{1.31, 0.64, 1.85}, {0.77, 1.66, 1.17}}).requires_grad_();
};

TEST_P(InPlaceHistory, OfAResult) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor h = in[0] * 1, other = h;
        const Tensor same = GetParam().in_place(h, in[1]);
        return other * h + same;
      },
      {x_, y_});
}

TEST_P(InPlaceHistory, ReturnsTheTensorAndWritesToItsStorage) {
  const Tensor h = x_ * 1;
  const NDArray before = h.data();
  const uint32_t version = before.version();
  const Tensor same = GetParam().in_place(h, y_.detach());
  if (GetParam().name.substr(0, 3) == "(x ") return;  // writes to another
  EXPECT_EQ(same.impl(), h.impl());
  EXPECT_EQ(h.data().storage(), before.storage());
  EXPECT_EQ(before.version(), version + 1);
  // The values are those of the operation on arrays.
  const Tensor plain = tensor({{1.23, 1.71, 0.87}, {1.55, 0.52, 1.93}});
  GetParam().in_place(plain, y_.detach());
  EXPECT_EQ(plain.requires_grad(), false);
  EXPECT_EQ(h.to_vector<double>(), plain.to_vector<double>());
}

TEST_P(InPlaceHistory, OfAView) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor base = in[0].repeat({2, 2}) * 1;  // (4, 6)
        const Tensor before = base.slice(1, 1, std::nullopt, 2);
        const Tensor view = base.slice(0, 0, std::nullopt, 2).narrow(1, 2, 3);
        GetParam().in_place(view, in[1]);
        return sum(base * base) + sum(before) * 2 + sum(view * view);
      },
      {x_, y_});
}

TEST_P(InPlaceHistory, OfATransposedViewOfATransposedBase) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor base = (in[0] * 1).t() * 1, view = base.t();
        GetParam().in_place(view, in[1]);
        base.mul_(2);
        return sum(view * base.t() * base.t());
      },
      {x_, y_});
}

TEST_P(InPlaceHistory, OfPartOfAConstant) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor buffer = full({3, 2, 3}, 1.2, float64);
        const Tensor row = buffer.select(0, 1);
        GetParam().in_place(row, in[1]);
        buffer.select(0, 0).copy_(in[0]);
        return sum(buffer * buffer) + sum(row);
      },
      {x_, y_});
}

INSTANTIATE_TEST_SUITE_P(All, InPlaceHistory, testing::ValuesIn(writes()));

TEST(InPlaceHistoryTest, EveryInPlaceOperationIsAboveWith) {
  const std::vector<std::string> names = {
#define LAMINA_IN_PLACE(name) #name "_(",
#define LAMINA_IN_PLACE_WITH(name) #name "_(",
#include "lamina/tensor/in_place_names.inc"
      "fill_(",      "copy_(",        "add_(",   "scatter_(", "scatter_add_(", "index_add_(",
      "index_put_(", "masked_fill_(", "clamp_(", "lerp_(",    "addcmul_(",     "addcdiv_("};
  for (const std::string& name : names) {
    bool found = name.find("logical") == 0 || name.find("bitwise") == 0;  // without derivative
    for (const Write& write : writes()) {
      found = found || write.name.find("." + name) != std::string::npos;
    }
    EXPECT_TRUE(found) << name;
  }
}

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

}  // namespace
}  // namespace lamina
