#include "lamina/autograd/function.h"

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

// Operations as a user writes them, outside the library's namespace.
namespace user {

using lamina::Context;
using lamina::Function;
using lamina::Gradients;
using lamina::NDArray;
using lamina::Tensor;

struct Sigmoid : Function<Sigmoid> {
  static constexpr const char* kName = "sigmoid";
  static NDArray forward(Context& ctx, const NDArray& x) {
    return ctx.save_output(1 / (1 + exp(-x)));
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y = ctx.output();
    return {dy * y * (1 - y)};
  }
};

// Attributes are members; other arguments arrive as they are.
struct Scale : Function<Scale> {
  double factor = 0;
  std::string label;
  NDArray forward(Context&, const NDArray& x, double by, const std::string& name) {
    factor = by;
    label = name;
    return x * by;
  }
  Gradients backward(Context&, const Tensor& dy) { return {dy * factor}; }
};

template <class T>
struct Templated : Function<Templated<T>> {
  static NDArray forward(Context&, const NDArray& x) { return x + T(1); }
  static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
};

// Two results with gradients and one of integers.
struct PartsAndSigns : Function<PartsAndSigns> {
  static constexpr const char* kName = "parts";
  static std::array<NDArray, 3> forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return {x * 2, x * x, (x > 0).to(lamina::int64)};
  }
  static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    EXPECT_EQ(dy.size(), 3u);
    EXPECT_FALSE(dy[2].defined());
    Tensor dx;
    if (dy[0].defined()) dx = dy[0] * 2;
    if (dy[1].defined()) {
      const Tensor second = dy[1] * ctx.saved(0) * 2;
      dx = dx.defined() ? dx + second : second;
    }
    return {dx};
  }
};

// Keeps its second result: e^x beside x.
struct PassAndExp : Function<PassAndExp> {
  static constexpr const char* kName = "pass_and_exp";
  static std::array<NDArray, 2> forward(Context& ctx, const NDArray& x) {
    return {x + 0, ctx.save_output(exp(x))};
  }
  static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    Tensor dx = dy[0];
    if (dy[1].defined()) {
      const Tensor second = dy[1] * ctx.output();
      dx = dx.defined() ? dx + second : second;
    }
    return {dx};
  }
};

struct Affine : Function<Affine> {
  static constexpr const char* kName = "affine";
  static NDArray forward(Context& ctx, const NDArray& x, const NDArray& w, const NDArray& b) {
    ctx.save_input(x);
    ctx.save_input(w);
    return b.defined() ? x * w + b : x * w;
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.to_input(0, dy * ctx.saved(1)), ctx.to_input(1, dy * ctx.saved(0)),
            ctx.to_input(2, dy)};
  }
};

// Wrong on purpose.
struct TooManyGradients : Function<TooManyGradients> {
  static constexpr const char* kName = "too_many";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor& dy) { return {dy, dy}; }
};
struct WrongShape : Function<WrongShape> {
  static constexpr const char* kName = "wrong_shape";
  static NDArray forward(Context&, const NDArray& x, const NDArray& y) { return x + y; }
  static Gradients backward(Context&, const Tensor& dy) { return {dy, dy.sum()}; }
};
struct WrongDtype : Function<WrongDtype> {
  static constexpr const char* kName = "wrong_dtype";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor& dy) { return {dy.to(lamina::float64)}; }
};
// Its gradient is a value that it saved, handed on as it is: d(x . w) / dx = w.
struct Dot : Function<Dot> {
  static constexpr const char* kName = "dot";
  static NDArray forward(Context& ctx, const NDArray& x, const NDArray& w) {
    ctx.save_input(x);
    ctx.save_input(w);
    return sum(x * w);
  }
  static Gradients backward(Context& ctx, const Tensor&) { return {ctx.saved(1), ctx.saved(0)}; }
};
struct Nothing : Function<Nothing> {
  static constexpr const char* kName = "nothing";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor&) { return {Tensor()}; }
};

// A module's parameter: converts to const Tensor& and is none.
class Parameter {
 public:
  explicit Parameter(Tensor tensor) : tensor_(std::move(tensor)) { tensor_.requires_grad_(); }
  Parameter(const Parameter&) = delete;
  operator const Tensor&() const { return tensor_; }  // implicit
  const Tensor& get() const { return tensor_; }

 private:
  Tensor tensor_;
};

}  // namespace user

namespace lamina {
namespace {

using test::grad_of;
using test::leaf;
using test::Values;
using test::values_of;

TEST(Function, RunsForwardAndBackward) {
  const Tensor x = leaf({0});
  const Tensor y = user::Sigmoid::apply(x);
  EXPECT_DOUBLE_EQ(y.item<double>(), 0.5);
  EXPECT_STREQ(y.grad_fn().name(), "sigmoid");
  y.backward();
  EXPECT_DOUBLE_EQ(x.grad().item<double>(), 0.25);
}

TEST(Function, HasSecondDerivativesThroughSavedInputsAndOutputs) {
  const auto f = [](absl::Span<const Tensor> in) {
    return user::Sigmoid::apply(user::Sigmoid::apply(in[0]) * in[1]);
  };
  const std::vector<Tensor> inputs{leaf({0.3, -0.7}), leaf({1.5, 0.5})};
  const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
}

TEST(Function, HasThirdDerivatives) {
  // d^3/dx^3 of the sigmoid at 0 is -1/8.
  const Tensor x = leaf({0});
  user::Sigmoid::apply(x).backward({}, {false, true});
  for (int order = 2; order <= 3; ++order) {
    const Tensor g = x.grad();
    x.set_grad({});
    g.backward({}, {false, order < 3});
  }
  EXPECT_NEAR(x.grad().item<double>(), -0.125, 1e-15);
}

TEST(Function, WithoutAGradientToComputeLeavesNoNode) {
  EXPECT_TRUE(user::Sigmoid::apply(ones({2})).is_leaf());
  const NoGradGuard no_grad;
  EXPECT_TRUE(user::Sigmoid::apply(leaf({1})).is_leaf());
}

TEST(Function, KeepsAttributesAsMembers) {
  const Tensor x = leaf({1, 2});
  const Tensor y =
      user::Scale::apply(x, 3, "three") + user::Scale::apply(x, 4.0, std::string("four"));
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{7, 7}));
}

TEST(Function, WithoutANameIsCalledLikeItsType) {
  const Tensor x = leaf({1});
  EXPECT_STREQ(user::Scale::apply(x, 1, "").grad_fn().name(), "Scale");
  EXPECT_STREQ(user::Templated<int>::apply(x).grad_fn().name(), "Templated<int>");
  struct Local : Function<Local> {
    static NDArray forward(Context&, const NDArray& in) { return in + 0; }
    static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
  };
  EXPECT_STREQ(Local::apply(x).grad_fn().name(), "Local");
}

TEST(Function, GivesSeveralResultsOfWhichIntegersHaveNoGradient) {
  const Tensor x = leaf({3, -1});
  const std::array<Tensor, 3> parts = user::PartsAndSigns::apply(x);
  EXPECT_TRUE(parts[0].requires_grad());
  EXPECT_TRUE(parts[1].requires_grad());
  EXPECT_FALSE(parts[2].requires_grad());
  EXPECT_EQ(parts[2].to_vector<double>(), (Values{1, 0}));
  sum(parts[0] + parts[1] * parts[2]).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{2 + 6, 2}));
}

TEST(Function, GetsAnUndefinedGradientForAResultThatWasNotUsed) {
  const Tensor x = leaf({3});
  user::PartsAndSigns::apply(x)[1].backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{6}));
  user::PartsAndSigns::apply(x)[0].backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{8}));
}

TEST(Function, GathersAllGradientsOfItsResultsBeforeItRuns) {
  const Tensor x = leaf({3});
  const std::array<Tensor, 3> parts = user::PartsAndSigns::apply(x);
  // Reached over paths of different lengths, and the first one twice.
  const Tensor y = parts[0] + (parts[1] * 2 * 2 + parts[0]) * 1;
  y.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{2 + 4 * 6 + 2}));
}

TEST(Function, SecondDerivativeThroughASavedOutputThatIsNotTheFirstResult) {
  // y = x + e^x: the second derivative is e^x, and must not be taken through the first result.
  const auto f = [](absl::Span<const Tensor> in) {
    const std::array<Tensor, 2> both = user::PassAndExp::apply(in[0]);
    return both[0] + both[1];
  };
  const GradcheckReport report = gradgradcheck(f, {leaf({0.5, -1})});
  EXPECT_TRUE(report.passed) << report.message;
}

TEST(Function, TakesUndefinedOptionalInputs) {
  const Tensor x = leaf({3}), w = leaf({5}), b = leaf({7});
  EXPECT_EQ(user::Affine::apply(x, w, Tensor()).item<double>(), 15);
  user::Affine::apply(x, w, Tensor()).backward();
  user::Affine::apply(x, w, b).backward();
  EXPECT_EQ(x.grad().item<double>(), 10);
  EXPECT_EQ(w.grad().item<double>(), 6);
  EXPECT_EQ(b.grad().item<double>(), 1);
}

TEST(Function, BringsGradientsBackToBroadcastInputsOfOtherDtypes) {
  const Tensor x = ones({2, 3}).requires_grad_(), w = full({3}, 2, float64).requires_grad_();
  const Tensor b = ones({}).requires_grad_();
  const Tensor y = user::Affine::apply(x, w, b);
  EXPECT_EQ(y.dtype(), float64);
  sum(y).backward();
  EXPECT_EQ(x.grad().dtype(), float32);
  EXPECT_EQ(x.grad().to_vector<double>(), Values(6, 2));
  EXPECT_EQ(w.grad().dtype(), float64);
  EXPECT_EQ(w.grad().to_vector<double>(), (Values{2, 2, 2}));
  EXPECT_EQ(b.grad().item<double>(), 6);
}

TEST(Function, TakesAnArrayAsAConstant) {
  const Tensor x = leaf({3});
  const NDArray constant = NDArray::from({5.0}, {1});
  const Tensor y = user::Affine::apply(x, constant, NDArray());
  y.backward();
  EXPECT_EQ(x.grad().item<double>(), 5);
  EXPECT_TRUE(user::Affine::apply(constant, constant, NDArray()).is_leaf());
}

TEST(Function, TakesAParameterForItsTensor) {
  const user::Parameter w(tensor({5.0}, {1}));
  const Tensor x = leaf({3});
  user::Affine::apply(x, w, Tensor()).backward();
  EXPECT_EQ(w.get().grad().item<double>(), 3);
  sum(w * w).backward();
  EXPECT_EQ(w.get().grad().item<double>(), 13);
}

TEST(Function, TellsOneTensorGivenTwiceFromTwo) {
  const Tensor x = leaf({3});
  user::Affine::apply(x, x, x).backward();
  EXPECT_EQ(x.grad().item<double>(), 7);  // 2 x + 1
}

TEST(Function, ReceivesNoGradientForAnInputThatDoesNotWantOne) {
  struct NeedsOnlyTheSecond : Function<NeedsOnlyTheSecond> {
    static NDArray forward(Context&, const NDArray& x, const NDArray& y) { return x + y; }
    static Gradients backward(Context& ctx, const Tensor& dy) {
      EXPECT_FALSE(ctx.needs_grad(0));
      EXPECT_TRUE(ctx.needs_grad(1));
      EXPECT_EQ(ctx.input_shape(1), Shape{1});
      EXPECT_EQ(ctx.input_dtype(1), float64);
      EXPECT_FALSE(ctx.to_input(0, dy).defined());
      return {dy, dy};  // the first is dropped
    }
  };
  const Tensor x = tensor({1.0}, {1}), y = leaf({2});
  NeedsOnlyTheSecond::apply(x, y).backward();
  EXPECT_EQ(y.grad().item<double>(), 1);
  EXPECT_FALSE(x.grad().defined());
}

TEST(Function, GradientThatIsASavedInputDoesNotBecomeTheLeafsOwn) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4});
  user::Dot::apply(x, w).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{3, 4}));
  EXPECT_FALSE(x.grad().requires_grad());
  EXPECT_NE(x.grad().data().storage(), w.data().storage());
  NDArray parameter = w.data();
  parameter.fill_(0);  // an optimizer's step
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{3, 4}));
}

TEST(Function, WithoutGradientsStopsTheWayBack) {
  const Tensor x = leaf({1});
  user::Nothing::apply(x * 2).backward();
  EXPECT_FALSE(x.grad().defined());
}

TEST(Function, WrongNumberOfGradientsIsNamed) {
  EXPECT_THROWS(RuntimeError, "[too_many] backward: expected 1 gradients, got 2",
                user::TooManyGradients::apply(leaf({1})).backward());
}

TEST(Function, WrongShapeOrDtypeOfAGradientIsNamed) {
  const char* shape =
      "[wrong_shape] backward: expected a gradient of shape (2,) and dtype float64 for input 1, "
      "got () and float64";
  EXPECT_THROWS(ShapeError, shape,
                sum(user::WrongShape::apply(leaf({1, 2}), leaf({3, 4}))).backward());
  EXPECT_THROWS(ShapeError, shape,
                sum(user::WrongShape::apply(leaf({1, 2}) * 1, leaf({3, 4}) * 1)).backward());
  EXPECT_THROWS(ShapeError,
                "[wrong_dtype] backward: expected a gradient of shape (1,) and dtype float32 for "
                "input 0, got (1,) and float64",
                user::WrongDtype::apply(ones({1}).requires_grad_()).backward());
}

TEST(Function, ExceptionInForwardLeavesNothingBehind) {
  struct Refuses : Function<Refuses> {
    static NDArray forward(Context& ctx, const NDArray& x) {
      ctx.save_input(x);
      fail<ValueError>("refuses", "no");
    }
    static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
  };
  const Tensor x = leaf({1});
  EXPECT_THROWS(ValueError, "[refuses] no", Refuses::apply(x));
  EXPECT_EQ(x.impl()->use_count(), 1u);
}

// Gradient reversal: the values as they are, the gradient turned around.
struct Reverse : Function<Reverse> {
  static NDArray forward(Context&, const NDArray& x) { return x; }
  static Gradients backward(Context&, const Tensor& dy) { return {dy * -1}; }
};

TEST(FunctionTest, AResultThatIsAParameterGetsElementsOfItsOwn) {
  const Tensor a = tensor({1.0, 2.0}, {2}).requires_grad_(), h = a * 1, r = Reverse::apply(h);
  EXPECT_NE(r.data().storage(), h.data().storage());
  h.mul_(2);
  EXPECT_EQ(r.to_vector<double>(), (std::vector<double>{1, 2}));
  sum(r).backward();
  EXPECT_EQ(a.grad().to_vector<double>(), (std::vector<double>{-1, -1}));
}

TEST(FunctionTest, ResultsThatShareElementsWithEachOtherOrAnArrayAreCopied) {
  struct Twice : Function<Twice> {
    static std::array<NDArray, 2> forward(Context& ctx, const NDArray& x) {
      const NDArray y = exp(x);
      return {y, ctx.save_output(y)};
    }
    static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
      const Tensor y = ctx.output();
      return {(dy[0].defined() ? dy[0] * y : y * 0) + (dy[1].defined() ? dy[1] * y : y * 0)};
    }
  };
  struct Passes : Function<Passes> {
    static NDArray forward(Context&, const NDArray&, const NDArray& c) { return c; }
    static Gradients backward(Context&, const Tensor&) { return {Tensor(), Tensor()}; }
  };
  const Tensor x = leaf({0, 0});
  const auto [p, q] = Twice::apply(x);
  {
    const NoGradGuard no_grad;
    const auto [r, s] = Twice::apply(x);
    r.mul_(10);
    EXPECT_EQ(values_of(s), (Values{1, 1}));
  }
  q.mul_(10);
  EXPECT_EQ(values_of(p), (Values{1, 1}));
  sum(p + q).backward();
  EXPECT_EQ(grad_of(x), (Values{11, 11}));
  const NDArray c = NDArray::ones(2, float64);
  Passes::apply(x, c).mul_(2);
  EXPECT_CLOSE(c, Values({1, 1}));
}

}  // namespace
}  // namespace lamina
