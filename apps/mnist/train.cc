// mnist train: teaches a network the training images.
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/mnist/commands.h"
#include "lamina/apps/mnist/run_report.h"
#include "lamina/apps/mnist/settings.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/training_run.h"

using lamina::apps::Count;
using lamina::apps::Positive;
using lamina::apps::Seed;
using lamina::apps::Whole;
using Holdout = Whole<0, 59999>;
using Workers = Whole<0, 64>;

ABSL_FLAG(std::optional<Count>, epochs, std::nullopt,
          "passes over the training images (default: 20 of the first three models, 10 of "
          "mlp_resnet and patch_transformer, 5 of cnn)");
ABSL_FLAG(std::optional<Positive>, learning_rate, std::nullopt,
          "of gradient descent for the first three models (default: 0.2; two_layer: 0.3), else the "
          "highest of Adam's one cycle (default: 0.01; patch_transformer: 0.003)");
ABSL_FLAG(bool, shuffle, true, "train in a new order in each epoch; --noshuffle: in the file's");
ABSL_FLAG(bool, augment, false,
          "move each training image by up to 2 pixels and turn it by up to 10 degrees");
ABSL_FLAG(Holdout, holdout, Holdout{0},
          "how many training images, chosen by the seed, to test with in place of the test images, "
          "for choosing among settings");
ABSL_FLAG(Seed, seed, Seed{1}, "of weights and shuffling; the same seed gives the same numbers");
ABSL_FLAG(Workers, workers, Workers{0},
          "threads that prepare batches; does not change the numbers (worth it with --augment)");

namespace lamina::apps::mnist {
namespace {

// What a checkpoint tells about its run.
std::vector<std::string> run_settings() {
  std::vector<std::string> names = network_settings();
  names.insert(names.end(), {"epochs", "batch_size", "learning_rate", "shuffle", "augment",
                             "holdout", "seed", "data_dir"});
  return names;
}

uint64_t seed() { return static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value); }

// The images to test with, taken from those to train with if there is a --holdout.
absl::Status hold_out(nn::data::Mnist* data) {
  const int64_t held = absl::GetFlag(FLAGS_holdout).value, images = data->train.images.size(0);
  if (held == 0) return absl::OkStatus();
  if (held >= images) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "flag --holdout: expected fewer than the %d training images, got %d", images, held));
  }
  manual_seed(seed());
  const Tensor order = randperm(images);
  const auto part = [&](int64_t first, int64_t length) {
    const Tensor indices = order.narrow(0, first, length);
    return nn::data::LabelledImages{data->train.images.index_select(0, indices),
                                    data->train.labels.index_select(0, indices)};
  };
  data->test = part(0, held);
  data->train = part(held, images - held);
  return absl::OkStatus();
}

// Batch norm cannot learn from a batch of one image.
absl::Status check_batch_size(int64_t images) {
  const int64_t batch = absl::GetFlag(FLAGS_batch_size).value;
  if (absl::GetFlag(FLAGS_model) != ModelKind::kMlpResnet || (batch != 1 && images % batch != 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "flag --batch_size: expected one that leaves no batch of a single image, which batch norm "
      "cannot learn from, got %d for %d images",
      batch, images));
}

absl::StatusOr<nn::data::Mnist> load_data_of_run() {
  absl::StatusOr<nn::data::Mnist> data = load_data();
  if (!data.ok()) return data;
  absl::Status status = hold_out(&*data);
  if (status.ok()) status = check_batch_size(data->train.images.size(0));
  if (!status.ok()) return status;
  return data;
}

Tensor augmented(const Tensor& image, Generator& generator) {
  static const nn::data::Compose transforms(
      {nn::data::RandomRotation(10), nn::data::RandomCrop({kSide}, {.padding = 2})});
  return transforms(image.view({kSide, kSide}), generator).reshape({kPixels});
}

nn::data::DataLoaderOptions training_loader_options() {
  nn::data::DataLoaderOptions options = loader_options();
  options.shuffle = absl::GetFlag(FLAGS_shuffle);
  options.seed = seed();
  options.num_workers = absl::GetFlag(FLAGS_workers).value;
  if (absl::GetFlag(FLAGS_augment)) options.transform = augmented;
  return options;
}

// An optimizer, and what moves its learning rate if anything does.
struct Optimization {
  std::unique_ptr<nn::optim::Optimizer> optimizer;
  std::unique_ptr<nn::optim::OneCycleLR> cycle;
  std::unique_ptr<nn::train::LearningRateSchedule> schedule;
};

Optimization make_optimizer(const nn::Module& model, int64_t steps) {
  Optimization made;
  const double rate = absl::GetFlag(FLAGS_learning_rate)->value;
  if (recipe_of(absl::GetFlag(FLAGS_model)).is_adam) {
    made.optimizer = std::make_unique<nn::optim::Adam>(model.parameters());
    nn::optim::OneCycleLROptions options;
    options.max_lr = rate;
    options.total_steps = steps;
    made.cycle = std::make_unique<nn::optim::OneCycleLR>(*made.optimizer, options);
    made.schedule = std::make_unique<nn::train::LearningRateSchedule>(
        *made.cycle, nn::train::LearningRateSchedule::Every::kStep);
  } else {
    nn::optim::SGDOptions options;
    options.lr = rate;
    made.optimizer = std::make_unique<nn::optim::SGD>(model.parameters(), options);
  }
  return made;
}

// Opens the run, and sets all flags that it follows from.
absl::Status open_run(const Arguments& arguments, TrainingRun* run) {
  make_absolute(&FLAGS_data_dir);
  absl::Status status = use_threads();
  if (status.ok()) status = run->open(arguments);
  if (status.ok()) status = complete_network_flags();
  if (!status.ok()) return status;
  const Recipe& recipe = recipe_of(absl::GetFlag(FLAGS_model));
  fill_in(&FLAGS_epochs, Count{recipe.epochs});
  fill_in(&FLAGS_learning_rate, Positive{recipe.learning_rate});
  return absl::OkStatus();
}

}  // namespace

absl::Status train(const Arguments& arguments) {
  TrainingRun run(kApp, run_settings());
  absl::Status status = open_run(arguments, &run);
  if (!status.ok()) return status;
  const absl::StatusOr<nn::data::Mnist> data = load_data_of_run();
  if (!data.ok()) return data.status();
  const std::string folder = absl::GetFlag(FLAGS_data_dir);
  status =
      run.use_data({data->train.images, data->train.labels, data->test.images, data->test.labels},
                   folder.empty() ? title_of(absl::GetFlag(FLAGS_dataset)) : folder);
  if (!status.ok()) return status;

  manual_seed(seed());
  const std::unique_ptr<nn::Layer> model = make_network();
  const std::string parameters = nn::with_commas(model->parameter_count());
  std::cout << *model << "\n" << parameters << " parameters" << std::endl;

  nn::data::DataLoader test_loader(data->test.images, data->test.labels, loader_options());
  nn::data::DataLoader train_loader(data->train.images, data->train.labels,
                                    training_loader_options());
  const int64_t epochs = absl::GetFlag(FLAGS_epochs)->value;
  Optimization optimization = make_optimizer(*model, epochs * train_loader.batches());
  nn::CrossEntropyLoss loss;
  nn::train::Accuracy accuracy;
  nn::train::Trainer trainer(*model, loss, *optimization.optimizer, {.epochs = epochs});
  trainer.add(accuracy);
  if (optimization.schedule) trainer.add(*optimization.schedule);
  const absl::StatusOr<nn::train::FitResult> result = run.fit(trainer, train_loader, &test_loader);
  if (!result.ok()) return result.status();

  const char* const part = absl::GetFlag(FLAGS_holdout).value > 0 ? "held-out" : "test";
  const std::string error = percent_wrong(1 - trainer.value("val_accuracy"), test_loader.samples());
  std::cout << absl::StrFormat("%s error after %d epoch%s: %s", part, epochs,
                               epochs == 1 ? "" : "s", error)
            << std::endl;
  std::vector<std::vector<std::string>> settings = run.settings_rows();
  settings.push_back({"parameters", parameters});
  settings.push_back({"training images", nn::with_commas(train_loader.samples())});
  settings.push_back({absl::StrCat(part, " images"), nn::with_commas(test_loader.samples())});
  settings.push_back({absl::StrCat(part, " error"), error});
  const DataSet dataset = absl::GetFlag(FLAGS_dataset);
  return run.finish(run_report(title_of(dataset), class_names(dataset), settings, result->history,
                               *model, data->test));
}

}  // namespace lamina::apps::mnist
