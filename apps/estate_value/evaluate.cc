// estate_value eval: the errors of a checkpoint's model.
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/estate_value/commands.h"
#include "lamina/apps/estate_value/experiment.h"
#include "lamina/apps/training_run.h"

namespace lamina::apps::estate_value {
namespace {

struct Houses {
  EncodedHouses encoded;
  std::string title;
};

// Those that the model was not trained on; nobody knows them once the houses have changed.
absl::StatusOr<Houses> held_out_houses(const Trained& trained) {
  const absl::StatusOr<Experiment> experiment = make_experiment(data_settings());
  if (!experiment.ok()) return experiment.status();
  const absl::Status status =
      check_data(trained.path, data_of(*experiment), experiment->data.train.source);
  if (!status.ok()) return status;
  return Houses{experiment->test, held_out(experiment->data.test.rows)};
}

absl::StatusOr<Houses> houses_of_file(const Trained& trained, const std::string& path) {
  const absl::StatusOr<nn::data::Table> table = read_houses(user_path(path), trained.encoder);
  if (!table.ok()) return table.status();
  const absl::StatusOr<EncodedHouses> encoded = encode(trained.encoder, *table);
  if (!encoded.ok()) return encoded.status();
  return Houses{*encoded, absl::StrCat(nn::with_commas(table->rows), " houses of ", table->source)};
}

}  // namespace

absl::Status evaluate(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_model_of(arguments);
  if (!trained.ok()) return trained.status();
  const absl::StatusOr<Houses> houses = arguments.words.empty()
                                            ? held_out_houses(*trained)
                                            : houses_of_file(*trained, arguments.words[0]);
  if (!houses.ok()) return houses.status();
  std::cout << trained->path << "\n";
  print_scores(houses->title, trained->encoder,
               score(trained->encoder, trained->model->predictions(houses->encoded.x),
                     houses->encoded.prices));
  return absl::OkStatus();
}

}  // namespace lamina::apps::estate_value
