// Transforms of images, as torchvision has them: normalisation and random augmentation. An image is
// (..., height, width): (28, 28), or (3, 32, 32) with its channels in front.
//
//   data::DataLoader loader(images, labels, {.batch_size = 128, .shuffle = true,
//       .transform = data::Compose({data::RandomCrop(28, {.padding = 2}), data::RandomRotation(10),
//                                   data::Normalize(0.1307, 0.3081)})});
//
// Each is called as f(image, generator) or, without chance, f(image). They throw ShapeError for
// fewer than 2 dimensions. What they return may be the image itself or a view of it.
#ifndef LAMINA_NN_DATA_IMAGE_TRANSFORMS_H_
#define LAMINA_NN_DATA_IMAGE_TRANSFORMS_H_

#include <cstdint>
#include <vector>

#include "lamina/autograd.h"
#include "lamina/nn/data/transform.h"

namespace lamina::nn::data {

// (image - mean) / std, with one number of each or with one per channel. float32 and float64.
class Normalize {
 public:
  // Of any shape. Throws ValueError unless both are finite and std is above 0, as the other one.
  Normalize(double mean, double std);
  // Of (channels, height, width); the call throws ShapeError for another number of channels.
  Normalize(const std::vector<double>& mean, const std::vector<double>& std);
  Tensor operator()(const Tensor& image) const;

 private:
  Tensor mean_, std_;  // float64, 0-d or (channels, 1, 1)
};

struct RandomCropOptions {
  int64_t padding = 0;  // pixels on each side, before the crop
  double fill = 0;      // their value
};

// A part of this size, at a place that is equally likely anywhere.
class RandomCrop {
 public:
  // A square, or (height, width). Throws ValueError for extents below 1 or a negative padding.
  explicit RandomCrop(const Dims& size, const RandomCropOptions& options = {});
  // Throws ShapeError for an image that, padded, is smaller.
  Tensor operator()(const Tensor& image, Generator& generator) const;

 private:
  int64_t height_, width_;
  RandomCropOptions options_;
};

// Left and right change places with probability p.
class RandomHorizontalFlip {
 public:
  explicit RandomHorizontalFlip(double p = 0.5);  // ValueError outside [0, 1]
  Tensor operator()(const Tensor& image, Generator& generator) const;

 private:
  double p_;
};

// The image turned about its centre, counter-clockwise as one sees it, by bilinear interpolation:
// of the same size, and `fill` where it has no pixels. float32 and float64.
Tensor rotate(const Tensor& image, double degrees, double fill = 0);

struct RandomRotationOptions {
  double fill = 0;
};

// rotate() by an angle that is uniform in [-degrees, degrees), or in [low, high).
class RandomRotation {
 public:
  // Throws ValueError for negative degrees, low above high, and what is not finite.
  explicit RandomRotation(double degrees, const RandomRotationOptions& options = {});
  RandomRotation(double low, double high, const RandomRotationOptions& options = {});
  Tensor operator()(const Tensor& image, Generator& generator) const;

 private:
  double low_, high_;
  RandomRotationOptions options_;
};

struct RandomErasingOptions {
  double p = 0.5;                           // how often anything is erased
  double min_area = 0.02, max_area = 0.33;  // of the rectangle, as shares of the image's
  double min_ratio = 0.3, max_ratio = 3.3;  // its height / width
  double value = 0;                         // what takes its place
};

// A rectangle of random area, shape and place is overwritten, in all channels; its area is uniform,
// and so is the logarithm of its ratio. Ten rectangles are tried; if none is smaller than the
// image in both directions, it stays as it is. Zhong et al., "Random erasing data augmentation",
// AAAI 2020.
class RandomErasing {
 public:
  // Throws ValueError for p outside [0, 1], areas unless 0 <= min <= max <= 1, and ratios unless
  // 0 < min <= max < infinity.
  explicit RandomErasing(const RandomErasingOptions& options = {});
  Tensor operator()(const Tensor& image, Generator& generator) const;

 private:
  RandomErasingOptions options_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_IMAGE_TRANSFORMS_H_
