// What the commands share: houses to train on and to test with, the model of a checkpoint, and how
// scores are printed.
#ifndef LAMINA_APPS_ESTATE_VALUE_EXPERIMENT_H_
#define LAMINA_APPS_ESTATE_VALUE_EXPERIMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/house_data.h"
#include "lamina/apps/estate_value/house_model.h"
#include "lamina/apps/estate_value/house_training.h"
#include "lamina/apps/estate_value/price_metrics.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::estate_value {

// Houses, and what makes numbers of them, which only those to train on decide.
struct Experiment {
  HouseData data;
  Encoder encoder;
  EncodedHouses train, test;
};
absl::StatusOr<Experiment> make_experiment(const DataSettings& settings);

// The numbers to train on and to test with, and how they were made of the houses.
std::vector<Tensor> data_of(const Experiment& experiment);

struct Trained {
  std::string path;  // of the checkpoint
  Encoder encoder;
  std::unique_ptr<HouseModel> model;
};
// The model of the newest checkpoint, or of that in --checkpoint, and its flags: those of
// run_settings().
absl::StatusOr<Trained> load_model_of(const Arguments& arguments);

// "586 houses held out"
std::string held_out(int64_t houses);

// A line about the houses, and one for each score.
void print_scores(const std::string& houses, const Encoder& encoder, const Scores& scores);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_EXPERIMENT_H_
