// Schedules: what they share, errors, and states. The rates are beside PyTorch's in
// lr_scheduler_golden_test.cc.
#include "lamina/nn/optim/lr_scheduler.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/optim/adam.h"
#include "lamina/nn/optim/combined_lr.h"
#include "lamina/nn/optim/lr_schedules.h"
#include "lamina/nn/optim/one_cycle_lr.h"
#include "lamina/nn/optim/reduce_lr_on_plateau.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/optim/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using test::kInf;
using test::kNan;
using test::refusal_of;
using test::with;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An optimizer of one parameter.
SGD sgd(double lr = 1) { return SGD({zeros(1).requires_grad_()}, {.lr = lr}); }

// ---- What schedules share

TEST(LRScheduler, MakingOneSetsTheFirstRates) {
  SGD o = sgd(0.5);
  o.add_group({zeros(1).requires_grad_()}, {.lr = 2});
  const LinearLR warm_up(o, {.start_factor = 0.25, .total_iters = 3});
  EXPECT_THAT(warm_up.last_lr(), ElementsAre(0.125, 0.5));
  EXPECT_EQ(o.lr(0), 0.125);
  EXPECT_EQ(o.lr(1), 0.5);
  EXPECT_EQ(warm_up.last_epoch(), 0);
}

TEST(LRScheduler, BaseRatesAreThoseBeforeTheFirstSchedule) {
  SGD o = sgd(0.5);
  const ConstantLR first(o, {.factor = 0.5});
  LambdaLR second(o, [](int64_t) { return 1.; });
  EXPECT_EQ(o.lr(), 0.5);
}

TEST(LRScheduler, ARateSetByHandIsCarriedOn) {
  SGD o = sgd();
  ExponentialLR halving(o, {.gamma = 0.5});
  halving.step();
  o.set_lr(8);
  halving.step();
  EXPECT_EQ(o.lr(), 4);
}

TEST(LRScheduler, RefusesGroupsThatComeLater) {
  SGD o = sgd();
  ExponentialLR halving(o, {.gamma = 0.5});
  ReduceLROnPlateau plateau(o);
  o.add_group({zeros(1).requires_grad_()}, {});
  EXPECT_THROWS(
      RuntimeError,
      "[ExponentialLR] expected as many groups as the optimizer had when the schedule was "
      "made, 1, got 2",
      halving.step());
  EXPECT_THROWS(RuntimeError, "[ReduceLROnPlateau] expected as many groups", plateau.step(1));
}

TEST(LRScheduler, ARateThatCannotBeChangesNothing) {
  SGD o = sgd();
  o.add_group({zeros(1).requires_grad_()}, {.lr = 1});
  LambdaLR schedule(o, {[](int64_t) { return 0.5; }, [](int64_t t) { return t < 1 ? 1. : -2.; }});
  EXPECT_THROWS(ValueError,
                "[LambdaLR] expected a finite rate of at least 0, got -2 for group 1 at epoch 1",
                schedule.step());
  EXPECT_EQ(o.lr(0), 0.5);
  EXPECT_EQ(schedule.last_epoch(), 0);
}

TEST(LRScheduler, AModelTrainsAtTheScheduledRates) {
  // Steps of 1, 0.1 and 0.1, against a gradient of 1.
  const Tensor p = zeros(1, float64).requires_grad_();
  SGD o({p}, {.lr = 1});
  MultiStepLR schedule(o, {.milestones = {1}});
  for (int i = 0; i < 3; ++i) {
    p.set_grad(ones(1, float64));
    o.step();
    schedule.step();
  }
  EXPECT_DOUBLE_EQ(p.item<double>(), -1.2);
}

// ---- Single schedules

TEST(LRSchedules, RefuseSettingsOutOfRange) {
  SGD o = sgd();
  EXPECT_THROWS(ValueError, "[StepLR] step_size: expected at least 1, got 0", StepLR(o, {}));
  EXPECT_THROWS(ValueError, "[StepLR] gamma: expected a finite number of at least 0, got inf",
                StepLR(o, {.step_size = 1, .gamma = kInf}));
  EXPECT_THROWS(ValueError,
                "[MultiStepLR] milestones: expected rising epochs from 1 on, got 5 after 5",
                MultiStepLR(o, {.milestones = {5, 5}}));
  EXPECT_THROWS(ValueError, "[MultiStepLR] milestones: expected rising epochs from 1 on, got 0",
                MultiStepLR(o, {.milestones = {0, 5}}));
  EXPECT_THROWS(ValueError, "[ConstantLR] factor: expected a number above 0, up to 1, got 0",
                ConstantLR(o, {.factor = 0}));
  EXPECT_THROWS(ValueError, "[LinearLR] start_factor: expected a number above 0, up to 1, got 2",
                LinearLR(o, {.start_factor = 2}));
  EXPECT_THROWS(ValueError, "[LinearLR] end_factor: expected a number from 0 to 1, got nan",
                LinearLR(o, {.end_factor = kNan}));
  EXPECT_THROWS(ValueError, "[LinearLR] total_iters: expected at least 1, got 0",
                LinearLR(o, {.total_iters = 0}));
  EXPECT_THROWS(ValueError,
                "[ExponentialLR] gamma: expected a finite number of at least 0, got nan",
                ExponentialLR(o, {}));
  EXPECT_THROWS(ValueError, "[PolynomialLR] power: expected a finite number of at least 0, got -1",
                PolynomialLR(o, {.power = -1}));
  EXPECT_THROWS(ValueError, "[LambdaLR] lr_lambdas: expected one for each of 1 groups, got 2",
                LambdaLR(o, std::vector<LRLambda>(2, [](int64_t) { return 1.; })));
  EXPECT_THROWS(ValueError, "[LambdaLR] lr_lambda: expected a function, got an empty one",
                LambdaLR(o, LRLambda()));
  EXPECT_THROWS(ValueError, "[CosineAnnealingLR] T_max: expected at least 1, got 0",
                CosineAnnealingLR(o, {}));
  EXPECT_THROWS(ValueError,
                "[CosineAnnealingLR] eta_min: expected a finite number of at least 0, got -1",
                CosineAnnealingLR(o, {.T_max = 1, .eta_min = -1}));
  EXPECT_THROWS(ValueError, "[CosineAnnealingWarmRestarts] T_mult: expected at least 1, got 0",
                CosineAnnealingWarmRestarts(o, {.T_0 = 1, .T_mult = 0}));
  EXPECT_THROWS(ValueError, "[LambdaLR] expected a finite rate of at least 0, got -1 for group 0",
                LambdaLR(o, [](int64_t) { return -1.; }));
  EXPECT_EQ(o.lr(), 1);
  o.set_lr(2);  // no schedule was made, so none has noted a base rate
  LambdaLR schedule(o, [](int64_t) { return 1.; });
  EXPECT_EQ(o.lr(), 2);
}

TEST(LRSchedules, RunsOfAnyLengthRestart) {
  // The second run is longer than can be counted.
  SGD o = sgd();
  CosineAnnealingWarmRestarts schedule(o,
                                       {.T_0 = 2, .T_mult = std::numeric_limits<int64_t>::max()});
  schedule.step();
  EXPECT_NEAR(o.lr(), 0.5, 1e-15);
  for (int i = 0; i < 5; ++i) schedule.step();
  EXPECT_EQ(o.lr(), 1);
}

TEST(OneCycleLR, StopsAfterAllSteps) {
  SGD o = sgd();
  OneCycleLR schedule(
      o, {.max_lr = 0.5, .total_steps = 2, .anneal_strategy = OneCycleLROptions::Anneal::kLinear});
  EXPECT_NEAR(o.momentum(), 0.85 + 0.1 * 2 / 7, 1e-15);
  schedule.step();
  const double last = 0.5 / 25 / 1e4;
  EXPECT_EQ(o.lr(), last);
  schedule.step();  // after the last batch
  EXPECT_EQ(o.lr(), last);
  EXPECT_THROWS(RuntimeError, "[OneCycleLR] expected at most total_steps = 2 steps, got step 3",
                schedule.step());
}

TEST(OneCycleLR, MayRiseForOneStepOrNone) {
  // PyTorch 1.13 divides by zero where the rise has one step: then that one has the highest rate.
  for (const auto& [pct_start, first] :
       {std::pair(0., 0.42677698818985565), std::pair(0.25, 0.5)}) {
    SGD o = sgd();
    OneCycleLR schedule(o, {.max_lr = 0.5, .total_steps = 4, .pct_start = pct_start});
    EXPECT_NEAR(o.lr(), first, 1e-15);
    for (int i = 0; i < 3; ++i) schedule.step();
    EXPECT_EQ(o.lr(), 0.5 / 25 / 1e4);
  }
}

TEST(OneCycleLR, AMomentumThatTheOptimizerRefusesChangesNothing) {
  SGD o({zeros(1).requires_grad_()}, {.momentum = 0.9, .nesterov = true});
  OneCycleLR schedule(o, {.max_lr = 0.5, .total_steps = 4, .pct_start = 0.5, .base_momentum = 0.});
  const double rate = o.lr();
  EXPECT_THROWS(ValueError, "[SGD] nesterov: expected a momentum above 0", schedule.step());
  EXPECT_EQ(o.lr(), rate);
  EXPECT_EQ(o.momentum(), 0.95);
  EXPECT_EQ(schedule.last_epoch(), 0);
}

TEST(OneCycleLR, RefusesSettingsOutOfRange) {
  SGD o = sgd();
  EXPECT_THROWS(ValueError,
                "[OneCycleLR] expected total_steps, or epochs and steps_per_epoch, got neither",
                OneCycleLR(o, {.max_lr = 1}));
  EXPECT_THROWS(ValueError, "[OneCycleLR] steps_per_epoch: expected at least 1, got 0",
                OneCycleLR(o, {.max_lr = 1, .epochs = 3}));
  EXPECT_THROWS(ValueError, "[OneCycleLR] total_steps: expected at least 1, got -1",
                OneCycleLR(o, {.max_lr = 1, .total_steps = -1}));
  EXPECT_THROWS(ValueError, "expected epochs times steps_per_epoch to be an int64",
                OneCycleLR(o, {.max_lr = 1, .epochs = 1LL << 40, .steps_per_epoch = 1LL << 40}));
  EXPECT_THROWS(ValueError,
                "[OneCycleLR] max_lr: expected one number, or one for each of 1 groups, got 0",
                OneCycleLR(o, {.total_steps = 5}));
  EXPECT_THROWS(ValueError, "[OneCycleLR] pct_start: expected a number from 0 to 1, got 30",
                OneCycleLR(o, {.max_lr = 1, .total_steps = 5, .pct_start = 30}));
  EXPECT_THROWS(
      ValueError,
      "[OneCycleLR] pct_start: expected a number from 0 to 0.5, for three phases, got 0.6",
      OneCycleLR(o, {.max_lr = 1, .total_steps = 5, .pct_start = 0.6, .three_phase = true}));
  EXPECT_THROWS(ValueError,
                "[OneCycleLR] base_momentum: expected a number from 0 to below 1, got 1",
                OneCycleLR(o, {.max_lr = 1, .total_steps = 5, .base_momentum = 1}));
  EXPECT_THROWS(ValueError, "[OneCycleLR] div_factor: expected a finite number above 0, got 0",
                OneCycleLR(o, {.max_lr = 1, .total_steps = 5, .div_factor = 0}));
  EXPECT_EQ(o.lr(), 1);
  EXPECT_EQ(o.momentum(), 0);
}

TEST(ReduceLROnPlateau, WaitsForMoreThanPatience) {
  SGD o = sgd();
  ReduceLROnPlateau schedule(o, {.factor = 0.5, .patience = 1});
  for (const double metric : {3., 2., 2., kNan}) schedule.step(metric);  // NaN is not better
  EXPECT_EQ(o.lr(), 0.5);
  EXPECT_THAT(schedule.last_lr(), ElementsAre(0.5));
  for (const double metric : {1., 1.}) schedule.step(metric);
  EXPECT_EQ(o.lr(), 0.5);
}

TEST(ReduceLROnPlateau, RefusesSettingsOutOfRange) {
  SGD o = sgd();
  EXPECT_THROWS(ValueError,
                "[ReduceLROnPlateau] factor: expected a number from 0 to below 1, got 1",
                ReduceLROnPlateau(o, {.factor = 1}));
  EXPECT_THROWS(ValueError, "[ReduceLROnPlateau] patience: expected at least 0, got -1",
                ReduceLROnPlateau(o, {.patience = -1}));
  EXPECT_THROWS(
      ValueError,
      "[ReduceLROnPlateau] min_lr: expected one number, or one for each of 1 groups, got 2",
      ReduceLROnPlateau(o, {.min_lr = {0.1, 0.2}}));
  EXPECT_THROWS(ValueError,
                "[ReduceLROnPlateau] threshold: expected a finite number of at least 0, got nan",
                ReduceLROnPlateau(o, {.threshold = kNan}));
}

// ---- Combined schedules

TEST(CombinedLR, RefusesSchedulesThatDoNotGoTogether) {
  SGD o = sgd(), another = sgd();
  ExponentialLR a(o, {.gamma = 0.5}), b(o, {.gamma = 0.5}), other(another, {.gamma = 0.5});
  EXPECT_THROWS(ValueError, "[SequentialLR] expected at least one schedule, got none",
                SequentialLR(o, {}, {}));
  EXPECT_THROWS(ValueError, "[ChainedScheduler] expected at least one schedule, got none",
                ChainedScheduler({}));
  EXPECT_THROWS(ValueError, "[SequentialLR] expected schedules, got null at 1",
                SequentialLR(o, {&a, nullptr}, {3}));
  EXPECT_THROWS(ValueError,
                "[SequentialLR] expected schedules of one optimizer, got schedule 1 "
                "(ExponentialLR) of another",
                SequentialLR(o, {&a, &other}, {3}));
  EXPECT_THROWS(ValueError,
                "[ChainedScheduler] expected schedules of one optimizer, got schedule 1",
                ChainedScheduler({&a, &other}));
  EXPECT_THROWS(ValueError,
                "[ChainedScheduler] expected different schedules, got one as 0 and as 1",
                ChainedScheduler({&a, &a}));
  EXPECT_THROWS(ValueError,
                "[SequentialLR] expected one milestone fewer than schedules, got 2 and 2",
                SequentialLR(o, {&a, &b}, {1, 2}));
  EXPECT_THROWS(ValueError, "[SequentialLR] milestones: expected rising epochs from 1 on, got 0",
                SequentialLR(o, {&a, &b}, {0}));
}

TEST(CombinedLR, CombinedSchedulesMayBeCombined) {
  // Halved from epoch 0 to 2 on top of x 0.5 per epoch; then, from the base, linearly up from 0.25.
  SGD o = sgd();
  ConstantLR half(o, {.factor = 0.5, .total_iters = 2});
  ExponentialLR falling(o, {.gamma = 0.5});
  ChainedScheduler both({&half, &falling});
  LinearLR rising(o, {.start_factor = 0.25, .total_iters = 3});
  SequentialLR all(o, {&both, &rising}, {3});
  std::vector<double> rates = {o.lr()};
  for (int i = 0; i < 6; ++i) {
    all.step();
    rates.push_back(o.lr());
  }
  EXPECT_THAT(rates, ElementsAre(0.5, 0.25, 0.25, 0.25, 0.5, 0.75, 1));
}

// ---- State

TEST(LRScheduler, StateDictHasThePositionAndTheRates) {
  SGD o = sgd();
  StepLR a(o, {.step_size = 2});
  LinearLR b(o);
  ChainedScheduler both({&a, &b});
  std::vector<std::string> keys;
  for (const auto& entry : both.state_dict()) keys.push_back(entry.first);
  EXPECT_THAT(
      keys, ElementsAre("ChainedScheduler", "last_epoch", "base_lrs", "last_lr",
                        "schedulers.0.StepLR", "schedulers.0.last_epoch", "schedulers.0.base_lrs",
                        "schedulers.0.last_lr", "schedulers.1.LinearLR", "schedulers.1.last_epoch",
                        "schedulers.1.base_lrs", "schedulers.1.last_lr"));
  both.step();
  EXPECT_EQ(both.state_dict().at("schedulers.1.last_epoch").item<int64_t>(), 1);
}

TEST(LRScheduler, RefusesAStateThatDoesNotFitWhole) {
  SGD o = sgd();
  StepLR a(o, {.step_size = 2});
  LinearLR b(o);
  ChainedScheduler both({&a, &b});
  const StateDict good = both.state_dict();
  both.step();
  EXPECT_THAT(refusal_of(a, b.state_dict()),
              HasSubstr("[StepLR] expected a state that fits, got one with these problems:\n\t"
                        "StepLR: expected the state of StepLR, got that of LinearLR"));
  EXPECT_THAT(refusal_of(both, ChainedScheduler({&b, &a}).state_dict()),
              HasSubstr("schedulers.0.StepLR: expected the state of StepLR, got something else"));
  EXPECT_THAT(refusal_of(both, with(good, "schedulers.1.last_epoch", full({}, -1, int64))),
              HasSubstr("schedulers.1.last_epoch: expected at least 0, got -1"));
  EXPECT_THAT(refusal_of(both, with(good, "base_lrs", ones(2, float64))),
              HasSubstr("base_lrs: expected a rate for each of 1 groups, got 2"));
  EXPECT_THAT(refusal_of(both, with(good, "last_lr", full(1, kNan, float64))),
              HasSubstr("last_lr: expected finite numbers of at least 0, got nan"));
  EXPECT_THAT(refusal_of(both, with(good, "schedulers.2.last_epoch", ones({}, int64))),
              HasSubstr("schedulers.2.last_epoch: expected no such key"));

  ReduceLROnPlateau plateau(o);
  const StateDict of_plateau = plateau.state_dict();
  plateau.step(1);
  EXPECT_THAT(refusal_of(plateau, a.state_dict()),
              HasSubstr("expected the state of ReduceLROnPlateau, got that of StepLR"));
  EXPECT_THAT(refusal_of(plateau, with(of_plateau, "best", full({}, kNan, float64))),
              HasSubstr("best: expected a number, got nan"));
  EXPECT_THAT(
      refusal_of(plateau, with(of_plateau, "num_bad_epochs",
                               full({}, std::numeric_limits<int64_t>::max(), int64))),
      HasSubstr("num_bad_epochs: expected at most 4611686018427387903, got 9223372036854775807"));
}

}  // namespace
}  // namespace lamina::nn::optim
