#include "lamina/apps/estate_value/crossvalidation.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/house_model.h"
#include "lamina/apps/estate_value/house_training.h"
#include "lamina/apps/write_file.h"

namespace lamina::apps::estate_value {
namespace {

absl::StatusOr<FoldScores> run_fold(const nn::data::Table& train, const nn::data::Table& test,
                                    const DataSettings& data, const TrainingSettings& settings) {
  const absl::StatusOr<Encoder> encoder = Encoder::fit(train, data.target, data.log_price);
  if (!encoder.ok()) return encoder.status();
  const absl::StatusOr<EncodedHouses> learnt = encode(*encoder, train);
  if (!learnt.ok()) return learnt.status();
  const absl::StatusOr<EncodedHouses> held_out = encode(*encoder, test);
  if (!held_out.ok()) return held_out.status();
  manual_seed(settings.seed);
  HouseModel model(*encoder, settings.model);
  HouseTraining training(model, *encoder, settings, train.rows);
  nn::data::DataLoader loader = training_loader(*learnt, settings);
  training.trainer().fit(loader);
  return FoldScores{train.rows, test.rows,
                    score(*encoder, model.predictions(held_out->x), held_out->prices)};
}

}  // namespace

absl::StatusOr<std::vector<FoldScores>> crossvalidate(
    const nn::data::Table& houses, const std::vector<int64_t>& fold, const DataSettings& data,
    const TrainingSettings& settings,
    const std::function<void(int64_t fold, const FoldScores&)>& done) {
  std::vector<FoldScores> all;
  const int64_t folds = *std::max_element(fold.begin(), fold.end()) + 1;
  for (int64_t held_out = 0; held_out < folds; ++held_out) {
    std::vector<int64_t> train, test;
    for (size_t row = 0; row < fold.size(); ++row) {
      (fold[row] == held_out ? test : train).push_back(static_cast<int64_t>(row));
    }
    const absl::StatusOr<FoldScores> scores =
        run_fold(houses.select(train), houses.select(test), data, settings);
    if (!scores.ok()) return scores.status();
    all.push_back(*scores);
    done(held_out, *scores);
  }
  return all;
}

Scores mean_of(const std::vector<FoldScores>& folds) {
  const auto count = static_cast<double>(folds.size());
  Scores mean{};
  for (const FoldScores& fold : folds) {
    mean.mae += fold.scores.mae / count;
    mean.rmse += fold.scores.rmse / count;
    mean.r2 += fold.scores.r2 / count;
    mean.standardised_mse += fold.scores.standardised_mse / count;
    mean.standardised_r2 += fold.scores.standardised_r2 / count;
  }
  return mean;
}

absl::Status write_folds(const std::string& path, const std::vector<int64_t>& fold) {
  std::string text = "row,fold\n";
  for (size_t row = 0; row < fold.size(); ++row) absl::StrAppend(&text, row, ",", fold[row], "\n");
  return write_file(path, text);
}

}  // namespace lamina::apps::estate_value
