#include "lamina/nn/train/trainer.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/nn/train/callbacks.h"
#include "lamina/nn/train/train_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using testing::AtStep;
using testing::Picky;
using testing::points;
using ::testing::Pointwise;
using testing::Script;
using testing::small_net;
using testing::Training;
using testing::values_of;

TEST(Trainer, TrainsAsALoopOfEpochsDoes) {
  Training run({.epochs = 3});
  Accuracy accuracy;
  run.trainer.add(accuracy);
  data::DataLoader held_out = points(5, false);
  const FitResult result = run.trainer.fit(run.loader, &held_out);

  Training other({});
  data::DataLoader same = points(5, false);
  ASSERT_EQ(result.history.size(), 3);
  for (const EpochRecord& record : result.history) {
    const EpochResult train = epoch(other.net, other.loader, other.loss, &other.adamw);
    const EpochResult test = epoch(other.net, same, other.loss);
    const EpochRecord expected = {{"train_loss", train.loss},
                                  {"train_accuracy", 1 - train.error},
                                  {"val_loss", test.loss},
                                  {"val_accuracy", 1 - test.error},
                                  {"lr", 0.05}};
    ASSERT_EQ(record.size(), expected.size());
    for (size_t i = 0; i < record.size(); ++i) {
      EXPECT_EQ(record[i].first, expected[i].first);
      EXPECT_NEAR(record[i].second, expected[i].second, 1e-15) << record[i].first;
    }
  }
  EXPECT_EQ(values_of(run.net), values_of(other.net));
  EXPECT_EQ(result.stopped, "");
  EXPECT_EQ(run.trainer.epoch(), 3);
  EXPECT_EQ(run.trainer.step(), 3 * 6);
}

TEST(Trainer, AccumulatedBatchesTrainAsOneBatch) {
  // 22 samples: groups of 3 times 4, and of 4, 4, 2.
  Training parts({.epochs = 4, .accumulate = 3}, 4), whole({.epochs = 4}, 12);
  const FitResult a = parts.trainer.fit(parts.loader), b = whole.trainer.fit(whole.loader);
  EXPECT_EQ(parts.trainer.step(), 8);
  EXPECT_EQ(whole.trainer.step(), 8);
  EXPECT_THAT(values_of(parts.net), Pointwise(::testing::DoubleNear(1e-9), values_of(whole.net)));
  EXPECT_NEAR(a.history[3][0].second, b.history[3][0].second, 1e-9);
}

struct Diary : Callback {
  void on_fit_begin(Trainer&) override { text += "fit("; }
  void on_epoch_begin(Trainer& t) override { text += "epoch" + std::to_string(t.samples()) + "("; }
  void on_batch_end(Trainer&) override { text += "b"; }
  void on_gradients(Trainer&) override { text += "g"; }
  void on_step(Trainer& t) override { text += std::to_string(t.step()); }
  void on_validation_begin(Trainer&) override { text += "v"; }
  void on_validation_end(Trainer&) override { text += "w"; }
  void on_epoch_end(Trainer& t) override { text += ")" + std::to_string(t.epoch()); }
  void on_fit_end(Trainer&) override { text += ")"; }
  std::string text;
};

TEST(Trainer, CallsBackAtEachPointOfTheWay) {
  Training run({.epochs = 2, .accumulate = 2}, 8);  // batches of 8, 8, 6
  Diary diary;
  run.trainer.add(diary);
  data::DataLoader held_out = points();
  run.trainer.fit(run.loader, &held_out);
  EXPECT_EQ(diary.text, "fit(epoch0(bbg1bg2vw)1epoch0(bbg3bg4vw)2)");
}

TEST(Trainer, PutsTheModesBack) {
  Training run({});
  run.net.eval();
  data::DataLoader held_out = points();
  run.trainer.fit(run.loader, &held_out);
  EXPECT_FALSE(run.net.is_training());
  run.trainer.evaluate(held_out);
  EXPECT_FALSE(run.net.is_training());
}

TEST(Trainer, EvaluatesInTheMiddleOfAnEpochWithoutATrace) {
  Training run({.epochs = 2}), other({.epochs = 2});
  Accuracy accuracy, same;
  double loss = 0;
  AtStep evaluate(3, [&](Trainer& t) { loss = t.evaluate(points()).front().second; });
  run.trainer.add(accuracy).add(evaluate);
  other.trainer.add(same);
  EXPECT_EQ(run.trainer.fit(run.loader).history, other.trainer.fit(other.loader).history);
  EXPECT_GT(loss, 0);
  EXPECT_EQ(values_of(run.net), values_of(other.net));
}

TEST(Trainer, WithoutEpochsOrSamplesTrainsNothing) {
  Training none({.epochs = 0});
  EXPECT_TRUE(none.trainer.fit(none.loader).history.empty());
  Training run({});
  data::DataLoader empty(zeros({0, 2}, float64), zeros(0, int64));
  const FitResult result = run.trainer.fit(empty, &empty);
  EXPECT_TRUE(std::isnan(result.history[0][0].second));
  EXPECT_EQ(run.trainer.step(), 0);
}

// ---- Stopping

TEST(Trainer, TheFirstReasonToStopCounts) {
  Training run({.epochs = 2});
  AtStep first(2, [](Trainer&t) { t.stop("first"); }),
      second(2, [](Trainer&t) { t.stop("second"); });
  run.trainer.add(first).add(second);
  EXPECT_EQ(run.trainer.fit(run.loader).stopped, "first");
}

TEST(Trainer, IsLeftAloneWhileItFits) {
  for (int what = 0; what < 4; ++what) {
    Training run({.epochs = 1});
    Accuracy accuracy;
    Picky picky;
    AtStep meddle(2, [&](Trainer& t) {
      if (what == 0) t.add(accuracy);
      if (what == 1) t.add(picky);
      if (what == 2) t.load_state_dict(t.state_dict());
      if (what == 3) t.fit(run.loader);
    });
    run.trainer.add(meddle);
    EXPECT_THROWS(RuntimeError, "() before or after fit(), got it meanwhile",
                  run.trainer.fit(run.loader));
    run.trainer.add(picky);  // now
  }
}

struct ThrowsInValidation : Callback {
  void on_validation_begin(Trainer&) override {
    if (throws) throw std::runtime_error("validation");
  }
  void on_validation_end(Trainer&) override { ++ends; }
  bool throws = true;
  int ends = 0;
};

TEST(Trainer, GoesOnAfterAValidationThatThrew) {
  Training run({.epochs = 2}), other({.epochs = 2});
  ThrowsInValidation callback;
  run.trainer.add(callback);
  data::DataLoader held_out = points();
  EXPECT_THROW(run.trainer.fit(run.loader, &held_out), std::runtime_error);
  EXPECT_EQ(callback.ends, 1);
  EXPECT_EQ(run.trainer.epoch(), 1);
  callback.throws = false;
  run.trainer.fit(run.loader, &held_out);
  other.trainer.fit(other.loader);
  EXPECT_EQ(values_of(run.net), values_of(other.net));
}

struct ThrowsAtTheEndOfValidation : Callback {
  explicit ThrowsAtTheEndOfValidation(const char* text) : text(text) {}
  void on_validation_end(Trainer&) override { throw std::runtime_error(text); }
  const char* const text;
};

TEST(Trainer, EndsValidationForAllCallbacksThoughOneOfThemThrows) {
  Training run({.epochs = 1});
  optim::ExponentialMovingAverage average(run.net, {.decay = 0.5});
  ThrowsAtTheEndOfValidation first("first"), second("second");
  WeightAveraging averaging(average);
  run.trainer.add(first).add(averaging).add(second);
  std::vector<double> trained;
  AtStep note(6, [&](Trainer&) { trained = values_of(run.net); });
  run.trainer.add(note);
  data::DataLoader held_out = points();
  try {
    run.trainer.fit(run.loader, &held_out);
    ADD_FAILURE() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  EXPECT_EQ(values_of(run.net), trained);          // not the averages
  EXPECT_EQ(run.trainer.history()[0].size(), 2u);  // train_loss and lr
}

TEST(Trainer, WhatValidationThrewCountsBeforeWhatItsEndThrows) {
  Training run({.epochs = 1});
  ThrowsInValidation validation;
  ThrowsAtTheEndOfValidation end("end");
  run.trainer.add(end).add(validation);
  data::DataLoader held_out = points();
  try {
    run.trainer.fit(run.loader, &held_out);
    ADD_FAILURE() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "validation");
  }
  EXPECT_EQ(validation.ends, 1);
}

TEST(Trainer, BeginsAnEpochWithAllOfThePass) {
  Training run({.epochs = 1, .accumulate = 2});
  data::DataLoader left = points();
  for (const data::Batch& batch : left) {
    if (batch.size() > 0) break;
  }
  run.loader.load_state_dict(left.state_dict());
  run.trainer.fit(run.loader);
  EXPECT_EQ(run.trainer.step(), 3);  // of 6 batches
}

// ---- Losses that are not finite

// The text of what fit() throws.
std::string failure(Trainer& trainer, data::DataLoader& loader) {
  try {
    trainer.fit(loader);
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "none";
}

TEST(Trainer, NamesTheFirstLayerWhoseOutputIsNotFinite) {
  Sequential net{Linear(2, 3), ReLU(), Linear(3, 2)};
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  Trainer trainer(net, loss, sgd, {});
  NoGradGuard no_grad;
  net.parameters()[2].fill_(3e38);  // finite, but not what the layer makes of it
  net.parameters()[1].fill_(9);
  data::DataLoader loader(ones({4, 2}), zeros(4, int64));
  const std::vector<double> before = values_of(net);
  EXPECT_EQ(failure(trainer, loader),
            "[Trainer] expected a finite loss, got nan in step 1 (epoch 1, batch 1): "
            "the output of 2 (Linear) is the first that is not finite");
  EXPECT_EQ(values_of(net), before);
}

TEST(Trainer, NamesAParameterThatIsNotFinite) {
  Training run({.epochs = 2});
  AtStep poison(8, [&](Trainer& t) {
    NoGradGuard no_grad;
    t.model().parameters()[2].fill_(std::nan(""));
  });
  run.trainer.add(poison);
  EXPECT_EQ(failure(run.trainer, run.loader),
            "[Trainer] expected a finite loss, got nan in step 9 (epoch 2, batch 3): "
            "the parameter 3.weight is not finite");
}

TEST(Trainer, NamesABatchThatIsNotFinite) {
  Training run({});
  Tensor x = ones({4, 2}, float64);
  x.select(0, 3).fill_(std::numeric_limits<double>::infinity());
  data::DataLoader loader(x, zeros(4, int64), {.batch_size = 3});
  EXPECT_THAT(failure(run.trainer, loader),
              ::testing::HasSubstr("step 2 (epoch 1, batch 2): the batch's x is not finite"));
}

struct Quotient : Loss {
  std::string name() const override { return "Quotient"; }
  Tensor forward(const Tensor& y, const Tensor&) override { return (y / 0).mean(); }
};

TEST(Trainer, NamesALossThatIsNotFiniteByItself) {
  Sequential net = small_net();
  Quotient loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  Trainer trainer(net, loss, sgd, {});
  data::DataLoader loader = points();
  EXPECT_THAT(
      failure(trainer, loader),
      ::testing::HasSubstr("the model's output is finite, what Quotient makes of it is not"));
}

TEST(Trainer, LooksForTheTroubleWithoutATrace) {
  Sequential net{BatchNorm1d(2), Dropout(0.5), Linear(2, 2)};
  Quotient loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  Trainer trainer(net, loss, sgd, {});
  data::DataLoader loader(rand({4, 2}), zeros(4, int64));
  Sequential same = clone(net);
  manual_seed(3);
  same(loader.begin().operator*().x);
  const Generator::State after = default_generator().state();
  manual_seed(3);
  EXPECT_NE(failure(trainer, loader), "none");
  EXPECT_EQ(default_generator().state().position, after.position);
  for (size_t i = 0; i < net.buffers().size(); ++i) {
    EXPECT_TRUE(net.buffers()[i].eq(same.buffers()[i]).all().item<bool>()) << i;
  }
}

// ---- Misuse

TEST(Trainer, RefusesImpossibleSettings) {
  Training run({});
  EXPECT_THROWS(ValueError, "[Trainer] expected epochs of at least 0, got -1",
                Trainer(run.net, run.loss, run.adamw, {.epochs = -1}));
  EXPECT_THROWS(ValueError, "[Trainer] expected accumulate of at least 1, got 0",
                Trainer(run.net, run.loss, run.adamw, {.accumulate = 0}));
  Average loss("loss", [](const Tensor&, const Tensor&) { return 0.0; });
  EXPECT_THROWS(ValueError, "of another name than that of the loss, got loss",
                run.trainer.add(loss));
  Picky picky;
  run.trainer.add(picky);
  EXPECT_THROWS(ValueError, "got the same one twice", run.trainer.add(picky));
  Accuracy a, b;
  run.trainer.add(a);
  EXPECT_THROWS(ValueError, "expected metrics of different names, got two of the name accuracy",
                run.trainer.add(b));
}

TEST(Trainer, ListsTheNamesOfItsValues) {
  Training run({});
  Accuracy accuracy;
  run.trainer.add(accuracy);
  EXPECT_THROWS(ValueError, "[Trainer] expected one of , got val_loss",
                run.trainer.value("val_loss"));
  run.trainer.fit(run.loader);
  EXPECT_THROWS(ValueError,
                "[Trainer] expected one of train_loss, train_accuracy, lr, got val_loss",
                run.trainer.value("val_loss"));
  EXPECT_TRUE(run.trainer.higher_is_better("val_accuracy"));
  EXPECT_FALSE(run.trainer.higher_is_better("train_loss"));
  EXPECT_THROWS(
      ValueError,
      "[Trainer] expected one of loss, accuracy, with train_ or val_ in front, got val_f1",
      run.trainer.higher_is_better("val_f1"));
}

// Asks for a value when training begins.
struct Asks : Callback {
  explicit Asks(const char* name) : name(name) {}
  void on_fit_begin(Trainer& trainer) override { trainer.check_value_name(name); }
  const char* const name;
};

TEST(Trainer, TellsAMistypedNameBeforeTheFirstEpoch) {
  const auto check = [](const char* name, bool validates) {
    Training run({.epochs = 1});
    Accuracy accuracy;
    Asks asks(name);
    run.trainer.add(accuracy).add(asks);
    data::DataLoader held_out = points();
    try {
      run.trainer.fit(run.loader, validates ? &held_out : nullptr);
    } catch (const ValueError& error) {
      EXPECT_EQ(run.trainer.step(), 0);
      return std::string(error.what());
    }
    EXPECT_EQ(run.trainer.step(), 6);
    return std::string();
  };
  for (const char* name : {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"}) {
    EXPECT_EQ(check(name, true), "");
  }
  EXPECT_EQ(check("val_acuracy", true),
            "[Trainer] expected one of train_loss, train_accuracy, val_loss, val_accuracy, lr, got "
            "val_acuracy; the closest name is val_accuracy");
  EXPECT_EQ(check("accuracy", false),
            "[Trainer] expected one of train_loss, train_accuracy, lr, got accuracy; the closest "
            "name is train_accuracy");
  EXPECT_EQ(
      check("val_loss", false),
      "[Trainer] expected one of train_loss, train_accuracy, lr, got val_loss; fit() was given "
      "no data to validate on");
  Training run({});
  EXPECT_THROWS(RuntimeError, "[Trainer] expected check_value_name() while fit() runs",
                run.trainer.check_value_name("lr"));
}

TEST(Trainer, WhatACallbackThrowsEndsTraining) {
  Training run({.epochs = 2});
  AtStep thrower(2, [](Trainer&) { throw std::runtime_error("from a callback"); });
  run.trainer.add(thrower);
  EXPECT_THROW(run.trainer.fit(run.loader), std::runtime_error);
  EXPECT_EQ(run.trainer.step(), 2);
  EXPECT_TRUE(run.net.is_training());
}

}  // namespace
}  // namespace lamina::nn::train
