// estate_value crossvalidate: the errors on each part of the houses of a model that was trained on
// the others.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/estate_value/commands.h"
#include "lamina/apps/estate_value/crossvalidation.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/house_data.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/write_file.h"

using Folds = lamina::apps::Whole<2, 1000>;

ABSL_FLAG(Folds, folds, Folds{5}, "into how many parts the houses are dealt");
ABSL_FLAG(lamina::apps::Seed, folds_seed, lamina::apps::Seed{2026}, "of which house is where");
ABSL_FLAG(std::string, folds_file, "",
          "a CSV file to write the fold of each row to, for other programs (default: none)");

namespace lamina::apps::estate_value {
namespace {

void print_header(bool log_price) {
  std::cout << absl::StrFormat("%-5s %7s %10s %10s %8s", "fold", "houses", "MAE", "RMSE", "R2")
            << (log_price ? "  R2 of log" : "") << std::endl;
}

void print_row(const std::string& name, int64_t houses, const Scores& scores, bool log_price) {
  std::cout << absl::StrFormat("%-5s %7d %10.2f %10.2f %8.4f", name, houses, scores.mae,
                               scores.rmse, scores.r2);
  if (log_price) std::cout << absl::StrFormat(" %10.4f", scores.standardised_r2);
  std::cout << std::endl;
}

}  // namespace

absl::Status crossvalidate_houses(const Arguments&) {
  absl::Status status = fill_in_defaults();
  if (status.ok()) status = use_threads();
  if (!status.ok()) return status;
  const DataSettings data = data_settings();
  const absl::StatusOr<nn::data::Table> houses = load_all_houses(data);
  if (!houses.ok()) return houses.status();
  // What is wrong with the columns is told before anything is written.
  const absl::StatusOr<Encoder> encoder = Encoder::fit(*houses, data.target, data.log_price);
  if (!encoder.ok()) return encoder.status();
  const int64_t folds = absl::GetFlag(FLAGS_folds).value;
  if (houses->rows < folds) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --folds: expected at most the ", houses->rows, " houses, got ", folds));
  }
  const std::vector<int64_t> fold =
      folds_of(houses->rows, folds, static_cast<uint64_t>(absl::GetFlag(FLAGS_folds_seed).value));
  if (const std::string path = user_path(absl::GetFlag(FLAGS_folds_file)); !path.empty()) {
    status = check_output(path, {houses->source});
    if (status.ok()) status = write_folds(path, fold);
    if (!status.ok()) return status;
  }
  print_header(data.log_price);
  const absl::StatusOr<std::vector<FoldScores>> all = crossvalidate(
      *houses, fold, data, training_settings(), [&](int64_t i, const FoldScores& one) {
        print_row(absl::StrCat(i), one.test_houses, one.scores, data.log_price);
      });
  if (!all.ok()) return all.status();
  print_row("mean", houses->rows, mean_of(*all), data.log_price);
  return absl::OkStatus();
}

}  // namespace lamina::apps::estate_value
