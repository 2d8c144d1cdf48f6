// Cross-validation: each house is held out once, by a model that was trained on the other folds.
#ifndef LAMINA_APPS_ESTATE_VALUE_CROSSVALIDATION_H_
#define LAMINA_APPS_ESTATE_VALUE_CROSSVALIDATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/estate_value/price_metrics.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

struct FoldScores {
  int64_t train_houses, test_houses;
  Scores scores;  // on those held out
};

// `fold` has the number of each row's fold, each from 0 to the largest at least once. Encoder and model are
// made anew from the other folds. `done` is called with the fold's number after each.
absl::StatusOr<std::vector<FoldScores>> crossvalidate(
    const nn::data::Table& houses, const std::vector<int64_t>& fold, const DataSettings& data,
    const TrainingSettings& settings,
    const std::function<void(int64_t fold, const FoldScores&)>& done);

// The mean of each score over the folds, at least one.
Scores mean_of(const std::vector<FoldScores>& folds);

// "row,fold" and a line for each row, both from 0.
absl::Status write_folds(const std::string& path, const std::vector<int64_t>& fold);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_CROSSVALIDATION_H_
