// Trainer that is stopped, saved and resumed.
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/nn/train/train_testing.h"
#include "lamina/nn/train/trainer.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using testing::AtStep;
using testing::Picky;
using testing::points;
using testing::Training;
using testing::values_of;

TEST(Trainer, ResumedAtAnyStepEndsWhereTheUnbrokenRunDoes) {
  for (const int64_t accumulate : {1, 2}) {
    const TrainerOptions options = {.epochs = 3, .accumulate = accumulate};
    Training whole(options, 4, 0.5);
    Accuracy accuracy;
    whole.trainer.add(accuracy);
    const FitResult unbroken = whole.trainer.fit(whole.loader);
    for (int64_t step = 1; step <= whole.trainer.step(); ++step) {
      StateDict model, optimizer, loader, trainer;
      Generator::State random{};
      {
        Training first(options, 4, 0.5);
        Accuracy same;
        AtStep stop(step, [&](Trainer& t) { t.stop("enough"); });
        first.trainer.add(same).add(stop);
        EXPECT_EQ(first.trainer.fit(first.loader).stopped, "enough");
        EXPECT_EQ(first.trainer.step(), step);
        model = first.net.state_dict().clone();
        optimizer = first.adamw.state_dict().clone();
        loader = first.loader.state_dict();
        trainer = first.trainer.state_dict();
        random = default_generator().state();
      }
      Training second(options, 4, 0.5);
      Accuracy same;
      AtStep nothing(0, [](Trainer&) {});
      second.trainer.add(same).add(nothing);
      second.net.load_state_dict(model);
      second.adamw.load_state_dict(optimizer);
      second.loader.load_state_dict(loader);
      second.trainer.load_state_dict(trainer);
      default_generator().set_state(random);
      const FitResult rest = second.trainer.fit(second.loader);
      EXPECT_EQ(rest.history, unbroken.history) << step;
      EXPECT_EQ(values_of(second.net), values_of(whole.net)) << step;
      EXPECT_EQ(second.trainer.step(), whole.trainer.step());
    }
  }
}

TEST(Trainer, GoesOnInTheSameProcess) {
  Training whole({.epochs = 2}), parts({.epochs = 2});
  whole.trainer.fit(whole.loader);
  AtStep stop(3, [](Trainer&t) { t.stop("a pause"); }),
      again(7, [](Trainer&t) { t.stop("another"); });
  parts.trainer.add(stop).add(again);
  EXPECT_EQ(parts.trainer.fit(parts.loader).stopped, "a pause");
  EXPECT_EQ(parts.trainer.fit(parts.loader).stopped, "another");
  EXPECT_EQ(parts.trainer.fit(parts.loader).stopped, "");
  EXPECT_EQ(values_of(parts.net), values_of(whole.net));
}

TEST(Trainer, RefusesALoaderThatIsElsewhere) {
  Training run({.epochs = 2});
  AtStep stop(3, [](Trainer& t) { t.stop("a pause"); });
  run.trainer.add(stop);
  run.trainer.fit(run.loader);
  data::DataLoader fresh = points();
  EXPECT_THROWS(RuntimeError,
                "[Trainer] expected the loader in the middle of the pass in which this epoch was "
                "left, got one that differs; the states of loader and trainer belong together:\n"
                "\tposition: expected 3, got 0",
                run.trainer.fit(fresh));
}

// A loader in the middle of its pass, after so many batches.
data::DataLoader moved_on(data::DataLoader loader, int64_t batches, int64_t passes = 0) {
  for (int64_t pass = 0; pass < passes; ++pass) {
    int64_t samples = 0;
    for (const data::Batch& batch : loader) samples += batch.size();
    EXPECT_EQ(samples, 22);
  }
  int64_t done = 0;
  for (const data::Batch& batch : loader) {
    EXPECT_GT(batch.size(), 0);
    if (++done == batches) break;
  }
  return loader;
}

TEST(Trainer, RefusesTheRestOfAnEpochFromAnotherLoader) {
  Training run({.epochs = 2}), same({.epochs = 2});
  AtStep stop(3, [](Trainer& t) { t.stop("a pause"); });
  run.trainer.add(stop);
  run.trainer.fit(run.loader);
  same.trainer.load_state_dict(run.trainer.state_dict());
  const Tensor x = ones({23, 2}, float64), y = zeros(23, int64);
  data::DataLoader batches_of_5 = moved_on(points(5), 3), in_order = moved_on(points(4, false), 3),
                   pass_2 = moved_on(points(), 3, 1),
                   other(x, y, {.batch_size = 4, .shuffle = true, .seed = 4});
  for (Trainer* trainer : {&run.trainer, &same.trainer}) {
    EXPECT_THROWS(RuntimeError, ":\n\tbatch_size: expected 4, got 5", trainer->fit(batches_of_5));
    EXPECT_THROWS(RuntimeError, ":\n\tshuffle: expected 1, got 0", trainer->fit(in_order));
    EXPECT_THROWS(RuntimeError, ":\n\tpass: expected 0, got 1", trainer->fit(pass_2));
    EXPECT_THROWS(RuntimeError,
                  ":\n\tsamples: expected 22, got 23\n\tseed: expected 3, got 4\n"
                  "\tposition: expected 3, got 0",
                  trainer->fit(other));
    EXPECT_EQ(trainer->step(), 3);
  }
  // Between two epochs any loader will do.
  Training whole({.epochs = 1});
  whole.trainer.fit(whole.loader);
  Training next({.epochs = 2});
  next.trainer.load_state_dict(whole.trainer.state_dict());
  next.trainer.fit(other);
  EXPECT_EQ(next.trainer.step(), 6 + 6);
}

TEST(Trainer, RefusesTheMiddleOfAnEpochWithoutItsLoader) {
  Training run({.epochs = 2}), other({.epochs = 2});
  AtStep stop(3, [](Trainer& t) { t.stop("a pause"); });
  run.trainer.add(stop);
  run.trainer.fit(run.loader);
  StateDict state = run.trainer.state_dict();
  EXPECT_FALSE(state.take("loader.").empty());
  EXPECT_THROWS(RuntimeError, "loader: expected that of the pass which was left, got none",
                other.trainer.load_state_dict(state));
}

TEST(Trainer, AStateThatDoesNotFitChangesNothing) {
  Training run({.epochs = 2});
  Accuracy accuracy;
  Picky a, b;
  run.trainer.add(accuracy).add(a).add(b);
  run.trainer.fit(run.loader);
  const StateDict good = run.trainer.state_dict();

  StateDict bad = good;
  bad.erase("step");
  bad.set("metrics.accuracy", ones(3, float64));
  bad.set("surplus", ones(1));
  bad.set("callbacks.0.number", tensor({5.}, {1}));
  EXPECT_THROWS(RuntimeError,
                "[Trainer] expected a state that fits, got one with these problems:\n"
                "\tstep: expected a value, got no such key\n"
                "\tmetrics.accuracy: expected 2 sums, got 3\n"
                "\tsurplus: expected no such key",
                run.trainer.load_state_dict(bad));
  StateDict history = good;
  history.set("history.train_loss", ones(7, float64));
  EXPECT_THROWS(RuntimeError, "train_loss: expected a value for each of 2 epochs, got 7",
                run.trainer.load_state_dict(history));
  StateDict without = good;
  without.take("history.");
  EXPECT_THROWS(RuntimeError, "history: expected the values of 2 epochs, got none",
                run.trainer.load_state_dict(without));
  StateDict negative = good;
  negative.set("epoch", tensor({int64_t{-1}}, {}));
  EXPECT_THROWS(RuntimeError, "epoch: expected at least 0, got -1",
                run.trainer.load_state_dict(negative));
  StateDict refused = good;
  refused.set("callbacks.0.number", tensor({5.}, {1}));
  refused.set("callbacks.1.number", tensor({-5.}, {1}));
  refused.set("epoch", tensor({int64_t{9}}, {}));
  refused.set("history.train_loss", ones(9, float64));
  refused.set("history.train_accuracy", ones(9, float64));
  refused.set("history.lr", ones(9, float64));
  EXPECT_THROW(run.trainer.load_state_dict(refused), std::runtime_error);
  EXPECT_THROWS(RuntimeError, "expected the state of Trainer",
                run.trainer.load_state_dict(run.adamw.state_dict()));
  EXPECT_EQ(a.number, 1);
  EXPECT_EQ(run.trainer.epoch(), 2);
  EXPECT_EQ(run.trainer.history().size(), 2);
}

TEST(Trainer, CallbacksWithoutAStateMayComeAndGo) {
  Training with({.epochs = 1}), without({.epochs = 1});
  Picky a, b;
  a.number = 7;
  AtStep without_state(0, [](Trainer&) {});
  with.trainer.add(without_state).add(a);
  without.trainer.add(b);
  without.trainer.load_state_dict(with.trainer.state_dict());
  EXPECT_EQ(b.number, 7);
}

TEST(Trainer, AHistoryOfEpochsWithDifferentNamesIsLoadedAsItWas) {
  Training run({.epochs = 3}), same({.epochs = 3});
  AtStep stop(7, [](Trainer& t) { t.stop("in the second epoch"); });
  data::DataLoader held_out = points();
  run.trainer.add(stop);
  run.trainer.fit(run.loader);
  run.trainer.fit(run.loader, &held_out);
  const auto names = [](const std::vector<EpochRecord>& history) {
    std::vector<std::string> names;
    for (const EpochRecord& record : history) {
      names.emplace_back();
      for (const auto& entry : record) names.back() += entry.first + " ";
    }
    return names;
  };
  same.trainer.load_state_dict(run.trainer.state_dict());
  EXPECT_THAT(names(same.trainer.history()),
              ::testing::ElementsAre("train_loss lr ", "train_loss val_loss lr ",
                                     "train_loss val_loss lr "));
  EXPECT_EQ(same.trainer.history(), run.trainer.history());
}

}  // namespace
}  // namespace lamina::nn::train
