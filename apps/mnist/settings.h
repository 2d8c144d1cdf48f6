// The flags that several commands have, and what they make of them: the network, and the data.
//
// A checkpoint tells those that its network follows from: eval and predict take them from there.
#ifndef LAMINA_APPS_MNIST_SETTINGS_H_
#define LAMINA_APPS_MNIST_SETTINGS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/mnist/data_files.h"
#include "lamina/apps/mnist/models.h"
#include "lamina/nn.h"

ABSL_DECLARE_FLAG(lamina::apps::mnist::ModelKind, model);
ABSL_DECLARE_FLAG(lamina::apps::mnist::DataSet, dataset);
ABSL_DECLARE_FLAG(std::optional<lamina::apps::Widths>, hidden);
ABSL_DECLARE_FLAG(std::optional<lamina::apps::Size>, width);
ABSL_DECLARE_FLAG(lamina::apps::Count, batch_size);
ABSL_DECLARE_FLAG(std::string, data_dir);

namespace lamina::apps::mnist {

inline constexpr char kApp[] = "mnist";

// The names of the flags that the network follows from.
const std::vector<std::string>& network_settings();

// Gives the model's own flag, --hidden or --width, its default if it is not set. InvalidArgument
// for one of them that is set and is another model's. To be called before make_network().
absl::Status complete_network_flags();

// With weights from default_generator().
std::unique_ptr<nn::Layer> make_network();

absl::StatusOr<nn::data::Mnist> load_data();

// Batches of --batch_size.
nn::data::DataLoaderOptions loader_options();

struct Trained {
  std::string path;  // of the checkpoint
  std::unique_ptr<nn::Layer> model;
};
// The network of the newest checkpoint, or of that in --checkpoint, in eval mode, and its flags:
// those of network_settings() and `more`.
absl::StatusOr<Trained> load_network(const Arguments& arguments,
                                     const std::vector<std::string>& more = {});

// "1.83 % (183 of 10000 images)"
std::string percent_wrong(double error, int64_t images);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_SETTINGS_H_
