#include "lamina/autograd/gradcheck.h"

#include <limits>
#include <stdexcept>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using In = absl::Span<const Tensor>;

// x^3, whose backward is `kWrong` times right, and whose second derivative can be lost.
template <int kWrongPercent, bool kLoseSecond = false>
struct Cube : Function<Cube<kWrongPercent, kLoseSecond>> {
  static constexpr const char* kName = "cube";
  static NDArray forward(Context& ctx, const NDArray& x) {
    if (kLoseSecond)
      ctx.save_values(x);
    else
      ctx.save_input(x);
    return x * x * x;
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0);
    return {dy * x * x * (3 * kWrongPercent / 100.0)};
  }
};

Tensor input(std::vector<double> values) {
  const Shape shape = static_cast<int64_t>(values.size());
  return tensor(values, shape).requires_grad_();
}

TEST(Gradcheck, PassesRightDerivatives) {
  const auto f = [](In in) { return Cube<100>::apply(in[0]) * in[1]; };
  const std::vector<Tensor> inputs{input({0.5, -1.5}), input({2, 3})};
  EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
  EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
  EXPECT_EQ(gradcheck(f, inputs).message, "");
}

TEST(Gradcheck, CatchesAFirstDerivativeThatIsOffByOnePercent) {
  const auto f = [](In in) { return Cube<101>::apply(in[0]); };
  EXPECT_FALSE(gradcheck(f, {input({0.5, -1.5})}).passed);
}

TEST(Gradcheck, NamesInputElementAndBothNumbers) {
  // d/dx of 2 y x^3 in the second element is 6 * 4 * 4 = 96 times the direction; backward claims
  // twice that.
  const auto f = [](In in) { return sum(in[0]) * sum(Cube<200>::apply(in[1])); };
  const GradcheckReport report = gradcheck(f, {input({2}), input({0, 4})});
  ASSERT_FALSE(report.passed);
  EXPECT_THAT(report.message,
              testing::HasSubstr("input 1 of shape (2,), element 1 (row-major): backward gives "));
  // The direction is one number for the one output, so the two numbers are in proportion 2.
  double got = 0, expected = 0;
  ASSERT_EQ(
      std::sscanf(
          report.message.c_str(),
          "input 1 of shape (2,), element 1 (row-major): backward gives %lf, differences give %lf",
          &got, &expected),
      2);
  EXPECT_NEAR(got / expected, 2, 1e-6);
  EXPECT_GE(expected, 96 * 0.5);
  EXPECT_LE(expected, 96 * 1.5);
}

TEST(Gradcheck, SecondDerivativesCatchWhatTheFirstPass) {
  const auto f = [](In in) { return Cube<100, true>::apply(in[0]); };
  EXPECT_TRUE(gradcheck(f, {input({0.5, -1.5})}).passed);
  const GradcheckReport report = gradgradcheck(f, {input({0.5, -1.5})});
  EXPECT_FALSE(report.passed);
  EXPECT_THAT(report.message,
              testing::StartsWith("second derivative: input 0 of shape (2,), element 0"));
}

TEST(Gradcheck, CatchesAGradientThatWasForgotten) {
  const auto f = [](In in) { return in[0].detach() * in[1]; };
  const GradcheckReport report = gradcheck(f, {input({1}), input({2})});
  EXPECT_FALSE(report.passed);
  EXPECT_THAT(
      report.message,
      testing::HasSubstr("input 0 of shape (1,), element 0 (row-major): backward gives 0, "));
}

TEST(Gradcheck, NaNFails) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(gradcheck([&](In in) { return in[0] * nan; }, {input({1})}).passed);
  // The values are good, only backward gives NaN.
  struct NanBackward : Function<NanBackward> {
    static NDArray forward(Context&, const NDArray& x) { return x + 0; }
    static Gradients backward(Context&, const Tensor& dy) {
      return {dy * std::numeric_limits<double>::quiet_NaN()};
    }
  };
  EXPECT_FALSE(gradcheck([](In in) { return NanBackward::apply(in[0]); }, {input({1})}).passed);
}

TEST(Gradcheck, ChecksOnlyInputsThatRequireAGradient) {
  const auto f = [](In in) { return Cube<150>::apply(in[0]) * in[1] * in[2].to(float64); };
  EXPECT_TRUE(gradcheck(f, {tensor({2.0}, {1}), input({3}), tensor(4)}).passed);
}

TEST(Gradcheck, TakesAnInputThatTheFunctionIgnores) {
  EXPECT_TRUE(gradcheck([](In in) { return in[1] * 2; }, {input({1}), input({2})}).passed);
}

TEST(Gradcheck, TolerancesAreTheCallers) {
  const auto f = [](In in) { return Cube<101>::apply(in[0]); };
  GradcheckOptions loose;
  loose.rtol = 0.1;
  EXPECT_TRUE(gradcheck(f, {input({0.5, -1.5})}, loose).passed);
}

TEST(Gradcheck, LeavesDataAndGradientsAsTheyWere) {
  const Tensor x = input({1, 2, 3});
  const internal::Storage* storage = x.data().storage();
  x.set_grad(ones({3}, float64));
  ASSERT_TRUE(gradgradcheck([](In in) { return in[0] * in[0]; }, {x}).passed);
  ASSERT_TRUE(gradcheck([](In in) { return in[0] * in[0]; }, {x}).passed);
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(x.data().storage(), storage);
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{1, 1, 1}));
}

TEST(Gradcheck, LeavesDataAsItWasWhenTheFunctionThrows) {
  const Tensor x = input({1, 2, 3});
  int calls = 0;
  const auto f = [&](In in) {
    if (++calls == 4) throw std::out_of_range("the fourth call");
    return in[0] * 2;
  };
  EXPECT_THROW(gradcheck(f, {x}), std::out_of_range);
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{1, 2, 3}));
}

TEST(Gradcheck, DoesNotMoveTheUsersRandomState) {
  const auto before = default_generator().state();
  ASSERT_TRUE(gradgradcheck([](In in) { return in[0] * in[0]; }, {input({1})}).passed);
  EXPECT_EQ(default_generator().state().position, before.position);
}

TEST(Gradcheck, TakesNonContiguousInputs) {
  const Tensor x = NDArray::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3}).t();
  Tensor leaf = x;
  leaf.requires_grad_();
  EXPECT_TRUE(gradcheck([](In in) { return in[0] * in[0]; }, {leaf}).passed);
}

TEST(Gradcheck, RefusesWhatItCannotCheck) {
  const auto f = [](In in) { return in[0] * 2; };
  EXPECT_THROWS(ValueError, "[gradcheck] expected an input that requires a gradient, got none",
                gradcheck(f, {tensor({1.0}, {1})}));
  EXPECT_THROWS(ValueError, "[gradgradcheck] expected an input that requires a gradient, got none",
                gradgradcheck(f, {tensor({1.0}, {1})}));
  EXPECT_THROWS(ValueError, "[gradcheck] expected input 0 to be a float64 leaf, got float32",
                gradcheck(f, {ones({1}).requires_grad_()}));
  EXPECT_THROWS(ValueError,
                "[gradcheck] expected input 0 to be a float64 leaf, got the result of an operation",
                gradcheck(f, {input({1}) * 2}));
  EXPECT_THROWS(ValueError, "[gradcheck] expected a float64 result, got float32",
                gradcheck([](In in) { return in[0].to(float32); }, {input({1})}));
  EXPECT_THROWS(ValueError, "[gradcheck] expected a float64 result, got an undefined tensor",
                gradcheck([](In) { return Tensor(); }, {input({1})}));
  EXPECT_THROWS(ValueError, "[gradgradcheck] expected a float64 result, got float32",
                gradgradcheck([](In in) { return in[0].to(float32); }, {input({1})}));
}

TEST(Gradcheck, WithoutAFunctionSaysSo) {
  const std::vector<Tensor> x{ones({1}, float64).requires_grad_()};
  EXPECT_THROWS(ValueError, "[gradcheck] expected a function, got none", gradcheck(nullptr, x));
  EXPECT_THROWS(ValueError, "[gradgradcheck] expected a function, got none",
                gradgradcheck(nullptr, x));
}

TEST(GradcheckTest, LeavesTheGradientsOfWhatTheFunctionUsesAlone) {
  const Tensor x = tensor({1.0}, {1}).requires_grad_(), w = tensor({2.0}, {1}).requires_grad_();
  const TensorFunction f = [&](absl::Span<const Tensor> in) { return in[0] * in[0] * w; };
  x.set_grad(ones(1, float64));
  EXPECT_TRUE(gradcheck(f, {x}).passed);
  EXPECT_TRUE(gradgradcheck(f, {x}).passed);
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(x.grad().item<double>(), 1);
}

// Another gradient when it is recorded.
struct TwoFaced : Function<TwoFaced> {
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return x * x;
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {dy * ctx.saved(0) * (is_grad_enabled() ? 3 : 2)};
  }
};

TEST(Gradgradcheck, ComparesTheGradientsWithAndWithoutCreateGraph) {
  const auto f = [](In in) { return TwoFaced::apply(in[0]); };
  const Tensor x = input({1, 2});
  EXPECT_TRUE(gradcheck(f, {x}).passed);
  const GradcheckReport report = gradgradcheck(f, {x});
  EXPECT_FALSE(report.passed);
  EXPECT_THAT(report.message, testing::MatchesRegex(
                                  "input 0 of shape \\(2,\\), element 0 \\(row-major\\): backward "
                                  "gives [0-9.]+, with create_graph [0-9.]+"));
}

TEST(Gradcheck, IsIndifferentToNoGradAndRefusedInInferenceMode) {
  const auto right = [](In in) { return in[0] * in[0]; };
  const auto wrong = [](In in) { return in[0] * in[0].detach(); };
  const Tensor x = input({1, 2});
  {
    const NoGradGuard no_grad;
    EXPECT_TRUE(gradcheck(right, {x}).passed);
    EXPECT_TRUE(gradgradcheck(right, {x}).passed);
    EXPECT_FALSE(gradcheck(wrong, {x}).passed);
    EXPECT_FALSE(gradgradcheck(wrong, {x}).passed);
  }
  const InferenceModeGuard inference;
  EXPECT_THROWS(RuntimeError, "[gradcheck] expected to be called outside of inference mode",
                gradcheck(right, {x}));
  EXPECT_THROWS(RuntimeError, "[gradgradcheck] expected to be called outside of inference mode",
                gradgradcheck(right, {x}));
}

TEST(Gradcheck, LeavesGraphsAndViewsOfTheInputsAsTheyAre) {
  const Tensor x = input({1, 2}), y = sum(x * x), view = x.detach();
  ASSERT_TRUE(gradcheck([](In in) { return in[0] * 2; }, {x}).passed);
  y.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{2, 4}));
  view.fill_(7);
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{7, 7}));
}

}  // namespace
}  // namespace lamina
