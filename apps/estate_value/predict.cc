// estate_value predict: the prices of the houses of a file.
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/estate_value/commands.h"
#include "lamina/apps/estate_value/experiment.h"
#include "lamina/apps/estate_value/predictions.h"
#include "lamina/apps/trained_model.h"
#include "lamina/apps/write_file.h"

ABSL_FLAG(std::string, predictions, "", "the CSV file to write (default: standard output)");

namespace lamina::apps::estate_value {

absl::Status predict(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_model_of(arguments);
  if (!trained.ok()) return trained.status();
  const std::string from = user_path(arguments.words[0]);
  const std::string to = user_path(absl::GetFlag(FLAGS_predictions));
  absl::Status status = check_output(to, {from, trained->path});
  if (!status.ok()) return status;
  const absl::StatusOr<nn::data::Table> houses = read_houses(from, trained->encoder);
  if (!houses.ok()) return houses.status();
  const absl::StatusOr<nn::data::Table> cells = read_cells(*houses);
  if (!cells.ok()) return cells.status();
  const absl::StatusOr<Tensor> x = trained->encoder.features(*houses);
  if (!x.ok()) return x.status();
  const Tensor prices = trained->encoder.prices(trained->model->predictions(*x));
  const std::string csv = csv_with_prices(
      *cells, absl::StrCat("predicted_", trained->encoder.target()), prices.to_vector<double>());
  if (to.empty()) {
    std::cout << csv << std::flush;
    if (!std::cout) return status;  // run_program() tells
  } else {
    status = write_file(to, csv);
  }
  if (status.ok()) tell_checkpoint(arguments, trained->path);
  return status;
}

}  // namespace lamina::apps::estate_value
