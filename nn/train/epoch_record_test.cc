#include "lamina/nn/train/epoch_record.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using nn::internal::StateReader;

std::vector<EpochRecord> loaded(const StateDict& state, int64_t epochs) {
  StateReader reader(state);
  std::vector<EpochRecord> history = internal::load_history(state, epochs, &reader);
  reader.finish("History");
  return history;
}

TEST(ValueName, IsAPartAndAQuantity) {
  EXPECT_EQ(ValueName("val_loss").part, "val");
  EXPECT_EQ(ValueName("val_loss").quantity, "loss");
  EXPECT_EQ(ValueName("train_top_5_accuracy").part, "train");
  EXPECT_EQ(ValueName("train_top_5_accuracy").quantity, "top_5_accuracy");
  EXPECT_EQ(ValueName("lr").part, "");
  EXPECT_EQ(ValueName("value").quantity, "value");
}

TEST(History, KeepsWhichEpochHasWhichNamesAndInWhichOrder) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<EpochRecord> history = {
      {{"train_loss", 3}, {"lr", 0.5}},
      {{"train_loss", 2}, {"val_loss", -inf}, {"lr", 0.25}},
      {{"train_loss", 1}, {"train_f1", 7}, {"val_loss", 5}, {"val_f1", 6}, {"lr", 0}},
      {{"train_loss", 0}, {"lr", 0}}};
  StateDict state;
  internal::save_history(history, &state);
  EXPECT_EQ(loaded(state, 4), history);
  EXPECT_THAT(state.at("absent.val_f1").to_vector<double>(), ::testing::ElementsAre(0, 1, 3));
  EXPECT_FALSE(state.contains("absent.train_loss"));
}

TEST(History, OfOneSetOfNamesHasAnArrayForEach) {
  const std::vector<EpochRecord> history = {{{"train_loss", 3}, {"lr", 0.5}},
                                            {{"train_loss", 2}, {"lr", 0.25}}};
  StateDict state;
  internal::save_history(history, &state);
  EXPECT_EQ(state.size(), 2);
  EXPECT_THAT(state.at("history.train_loss").to_vector<double>(), ::testing::ElementsAre(3, 2));
  EXPECT_EQ(loaded(state, 2), history);
  EXPECT_TRUE(loaded({}, 0).empty());
}

TEST(History, ThatDoesNotFitIsRefused) {
  const auto state = [](std::vector<double> absent) {
    const auto n = static_cast<int64_t>(absent.size());
    return StateDict{{"history.lr", tensor({1., 2.}, {2})}, {"absent.lr", tensor(absent, {n})}};
  };
  EXPECT_THROWS(RuntimeError, "absent.lr: expected epochs from 0, below 2, got 2",
                loaded(state({0, 2}), 2));
  EXPECT_THROWS(RuntimeError, "absent.lr: expected epochs from 0, below 2, got -1",
                loaded(state({-1}), 2));
  EXPECT_THROWS(RuntimeError, "absent.lr: expected epochs from 0, below 2, got 0.5",
                loaded(state({0.5}), 2));
  EXPECT_THROWS(RuntimeError, "got nan", loaded(state({test::kNan}), 2));
  EXPECT_THROWS(RuntimeError, "history.lr: expected a value for each of 3 epochs, got 2",
                loaded(state({0}), 3));
  EXPECT_THROWS(RuntimeError, "absent.lr: expected no such key",
                loaded({{"absent.lr", tensor({1.}, {1})}}, 0));
}

}  // namespace
}  // namespace lamina::nn::train
