// mnist eval: the test error of a checkpoint's network.
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/mnist/commands.h"
#include "lamina/apps/mnist/settings.h"

namespace lamina::apps::mnist {

absl::Status evaluate(const Arguments& arguments) {
  std::vector<std::string> more;
  if (arguments.given.count("data_dir") == 0) more = {"data_dir"};
  const absl::StatusOr<Trained> trained = load_network(arguments, more);
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

}  // namespace lamina::apps::mnist
