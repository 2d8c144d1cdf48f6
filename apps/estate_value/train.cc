// estate_value train: teaches networks the prices of houses.
#include <cmath>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/estate_value/commands.h"
#include "lamina/apps/estate_value/experiment.h"
#include "lamina/apps/estate_value/market.h"
#include "lamina/apps/estate_value/run_report.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/training_run.h"

namespace lamina::apps::estate_value {
namespace {

// The error that a model makes which knows the formula of the synthetic market.
void print_noise_floor(const Encoder& encoder) {
  std::cout << absl::StrFormat("  %-42s %12.6f", "of which the noise in the prices, on average",
                               std::pow(kNoise / encoder.target_std(), 2))
            << std::endl;
}

}  // namespace

absl::Status train(const Arguments& arguments) {
  TrainingRun run(kApp, run_settings());
  make_absolute(&FLAGS_csv);
  absl::Status status = run.open(arguments);
  if (status.ok()) status = fill_in_defaults();
  if (status.ok()) status = use_threads();
  if (!status.ok()) return status;
  const DataSettings data = data_settings();
  const TrainingSettings settings = training_settings();
  const absl::StatusOr<Experiment> experiment = make_experiment(data);
  if (!experiment.ok()) return experiment.status();
  status = run.use_data(data_of(*experiment), experiment->data.train.source);
  if (!status.ok()) return status;
  const Encoder& encoder = experiment->encoder;
  const std::string train_houses = nn::with_commas(experiment->data.train.rows),
                    test_houses = nn::with_commas(experiment->data.test.rows);

  manual_seed(settings.seed);
  HouseModel model(encoder, settings.model);
  const std::string parameters = nn::with_commas(model.parameter_count());
  std::cout << parameters << " parameters, " << train_houses << " houses to train on, "
            << test_houses << " held out; " << encoder.number_columns().size() << " numbers and "
            << encoder.category_columns().size() << " categories tell of each" << std::endl;
  HouseTraining training(model, encoder, settings, experiment->data.train.rows);
  nn::data::DataLoader train_loader = training_loader(experiment->train, settings);
  nn::data::DataLoader test_loader(experiment->test.x, experiment->test.targets,
                                   {.batch_size = 1000});
  const absl::StatusOr<nn::train::FitResult> result =
      run.fit(training.trainer(), train_loader, &test_loader);
  if (!result.ok()) return result.status();

  const Tensor predictions = model.predictions(experiment->test.x);
  print_scores(held_out(experiment->data.test.rows), encoder,
               score(encoder, predictions, experiment->test.prices));
  if (data.csv.empty() && data.source == Source::kSynthetic) print_noise_floor(encoder);
  std::vector<std::vector<std::string>> rows = run.settings_rows();
  rows.push_back({"parameters", parameters});
  rows.push_back({"houses to train on", train_houses});
  rows.push_back({"houses held out", test_houses});
  return run.finish(run_report(rows, result->history, encoder, experiment->data.test, predictions,
                               experiment->test.prices));
}

}  // namespace lamina::apps::estate_value
