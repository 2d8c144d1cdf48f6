// mnist predict: what is on images.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/mnist/commands.h"
#include "lamina/apps/mnist/image_file.h"
#include "lamina/apps/mnist/settings.h"
#include "lamina/apps/trained_model.h"

ABSL_FLAG(bool, invert, false, "the images are dark on white, as from pen and paper");

namespace lamina::apps::mnist {
namespace {

// As a black drawing without a background is: what is transparent counts as black.
bool is_blank(const NDArray& pixels) {
  const std::vector<uint8_t> shades = pixels.to_vector<uint8_t>();
  return std::count(shades.begin(), shades.end(), shades[0]) ==
         static_cast<std::ptrdiff_t>(shades.size());
}

absl::StatusOr<Tensor> load_image(const std::string& path) {
  const absl::StatusOr<NDArray> pixels = read_gray_image(user_path(path));
  if (!pixels.ok()) return pixels.status();
  if (pixels->shape() != Shape{kSide, kSide}) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: expected an image of %d x %d pixels, got %d x %d", path, kSide, kSide,
                        pixels->size(1), pixels->size(0)));
  }
  if (is_blank(*pixels)) {
    std::cerr << "warning: " << path
              << ": all pixels are of one shade of gray; what is transparent "
              << "counts as black" << std::endl;
  }
  const Tensor image = Tensor(*pixels).to(float32).reshape({1, kPixels}) / 255;
  return absl::GetFlag(FLAGS_invert) ? 1 - image : image;
}

}  // namespace

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
  tell_checkpoint(arguments, trained->path);
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

}  // namespace lamina::apps::mnist
