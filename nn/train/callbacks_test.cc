#include "lamina/nn/train/callbacks.h"

#include <signal.h>

#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/nn/train/train_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using testing::points;
using testing::Script;
using testing::small_net;
using testing::values_of;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// One weight w with gradient 1 in each step, so that plain descent with rate 1 gives 0, -1, -2, ...
struct Countdown {
  explicit Countdown(int64_t epochs, double lr = 1)
      : net{Linear(1, 1, {.bias = false})},
        sgd(net.parameters(), {.lr = lr}),
        loader(ones({2, 1}), zeros({2, 1}), {.batch_size = 1}),
        trainer(net, loss, sgd, {.epochs = epochs}) {
    NoGradGuard no_grad;
    net.parameters()[0].fill_(0);
  }
  struct Mean : Loss {
    Tensor forward(const Tensor& y, const Tensor&) override { return y.mean(); }
  };
  double weight() const { return net.parameters()[0].item<double>(); }
  Sequential net;
  Mean loss;
  optim::SGD sgd;
  data::DataLoader loader;
  Trainer trainer;
};

// ---- EarlyStopping

TEST(EarlyStopping, StopsAfterAsManyBadEpochsAsItHasPatience) {
  Countdown run(20);
  Script script({1, 3, 2, 3, kNaN, 9, 9, 9});
  EarlyStopping stopping({.monitor = "train_script", .patience = 3});
  run.trainer.add(script).add(stopping);
  EXPECT_EQ(run.trainer.fit(run.loader).stopped,
            "train_script has not got better than 3 for 3 epochs");
  EXPECT_EQ(run.trainer.epoch(), 5);  // 3 is no better than 3, and NaN not either
}

TEST(EarlyStopping, OfWhatIsBetterWhenLowerAndByHowMuch) {
  Countdown run(20);
  Script script({5, 4.5, 4.1, 3.9, 3.8}, false);
  EarlyStopping stopping({.monitor = "train_script", .patience = 2, .min_delta = 1});
  run.trainer.add(script).add(stopping);
  run.trainer.fit(run.loader);
  EXPECT_EQ(run.trainer.epoch(), 3);  // 4.5 and 4.1 are not below 4
}

TEST(EarlyStopping, WithTheLeastPatienceStopsAtTheFirstBadEpoch) {
  Countdown run(20);
  Script script({1, 2, 2, 9});
  EarlyStopping stopping({.monitor = "train_script", .patience = 1});
  run.trainer.add(script).add(stopping);
  run.trainer.fit(run.loader);
  EXPECT_EQ(run.trainer.epoch(), 3);
}

TEST(EarlyStopping, CountsOnAfterAResume) {
  Countdown first(3), second(20);
  Script low({5, 1, 2}), rest({3, 4, 9, 9});
  EarlyStopping a({.monitor = "train_script", .patience = 4}),
      b({.monitor = "train_script", .patience = 4});
  first.trainer.add(low).add(a);
  second.trainer.add(rest).add(b);
  first.trainer.fit(first.loader);
  second.trainer.load_state_dict(first.trainer.state_dict());
  second.trainer.fit(second.loader);
  EXPECT_EQ(second.trainer.epoch(), 5);
  // And a run that had stopped goes no further.
  EXPECT_EQ(second.trainer.fit(second.loader).stopped,
            "train_script has not got better than 5 for 4 epochs");
  EXPECT_EQ(second.trainer.epoch(), 5);
}

TEST(EarlyStopping, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError, "[EarlyStopping] expected patience of at least 1, got 0",
                EarlyStopping({.patience = 0}));
  EXPECT_THROWS(ValueError, "[EarlyStopping] expected min_delta of at least 0, got nan",
                EarlyStopping({.min_delta = kNaN}));
}

// ---- Names of values

TEST(Callbacks, TellAMistypedNameBeforeTheFirstEpoch) {
  const auto fit = [](Callback& callback) {
    Countdown run(2);
    Script script({1, 2});
    run.trainer.add(script).add(callback);
    try {
      run.trainer.fit(run.loader);
    } catch (...) {
      EXPECT_EQ(run.trainer.step(), 0);
      throw;
    }
  };
  EarlyStopping stopping, of_rate({.monitor = "lr"});
  BestWeights best("train_scirpt"), best_rate("lr");
  Countdown any(1);
  optim::ReduceLROnPlateau reduce(any.sgd);
  PlateauSchedule schedule(reduce, "los"), rate(reduce, "lr");
  EXPECT_THROWS(ValueError,
                "[Trainer] expected one of train_loss, train_script, lr, got val_loss; fit() was "
                "given no data to validate on",
                fit(stopping));
  EXPECT_THROWS(ValueError, "got train_scirpt; the closest name is train_script", fit(best));
  EXPECT_THROWS(ValueError, "got los; the closest name is lr", fit(schedule));
  EXPECT_THROWS(ValueError, "expected one of loss, script, with train_ or val_ in front, got lr",
                fit(of_rate));
  EXPECT_THROWS(ValueError, "with train_ or val_ in front, got lr", fit(best_rate));
  fit(rate);
}

// ---- BestWeights

TEST(BestWeights, AreThoseOfTheBestEpoch) {
  Countdown run(4);
  Script script({1, 3, 2, kNaN});
  BestWeights best("train_script");
  EXPECT_THROWS(RuntimeError,
                "[BestWeights] expected an epoch with a train_script, got none so far",
                best.restore(run.net));
  run.trainer.add(script).add(best);
  run.trainer.fit(run.loader);
  EXPECT_EQ(run.weight(), -8);
  BestWeights loaded("train_script");
  loaded.load_state_dict(best.state_dict().clone());
  for (const BestWeights* each : {&best, &loaded}) {
    EXPECT_EQ(each->value(), 3);
    EXPECT_EQ(each->epoch(), 2);
    NoGradGuard no_grad;
    run.net.parameters()[0].fill_(1);
    each->restore(run.net);
    EXPECT_EQ(run.weight(), -4);
  }
}

TEST(BestWeights, WithAnAverageAreTheAveragesOfTheBestEpoch) {
  Countdown run(2);
  optim::ExponentialMovingAverage average(run.net, {.decay = 0.5});
  WeightAveraging averaging(average);
  BestWeights best("val_loss", &average);
  run.trainer.add(averaging).add(best);
  data::DataLoader held_out(ones({1, 1}), zeros({1, 1}));
  run.trainer.fit(run.loader, &held_out);
  EXPECT_EQ(best.value(), -3.125);
  EXPECT_EQ(run.weight(), -4);
  best.restore(run.net);
  EXPECT_EQ(run.weight(), -3.125);
}

TEST(BestWeights, StateWithoutAnEpochCanBeLoaded) {
  BestWeights none, loaded;
  loaded.load_state_dict(none.state_dict());
  EXPECT_EQ(loaded.value(), std::nullopt);
  EXPECT_THROWS(RuntimeError, "expected the state of BestWeights",
                loaded.load_state_dict(EarlyStopping().state_dict()));
}

// ---- Learning rates

TEST(LearningRateSchedule, MovesEachStepOrEachEpoch) {
  for (const bool each_step : {true, false}) {
    Countdown run(3, 8);
    optim::ExponentialLR halves(run.sgd, {.gamma = 0.5});
    using Every = LearningRateSchedule::Every;
    LearningRateSchedule schedule(halves, each_step ? Every::kStep : Every::kEpoch);
    run.trainer.add(schedule);
    run.trainer.fit(run.loader);
    // Rates 8, 4, 2, ... of six steps, or 8, 8, 4, 4, 2, 2.
    EXPECT_EQ(run.weight(), each_step ? -15.75 : -28);
    EXPECT_EQ(run.trainer.history()[1].back(), std::pair(std::string("lr"), each_step ? 0.5 : 4.0));
  }
}

TEST(PlateauSchedule, FollowsAValue) {
  Countdown run(4, 8);
  Script script({1, 1, 1, 1}, false);
  optim::ReduceLROnPlateau reduce(run.sgd, {.factor = 0.5, .patience = 1});
  PlateauSchedule schedule(reduce, "train_script");
  run.trainer.add(script).add(schedule);
  run.trainer.fit(run.loader);
  EXPECT_EQ(run.weight(), -(6 * 8 + 2 * 4));  // two epochs without progress after the first
}

// ---- GradientClipping

TEST(GradientClipping, BoundsTheStep) {
  Countdown norm(1), value(1), none(1);
  GradientClipping by_norm({.max_norm = 0.25}), by_value({.value = 0.125}), not_at_all({});
  norm.trainer.add(by_norm);
  value.trainer.add(by_value);
  none.trainer.add(not_at_all);
  norm.trainer.fit(norm.loader);
  value.trainer.fit(value.loader);
  none.trainer.fit(none.loader);
  EXPECT_NEAR(norm.weight(), -0.5, 1e-6);  // the norm plus 1e-6 divides
  EXPECT_EQ(by_norm.last_norm(), 1);
  EXPECT_EQ(value.weight(), -0.25);
  EXPECT_EQ(none.weight(), -2);
  EXPECT_TRUE(std::isnan(by_value.last_norm()));
  EXPECT_THROWS(ValueError, "[GradientClipping] expected max_norm of at least 0, got -1",
                GradientClipping({.max_norm = -1}));
  EXPECT_THROWS(ValueError, "[GradientClipping] expected value of at least 0, got nan",
                GradientClipping({.value = kNaN}));
}

// ---- WeightAveraging

TEST(WeightAveraging, ValidatesWithTheAverages) {
  Countdown run(2);
  optim::ExponentialMovingAverage average(run.net, {.decay = 0.5});
  WeightAveraging averaging(average);
  run.trainer.add(averaging);
  data::DataLoader held_out(ones({1, 1}), zeros({1, 1}));
  const FitResult result = run.trainer.fit(run.loader, &held_out);
  // Weights -1, -2, -3, -4; averages -1, -1.5, -2.25, -3.125.
  EXPECT_EQ(run.trainer.history()[0][1], std::pair(std::string("val_loss"), -1.5));
  EXPECT_EQ(result.history[1][1].second, -3.125);
  EXPECT_EQ(run.weight(), -4);
}

struct BadMetric : Average {
  BadMetric()
      : Average("bad", [](const Tensor&, const Tensor& y) -> double {
          if (y.size(0) == 1) return 0;
          throw std::runtime_error("validation");
        }) {}
};

TEST(WeightAveraging, GivesTheWeightsBackWhenValidationThrows) {
  Countdown run(1);
  optim::ExponentialMovingAverage average(run.net, {.decay = 0.5});
  WeightAveraging averaging(average);
  BadMetric bad;
  run.trainer.add(bad).add(averaging);
  data::DataLoader held_out(ones({2, 1}), zeros({2, 1}));
  EXPECT_THROW(run.trainer.fit(run.loader, &held_out), std::runtime_error);
  EXPECT_EQ(run.weight(), -2);
}

// ---- Stops from outside

TEST(TimeLimit, StopsAfterTheStepInHand) {
  Countdown run(5);
  TimeLimit none(0), ample(1e9);
  run.trainer.add(ample).add(none);
  EXPECT_EQ(run.trainer.fit(run.loader).stopped, "the time limit of 0 s");
  EXPECT_EQ(run.trainer.step(), 1);
  EXPECT_THROWS(ValueError, "[TimeLimit] expected at least 0 seconds, got -1", TimeLimit(-1));
}

struct Raise : Callback {
  explicit Raise(int number) : number(number) {}
  void on_batch_end(Trainer& trainer) override {
    if (trainer.step() == 2) raise(number);
  }
  const int number;
};

int handled = 0;
void count_signal(int) { ++handled; }

TEST(StopOnSignal, EndsTrainingAfterTheStepInHand) {
  const auto before = signal(SIGINT, count_signal);
  for (const int number : {SIGINT, SIGTERM}) {
    Countdown run(5);
    Raise raises(number);
    StopOnSignal stop;
    run.trainer.add(raises).add(stop);
    EXPECT_EQ(run.trainer.fit(run.loader).stopped, number == SIGINT ? "interrupted" : "terminated");
    EXPECT_EQ(run.trainer.step(), 3);
    EXPECT_EQ(handled, 0);
  }
  raise(SIGINT);  // as before
  EXPECT_EQ(handled, 1);
  signal(SIGINT, before);
}

struct RaiseTwice : Callback {
  explicit RaiseTwice(int second) : second(second) {}
  void on_batch_end(Trainer&) override {
    raise(SIGINT);
    raise(second);
  }
  const int second;
};

TEST(StopOnSignalDeathTest, ASecondSignalEndsTheProgram) {
  for (const int second : {SIGINT, SIGTERM}) {
    Countdown run(5);
    RaiseTwice raises(second);
    StopOnSignal stop;
    run.trainer.add(raises).add(stop);
    EXPECT_EXIT(run.trainer.fit(run.loader), ::testing::KilledBySignal(second), "");
  }
}

TEST(StopOnSignal, LeavesSignalsIgnoredThatAre) {
  const auto before = signal(SIGINT, SIG_IGN);  // as nohup does
  Countdown run(5);
  Raise raises(SIGINT);
  StopOnSignal stop;
  run.trainer.add(raises).add(stop);
  EXPECT_EQ(run.trainer.fit(run.loader).stopped, "");
  EXPECT_EQ(signal(SIGINT, before), SIG_IGN);
}

TEST(StopOnSignal, LeavesTheSignalsAloneAfterAnException) {
  const auto before = signal(SIGINT, count_signal);
  handled = 0;
  {
    Countdown run(5);
    StopOnSignal stop;
    BadMetric bad;
    run.trainer.add(stop).add(bad);
    data::DataLoader held_out(ones({2, 1}), zeros({2, 1}));
    for (int i = 0; i < 2; ++i) {  // and can go on
      try {
        run.trainer.fit(run.loader, &held_out);
        ADD_FAILURE() << "no exception";
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "validation");
      }
    }
  }
  raise(SIGINT);
  EXPECT_EQ(handled, 1);
  signal(SIGINT, before);
}

TEST(StopOnSignal, OneIsEnough) {
  Countdown run(5);
  StopOnSignal stop, second;
  run.trainer.add(stop).add(second);
  EXPECT_THROWS(RuntimeError, "[StopOnSignal] expected to be the only one at work, got another one",
                run.trainer.fit(run.loader));
}

}  // namespace
}  // namespace lamina::nn::train
