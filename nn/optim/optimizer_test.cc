// What all optimizers share: groups, options, state, and parameters of every kind. Values of steps are
// in the tests of each, and beside PyTorch's in tests/differential.
#include "lamina/nn/optim/optimizer.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/optim/adam.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/optim/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using test::parameter;
using test::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> keys_of(const StateDict& state) {
  std::vector<std::string> keys;
  for (const auto& entry : state) keys.push_back(entry.first);
  return keys;
}

// ---- Groups and options

TEST(Optimizer, GroupsHaveTheirOwnOptions) {
  const Tensor a = parameter({1}), b = parameter({1}), c = parameter({1});
  SGD sgd({a, b}, {.lr = 0.5});
  sgd.add_group({c}, {.lr = 0.25, .maximize = true});
  for (const Tensor& p : {a, b, c}) p.set_grad(ones(1, float64));
  sgd.step();
  EXPECT_EQ(a.item<double>(), 0.5);
  EXPECT_EQ(b.item<double>(), 0.5);
  EXPECT_EQ(c.item<double>(), 1.25);
  EXPECT_EQ(sgd.group_count(), 2);
  EXPECT_EQ(sgd.parameters().size(), 3u);
  EXPECT_EQ(sgd.parameters(1)[0].impl(), c.impl());
  EXPECT_TRUE(sgd.options(1).maximize);
}

TEST(Optimizer, LearningRatesAndMomentaChangeByGroup) {
  SGD sgd({parameter({1})}, {.lr = 0.5, .momentum = 0.9});
  sgd.add_group({parameter({1})}, {.lr = 0.25});
  sgd.set_lr(1, 0.125);
  EXPECT_EQ(sgd.lr(), 0.5);
  EXPECT_EQ(sgd.lr(1), 0.125);
  sgd.set_lr(2);
  EXPECT_EQ(sgd.lr(0), 2);
  EXPECT_EQ(sgd.lr(1), 2);
  sgd.set_momentum(0, 0.75);
  EXPECT_EQ(sgd.momentum(), 0.75);
  EXPECT_EQ(sgd.options(0).momentum, 0.75);
  sgd.set_options(1, {.lr = 3});
  EXPECT_EQ(sgd.lr(1), 3);
  Adam adam({parameter({1})});
  adam.set_momentum(0, 0.5);
  EXPECT_EQ(adam.momentum(), 0.5);
  EXPECT_EQ(adam.options().betas.first, 0.5);
}

TEST(Optimizer, RefusesOptionsOutOfRange) {
  const Tensor p = parameter({1});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROWS(ValueError, "[SGD] momentum: expected a finite number of at least 0, got -1",
                SGD({p}, {.momentum = -1}));
  EXPECT_THROWS(ValueError, "[SGD] dampening: expected a finite number, got nan",
                SGD({p}, {.dampening = nan}));
  EXPECT_THROWS(ValueError,
                "[SGD] nesterov: expected a momentum above 0 and a dampening of 0, got 0.9 and 0.5",
                SGD({p}, {.momentum = 0.9, .dampening = 0.5, .nesterov = true}));
  EXPECT_THROWS(ValueError, "[AdamW] beta1: expected a number from 0 to below 1, got 1",
                AdamW({p}, {.betas = {1, 0.9}}));
  EXPECT_THROWS(ValueError, "[Adam] beta2: expected a number from 0 to below 1, got -0.1",
                Adam({p}, {.betas = {0, -0.1}}));
  SGD sgd({p});
  EXPECT_THROWS(ValueError, "[SGD] lr: expected", sgd.set_lr(-1));
  EXPECT_THROWS(ValueError, "[SGD] lr: expected", sgd.set_options(0, {.lr = -1}));
  EXPECT_THROWS(IndexError, "[SGD] expected a group from 0 to 0, got 1", sgd.set_lr(1, 0.5));
  EXPECT_THROWS(IndexError, "[SGD] expected a group from 0 to 0, got -1", sgd.options(-1));
  EXPECT_EQ(sgd.lr(), 1e-3);
}

TEST(Optimizer, AnOptionThatContradictsAnotherIsNotTaken) {
  SGD sgd({parameter({1})}, {.momentum = 0.9, .nesterov = true});
  EXPECT_THROWS(ValueError, "[SGD] nesterov: expected a momentum above 0", sgd.set_momentum(0, 0));
  EXPECT_EQ(sgd.momentum(), 0.9);
  EXPECT_EQ(sgd.state_dict().at("groups.0.momentum").item<double>(), 0.9);
}

TEST(Optimizer, RefusesParametersByIndexAndName) {
  const Tensor a = parameter({1}), b = parameter({1});
  SGD sgd(Parameters({{"w", a}, {"b", b}}));
  EXPECT_THROWS(
      ValueError,
      "[SGD] expected different parameters, got one as parameter 1 (b) and as parameter 3",
      sgd.add_group({parameter({2}), b}, {}));
  EXPECT_EQ(sgd.group_count(), 1);
  EXPECT_THROWS(ValueError, "[SGD] expected leaves, got parameter 2: the result of mul",
                sgd.add_group({a * 2}, {}));
  EXPECT_THROWS(ValueError, "[SGD] expected floating parameters, got parameter 0 of int64",
                SGD({zeros(1, int64)}));
  EXPECT_THROWS(ValueError, "[SGD] expected at least one parameter, got none",
                sgd.add_group(std::vector<Tensor>(), {}));
  EXPECT_EQ(sgd.parameters().size(), 2u);
  Parameters named({{"w", parameter({1})}, {"b", parameter({1})}});
  named.names.pop_back();
  EXPECT_THROWS(ValueError, "[SGD] expected a name for each of 2 parameters, got 1", SGD{named});
}

// ---- Steps

TEST(Optimizer, TheClosureComesBeforeTheStep) {
  const Tensor p = parameter({3});
  SGD sgd({p}, {.lr = 0.5});
  const Tensor loss = sgd.step([&] {
    sgd.zero_grad();
    Tensor square = (p * p).sum();
    square.backward();
    return square;
  });
  EXPECT_EQ(loss.item<double>(), 9);
  EXPECT_EQ(p.item<double>(), 0);
}

TEST(Optimizer, RefusesAnEmptyClosure) {
  SGD sgd({parameter({3})});
  EXPECT_THROWS(RuntimeError, "[SGD] expected a closure, got an empty function",
                sgd.step(std::function<Tensor()>()));
}

TEST(Optimizer, ZeroGradMayFillWithZeros) {
  const Tensor a = parameter({3, 4}), b = parameter({1, 2}), c = parameter({5});
  SGD sgd({a, b, c});
  a.set_grad(tensor({1., 2.}, {2}));
  b.set_grad(ones(1, float64).expand({2}));
  const Tensor kept = a.grad();
  sgd.zero_grad(/*set_to_none=*/false);
  EXPECT_EQ(a.grad().impl(), kept.impl());
  EXPECT_THAT(kept.to_vector<double>(), ElementsAre(0, 0));
  EXPECT_THAT(b.grad().to_vector<double>(), ElementsAre(0, 0));
  EXPECT_FALSE(c.grad().defined());
}

TEST(Optimizer, ZeroGradLeavesAParameterThatIsAGradientAlone) {
  const Tensor a = parameter({3, 4}), b = parameter({1, 2});
  SGD sgd({a, b});
  a.set_grad(a.detach());
  b.set_grad(a.detach());
  sgd.zero_grad(/*set_to_none=*/false);
  EXPECT_THAT(a.to_vector<double>(), ElementsAre(3, 4));
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(0, 0));
  EXPECT_THAT(b.grad().to_vector<double>(), ElementsAre(0, 0));
}

// ---- Memory that is shared: what PyTorch 1.13, which steps one parameter after the other, gives.

TEST(Optimizer, ParametersThatShareMemoryAreSteppedOneAfterTheOther) {
  // 1 - (1 + 1 / 2) / 2 = 1 / 4, and from there 1 / 4 - (2 + 1 / 8) / 2.
  const int before = get_num_threads();
  set_num_threads(3);
  constexpr int64_t kCount = 300000;
  for (const DType dtype : {float32, bfloat16}) {  // in place, and in a copy
    const Tensor a = ones(kCount, dtype).requires_grad_(), b = a.detach().requires_grad_();
    SGD sgd({a, b}, {.lr = 0.5, .weight_decay = 0.5});
    for (int i = 0; i < 10; ++i) {
      NDArray(a.data()).fill_(1);
      a.set_grad(ones(kCount, dtype));
      b.set_grad(full({kCount}, 2, dtype));
      sgd.step();
      EXPECT_EQ(a.data().min().item<double>(), -0.8125);
      EXPECT_EQ(a.data().max().item<double>(), -0.8125);
    }
  }
  set_num_threads(before);
}

TEST(Optimizer, AGradientMayBeTheValuesOfAParameter) {
  const auto after_a_step = [](bool is_first) {
    const Tensor p = parameter({1}), q = parameter({3});
    SGD sgd(is_first ? Parameters{p, q} : Parameters{q, p}, {.lr = 0.5});
    p.set_grad(ones(1, float64));
    q.set_grad(p.detach());
    sgd.step();
    EXPECT_EQ(p.item<double>(), 0.5);
    return q.item<double>();
  };
  EXPECT_EQ(after_a_step(/*is_first=*/true), 2.75);
  EXPECT_EQ(after_a_step(/*is_first=*/false), 2.5);
  // p[i] -= p[i + 1], all of them as they were before.
  const NDArray all = NDArray::arange(1001).to(float64).mul(2);
  const Tensor p = Tensor(all.narrow(0, 0, 1000)).requires_grad_();
  p.set_grad(all.narrow(0, 1, 1000));
  SGD({p}, {.lr = 1}).step();
  EXPECT_EQ(p.to_vector<double>(), std::vector<double>(1000, -2));
}

TEST(Optimizer, HalfPrecisionStepsAreComputedInFloat32) {
  // 20 steps of 1e-4 from 1: bfloat16 has a spacing of 2^-8 below 1, so none of them moves it; the
  // momentum adds them up in float32, as 1 - 0.9^t over 0.1, until a step is more than half a spacing.
  const Tensor p = ones(1, bfloat16).requires_grad_();
  SGD sgd({p}, {.lr = 1, .momentum = 0.9});
  p.set_grad(full({1}, 2e-4, bfloat16));
  sgd.step();
  EXPECT_EQ(p.item<float>(), 1);
  const Tensor buffer = sgd.state_dict().at("state.0.momentum_buffer");
  EXPECT_EQ(buffer.dtype(), float32);
  EXPECT_EQ(buffer.item<float>(), full({1}, 2e-4, bfloat16).item<float>());
  for (int i = 0; i < 40; ++i) sgd.step();
  EXPECT_LT(p.item<float>(), 1);
  EXPECT_EQ(p.dtype(), bfloat16);
}

TEST(Optimizer, AParameterOfAnotherShapeIsRefusedBeforeAnythingChanges) {
  const Tensor a = parameter({1, 2}), b = parameter({3});
  Adam adam(Parameters({{"a", a}, {"b", b}}));
  a.set_grad(ones(2, float64));
  b.set_grad(ones(1, float64));
  adam.step();
  const std::vector<double> before = a.to_vector<double>();
  b.set_data(NDArray::ones({2, 2}, float64));
  b.set_grad(ones({2, 2}, float64));
  EXPECT_THROWS(ShapeError,
                "[Adam] expected the shape of earlier steps, (1,), for parameter 1 (b), got (2, 2)",
                adam.step());
  EXPECT_EQ(a.to_vector<double>(), before);
  EXPECT_EQ(adam.state_dict().at("state.0.step").item<int64_t>(), 1);
}

TEST(Optimizer, AnExpandedParameterIsRefusedBeforeAnythingChanges) {
  const Tensor a = parameter({1}), b = ones(1, float64).expand({2}).detach().requires_grad_();
  SGD sgd({a, b}, {.lr = 1, .momentum = 0.5});
  a.set_grad(ones(1, float64));
  b.set_grad(ones(2, float64));
  EXPECT_THROWS(RuntimeError,
                "[SGD] expected parameters with elements of their own, got parameter 1, which is "
                "expanded or overlaps with itself; clone() it",
                sgd.step());
  EXPECT_EQ(a.item<double>(), 1);
  EXPECT_FALSE(sgd.state_dict().contains("state.0.step"));
}

TEST(Optimizer, AModelThatIsConvertedKeepsItsState) {
  const Tensor p = ones(1).requires_grad_();
  SGD sgd({p}, {.lr = 1, .momentum = 0.5});
  p.set_grad(full({1}, 4.f));
  sgd.step();
  p.set_data(NDArray::zeros(1, float64));
  p.set_grad(ones(1, float64));
  sgd.step();
  EXPECT_EQ(p.item<double>(), -3);  // 0.5 * 4 + 1
}

// ---- State

TEST(Optimizer, StateDictHasOptionsStepsAndArrays) {
  const Tensor a = parameter({1}), b = parameter({1});
  SGD sgd({a, b}, {.lr = 0.5, .momentum = 0.9});
  a.set_grad(ones(1, float64));
  sgd.step();
  const StateDict state = sgd.state_dict();
  EXPECT_THAT(keys_of(state),
              ElementsAre("SGD", "groups.0.lr", "groups.0.momentum", "groups.0.dampening",
                          "groups.0.weight_decay", "groups.0.nesterov", "groups.0.maximize",
                          "groups.0.parameters", "state.0.step", "state.0.momentum_buffer"));
  EXPECT_EQ(state.at("groups.0.lr").item<double>(), 0.5);
  EXPECT_EQ(state.at("groups.0.parameters").item<int64_t>(), 2);
  EXPECT_EQ(state.at("state.0.step").item<int64_t>(), 1);
}

TEST(Optimizer, LoadingCopiesTheStateAndTheOptions) {
  const Tensor p = parameter({1}), q = parameter({1});
  SGD from({p}, {.lr = 0.5, .momentum = 0.5}), to({q}, {.lr = 7});
  p.set_grad(ones(1, float64));
  from.step();
  to.load_state_dict(from.state_dict());
  from.step();  // does not reach the copy
  EXPECT_EQ(to.lr(), 0.5);
  EXPECT_EQ(to.state_dict().at("state.0.momentum_buffer").item<double>(), 1);
  q.set_grad(ones(1, float64));
  to.step();
  EXPECT_EQ(q.item<double>(), 1 - 0.5 * 1.5);
}

TEST(Optimizer, AnArrayThatIsWantedOnlySinceTheLastStepIsSavedWithoutAValue) {
  const Tensor p = parameter({1});
  SGD from({p}, {.lr = 0.5}), to({p});
  p.set_grad(ones(1, float64));
  from.step();
  from.set_options(0, {.lr = 0.5, .momentum = 0.5, .dampening = 0.5});
  to.load_state_dict(from.state_dict());
  to.step();
  to.step();
  EXPECT_EQ(p.item<double>(), 1 - 0.5 - 0.5 - 0.5);  // b = 1, as in a first step, then 0.5 + 0.5
}

TEST(Optimizer, RefusesAStateThatDoesNotFitWhole) {
  const Tensor p = parameter({1, 2});
  AdamW adamw(Parameters({{"w", p}}), {.lr = 0.125});
  p.set_grad(ones(2, float64));
  adamw.step();
  const StateDict good = test::copy_of(adamw.state_dict());
  adamw.step();
  adamw.set_lr(0.25);
  const auto with = [&](const char* key, const Tensor& value) {
    return test::with(good, key, value);
  };
  const auto without = [&](const char* key) {
    StateDict state = good;
    EXPECT_TRUE(state.erase(key));
    return state;
  };

  EXPECT_THAT(refusal_of(adamw, Adam({p}).state_dict()),
              HasSubstr("AdamW: expected the state of AdamW, got that of Adam"));
  EXPECT_THAT(refusal_of(adamw, {}), HasSubstr("AdamW: expected the state of AdamW"));
  EXPECT_THAT(refusal_of(adamw, with("state.0.exp_avg", ones(3, float64))),
              HasSubstr("[AdamW] expected a state that fits, got one with these problems:\n\t"
                        "state.0.exp_avg: expected the shape of parameter 0 (w), (2,), got (3,)"));
  EXPECT_THAT(refusal_of(adamw, without("state.0.exp_avg_sq")),
              HasSubstr("state.0.exp_avg_sq: expected a value, got no such key"));
  EXPECT_THAT(refusal_of(adamw, with("state.1.step", ones(1, int64))),
              HasSubstr("state.1.step: expected no such key"));
  EXPECT_THAT(refusal_of(adamw, with("state.0.step", full({}, -1, int64))),
              HasSubstr("state.0.step: expected at least 1, got -1"));
  const int64_t most = std::numeric_limits<int64_t>::max();  // a further step would overflow
  EXPECT_THAT(refusal_of(adamw, with("state.0.step", full({}, most, int64))),
              HasSubstr("state.0.step: expected at most 4611686018427387903, got"));
  EXPECT_THAT(refusal_of(adamw, with("groups.0.lr", full({}, -1, float64))),
              HasSubstr("groups.0.lr: expected a finite number of at least 0, got -1"));
  EXPECT_THAT(refusal_of(adamw, with("groups.0.lr", ones(2, float64))),
              HasSubstr("groups.0.lr: expected one number, got the shape (2,)"));
  EXPECT_THAT(refusal_of(adamw, with("groups.0.amsgrad", full({}, 1, float64))),
              HasSubstr("groups.0.amsgrad: expected bool, got float64"));
  EXPECT_THAT(refusal_of(adamw, with("groups.0.parameters", full({}, 3, int64))),
              HasSubstr("groups.0.parameters: expected 1, got 3"));
  EXPECT_THAT(refusal_of(adamw, with("groups.1.lr", full({}, 1, float64))),
              HasSubstr("groups.1.lr: expected no such key"));
  // Options that contradict one another are those of a file, too.
  SGD sgd({p});
  StateDict state = sgd.state_dict();
  state.set("groups.0.nesterov", full({}, true, bool_));
  EXPECT_THAT(refusal_of(sgd, state), HasSubstr("nesterov: expected a momentum above 0"));
}

}  // namespace
}  // namespace lamina::nn::optim
