// Trains, evaluates and uses networks for MNIST digits, or Fashion-MNIST's clothes.
//
//   bazel run -c opt //apps/mnist -- train --model=cnn
//   bazel run -c opt //apps/mnist -- predict digit.png

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/mnist/data_files.h"
#include "lamina/apps/mnist/image_file.h"
#include "lamina/apps/mnist/models.h"
#include "lamina/apps/mnist/run_report.h"
#include "lamina/apps/program.h"
#include "lamina/apps/run_folder.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/training_run.h"
#include "lamina/nn.h"
#include "lamina/serialization.h"

using lamina::apps::Count;
using lamina::apps::Positive;
using lamina::apps::Seed;
using lamina::apps::Whole;
using lamina::apps::Widths;
using lamina::apps::mnist::DataSet;
using lamina::apps::mnist::Kind;
using Holdout = Whole<0, 59999>;
using Workers = Whole<0, 64>;

ABSL_FLAG(
    Kind, model, Kind::kTwoLayer,
    "linear (784-10), two_layer (784-300-10) or multi_layer (784, --hidden, 10), without bias; "
    "mlp_resnet (784-100, 3 residual blocks with batch norm and dropout, 10); "
    "cnn (3 convolutions with batch norm); "
    "or patch_transformer (patches of 7 x 7 pixels, width 64, 2 layers)");
ABSL_FLAG(DataSet, dataset, DataSet::kMnist, "mnist (digits) or fashion (clothes)");
ABSL_FLAG(std::optional<Widths>, hidden, std::nullopt,
          "widths of the hidden layers of multi_layer (default: 512,256)");
ABSL_FLAG(std::optional<Count>, width, std::nullopt,
          "channels of the first convolution of cnn (default: 16)");
ABSL_FLAG(std::optional<Count>, epochs, std::nullopt,
          "passes over the training images (default: 20 of the first three models, 10 of "
          "mlp_resnet and patch_transformer, 5 of cnn)");
ABSL_FLAG(Count, batch_size, Count{100}, "images per step");
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
ABSL_FLAG(std::string, data_dir, "",
          "folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
          "and t10k-labels-idx1-ubyte, or these with .gz (default: the files that Bazel fetched, "
          "or those of Debian's dataset-fashion-mnist)");
ABSL_FLAG(bool, invert, false, "the images are dark on white, as from pen and paper");

namespace lamina::apps::mnist {
namespace {

constexpr char kApp[] = "mnist";

// What a checkpoint tells about its run, and what of that makes the network.
const std::vector<std::string> kNetwork = {"model", "dataset", "hidden", "width"};
const std::vector<std::string> kSettings = {"model",   "dataset",    "hidden",        "width",
                                            "epochs",  "batch_size", "learning_rate", "shuffle",
                                            "augment", "holdout",    "seed"};

std::unique_ptr<nn::Layer> network() {
  const auto hidden = absl::GetFlag(FLAGS_hidden);
  const auto width = absl::GetFlag(FLAGS_width);
  return make_model(
      absl::GetFlag(FLAGS_model),
      {hidden ? hidden->values : std::vector<int64_t>{512, 256}, width ? width->value : 16});
}

absl::Status check_model_flags() {
  const Kind kind = absl::GetFlag(FLAGS_model);
  if (absl::GetFlag(FLAGS_hidden) && kind != Kind::kMultiLayer) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --hidden: expected with --model=multi_layer only, got --model=",
                     AbslUnparseFlag(kind)));
  }
  if (absl::GetFlag(FLAGS_width) && kind != Kind::kCnn) {
    return absl::InvalidArgumentError(absl::StrCat(
        "flag --width: expected with --model=cnn only, got --model=", AbslUnparseFlag(kind)));
  }
  return absl::OkStatus();
}

absl::StatusOr<nn::data::Mnist> load_data() {
  const absl::StatusOr<std::string> folder =
      data_folder(absl::GetFlag(FLAGS_dataset), user_path(absl::GetFlag(FLAGS_data_dir)));
  if (!folder.ok()) return folder.status();
  return nn::data::load_mnist(*folder);
}

// ---- train

// The images to test with, taken from those to train with if there is a --holdout.
absl::Status hold_out(nn::data::Mnist* data) {
  const int64_t held = absl::GetFlag(FLAGS_holdout).value, images = data->train.images.size(0);
  if (held == 0) return absl::OkStatus();
  if (held >= images) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "flag --holdout: expected fewer than the %d training images, got %d", images, held));
  }
  manual_seed(static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value));
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

Tensor augmented(const Tensor& image, Generator& generator) {
  static const nn::data::Compose transforms(
      {nn::data::RandomRotation(10), nn::data::RandomCrop({kSide}, {.padding = 2})});
  return transforms(image.view({kSide, kSide}), generator).reshape({kPixels});
}

nn::data::DataLoaderOptions loader_options() {
  nn::data::DataLoaderOptions options;
  options.batch_size = absl::GetFlag(FLAGS_batch_size).value;
  return options;
}

nn::data::DataLoaderOptions training_loader_options() {
  nn::data::DataLoaderOptions options = loader_options();
  options.shuffle = absl::GetFlag(FLAGS_shuffle);
  options.seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value);
  options.num_workers = absl::GetFlag(FLAGS_workers).value;
  if (absl::GetFlag(FLAGS_augment)) options.transform = augmented;
  return options;
}

// Batch norm cannot learn from a batch of one image.
absl::Status check_batch_size(int64_t images) {
  const int64_t batch = absl::GetFlag(FLAGS_batch_size).value;
  if (absl::GetFlag(FLAGS_model) != Kind::kMlpResnet || (batch != 1 && images % batch != 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "flag --batch_size: expected one that leaves no batch of a single image, which batch norm "
      "cannot learn from, got %d for %d images",
      batch, images));
}

int64_t parameters_of(const nn::Module& model) {
  int64_t count = 0;
  for (const Tensor& parameter : model.parameters()) count += parameter.numel();
  return count;
}

std::string percent_wrong(double error, int64_t images) {
  return absl::StrFormat("%.2f %% (%d of %d images)", 100 * error,
                         std::llround(error * static_cast<double>(images)), images);
}

absl::Status train(const Arguments& arguments) {
  TrainingRun run(kApp, kSettings);
  absl::Status status = check_model_flags();
  if (status.ok()) status = use_threads();
  if (status.ok()) status = run.open(arguments);
  if (!status.ok()) return status;
  absl::StatusOr<nn::data::Mnist> data = load_data();
  if (!data.ok()) return data.status();
  status = hold_out(&*data);
  if (status.ok()) status = check_batch_size(data->train.images.size(0));
  if (!status.ok()) return status;

  manual_seed(static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value));
  const Kind kind = absl::GetFlag(FLAGS_model);
  const Recipe& recipe = recipe_of(kind);
  const auto given_epochs = absl::GetFlag(FLAGS_epochs);
  const auto given_rate = absl::GetFlag(FLAGS_learning_rate);
  const int64_t epochs = given_epochs ? given_epochs->value : recipe.epochs;
  const double rate = given_rate ? given_rate->value : recipe.learning_rate;
  const std::unique_ptr<nn::Layer> model = network();
  const int64_t parameters = parameters_of(*model);
  std::cout << *model << "\n" << nn::with_commas(parameters) << " parameters" << std::endl;

  nn::data::DataLoader test_loader(data->test.images, data->test.labels, loader_options());
  nn::data::DataLoader train_loader(data->train.images, data->train.labels,
                                    training_loader_options());
  nn::CrossEntropyLoss loss;
  std::unique_ptr<nn::optim::Optimizer> optimizer;
  std::optional<nn::optim::OneCycleLR> cycle;
  std::optional<nn::train::LearningRateSchedule> schedule;
  if (recipe.is_adam) {
    optimizer = std::make_unique<nn::optim::Adam>(model->parameters());
    nn::optim::OneCycleLROptions options;
    options.max_lr = rate;
    options.total_steps = epochs * train_loader.batches();
    cycle.emplace(*optimizer, options);
    schedule.emplace(*cycle, nn::train::LearningRateSchedule::Every::kStep);
  } else {
    nn::optim::SGDOptions options;
    options.lr = rate;
    optimizer = std::make_unique<nn::optim::SGD>(model->parameters(), options);
  }
  nn::train::Accuracy accuracy;
  nn::train::Trainer trainer(*model, loss, *optimizer, {.epochs = epochs});
  trainer.add(accuracy);
  if (schedule) trainer.add(*schedule);
  const absl::StatusOr<nn::train::FitResult> result = run.fit(trainer, train_loader, &test_loader);
  if (!result.ok()) return result.status();

  const char* const part = absl::GetFlag(FLAGS_holdout).value > 0 ? "held-out" : "test";
  std::cout << absl::StrFormat(
                   "%s error after %d epoch%s: %s", part, epochs, epochs == 1 ? "" : "s",
                   percent_wrong(1 - trainer.value("val_accuracy"), test_loader.samples()))
            << std::endl;
  std::vector<std::vector<std::string>> settings;
  for (const auto& [name, value] : settings_of(kApp, kSettings)) settings.push_back({name, value});
  settings.push_back({"parameters", nn::with_commas(parameters)});
  settings.push_back({"training images", nn::with_commas(train_loader.samples())});
  settings.push_back({absl::StrCat(part, " images"), nn::with_commas(test_loader.samples())});
  return run.write_report(run_report(class_names(absl::GetFlag(FLAGS_dataset)), settings,
                                     result->history, *model, data->test));
}

// ---- eval and predict

// The network of the checkpoint, in eval mode, and where it was.
struct Trained {
  std::string path;
  std::unique_ptr<nn::Layer> model;
};

absl::StatusOr<Trained> load_network(const Arguments& arguments) {
  absl::Status status = use_threads();
  if (!status.ok()) return status;
  absl::StatusOr<std::string> path = newest_checkpoint(kApp);
  if (!path.ok()) return path.status();
  status = adopt_settings(*path, kApp, kNetwork, arguments);
  if (!status.ok()) return status;
  Trained trained{*std::move(path), network()};
  status = load_model(trained.path, *trained.model, true, "model.");
  if (!status.ok()) return status;
  trained.model->eval();
  return trained;
}

absl::Status evaluate(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_network(arguments);
  if (!trained.ok()) return trained.status();
  const absl::StatusOr<nn::data::Mnist> data = load_data();
  if (!data.ok()) return data.status();
  nn::data::DataLoader loader(data->test.images, data->test.labels, loader_options());
  nn::CrossEntropyLoss loss;
  const nn::train::EpochResult result = nn::train::epoch(*trained->model, loader, loss);
  std::cout << absl::StrFormat("%s: %s, test loss %.4f, error %s", trained->path,
                               AbslUnparseFlag(absl::GetFlag(FLAGS_model)), result.loss,
                               percent_wrong(result.error, loader.samples()))
            << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<Tensor> load_image(const std::string& path) {
  const absl::StatusOr<NDArray> pixels = read_gray_image(user_path(path));
  if (!pixels.ok()) return pixels.status();
  if (pixels->shape() != Shape{kSide, kSide}) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: expected an image of %d x %d pixels, got %d x %d", path, kSide, kSide,
                        pixels->size(1), pixels->size(0)));
  }
  const Tensor image = Tensor(*pixels).to(float32).reshape({1, kPixels}) / 255;
  return absl::GetFlag(FLAGS_invert) ? 1 - image : image;
}

absl::Status predict(const Arguments& arguments) {
  const absl::StatusOr<Trained> trained = load_network(arguments);
  if (!trained.ok()) return trained.status();
  std::vector<Tensor> images;  // all of them before the first answer
  for (const std::string& path : arguments.words) {
    absl::StatusOr<Tensor> image = load_image(path);
    if (!image.ok()) return image.status();
    images.push_back(*std::move(image));
  }
  const NoGradGuard no_grad;
  const std::vector<std::string> names = class_names(absl::GetFlag(FLAGS_dataset));
  for (size_t i = 0; i < images.size(); ++i) {
    const Tensor probabilities = (*trained->model)(images[i]).softmax(1).reshape({kClasses});
    const std::vector<int64_t> best = probabilities.argsort(0, true).to_vector<int64_t>();
    const auto percent = [&](int64_t label) {
      return 100 * probabilities.select(0, label).item<double>();
    };
    std::cout << absl::StrFormat("%s: %s (%.1f %%), else %s (%.1f %%)", arguments.words[i],
                                 names[best[0]], percent(best[0]), names[best[1]], percent(best[1]))
              << std::endl;
  }
  return absl::OkStatus();
}

Program program() {
  return {
      kApp,
      "Recognises handwritten digits (MNIST), or clothes (Fashion-MNIST).",
      {{"train",
        "",
        0,
        0,
        "Trains a network and tells its test error.\n\n"
        "After each epoch comes a line with the mean loss and the share of right answers: on the\n"
        "training images, while they were being learnt, and on the test images. A checkpoint of\n"
        "each epoch, TensorBoard's event file and report.html go to a new folder, runs/mnist/NNN,\n"
        "or to --output. Ctrl-C ends it with a checkpoint, and --resume goes on.",
        {"model", "dataset", "hidden", "width", "epochs", "batch_size", "learning_rate", "shuffle",
         "augment", "holdout", "seed", "workers", "threads", "data_dir", "output", "resume"},
        train},
       {"eval",
        "",
        0,
        0,
        "Tells the test error of a trained network.",
        {"checkpoint", "model", "dataset", "hidden", "width", "batch_size", "threads", "data_dir"},
        evaluate},
       {"predict",
        "IMAGE...",
        1,
        1000,
        "Tells what is on images, PNG or PGM, of 28 x 28 pixels, white on black.",
        {"checkpoint", "model", "dataset", "hidden", "width", "invert", "threads"},
        predict}}};
}

}  // namespace
}  // namespace lamina::apps::mnist

int main(int argc, char** argv) {
  return lamina::apps::run_program(lamina::apps::mnist::program(), argc, argv);
}
