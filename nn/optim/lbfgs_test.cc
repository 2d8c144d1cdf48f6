#include "lamina/nn/optim/lbfgs.h"

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/optim/line_search.h"
#include "lamina/nn/optim/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using test::parameter;

// Computes the loss and its gradients.
std::function<Tensor()> closure_of(Optimizer& optimizer, std::function<Tensor()> loss) {
  return [&optimizer, loss = std::move(loss)] {
    optimizer.zero_grad();
    Tensor value = loss();
    value.backward();
    return value;
  };
}

TEST(LBFGS, FindsTheMinimumOfAParabolaInTwoIterations) {
  // 2 (p - 3)^2 has the slope -12 at 0: the first step has the length 12 / |-12|. Then y = 4 and s = 1 tell
  // the curvature.
  const Tensor p = parameter({0});
  LBFGS lbfgs({p}, {.max_iter = 2, .max_eval = 5});
  int calls = 0;
  const Tensor loss = lbfgs.step(closure_of(lbfgs, [&] {
    ++calls;
    return ((p - 3) * (p - 3) * 2).sum();
  }));
  EXPECT_EQ(loss.item<double>(), 18);  // the first one
  EXPECT_EQ(calls, 2);
  EXPECT_NEAR(p.item<double>(), 3, 1e-15);
  const StateDict state = lbfgs.state_dict();
  EXPECT_EQ(state.at("state.0.n_iter").item<int64_t>(), 2);
  EXPECT_EQ(state.at("state.0.func_evals").item<int64_t>(), 2);
  EXPECT_NEAR(state.at("state.0.H_diag").item<double>(), 0.25, 1e-15);
  EXPECT_CLOSE(state.at("state.0.old_dirs").data(), {4}, 1e-15);
  EXPECT_CLOSE(state.at("state.0.old_stps").data(), {1}, 1e-15);
  EXPECT_CLOSE(state.at("state.0.ro").data(), {0.25}, 1e-15);
  EXPECT_CLOSE(state.at("state.0.prev_flat_grad").data(), {-8}, 1e-14);
  EXPECT_NEAR(state.at("state.0.prev_loss").item<double>(), 8, 1e-14);
}

TEST(LBFGS, FindsTheMinimumOfRosenbrocksFunction) {
  const Tensor x = parameter({-1.2}), y = parameter({1});
  LBFGS lbfgs({x, y},
              {.max_iter = 100, .tolerance_change = 0, .history_size = 5, .strong_wolfe = true});
  lbfgs.step(closure_of(lbfgs, [&] {
    const Tensor a = 1 - x, b = y - x * x;
    return (a * a + b * b * 100).sum();
  }));
  EXPECT_NEAR(x.item<double>(), 1, 1e-6);
  EXPECT_NEAR(y.item<double>(), 1, 1e-6);
  EXPECT_EQ(lbfgs.state_dict().at("state.0.old_dirs").shape(), Shape({5, 2}));
}

TEST(LBFGS, EndsAStepAfterAsManyCallsAsItMay) {
  const Tensor p = parameter({2});
  LBFGS lbfgs({p}, {.lr = 0.01, .max_iter = 8, .tolerance_change = 0});
  int calls = 0;
  const auto closure = closure_of(lbfgs, [&] {
    ++calls;
    return (p * p).sum();
  });
  lbfgs.step(closure);
  EXPECT_EQ(calls, 8);  // after the eighth iteration there is none
  calls = 0;
  lbfgs.set_options(0, {.lr = 0.01, .max_iter = 8, .max_eval = 3, .tolerance_change = 0});
  lbfgs.step(closure);
  EXPECT_EQ(calls, 3);
}

TEST(LBFGS, StaysWhereTheGradientIsZero) {
  const Tensor p = parameter({0});
  LBFGS lbfgs({p});
  lbfgs.step(closure_of(lbfgs, [&] { return (p * p).sum(); }));
  EXPECT_EQ(p.item<double>(), 0);
  const StateDict state = lbfgs.state_dict();
  EXPECT_EQ(state.at("state.0.func_evals").item<int64_t>(), 1);
  EXPECT_FALSE(state.contains("state.0.d"));
  lbfgs.load_state_dict(state);
}

TEST(LBFGS, GoesOnFromWhereAClosureThatThrowsLeavesIt) {
  // 2 (p - 3)^2: whatever the change s, y = 4 s, and the next direction leads to the minimum.
  const Tensor p = parameter({0});
  LBFGS lbfgs({p}, {.lr = 0.01, .max_iter = 1, .strong_wolfe = true});
  int calls = 0;
  const auto closure = closure_of(lbfgs, [&] {
    if (++calls == 3) throw std::runtime_error("in the line search");
    return ((p - 3) * (p - 3) * 2).sum();
  });
  EXPECT_THROW(lbfgs.step(closure), std::runtime_error);
  const double there = p.item<double>();
  EXPECT_GT(there, 0.01);
  lbfgs.step(closure);
  EXPECT_NEAR(lbfgs.state_dict().at("state.0.old_stps").item<double>(), there, 1e-15);
  EXPECT_NEAR(lbfgs.state_dict().at("state.0.H_diag").item<double>(), 0.25, 1e-14);
}

TEST(LBFGS, AParameterWhoseGradientGoesMovesAsTheOthersDo) {
  const Tensor p = parameter({0}), q = parameter({0});
  LBFGS lbfgs({p, q}, {.lr = 0.01, .max_iter = 1, .strong_wolfe = true});
  int calls = 0;
  lbfgs.step(closure_of(lbfgs, [&] {
    const Tensor loss = ((p - 3) * (p - 3) * 2).sum();
    return ++calls == 1 ? loss - q.sum() : loss;
  }));
  EXPECT_GT(calls, 2);
  // The direction is (12, 1).
  const double t = lbfgs.state_dict().at("state.0.t").item<double>();
  EXPECT_NEAR(p.item<double>(), 12 * t, 1e-15);
  EXPECT_NEAR(q.item<double>(), t, 1e-15);
}

TEST(LBFGS, MayIterateAsOftenAsCanBeCounted) {
  const Tensor p = parameter({2});
  LBFGS lbfgs({p}, {.max_iter = std::numeric_limits<int64_t>::max()});
  lbfgs.step(closure_of(lbfgs, [&] { return (p * p).sum(); }));
  EXPECT_NEAR(p.item<double>(), 0, 1e-7);
}

TEST(LBFGS, RefusesWhatItCannotDo) {
  const Tensor p = parameter({1}), q = parameter({1});
  LBFGS lbfgs({p});
  EXPECT_THROWS(RuntimeError, "[LBFGS] expected a closure that computes the loss and its gradients",
                lbfgs.step());
  EXPECT_THROWS(RuntimeError, "[LBFGS] expected a closure", lbfgs.step(std::function<Tensor()>()));
  EXPECT_THROWS(RuntimeError, "[LBFGS] expected the loss from the closure, got an undefined tensor",
                lbfgs.step([] { return Tensor(); }));
  EXPECT_THROWS(ValueError, "[LBFGS] expected one group of parameters, got parameter 1 in a second",
                lbfgs.add_group({q}, {}));
  EXPECT_EQ(lbfgs.group_count(), 1);
  EXPECT_THROWS(ValueError, "[LBFGS] history_size: expected at least 1, got 0",
                LBFGS({p}, {.history_size = 0}));
  EXPECT_THROWS(ValueError, "[LBFGS] max_iter: expected at least 1, got 0",
                LBFGS({p}, {.max_iter = 0}));
}

TEST(LBFGS, RefusesAStateThatDoesNotFitWhole) {
  const Tensor p = parameter({2});
  LBFGS lbfgs({p}, {.max_iter = 3});
  const auto closure = closure_of(lbfgs, [&] { return exp(p).sum() - p.sum(); });
  lbfgs.step(closure);
  const StateDict good = test::copy_of(lbfgs.state_dict());
  lbfgs.step(closure);
  const auto expect_refusal = [&](const char* text, const char* key, std::optional<Tensor> value) {
    EXPECT_THAT(test::refusal_of(lbfgs, test::with(good, key, std::move(value))),
                ::testing::HasSubstr(text));
  };
  expect_refusal("state.0.d: expected the shape of all parameters' elements, (1,), got (2,)",
                 "state.0.d", zeros(2, float64));
  expect_refusal("state.0.d: expected a value, got none", "state.0.d", std::nullopt);
  expect_refusal("state.0.old_dirs: expected the shape", "state.0.old_dirs",
                 zeros({7, 1}, float64));
  expect_refusal("state.0.t: expected one number", "state.0.t", zeros(2, float64));
  expect_refusal("state.0.func_evals: expected at least 1", "state.0.func_evals",
                 full({}, 0, int64));
  expect_refusal("state.0.n_iter: expected at least 0", "state.0.n_iter", full({}, -1, int64));
}

TEST(LBFGS, OtherShapesAfterAStepAreRefused) {
  const Tensor p = parameter({2});
  LBFGS lbfgs({p}, {.max_iter = 3});
  const auto closure = closure_of(lbfgs, [&] { return exp(p).sum() - p.sum(); });
  lbfgs.step(closure);
  p.set_data(NDArray::zeros(3, float64));
  EXPECT_THROWS(ShapeError,
                "[LBFGS] expected the 1 elements of earlier steps in all parameters, got 3",
                lbfgs.step(closure));
}

TEST(LBFGS, AnExpandedParameterIsRefusedBeforeTheClosureIsCalled) {
  const Tensor p = ones(1, float64).expand({2}).detach().requires_grad_();
  LBFGS lbfgs({p});
  bool is_called = false;
  const auto closure = [&] {
    is_called = true;
    return zeros({}, float64);
  };
  EXPECT_THROWS(RuntimeError, "[LBFGS] expected parameters with elements of their own, got",
                lbfgs.step(closure));
  EXPECT_FALSE(is_called);
}

TEST(LineSearch, ThePointHasWolfesConditions) {
  struct Function {
    std::function<double(double)> value, slope;
  };
  const std::vector<Function> functions = {
      {[](double t) { return (t - 1) * (t - 1); }, [](double t) { return 2 * (t - 1); }},
      {[](double t) { return std::cosh(t - 3); }, [](double t) { return std::sinh(t - 3); }},
      {[](double t) { return -t / (t * t + 2); },
       [](double t) { return (t * t - 2) / ((t * t + 2) * (t * t + 2)); }},
      {[](double t) { return std::pow(t - 2, 4) - t; },
       [](double t) { return 4 * std::pow(t - 2, 3) - 1; }}};
  for (const Function& f : functions) {
    for (const double first : {1e-3, 0.1, 1.0, 10.0, 100.0}) {
      int calls = 0;
      const auto at = [&](double t) {
        ++calls;
        internal::LinePoint point;
        point.t = t;
        point.loss = f.value(t);
        point.slope = f.slope(t);
        return point;
      };
      internal::LinePoint start = at(0);
      calls = 0;
      const internal::LinePoint found = internal::strong_wolfe(at, start, first, 1, 1e-9);
      EXPECT_LE(calls, 26);
      EXPECT_EQ(found.loss, f.value(found.t));
      EXPECT_EQ(found.slope, f.slope(found.t));
      EXPECT_LE(found.loss, start.loss + 1e-4 * found.t * start.slope) << first;
      EXPECT_LE(std::abs(found.slope), 0.9 * std::abs(start.slope)) << first;
    }
  }
}

}  // namespace
}  // namespace lamina::nn::optim
