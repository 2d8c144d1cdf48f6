#include "lamina/nn/data/mnist.h"

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lamina/nn/data/idx.h"

namespace lamina::nn::data {
namespace {

constexpr int64_t kSide = 28;
constexpr int kClasses = 10;

// (n, 28, 28) bytes -> (n, 784) shares of 255.
Tensor to_pixels(const NDArray& bytes) {
  float share[256];
  for (int i = 0; i < 256; ++i) share[i] = static_cast<float>(i) / 255;
  NDArray pixels = NDArray::empty({bytes.size(0), kSide * kSide});
  const auto* from = bytes.data<uint8_t>();
  auto* to = pixels.data<float>();
  for (int64_t i = 0; i < bytes.numel(); ++i) to[i] = share[from[i]];
  return pixels;
}

// The path of the file, or of its compressed form if only that is there.
std::string plain_or_gz(const std::string& path) {
  const auto is_there = [](const std::string& name) { return access(name.c_str(), F_OK) == 0; };
  return !is_there(path) && is_there(path + ".gz") ? path + ".gz" : path;
}

}  // namespace

absl::StatusOr<LabelledImages> load_labelled_images(const std::string& images_path,
                                                    const std::string& labels_path) {
  const absl::StatusOr<NDArray> images = read_idx(images_path);
  if (!images.ok()) return images.status();
  if (images->dim() != 3) {
    return idx_error(images_path, 3, "expected images, of rank 3, got rank ", images->dim());
  }
  const int64_t count = images->size(0);
  if (count == 0) return idx_error(images_path, 4, "expected at least one image, got 0");
  if (images->size(1) != kSide || images->size(2) != kSide) {
    return idx_error(images_path, 8, "expected images of 28 x 28, got ", images->size(1), " x ",
                     images->size(2));
  }

  const absl::StatusOr<NDArray> labels = read_idx(labels_path);
  if (!labels.ok()) return labels.status();
  if (labels->dim() != 1) {
    return idx_error(labels_path, 3, "expected labels, of rank 1, got rank ", labels->dim());
  }
  if (labels->size(0) != count) {
    return idx_error(labels_path, 4, "expected ", count, " labels, one for each image in ",
                     images_path, ", got ", labels->size(0));
  }
  const auto* label = labels->data<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    if (label[i] >= kClasses) {
      return idx_error(labels_path, idx_header_size(1) + i, "expected a label from 0 to ",
                       kClasses - 1, " for sample ", i, ", got ", label[i]);
    }
  }

  try {
    return LabelledImages{to_pixels(*images), labels->to(int64)};
  } catch (const RuntimeError&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(images_path, ": no memory for ", count, " images"));
  }
}

absl::StatusOr<Mnist> load_mnist(const std::string& folder) {
  Mnist mnist;
  for (const auto& [name, part] :
       {std::pair("train", &mnist.train), std::pair("t10k", &mnist.test)}) {
    const std::string start = absl::StrCat(folder, "/", name);
    absl::StatusOr<LabelledImages> loaded = load_labelled_images(
        plain_or_gz(start + "-images-idx3-ubyte"), plain_or_gz(start + "-labels-idx1-ubyte"));
    if (!loaded.ok()) return loaded.status();
    *part = *std::move(loaded);
  }
  return mnist;
}

}  // namespace lamina::nn::data
