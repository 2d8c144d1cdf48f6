#include "lamina/serialization/checkpoint_callback.h"

#include <cmath>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/training_state.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Calls a function after a step.
struct AtStep : nn::train::Callback {
  AtStep(int64_t step, std::function<void(nn::train::Trainer&)> function)
      : step(step), function(std::move(function)) {}
  void on_step(nn::train::Trainer& trainer) override {
    if (trainer.step() == step) function(trainer);
  }
  const int64_t step;
  const std::function<void(nn::train::Trainer&)> function;
};

// A model with dropout on shuffled points: 6 steps per epoch, 4 epochs, and all that moves with them.
class Training {
 public:
  Training() : model_(seeded()), loader_(points(), {.batch_size = 4, .shuffle = true, .seed = 2}) {
    trainer.add(accuracy_).add(schedule_).add(averaging_).add(stopping_);
    state.add("model", model_);
    state.add("optimizer", adamw_);
    state.add("trainer", trainer);
    state.add("loader", loader_);
    state.add("generator", default_generator());
  }
  std::string fit() { return trainer.fit(loader_, &held_out_).stopped; }
  std::vector<double> weights() const {
    std::vector<double> all;
    for (const Tensor& parameter : model_.parameters()) {
      for (const double x : parameter.to(float64).to_vector<double>()) all.push_back(x);
    }
    return all;
  }
  nn::Sequential& model() { return model_; }

 private:
  static nn::Sequential seeded() {
    manual_seed(4);
    return nn::Sequential{nn::Linear(2, 8), nn::ReLU(), nn::Dropout(0.3), nn::Linear(8, 2)};
  }
  static nn::data::DatasetPtr points() {
    Generator generator(1);
    const Tensor x = random::normal({22, 2}, 0, 1, float32, generator);
    return std::make_shared<nn::data::TensorDataset>(x, x.select(1, 0).gt(0).to(int64));
  }

  nn::Sequential model_;
  nn::CrossEntropyLoss loss_;
  nn::optim::AdamW adamw_{model_.parameters(), {.lr = 0.02}};
  nn::optim::CosineAnnealingLR cosine_{adamw_, {.T_max = 24}};
  nn::optim::ExponentialMovingAverage average_{model_, {.decay = 0.9}};
  nn::data::DataLoader loader_, held_out_{points(), {.batch_size = 8}};
  nn::train::Accuracy accuracy_;
  nn::train::LearningRateSchedule schedule_{cosine_, nn::train::LearningRateSchedule::Every::kStep};
  nn::train::WeightAveraging averaging_{average_};
  nn::train::EarlyStopping stopping_{{.patience = 50}};

 public:
  nn::train::Trainer trainer{model_, loss_, adamw_, {.epochs = 4}};
  TrainingState state;
};

class CheckpointCallbackTest : public ::testing::Test {
 protected:
  std::vector<int64_t> steps() const {
    std::set<int64_t> found;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      found.insert(std::stoll(file.path().filename().string().substr(5)));
    }
    return {found.begin(), found.end()};
  }
  const std::string folder_ = test::new_folder() + "/run";
};

TEST_F(CheckpointCallbackTest, ResumedAtAnyStepTheRunEndsAsTheUnbrokenOne) {
  Training whole;
  whole.fit();
  const auto history = whole.trainer.history();
  for (int64_t step = 1; step < 24; step += 2) {
    const std::string folder = folder_ + std::to_string(step);
    {
      Training first;
      Checkpointer checkpointer(folder);
      CheckpointCallback checkpoints(checkpointer, first.state, {.every_steps = 5});
      AtStep stop(step, [](nn::train::Trainer& t) { t.stop("a pause"); });
      first.trainer.add(stop).add(checkpoints);
      EXPECT_EQ(first.fit(), "a pause");
      EXPECT_EQ(checkpoints.status(), absl::OkStatus());
    }
    Training second;
    Checkpointer checkpointer(folder);
    CheckpointCallback checkpoints(checkpointer, second.state);
    AtStep none(0, [](nn::train::Trainer&) {});
    second.trainer.add(none).add(checkpoints);
    const auto resumed = checkpointer.resume(second.state);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(second.state.step, step);
    EXPECT_EQ(second.trainer.step(), step);
    EXPECT_EQ(second.fit(), "");
    EXPECT_EQ(second.weights(), whole.weights()) << step;
    EXPECT_EQ(second.trainer.history(), history) << step;
  }
}

TEST_F(CheckpointCallbackTest, SavesByStepsByEpochsAndAtTheEnd) {
  const auto saved_by = [&](const CheckpointCallbackOptions& options) {
    Training run;
    Checkpointer checkpointer(folder_ + "x", {.keep_last = 100});
    CheckpointCallback checkpoints(checkpointer, run.state, options);
    AtStep stop(15, [](nn::train::Trainer& t) { t.stop("enough"); });
    run.trainer.add(stop).add(checkpoints);
    run.fit();
    EXPECT_EQ(checkpoints.status(), absl::OkStatus());
    std::set<int64_t> found;
    for (const auto& file : std::filesystem::directory_iterator(folder_ + "x")) {
      found.insert(std::stoll(file.path().filename().string().substr(5)));
    }
    std::filesystem::remove_all(folder_ + "x");
    return std::vector<int64_t>(found.begin(), found.end());
  };
  EXPECT_THAT(saved_by({}), ElementsAre(6, 12, 15));
  EXPECT_THAT(saved_by({.every_epochs = 2}), ElementsAre(12, 15));
  EXPECT_THAT(saved_by({.every_steps = 5, .every_epochs = 0}), ElementsAre(5, 10, 15));
  EXPECT_THAT(saved_by({.every_epochs = 0}), ElementsAre(15));
}

TEST_F(CheckpointCallbackTest, KeepsTheBestByAValueOfTheRecords) {
  Training run;
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  CheckpointCallback checkpoints(checkpointer, run.state, {.monitor = "val_loss"});
  run.trainer.add(checkpoints);
  run.fit();
  const auto& history = run.trainer.history();
  size_t best = 0;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i][2].second < history[best][2].second) best = i;
    EXPECT_EQ(history[i][2].first, "val_loss");
  }
  const auto path = checkpointer.best();
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_THAT(*path, HasSubstr(std::to_string(6 * (best + 1)) + ".ckpt"));
}

TEST_F(CheckpointCallbackTest, AFailingSaveIsToldOnceAndTrainingGoesOn) {
  Training unsaved;
  unsaved.fit();
  Training again;
  Checkpointer checkpointer(folder_ + "/missing/run");
  std::vector<absl::Status> warnings;
  CheckpointCallback checkpoints(
      checkpointer, again.state,
      {.warn = [&](const absl::Status& status) { warnings.push_back(status); }});
  again.trainer.add(checkpoints);
  EXPECT_EQ(again.fit(), "");
  EXPECT_EQ(again.weights(), unsaved.weights());
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(std::string(warnings[0].message()), HasSubstr(folder_ + "/missing"));
  EXPECT_EQ(checkpoints.status(), warnings[0]);
}

TEST_F(CheckpointCallbackTest, TriesTheLastSaveAgainAtTheEnd) {
  struct AtLastEpoch : nn::train::Callback {
    explicit AtLastEpoch(std::function<void()> function) : function(std::move(function)) {}
    void on_epoch_end(nn::train::Trainer& trainer) override {
      if (trainer.epoch() == trainer.epochs()) function();
    }
    const std::function<void()> function;
  };
  Training run;
  Checkpointer checkpointer(folder_);
  CheckpointCallback checkpoints(checkpointer, run.state);
  // Metadata that is no UTF-8 makes the save of step 24 fail, in the background.
  AtLastEpoch spoil([&] { run.state.metadata = {{"key", "\xff"}}; });
  AtLastEpoch mend([&] { run.state.metadata.clear(); });
  run.trainer.add(spoil).add(checkpoints).add(mend);
  testing::internal::CaptureStderr();
  run.fit();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: saving a checkpoint: " + folder_ +
                "/step_000000000024.ckpt: metadata 'key': expected text in UTF-8\n");
  EXPECT_EQ(checkpoints.status(), absl::OkStatus());  // what training ended with is kept
  EXPECT_THAT(steps(), ElementsAre(12, 18, 24));
}

TEST_F(CheckpointCallbackTest, ThrowsForAMonitorThatIsNoneBeforeTraining) {
  Training run;
  Checkpointer checkpointer(folder_);
  CheckpointCallback checkpoints(checkpointer, run.state, {.monitor = "val_los"});
  run.trainer.add(checkpoints);
  EXPECT_THROWS(ValueError, "[Trainer] expected one of train_loss, train_accuracy, val_loss, ",
                run.fit());
  EXPECT_EQ(run.trainer.step(), 0);
}

TEST_F(CheckpointCallbackTest, DoesNotSaveAModelThatIsNoLongerFinite) {
  Training run;
  Checkpointer checkpointer(folder_);
  std::vector<absl::Status> warnings;
  CheckpointCallback checkpoints(
      checkpointer, run.state,
      {.every_steps = 1, .warn = [&](const absl::Status& status) { warnings.push_back(status); }});
  AtStep poison(9, [](nn::train::Trainer& t) {
    NoGradGuard no_grad;
    t.model().parameters()[1].fill_(std::nan(""));
  });
  run.trainer.add(poison).add(checkpoints);
  EXPECT_THROWS(RuntimeError, "the parameter 0.bias is not finite", run.fit());
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(warnings[0].message(),
            "step 9: expected finite parameters, got others in 0.bias; the last checkpoint stays");
  ASSERT_TRUE(checkpointer.wait().ok());
  EXPECT_EQ(steps().back(), 8);
}

TEST_F(CheckpointCallbackTest, RefusesNegativeNumbers) {
  Training run;
  Checkpointer checkpointer(folder_);
  EXPECT_THROWS(ValueError, "[CheckpointCallback] expected every_steps of at least 0, got -1",
                CheckpointCallback(checkpointer, run.state, {.every_steps = -1}));
  EXPECT_THROWS(ValueError, "[CheckpointCallback] expected every_epochs of at least 0, got -2",
                CheckpointCallback(checkpointer, run.state, {.every_epochs = -2}));
}

}  // namespace
}  // namespace lamina
