#include "lamina/apps/mnist/settings.h"

#include <cmath>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/trained_model.h"

using lamina::apps::Count;
using lamina::apps::Size;
using lamina::apps::Widths;
using lamina::apps::mnist::DataSet;
using lamina::apps::mnist::ModelKind;

ABSL_FLAG(
    ModelKind, model, ModelKind::kTwoLayer,
    "linear (784-10), two_layer (784-300-10) or multi_layer (784, --hidden, 10), without bias; "
    "mlp_resnet (784-100, 3 residual blocks with batch norm and dropout, 10); "
    "cnn (3 convolutions with batch norm); "
    "or patch_transformer (patches of 7 x 7 pixels, width 64, 2 layers)");
ABSL_FLAG(DataSet, dataset, DataSet::kMnist, "mnist (digits) or fashion (clothes)");
ABSL_FLAG(std::optional<Widths>, hidden, std::nullopt,
          "widths of the hidden layers of multi_layer (default: 512,256)");
ABSL_FLAG(std::optional<Size>, width, std::nullopt,
          "channels of the first convolution of cnn (default: 16)");
ABSL_FLAG(Count, batch_size, Count{100}, "images per step");
ABSL_FLAG(std::string, data_dir, "",
          "folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
          "and t10k-labels-idx1-ubyte, or these with .gz (default: the files that Bazel fetched, "
          "or those of Debian's dataset-fashion-mnist; of eval: what the network was trained on)");

namespace lamina::apps::mnist {
namespace {

ModelSizes sizes() {
  const std::optional<Widths> hidden = absl::GetFlag(FLAGS_hidden);
  const std::optional<Size> width = absl::GetFlag(FLAGS_width);
  return {hidden ? hidden->values : std::vector<int64_t>{}, width ? width->value : 0};
}

}  // namespace

const std::vector<std::string>& network_settings() {
  static const auto& names = *new std::vector<std::string>{"model", "dataset", "hidden", "width"};
  return names;
}

absl::Status complete_network_flags() {
  const ModelKind kind = absl::GetFlag(FLAGS_model);
  if (absl::GetFlag(FLAGS_hidden) && kind != ModelKind::kMultiLayer) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --hidden: expected with --model=multi_layer only, got --model=",
                     AbslUnparseFlag(kind)));
  }
  if (absl::GetFlag(FLAGS_width) && kind != ModelKind::kCnn) {
    return absl::InvalidArgumentError(absl::StrCat(
        "flag --width: expected with --model=cnn only, got --model=", AbslUnparseFlag(kind)));
  }
  if (kind == ModelKind::kMultiLayer) fill_in(&FLAGS_hidden, Widths{{512, 256}});
  if (kind == ModelKind::kCnn) fill_in(&FLAGS_width, Size{16});
  return absl::OkStatus();
}

std::unique_ptr<nn::Layer> make_network() {
  return make_model(absl::GetFlag(FLAGS_model), sizes());
}

absl::StatusOr<nn::data::Mnist> load_data() {
  const absl::StatusOr<std::string> folder =
      data_folder(absl::GetFlag(FLAGS_dataset), user_path(absl::GetFlag(FLAGS_data_dir)));
  if (!folder.ok()) return folder.status();
  return nn::data::load_mnist(*folder);
}

nn::data::DataLoaderOptions loader_options() {
  nn::data::DataLoaderOptions options;
  options.batch_size = absl::GetFlag(FLAGS_batch_size).value;
  return options;
}

absl::StatusOr<Trained> load_network(const Arguments& arguments,
                                     const std::vector<std::string>& more) {
  std::vector<std::string> settings = network_settings();
  settings.insert(settings.end(), more.begin(), more.end());
  absl::StatusOr<std::string> path = open_checkpoint(kApp, settings, arguments);
  if (!path.ok()) return path.status();
  absl::Status status = complete_network_flags();
  if (status.ok()) {
    status = check_size(*path, parameters_by_size(absl::GetFlag(FLAGS_model), sizes()));
  }
  if (!status.ok()) return status;
  Trained trained{*std::move(path), make_network()};
  status = load_trained(trained.path, *trained.model);
  if (!status.ok()) return status;
  return trained;
}

std::string percent_wrong(double error, int64_t images) {
  return absl::StrFormat("%.2f %% (%d of %d images)", 100 * error,
                         std::llround(error * static_cast<double>(images)), images);
}

}  // namespace lamina::apps::mnist
