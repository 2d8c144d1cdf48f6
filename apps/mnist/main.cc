// Trains a network on the MNIST digits and tells its test error. Writes no file but for --report.
//
//   bazel run -c opt //apps/mnist -- --model=multi_layer --hidden=512,256 --epochs=20

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
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
#include "lamina/apps/mnist/models.h"
#include "lamina/apps/mnist/run_report.h"
#include "lamina/nn.h"
#include "tools/cpp/runfiles/runfiles.h"

using lamina::apps::Count;
using lamina::apps::Positive;
using lamina::apps::Seed;
using lamina::apps::Threads;
using lamina::apps::Widths;
using lamina::apps::mnist::Kind;

ABSL_FLAG(
    Kind, model, Kind::kTwoLayer,
    "linear (784-10), two_layer (784-300-10) or multi_layer (784, --hidden, 10), without bias; "
    "mlp_resnet (784-100, 3 residual blocks with batch norm and dropout, 10); "
    "or patch_transformer (patches of 7 x 7 pixels, width 64, 2 layers)");
ABSL_FLAG(std::optional<Widths>, hidden, std::nullopt,
          "widths of the hidden layers of multi_layer (default: 512,256)");
ABSL_FLAG(Count, epochs, Count{10}, "passes over the training images");
ABSL_FLAG(Count, batch_size, Count{100}, "images per step");
ABSL_FLAG(std::optional<Positive>, learning_rate, std::nullopt,
          "of gradient descent (default: 0.2 for linear and multi_layer, 0.3 for two_layer and "
          "mlp_resnet, 0.05 for patch_transformer)");
ABSL_FLAG(bool, shuffle, true, "train in a new order in each epoch; --noshuffle: in the file's");
ABSL_FLAG(Seed, seed, Seed{1}, "of weights and shuffling; the same seed gives the same numbers");
ABSL_FLAG(std::optional<Threads>, threads, std::nullopt,
          "to compute with; does not change the numbers (default: one per processor)");
ABSL_FLAG(
    std::string, data_dir, "",
    "folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte (default: the files that Bazel fetched)");

ABSL_FLAG(std::string, report, "",
          "an HTML page to write about the run: curves, confusion matrix, the worst mistakes, "
          "first-layer weights (default: none)");

namespace lamina::apps::mnist {
namespace {

constexpr char kUsage[] = R"(Trains a network on the MNIST digits and tells its test error.

After each epoch comes a line with the mean loss and the share of wrong answers: on the training
images, while they were being learnt, and on the test images; then the seconds of training and the
images per second.
)";

// The folder of the published files, which Bazel puts beside the program.
absl::StatusOr<std::string> fetched_data(const char* program) {
  using bazel::tools::cpp::runfiles::Runfiles;
  std::string error;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(program, &error));
  const std::string file =
      runfiles ? runfiles->Rlocation("mnist/data/train-images-idx3-ubyte") : "";
  if (file.empty()) {
    return absl::NotFoundError(
        "flag --data_dir: expected a folder with the MNIST files, got none, and the program has "
        "none "
        "beside it unless `bazel run` or `bazel build` of //apps/mnist put them there");
  }
  return file.substr(0, file.rfind('/'));
}

struct Pass {
  nn::train::EpochResult result;
  double seconds;
};

// One pass of training, or of testing if there is no optimizer.
Pass run_pass(const std::string& label, nn::Layer& model, nn::data::DataLoader& loader,
              nn::optim::Optimizer* optimizer) {
  const auto start = std::chrono::steady_clock::now();
  nn::CrossEntropyLoss loss;
  nn::train::ProgressBar bar(std::cerr, nn::train::terminal_columns(STDERR_FILENO), label, "images",
                             loader.samples());
  const nn::train::EpochResult result = nn::train::epoch(
      model, loader, loss, optimizer, [&bar](int64_t samples) { bar.update(samples); });
  return {result, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

absl::Status train(nn::Layer& model, const nn::data::Mnist& data, double learning_rate,
                   std::vector<nn::train::EpochRecord>* history) {
  nn::data::DataLoaderOptions options;
  options.batch_size = absl::GetFlag(FLAGS_batch_size).value;
  const int64_t images = data.train.images.size(0);
  if (absl::GetFlag(FLAGS_model) == Kind::kMlpResnet &&
      (options.batch_size == 1 || images % options.batch_size == 1)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "flag --batch_size: expected one that leaves no batch of a single image, which batch norm "
        "cannot learn from, got %d for %d images",
        options.batch_size, images));
  }
  nn::data::DataLoader test_loader(data.test.images, data.test.labels, options);
  options.shuffle = absl::GetFlag(FLAGS_shuffle);
  options.seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value);
  nn::data::DataLoader train_loader(data.train.images, data.train.labels, options);
  nn::optim::SGDOptions sgd;
  sgd.lr = learning_rate;
  nn::optim::SGD optimizer(model.parameters(), sgd);

  const int64_t epochs = absl::GetFlag(FLAGS_epochs).value;
  nn::train::EpochResult test{};
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    const std::string label = absl::StrCat("epoch ", epoch, "/", epochs);
    const Pass trained = run_pass(label + " train", model, train_loader, &optimizer);
    test = run_pass(label + " test", model, test_loader, nullptr).result;
    std::cout
        << absl::StrFormat(
               "%s: train loss %.4f, error %.2f %%; test loss %.4f, error %.2f %%; %.2f s, %s "
               "images/s",
               label, trained.result.loss, 100 * trained.result.error, test.loss, 100 * test.error,
               trained.seconds,
               nn::with_commas(
                   std::llround(static_cast<double>(train_loader.samples()) / trained.seconds)))
        << std::endl;
    history->push_back({{"train_loss", trained.result.loss},
                        {"train_error", trained.result.error},
                        {"val_loss", test.loss},
                        {"val_error", test.error}});
    if (!std::isfinite(trained.result.loss) || !std::isfinite(test.loss)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "flag --learning_rate: expected one with which training converges, got %g: "
          "the loss is no longer finite",
          learning_rate));
    }
  }
  const int64_t samples = test_loader.samples();
  std::cout << absl::StrFormat("test error after %d epoch%s: %.2f %% (%d of %d images)", epochs,
                               epochs == 1 ? "" : "s", 100 * test.error,
                               std::llround(test.error * static_cast<double>(samples)), samples)
            << std::endl;
  return absl::OkStatus();
}

absl::Status run(int argc, char** argv) {
  const std::vector<std::string> names = {"model",         "hidden",  "epochs", "batch_size",
                                          "learning_rate", "shuffle", "seed",   "threads",
                                          "data_dir",      "report"};
  bool help;
  absl::Status status = parse_flags(argc, argv, names, &help);
  if (!status.ok()) return status;
  if (help) {
    std::cout << help_text(kUsage, names);
    return absl::OkStatus();
  }
  const Kind kind = absl::GetFlag(FLAGS_model);
  const std::optional<Widths> hidden = absl::GetFlag(FLAGS_hidden);
  if (hidden && kind != Kind::kMultiLayer) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --hidden: expected with --model=multi_layer only, got --model=",
                     AbslUnparseFlag(kind)));
  }
  if (const auto threads = absl::GetFlag(FLAGS_threads)) {
    try {
      set_num_threads(static_cast<int>(threads->value));
    } catch (const RuntimeError& error) {  // the system gives us fewer
      return absl::ResourceExhaustedError(absl::StrCat("flag --threads: ", error.what()));
    }
  }
  const auto learning_rate = absl::GetFlag(FLAGS_learning_rate);

  absl::StatusOr<std::string> folder = user_path(absl::GetFlag(FLAGS_data_dir));
  if (absl::GetFlag(FLAGS_data_dir).empty()) folder = fetched_data(argv[0]);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<nn::data::Mnist> data = nn::data::load_mnist(*folder);
  if (!data.ok()) return data.status();

  const std::string report_path = user_path(absl::GetFlag(FLAGS_report));
  const bool reports = !absl::GetFlag(FLAGS_report).empty();
  if (reports) {  // now rather than after the training
    status = report::Report::check_path(report_path);
    if (!status.ok()) return status;
  }
  manual_seed(static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value));
  const std::unique_ptr<nn::Layer> model =
      make_model(kind, hidden ? hidden->values : std::vector<int64_t>{512, 256});
  int64_t parameters = 0;
  for (const Tensor& parameter : model->parameters()) parameters += parameter.numel();
  std::cout << *model << "\n" << nn::with_commas(parameters) << " parameters" << std::endl;
  const double rate = learning_rate ? learning_rate->value : default_learning_rate(kind);
  std::vector<nn::train::EpochRecord> history;
  status = train(*model, *data, rate, &history);
  if (!status.ok() || !reports) return status;
  const std::vector<std::vector<std::string>> settings = {
      {"model", AbslUnparseFlag(kind)},
      {"parameters", nn::with_commas(parameters)},
      {"epochs", absl::StrCat(history.size())},
      {"batch size", absl::StrCat(absl::GetFlag(FLAGS_batch_size).value)},
      {"learning rate", absl::StrCat(rate)},
      {"shuffled", absl::GetFlag(FLAGS_shuffle) ? "yes" : "no"},
      {"seed", absl::StrCat(absl::GetFlag(FLAGS_seed).value)},
      {"training images", nn::with_commas(data->train.images.size(0))},
      {"test images", nn::with_commas(data->test.images.size(0))}};
  return run_report(settings, history, *model, data->test).write(report_path);
}

int report(absl::string_view error) {
  std::cerr << "ERROR: " << error << std::endl;
  return 1;
}

}  // namespace
}  // namespace lamina::apps::mnist

int main(int argc, char** argv) {
  using lamina::apps::mnist::report;
  try {
    const absl::Status status = lamina::apps::mnist::run(argc, argv);
    if (!status.ok()) return report(status.message());
    if (!std::cout.flush()) return report("standard output: cannot write");
    return 0;
  } catch (const std::bad_alloc&) {
    return report("not enough memory for this model and batch size");
  } catch (const std::exception& error) {
    return report(error.what());
  }
}
