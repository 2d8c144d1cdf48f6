#include "lamina/apps/estate_value/experiment.h"

#include <iostream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/estate_value/run_report.h"
#include "lamina/apps/trained_model.h"

namespace lamina::apps::estate_value {

absl::StatusOr<Experiment> make_experiment(const DataSettings& settings) {
  absl::StatusOr<HouseData> data = load_houses(settings);
  if (!data.ok()) return data.status();
  const absl::StatusOr<Encoder> encoder =
      Encoder::fit(data->train, settings.target, settings.log_price);
  if (!encoder.ok()) return encoder.status();
  const absl::StatusOr<EncodedHouses> train = encode(*encoder, data->train);
  if (!train.ok()) return train.status();
  const absl::StatusOr<EncodedHouses> test = encode(*encoder, data->test);
  if (!test.ok()) return test.status();
  return Experiment{*std::move(data), *encoder, *train, *test};
}

std::vector<Tensor> data_of(const Experiment& experiment) {
  const std::string text = experiment.encoder.text();
  return {
      experiment.train.x, experiment.train.targets, experiment.test.x, experiment.test.prices,
      tensor(std::vector<uint8_t>(text.begin(), text.end()), {static_cast<int64_t>(text.size())})};
}

absl::StatusOr<Trained> load_model_of(const Arguments& arguments) {
  const absl::StatusOr<std::string> path = open_checkpoint(kApp, run_settings(), arguments);
  if (!path.ok()) return path.status();
  const absl::StatusOr<Encoder> encoder = read_encoder(*path);
  if (!encoder.ok()) return encoder.status();
  absl::Status status = check_filled_in(*path);
  if (!status.ok()) return status;
  const HouseModelOptions options = training_settings().model;
  status = check_size(*path, parameters_by_size(*encoder, options));
  if (!status.ok()) return status;
  Trained trained{*path, *encoder, std::make_unique<HouseModel>(*encoder, options)};
  status = load_trained(trained.path, *trained.model);
  if (!status.ok()) return status;
  return trained;
}

std::string held_out(int64_t houses) {
  return absl::StrCat(nn::with_commas(houses), " houses held out");
}

void print_scores(const std::string& houses, const Encoder& encoder, const Scores& scores) {
  std::cout << houses << "\n";
  for (const std::vector<std::string>& row : score_rows(encoder, scores)) {
    std::cout << absl::StrFormat("  %-42s %12s\n", row[0], row[1]);
  }
  std::cout << std::flush;
}

}  // namespace lamina::apps::estate_value
