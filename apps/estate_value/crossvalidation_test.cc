#include "lamina/apps/estate_value/crossvalidation.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"

namespace lamina::apps::estate_value {
namespace {

// y = x in the rows of fold 0, y = -x in those of fold 1.
nn::data::Table houses(const std::vector<int64_t>& fold) {
  std::vector<double> x, y;
  for (size_t row = 0; row < fold.size(); ++row) {
    x.push_back(static_cast<double>(row / 2) - 9.5);
    y.push_back(fold[row] == 0 ? x.back() : -x.back());
  }
  const auto rows = static_cast<int64_t>(fold.size());
  nn::data::Table table;
  table.source = "made";
  table.rows = rows;
  table.columns = {{"x", tensor(x, {rows}), {}}, {"y", tensor(y, {rows}), {}}};
  return table;
}

TrainingSettings settings() {
  TrainingSettings settings;
  settings.model.hidden = {8};
  settings.weight_decay = 0;
  settings.learning_rate = 0.05;
  settings.epochs = 40;
  settings.batch_size = 10;
  settings.seed = 1;
  return settings;
}

// So a model that has seen its own fold would be better than the mean, R2 = 0, and one that has not
// has R2 = -3: it errs by 2 x.
TEST(Crossvalidation, ScoresEachFoldByAModelThatHasNotSeenIt) {
  std::vector<int64_t> fold;
  for (int i = 0; i < 40; ++i) fold.push_back(i % 2);
  std::vector<int64_t> done;
  const absl::StatusOr<std::vector<FoldScores>> all =
      crossvalidate(houses(fold), fold, {Source::kAmes, "", "y", false, 1}, settings(),
                    [&](int64_t held_out, const FoldScores&) { done.push_back(held_out); });
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(done, (std::vector<int64_t>{0, 1}));
  ASSERT_EQ(all->size(), 2u);
  for (const FoldScores& one : *all) {
    EXPECT_EQ(one.train_houses, 20);
    EXPECT_EQ(one.test_houses, 20);
    EXPECT_NEAR(one.scores.r2, -3, 0.3);
  }
}

TEST(Crossvalidation, TellsWhatAFoldCannotBeTrainedOn) {
  const std::vector<int64_t> fold = {0, 1, 0, 1};
  EXPECT_TRUE(absl::IsNotFound(crossvalidate(houses(fold), fold, {Source::kAmes, "", "z", false, 1},
                                             settings(), [](int64_t, const FoldScores&) {})
                                   .status()));
}

TEST(Crossvalidation, TakesTheMeanOfEachScore) {
  const Scores mean = mean_of({{3, 1, {1, 2, -0.5, 4, 5}}, {3, 1, {2, 6, 0.5, 5, 9}}});
  EXPECT_DOUBLE_EQ(mean.mae, 1.5);
  EXPECT_DOUBLE_EQ(mean.rmse, 4);
  EXPECT_DOUBLE_EQ(mean.r2, 0);
  EXPECT_DOUBLE_EQ(mean.standardised_mse, 4.5);
  EXPECT_DOUBLE_EQ(mean.standardised_r2, 7);
}

TEST(Crossvalidation, WritesTheFoldOfEachRow) {
  const std::string path = new_folder() + "/folds.csv";
  ASSERT_TRUE(write_folds(path, {2, 0, 1}).ok());
  EXPECT_EQ(read_file(path), "row,fold\n0,2\n1,0\n2,1\n");
}

}  // namespace
}  // namespace lamina::apps::estate_value
