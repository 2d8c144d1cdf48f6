#include "lamina/nn/data/image_transforms.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::nn::data {
namespace {

double uniform(Generator& generator, double low, double high) {
  return random::uniform({}, low, high, float64, generator).item<double>();
}

// 0, ..., n - 1.
int64_t integer(Generator& generator, int64_t n) {
  return random::integers(0, n, {}, int64, generator).item<int64_t>();
}

void check_image(const char* op, const Tensor& image) {
  check_defined(op, image.data());
  if (image.dim() >= 2) return;
  fail<ShapeError>(op, "expected an image (..., height, width), got ", image.shape().str());
}

void check_probability(const char* op, double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "expected p in [0, 1], got ", p);
}

}  // namespace

// ---- Normalize

Normalize::Normalize(double mean, double std)
    : Normalize(std::vector<double>{mean}, std::vector<double>{std}) {
  mean_ = mean_.view({});
  std_ = std_.view({});
}

Normalize::Normalize(const std::vector<double>& mean, const std::vector<double>& std) {
  if (mean.size() != std.size() || mean.empty()) {
    fail<ValueError>("Normalize", "expected a mean and a std of each channel, got ", mean.size(),
                     " and ", std.size());
  }
  for (size_t i = 0; i < mean.size(); ++i) {
    if (!std::isfinite(mean[i]) || !(std[i] > 0 && std::isfinite(std[i]))) {
      fail<ValueError>("Normalize", "expected a finite mean and a finite std above 0, got ",
                       mean[i], " and ", std[i]);
    }
  }
  const Shape shape = {static_cast<int64_t>(mean.size()), 1, 1};
  mean_ = tensor(mean, shape);
  std_ = tensor(std, shape);
}

Tensor Normalize::operator()(const Tensor& image) const {
  check_defined("Normalize", image.data());
  check_floating("Normalize", image.dtype());
  if (mean_.dim() > 0 && (image.dim() < 3 || image.size(-3) != mean_.size(0))) {
    fail<ShapeError>("Normalize", "expected an image (..., ", mean_.size(0),
                     ", height, width), got ", image.shape().str());
  }
  return (image - mean_.to(image.dtype())) / std_.to(image.dtype());
}

// ---- RandomCrop

RandomCrop::RandomCrop(const Dims& size, const RandomCropOptions& options) : options_(options) {
  constexpr const char* kName = "RandomCrop";
  if (size.rank() != 1 && size.rank() != 2) {
    fail<ValueError>(kName, "expected a size or (height, width), got ", size.str());
  }
  height_ = size[0];
  width_ = size[size.rank() - 1];
  if (height_ < 1 || width_ < 1) {
    fail<ValueError>(kName, "expected a size of at least 1, got ", size.str());
  }
  if (options.padding < 0) {
    fail<ValueError>(kName, "expected a padding of at least 0, got ", options.padding);
  }
}

Tensor RandomCrop::operator()(const Tensor& image, Generator& generator) const {
  constexpr const char* kName = "RandomCrop";
  const OpScope scope(kName);
  check_image(kName, image);
  const int64_t p = options_.padding;
  Tensor padded = image;
  if (p > 0) padded = pad(image, {p, p, p, p}, PadMode::kConstant, options_.fill);
  const int64_t rows = padded.size(-2) - height_, columns = padded.size(-1) - width_;
  if (rows < 0 || columns < 0) {
    fail<ShapeError>(kName, "expected an image that with a padding of ", p, " has ", height_, " x ",
                     width_, " pixels or more, got ", image.shape().str());
  }
  const int64_t top = integer(generator, rows + 1), left = integer(generator, columns + 1);
  return padded.narrow(-2, top, height_).narrow(-1, left, width_);
}

// ---- RandomHorizontalFlip

RandomHorizontalFlip::RandomHorizontalFlip(double p) : p_(p) {
  check_probability("RandomHorizontalFlip", p);
}

Tensor RandomHorizontalFlip::operator()(const Tensor& image, Generator& generator) const {
  check_image("RandomHorizontalFlip", image);
  return uniform(generator, 0, 1) < p_ ? image.flip(-1) : image;
}

// ---- Rotation

namespace {

// Of a number that an int64_t holds; std::floor is a call where the compiler may not assume SSE4.1.
int64_t floor_of(double x) {
  const auto truncated = static_cast<int64_t>(x);
  return truncated - (x < static_cast<double>(truncated));
}

// Turns `planes` images of h x w. A pixel of the result lies, turned back, between four of the
// image, and each counts as `fill` where it is outside.
template <class T>
void rotate_planes(const T* in, int64_t planes, int64_t h, int64_t w, double degrees, T fill,
                   T* out) {
  const double angle = degrees * (3.14159265358979323846 / 180);
  const double c = std::cos(angle), s = std::sin(angle);
  const double middle_y = static_cast<double>(h - 1) / 2, middle_x = static_cast<double>(w - 1) / 2;
  for (int64_t i = 0; i < h; ++i) {
    for (int64_t j = 0; j < w; ++j, ++out) {
      const double dy = static_cast<double>(i) - middle_y, dx = static_cast<double>(j) - middle_x;
      const double y = middle_y + s * dx + c * dy, x = middle_x + c * dx - s * dy;
      const int64_t top = floor_of(y), left = floor_of(x);
      const T below = static_cast<T>(y - static_cast<double>(top));
      const T right = static_cast<T>(x - static_cast<double>(left));
      const bool inside = top >= 0 && top + 1 < h && left >= 0 && left + 1 < w;
      for (int64_t plane = 0; plane < planes; ++plane) {
        const auto at = [&](int64_t row, int64_t column) {
          const bool is_pixel = inside || (row >= 0 && row < h && column >= 0 && column < w);
          return is_pixel ? in[(plane * h + row) * w + column] : fill;
        };
        const T upper = at(top, left) + right * (at(top, left + 1) - at(top, left));
        const T lower = at(top + 1, left) + right * (at(top + 1, left + 1) - at(top + 1, left));
        out[plane * h * w] = upper + below * (lower - upper);
      }
    }
  }
}

}  // namespace

Tensor rotate(const Tensor& image, double degrees, double fill) {
  constexpr const char* kName = "rotate";
  check_image(kName, image);
  if (!std::isfinite(degrees)) fail<ValueError>(kName, "expected finite degrees, got ", degrees);
  if (image.dtype() != float32 && image.dtype() != float64) {
    fail<DTypeError>(kName, "expected float32 or float64, got ", name_of(image.dtype()));
  }
  const NDArray x = image.data().contiguous();
  NDArray y = NDArray::empty_like(x);
  if (x.numel() == 0) return y;
  const int64_t h = x.size(-2), w = x.size(-1), planes = x.numel() / (h * w);
  if (x.dtype() == float32) {
    rotate_planes(x.data<float>(), planes, h, w, degrees, static_cast<float>(fill),
                  y.data<float>());
  } else {
    rotate_planes(x.data<double>(), planes, h, w, degrees, fill, y.data<double>());
  }
  return y;
}

RandomRotation::RandomRotation(double degrees, const RandomRotationOptions& options)
    : RandomRotation(-degrees, degrees, options) {}

RandomRotation::RandomRotation(double low, double high, const RandomRotationOptions& options)
    : low_(low), high_(high), options_(options) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high)) {
    fail<ValueError>("RandomRotation",
                     "expected finite degrees, of which the first is no larger, got ", low, " and ",
                     high);
  }
}

Tensor RandomRotation::operator()(const Tensor& image, Generator& generator) const {
  const OpScope scope("RandomRotation");
  return rotate(image, uniform(generator, low_, high_), options_.fill);
}

// ---- RandomErasing

RandomErasing::RandomErasing(const RandomErasingOptions& options) : options_(options) {
  constexpr const char* kName = "RandomErasing";
  check_probability(kName, options.p);
  if (!(0 <= options.min_area && options.min_area <= options.max_area && options.max_area <= 1)) {
    fail<ValueError>(kName, "expected areas 0 <= min_area <= max_area <= 1, got ", options.min_area,
                     " and ", options.max_area);
  }
  if (!(0 < options.min_ratio && options.min_ratio <= options.max_ratio &&
        std::isfinite(options.max_ratio))) {
    fail<ValueError>(kName, "expected finite ratios 0 < min_ratio <= max_ratio, got ",
                     options.min_ratio, " and ", options.max_ratio);
  }
}

Tensor RandomErasing::operator()(const Tensor& image, Generator& generator) const {
  check_image("RandomErasing", image);
  if (uniform(generator, 0, 1) >= options_.p) return image;
  const int64_t h = image.size(-2), w = image.size(-1);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = uniform(generator, options_.min_area, options_.max_area) *
                        static_cast<double>(h) * static_cast<double>(w);
    const double ratio =
        std::exp(uniform(generator, std::log(options_.min_ratio), std::log(options_.max_ratio)));
    const auto height = static_cast<int64_t>(std::llround(std::sqrt(area * ratio)));
    const auto width = static_cast<int64_t>(std::llround(std::sqrt(area / ratio)));
    if (height >= h || width >= w) continue;
    const int64_t top = integer(generator, h - height + 1);
    const int64_t left = integer(generator, w - width + 1);
    Tensor erased = image.clone();
    erased.narrow(-2, top, height).narrow(-1, left, width).fill_(options_.value);
    return erased;
  }
  return image;
}

}  // namespace lamina::nn::data
