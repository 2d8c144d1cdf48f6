// Expected values by hand: f = x y^2 and the like.
#include "lamina/autograd/functional.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using Values = std::vector<double>;
using In = absl::Span<const Tensor>;

const Tensor x = tensor({1.0, 2.0, 3.0}, {3}), y = tensor({4.0, 5.0, 6.0}, {3});

TEST(JacobianTest, OfAVectorByTwo) {
  const auto f = [](In in) { return in[0] * in[1] * in[1]; };
  const std::vector<Tensor> j = jacobian(f, {x, y});
  EXPECT_EQ(j[0].shape(), (Shape{3, 3}));
  EXPECT_CLOSE(j[0].data(), Values({16, 0, 0, 0, 25, 0, 0, 0, 36}));
  EXPECT_CLOSE(j[1].data(), Values({8, 0, 0, 0, 20, 0, 0, 0, 36}));
  EXPECT_FALSE(j[0].requires_grad());
}

TEST(JacobianTest, ShapesAndInputsThatDoNotMatter) {
  const Tensor m = arange(0, 6, 1, float64).reshape({2, 3});
  const std::vector<Tensor> j = jacobian([](In in) { return matmul(in[0], in[1]); }, {m, x});
  EXPECT_EQ(j[0].shape(), (Shape{2, 2, 3}));
  EXPECT_CLOSE(j[0].data(), Values({1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 3}));
  EXPECT_CLOSE(j[1].data(), Values({0, 1, 2, 3, 4, 5}));
  const std::vector<Tensor> unused = jacobian([](In in) { return sum(in[0]); }, {x, m});
  EXPECT_CLOSE(unused[0].data(), Values({1, 1, 1}));
  EXPECT_EQ(unused[1].shape(), (Shape{2, 3}));
  EXPECT_CLOSE(unused[1].data(), Values(6, 0));
  const std::vector<Tensor> constant = jacobian([](In) { return ones(2, float64); }, {x});
  EXPECT_EQ(constant[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(jacobian([](In in) { return in[0].narrow(0, 0, 0); }, {x})[0].shape(), (Shape{0, 3}));
}

TEST(JacobianTest, LeavesTheInputsAlone) {
  const Tensor a = x.clone().requires_grad_();
  const NoGradGuard no_grad;  // the derivative is asked for all the same
  EXPECT_CLOSE(jacobian([](In in) { return sum(in[0] * in[0]); }, {a})[0].data(),
               Values({2, 4, 6}));
  EXPECT_FALSE(a.grad().defined());
  EXPECT_CLOSE(jacobian([](In in) { return sum(in[0] * in[1]); }, {a, a})[0].data(),
               Values({1, 2, 3}));
}

TEST(JacobianTest, WithAHistory) {
  const Tensor a = x.clone().requires_grad_();
  const Tensor j = jacobian([](In in) { return in[0] * in[0] * in[0]; }, {a}, true)[0];
  sum(j).backward();
  EXPECT_CLOSE(a.grad().data(), Values({6, 12, 18}));
}

TEST(HessianTest, OfTwoInputs) {
  const auto f = [](In in) { return sum(in[0] * in[1] * in[1]); };
  const std::vector<std::vector<Tensor>> h = hessian(f, {x, y});
  EXPECT_CLOSE(h[0][0].data(), Values(9, 0));
  EXPECT_CLOSE(h[0][1].data(), Values({8, 0, 0, 0, 10, 0, 0, 0, 12}));
  EXPECT_CLOSE(h[1][0].data(), Values({8, 0, 0, 0, 10, 0, 0, 0, 12}));
  EXPECT_CLOSE(h[1][1].data(), Values({2, 0, 0, 0, 4, 0, 0, 0, 6}));
  EXPECT_CLOSE(hessian([](In in) { return sum(in[0]); }, {x})[0][0].data(),
               Values(9, 0));  // linear
  EXPECT_THROWS(ShapeError, "[hessian] expected a function of one element, got shape (3,)",
                hessian([](In in) { return in[0] * 1; }, {x}));
}

TEST(HessianTest, WithAHistory) {
  const Tensor a = x.clone().requires_grad_(), b = y.clone().requires_grad_();
  const auto f = [](In in) { return sum(in[0] * in[0] * in[0] * in[1]); };
  const std::vector<std::vector<Tensor>> h = hessian(f, {a, b}, true);
  EXPECT_CLOSE(h[0][0].data(), Values({24, 0, 0, 0, 60, 0, 0, 0, 108}));  // 6 a b
  EXPECT_CLOSE(h[0][1].data(), Values({3, 0, 0, 0, 12, 0, 0, 0, 27}));    // 3 a^2
  sum(h[0][0]).backward({}, {true});
  EXPECT_CLOSE(a.grad().data(), Values({24, 30, 36}));  // 6 b
  EXPECT_CLOSE(b.grad().data(), Values({6, 12, 18}));   // 6 a
  a.set_grad({});
  sum(h[0][1]).backward({}, {true});
  EXPECT_CLOSE(a.grad().data(), Values({6, 12, 18}));  // 6 a
  EXPECT_FALSE(h[1][1].requires_grad());               // 0 for any a and b
}

TEST(VjpTest, IsTheGradientInADirection) {
  const auto f = [](In in) { return in[0] * in[1]; };
  const VjpResult r = vjp(f, {x, y}, tensor({1.0, 0.0, 2.0}, {3}));
  EXPECT_CLOSE(r.output.data(), Values({4, 10, 18}));
  EXPECT_CLOSE(r.vjp[0].data(), Values({4, 0, 12}));
  EXPECT_CLOSE(r.vjp[1].data(), Values({1, 0, 6}));
  EXPECT_CLOSE(vjp([](In in) { return sum(in[0]); }, {x}).vjp[0].data(), Values({1, 1, 1}));
  EXPECT_THROWS(ShapeError, "[vjp] expected a vector v of shape (3,), got none", vjp(f, {x, y}));
  EXPECT_THROWS(ShapeError,
                "[vjp] expected v of shape (3,) and dtype float64, got (2,) and float64",
                vjp(f, {x, y}, ones(2, float64)));
}

TEST(VjpTest, WithAHistoryUpToTheThirdDerivative) {
  const Tensor a = x.clone().requires_grad_(), v = tensor({1.0, 0.5, 2.0}, {3}).requires_grad_();
  const auto f = [](In in) { return in[0] * in[0] * in[0] * in[0]; };
  const VjpResult r = vjp(f, {a}, v, true);
  EXPECT_CLOSE(r.vjp[0].data(), Values({4, 16, 216}));  // 4 a^3 v
  EXPECT_CLOSE(grad({sum(r.output)}, {a}, {}, {true})[0].data(), Values({4, 32, 108}));
  const std::vector<Tensor> second = grad({sum(r.vjp[0])}, {a, v}, {}, {true, true});
  EXPECT_CLOSE(second[0].data(), Values({12, 24, 216}));  // 12 a^2 v
  EXPECT_CLOSE(second[1].data(), Values({4, 32, 108}));   // 4 a^3
  const std::vector<Tensor> third = grad({sum(second[0])}, {a, v});
  EXPECT_CLOSE(third[0].data(), Values({24, 24, 144}));  // 24 a v
  EXPECT_CLOSE(third[1].data(), Values({12, 48, 108}));  // 12 a^2
}

TEST(JvpTest, IsTheDerivativeAlongADirection) {
  const auto f = [](In in) { return in[0] * in[1] * in[1]; };
  const JvpResult r = jvp(f, {x, y}, {tensor({1.0, 0.0, 1.0}, {3}), tensor({0.0, 1.0, 1.0}, {3})});
  EXPECT_CLOSE(r.output.data(), Values({16, 50, 108}));
  EXPECT_CLOSE(r.jvp.data(), Values({16, 20, 36 + 36}));
  EXPECT_CLOSE(jvp([](In in) { return in[0] * 3; }, {x}, {x}).jvp.data(), Values({3, 6, 9}));
  EXPECT_CLOSE(jvp([](In) { return ones(2, float64); }, {x}, {x}).jvp.data(), Values({0, 0}));
  const Tensor a = x.clone().requires_grad_();
  sum(jvp([](In in) { return in[0] * in[0]; }, {a}, {y}, true).jvp).backward();  // 2 a y
  EXPECT_CLOSE(a.grad().data(), Values({8, 10, 12}));
  EXPECT_THROWS(ValueError, "[jvp] expected a direction for each of 2 inputs, got 1",
                jvp(f, {x, y}, {x}));
  EXPECT_THROWS(ShapeError, "[jvp] expected v[1] of shape (3,) and dtype float64, got an undefined",
                jvp(f, {x, y}, {x, Tensor()}));
}

TEST(FunctionalTest, BadCalls) {
  const auto f = [](In in) { return in[0] * 1; };
  EXPECT_THROWS(ValueError, "[jacobian] expected at least one input, got none", jacobian(f, {}));
  EXPECT_THROWS(ValueError, "[jacobian] expected a function, got none",
                jacobian(TensorFunction(), {x}));
  EXPECT_THROWS(DTypeError, "[vjp] expected a floating dtype, got int64", vjp(f, {arange(3)}));
  EXPECT_THROWS(RuntimeError, "[hessian] expected a defined array", hessian(f, {Tensor()}));
  EXPECT_THROWS(RuntimeError, "[jvp] expected a defined tensor from the function",
                jvp([](In) { return Tensor(); }, {x}, {x}));
}

// Right, but its gradient has no history.
struct OnceOnly : Function<OnceOnly> {
  static constexpr const char* kName = "once_only";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return x * x;
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {Tensor(dy.data() * ctx.saved(0).data() * 2)};
  }
};

TEST(FunctionalTest, ABackwardWithoutHistoryIsNotTakenForZero) {
  const auto f = [](In in) { return OnceOnly::apply(in[0]); };
  EXPECT_CLOSE(vjp(f, {x}, y).vjp[0].data(), Values({8, 20, 36}));
  EXPECT_THROWS(RuntimeError,
                "[jvp] expected the first derivative to have a history, got one without, for input "
                "0; a backward on the way computes on data() instead of on Tensors",
                jvp(f, {x}, {y}));
  EXPECT_THROWS(RuntimeError, "[hessian] expected the first derivative to have a history",
                hessian([&](In in) { return sum(f(in)); }, {x}));
  const auto steps = [](In in) { return floor(in[0]) + in[0].detach(); };  // zeros are no such case
  EXPECT_CLOSE(jvp(steps, {x}, {y}).jvp.data(), Values({0, 0, 0}));
}

TEST(FunctionalTest, IsRefusedInInferenceMode) {
  const InferenceModeGuard inference;
  const auto f = [](In in) { return sum(in[0] * in[0]); };
  const char* const rest =
      "] expected to be called outside of inference mode, which records nothing";
  EXPECT_THROWS(RuntimeError, absl::StrCat("[jacobian", rest), jacobian(f, {x}));
  EXPECT_THROWS(RuntimeError, absl::StrCat("[hessian", rest), hessian(f, {x}));
  EXPECT_THROWS(RuntimeError, absl::StrCat("[vjp", rest), vjp(f, {x}));
  EXPECT_THROWS(RuntimeError, absl::StrCat("[jvp", rest), jvp(f, {x}, {y}));
}

TEST(JvpTest, OfAResultOfIntegersIsRefused) {
  EXPECT_THROWS(DTypeError, "[jvp] expected a floating dtype, got int64",
                jvp([](In in) { return in[0].to(int64); }, {x}, {y}));
}

}  // namespace
}  // namespace lamina
