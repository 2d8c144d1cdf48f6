// Predicts the prices of houses: of a synthetic market, of sales in Ames, or of a CSV file.
//
//   bazel run -c opt //apps/estate_value -- --data=ames

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/estate_value/crossvalidation.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/house_data.h"
#include "lamina/apps/estate_value/house_model.h"
#include "lamina/apps/estate_value/house_training.h"
#include "lamina/apps/estate_value/market.h"
#include "lamina/apps/estate_value/predictions.h"
#include "lamina/apps/estate_value/price_metrics.h"
#include "lamina/apps/estate_value/run_report.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/program.h"
#include "lamina/apps/run_folder.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/training_run.h"
#include "lamina/nn.h"
#include "lamina/serialization.h"

using Folds = lamina::apps::Whole<2, 1000>;

ABSL_FLAG(Folds, folds, Folds{5}, "into how many parts the houses are dealt");
ABSL_FLAG(lamina::apps::Seed, folds_seed, lamina::apps::Seed{2026}, "of which house is where");
ABSL_FLAG(std::string, folds_file, "",
          "a CSV file to write the fold of each row to, for other programs (default: none)");
ABSL_FLAG(std::string, predictions, "", "the CSV file to write (default: standard output)");

namespace lamina::apps::estate_value {
namespace {

constexpr char kApp[] = "estate_value";

// What a checkpoint tells about its run.
std::vector<std::string> settings_flags() {
  std::vector<std::string> names = data_flags();
  names.insert(names.end(), training_flags().begin(), training_flags().end());
  return names;
}

absl::Status write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (out << bytes << std::flush) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot write the predictions"));
}

void print_scores(const std::string& houses, const Encoder& encoder, const Scores& scores) {
  std::cout << houses << "\n";
  for (const std::vector<std::string>& row : score_rows(encoder, scores)) {
    std::cout << absl::StrFormat("  %-42s %12s\n", row[0], row[1]);
  }
  std::cout << std::flush;
}

std::string held_out(int64_t houses) {
  return absl::StrCat(nn::with_commas(houses), " houses held out");
}

// The error that a model makes which knows the formula of the synthetic market.
void print_noise_floor(const Encoder& encoder) {
  std::cout << absl::StrFormat("  %-42s %12.6f", "of which the noise in the prices, on average",
                               std::pow(kNoise / encoder.target_std(), 2))
            << std::endl;
}

// Houses, and what makes numbers of them, which only those to train on decide.
struct Experiment {
  HouseData data;
  Encoder encoder;
  EncodedHouses train, test;
};

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

// What was held out then has to be held out now.
absl::Status check_same_houses(const std::string& checkpoint, const Experiment& experiment) {
  const absl::StatusOr<Encoder> saved = read_encoder(checkpoint);
  if (!saved.ok()) return saved.status();
  if (saved->text() == experiment.encoder.text()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(checkpoint, ": expected the houses that it was trained on, got others in ",
                   experiment.data.train.source));
}

// ---- train

absl::Status train(const Arguments& arguments) {
  TrainingRun run(kApp, settings_flags());
  absl::Status status = run.open(arguments);
  if (status.ok()) status = fill_in_defaults(Source::kSynthetic);
  if (status.ok()) status = use_threads();
  if (!status.ok()) return status;
  const DataSettings data = data_settings();
  const TrainingSettings training = training_settings();
  const absl::StatusOr<Experiment> experiment = make_experiment(data);
  if (!experiment.ok()) return experiment.status();
  if (absl::GetFlag(FLAGS_resume)) {
    const absl::StatusOr<std::string> checkpoint = checkpoint_to_resume(kApp);
    if (!checkpoint.ok()) return checkpoint.status();
    status = check_same_houses(*checkpoint, *experiment);
    if (!status.ok()) return status;
  }

  manual_seed(training.seed);
  HouseModel model(experiment->encoder, training.model);
  std::cout << nn::with_commas(model.parameter_count()) << " parameters, "
            << nn::with_commas(experiment->data.train.rows) << " houses to train on, "
            << nn::with_commas(experiment->data.test.rows) << " held out" << std::endl;
  HouseTraining houses(model, experiment->encoder, training, experiment->data.train.rows);
  nn::data::DataLoader train_loader = training_loader(experiment->train, training);
  nn::data::DataLoader test_loader(experiment->test.x, experiment->test.targets,
                                   {.batch_size = 1000});
  const absl::StatusOr<nn::train::FitResult> result =
      run.fit(houses.trainer(), train_loader, &test_loader);
  if (!result.ok()) return result.status();

  const Tensor answers = model.answers(experiment->test.x);
  print_scores(held_out(experiment->data.test.rows), experiment->encoder,
               score(experiment->encoder, answers, experiment->test.prices));
  if (data.csv.empty() && data.source == Source::kSynthetic) print_noise_floor(experiment->encoder);
  std::vector<std::vector<std::string>> settings;
  for (const auto& [name, value] : settings_of(kApp, settings_flags())) {
    settings.push_back({name, value});
  }
  settings.push_back({"parameters", nn::with_commas(model.parameter_count())});
  settings.push_back({"houses to train on", nn::with_commas(experiment->data.train.rows)});
  settings.push_back({"houses held out", nn::with_commas(experiment->data.test.rows)});
  return run.write_report(run_report(settings, result->history, experiment->encoder,
                                     experiment->data.test, answers, experiment->test.prices));
}

// ---- eval and predict

// What a checkpoint holds. Model and encoder have their places, to which others refer.
struct Trained {
  std::string path;
  Encoder encoder;
  std::unique_ptr<HouseModel> model;
};

absl::StatusOr<Trained> load_trained(const Arguments& arguments) {
  absl::Status status = use_threads();
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> path = newest_checkpoint(kApp);
  if (!path.ok()) return path.status();
  status = adopt_settings(*path, kApp, settings_flags(), arguments);
  if (!status.ok()) return status;
  const absl::StatusOr<Encoder> encoder = read_encoder(*path);
  if (!encoder.ok()) return encoder.status();
  Trained trained{*path, *encoder,
                  std::make_unique<HouseModel>(*encoder, training_settings().model)};
  status = load_model(trained.path, *trained.model, true, "model.");
  if (!status.ok()) return status;
  return trained;
}

absl::Status evaluate(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_trained(arguments);
  if (!trained.ok()) return trained.status();
  EncodedHouses houses;
  std::string title;
  if (arguments.words.empty()) {
    const absl::StatusOr<Experiment> experiment = make_experiment(data_settings());
    if (!experiment.ok()) return experiment.status();
    absl::Status status = check_same_houses(trained->path, *experiment);
    if (!status.ok()) return status;
    houses = experiment->test;
    title = held_out(houses.x.size(0));
  } else {
    const absl::StatusOr<nn::data::Table> table =
        read_houses(user_path(arguments.words[0]), trained->encoder);
    if (!table.ok()) return table.status();
    const absl::StatusOr<EncodedHouses> encoded = encode(trained->encoder, *table);
    if (!encoded.ok()) return encoded.status();
    houses = *encoded;
    title = absl::StrCat(nn::with_commas(houses.x.size(0)), " houses of ", table->source);
  }
  const Scores scores = score(trained->encoder, trained->model->answers(houses.x), houses.prices);
  std::cout << trained->path << "\n";
  print_scores(title, trained->encoder, scores);
  return absl::OkStatus();
}

absl::Status predict(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_trained(arguments);
  if (!trained.ok()) return trained.status();
  const absl::StatusOr<nn::data::Table> houses =
      read_houses(user_path(arguments.words[0]), trained->encoder);
  if (!houses.ok()) return houses.status();
  const absl::StatusOr<Tensor> x = trained->encoder.features(*houses);
  if (!x.ok()) return x.status();
  const Tensor prices = trained->encoder.prices(trained->model->answers(*x));
  const std::string csv = csv_with_prices(
      *houses, absl::StrCat("predicted_", trained->encoder.target()), prices.to_vector<double>());
  const std::string path = absl::GetFlag(FLAGS_predictions);
  if (!path.empty()) return write_file(user_path(path), csv);
  std::cout << csv;
  return absl::OkStatus();
}

// ---- crossvalidate

absl::Status crossvalidate_houses(const Arguments&) {
  absl::Status status = fill_in_defaults(Source::kAmes);
  if (status.ok()) status = use_threads();
  if (!status.ok()) return status;
  const DataSettings data = data_settings();
  const absl::StatusOr<nn::data::Table> houses = load_all_houses(data);
  if (!houses.ok()) return houses.status();
  const int64_t folds = absl::GetFlag(FLAGS_folds).value;
  if (houses->rows < folds) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --folds: expected at most the ", houses->rows, " houses, got ", folds));
  }
  const std::vector<int64_t> fold =
      folds_of(houses->rows, folds, static_cast<uint64_t>(absl::GetFlag(FLAGS_folds_seed).value));
  if (const std::string path = absl::GetFlag(FLAGS_folds_file); !path.empty()) {
    status = write_folds(user_path(path), fold);
    if (!status.ok()) return status;
  }
  const char* learnt = data.log_price ? "R2 of log" : "R2";
  std::cout << absl::StrFormat("%-5s %7s %10s %10s %8s %10s\n", "fold", "houses", "MAE", "RMSE",
                               "R2", learnt);
  const auto print = [](const std::string& name, int64_t rows, const Scores& scores) {
    std::cout << absl::StrFormat("%-5s %7d %10.2f %10.2f %8.4f %10.4f", name, rows, scores.mae,
                                 scores.rmse, scores.r2, scores.standardised_r2)
              << std::endl;
  };
  const absl::StatusOr<std::vector<FoldScores>> all = crossvalidate(
      *houses, fold, data, training_settings(), [&](int64_t i, const FoldScores& one) {
        print(absl::StrCat(i), one.test_houses, one.scores);
      });
  if (!all.ok()) return all.status();
  Scores mean{};
  for (const FoldScores& one : *all) {
    mean.mae += one.scores.mae / static_cast<double>(folds);
    mean.rmse += one.scores.rmse / static_cast<double>(folds);
    mean.r2 += one.scores.r2 / static_cast<double>(folds);
    mean.standardised_r2 += one.scores.standardised_r2 / static_cast<double>(folds);
  }
  print("mean", houses->rows, mean);
  return absl::OkStatus();
}

std::vector<std::string> with(std::vector<std::string> names,
                              const std::vector<std::string>& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

Program program() {
  return {
      kApp,
      "Predicts the prices of houses.",
      {{"train", "", 0, 0,
        "Trains networks on houses with prices, and tells their errors on others.\n\n"
        "Metrics are in the data's own units: mae, rmse and r2. A checkpoint of each epoch,\n"
        "TensorBoard's event file and report.html go to a new folder, runs/estate_value/NNN,\n"
        "or to --output. Ctrl-C ends it with a checkpoint, and --resume goes on.",
        with(settings_flags(), {"threads", "output", "resume"}), train},
       {"eval",
        "[HOUSES.csv]",
        0,
        1,
        "Tells the errors of a trained model on the houses that were held out, or on all\n"
        "those of a file with prices.",
        {"checkpoint", "threads"},
        evaluate},
       {"predict",
        "HOUSES.csv",
        1,
        1,
        "Writes the houses of a file as CSV with a column of predicted prices.\n\n"
        "The file needs the columns of the houses that were trained on but for the price, in\n"
        "any order. A cell that is empty counts as unknown, and so does a category that is new.",
        {"checkpoint", "predictions", "threads"},
        predict},
       {"crossvalidate", "", 0, 0,
        "Trains a model for each fold of the houses on the other folds, and tells its errors\n"
        "there. Keeps none of them.",
        with(settings_flags(), {"threads", "folds", "folds_seed", "folds_file"}),
        crossvalidate_houses}}};
}

}  // namespace
}  // namespace lamina::apps::estate_value

int main(int argc, char** argv) {
  return lamina::apps::run_program(lamina::apps::estate_value::program(), argc, argv);
}
