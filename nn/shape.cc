#include "lamina/nn/shape.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/sizes.h"

namespace lamina::nn {
namespace {

void check_factor(const char* name, int64_t factor) {
  // Its square counts channels.
  if (factor >= 1 && factor < int64_t{1} << 31) return;
  fail<ValueError>(name, "expected an upscale_factor of at least 1, got ", factor);
}

// One number for all sides as four.
Dims four_sides(const char* name, const Dims& padding) {
  if (padding.rank() == 1) return Shape::filled(4, padding[0]);
  if (padding.rank() == 4) return padding;
  fail<ValueError>(name, "expected padding of one number or four (left, right, top, bottom), got ",
                   padding.str());
}

void check_image(const char* name, const Tensor& x) {
  check_defined(name, x.data());
  if (x.dim() == 3 || x.dim() == 4) return;
  fail<ShapeError>(name, "expected x (n, channels, h, w) or (channels, h, w), got shape ",
                   x.shape().str());
}

void check_windows(const char* name, const Dims& kernel_size, const UnfoldOptions& options) {
  internal::check_sizes(name, "kernel_size", kernel_size, 2, 1);
  internal::check_sizes(name, "dilation", options.dilation, 2, 1);
  internal::check_sizes(name, "padding", options.padding, 2, 0);
  internal::check_sizes(name, "stride", options.stride, 2, 1);
}

std::string windows_repr(const Dims& kernel_size, const UnfoldOptions& options) {
  return absl::StrCat("kernel_size=", internal::number_or_tuple(kernel_size),
                      ", dilation=", internal::number_or_tuple(options.dilation),
                      ", padding=", internal::number_or_tuple(options.padding),
                      ", stride=", internal::number_or_tuple(options.stride));
}

}  // namespace

Tensor functional::pixel_shuffle(const Tensor& x, int64_t upscale_factor) {
  constexpr const char* kName = "pixel_shuffle";
  const OpScope scope(kName);
  check_defined(kName, x.data());
  check_factor(kName, upscale_factor);
  const int64_t r = upscale_factor;
  if (x.dim() < 3 || x.size(-3) % (r * r) != 0) {
    fail<ShapeError>(kName, "expected x (..., channels, h, w) with channels divisible by ", r * r,
                     ", got shape ", x.shape().str());
  }
  const int64_t channels = x.size(-3) / (r * r), height = x.size(-2), width = x.size(-1);
  Shape shape = x.shape();
  shape[x.dim() - 3] = channels;
  shape[x.dim() - 2] = height * r;
  shape[x.dim() - 1] = width * r;
  int64_t images = 1;
  for (int d = 0; d < x.dim() - 3; ++d) images *= x.size(d);
  return x.reshape({images * channels, r, r, height, width})
      .permute({0, 3, 1, 4, 2})
      .reshape(shape);
}

Flatten::Flatten(const FlattenOptions& options) : options_(options) {
  const int64_t start = options.start_dim, end = options.end_dim;
  if (start <= end || (start < 0) != (end < 0)) return;
  fail<ValueError>("Flatten", "expected start_dim <= end_dim, got ", start, " and ", end);
}
std::string Flatten::extra_repr() const {
  return absl::StrCat("start_dim=", options_.start_dim, ", end_dim=", options_.end_dim);
}

Unflatten::Unflatten(int64_t dim, const Shape& unflattened_size)
    : dim_(dim), sizes_(unflattened_size) {
  int unknown = 0;
  bool good = !sizes_.empty();
  for (const int64_t size : sizes_) {
    unknown += size == -1;
    good = good && size >= -1;
  }
  if (!good || unknown > 1) {
    fail<ValueError>("Unflatten", "expected extents of at least 0, or one -1, got ", sizes_.str());
  }
}
std::string Unflatten::extra_repr() const {
  return absl::StrCat("dim=", dim_, ", unflattened_size=", sizes_.str());
}

PixelShuffle::PixelShuffle(int64_t upscale_factor) : factor_(upscale_factor) {
  check_factor("PixelShuffle", factor_);
}
std::string PixelShuffle::extra_repr() const { return absl::StrCat("upscale_factor=", factor_); }

ZeroPad2d::ZeroPad2d(const Dims& padding) : padding_(four_sides("ZeroPad2d", padding)) {}
Tensor ZeroPad2d::forward(const Tensor& x) {
  const OpScope scope("ZeroPad2d");
  check_image("ZeroPad2d", x);
  return pad(x, padding_);
}

ReflectionPad2d::ReflectionPad2d(const Dims& padding)
    : padding_(four_sides("ReflectionPad2d", padding)) {}
Tensor ReflectionPad2d::forward(const Tensor& x) {
  const OpScope scope("ReflectionPad2d");
  check_image("ReflectionPad2d", x);
  return pad(x, padding_, PadMode::kReflect);
}

Unfold::Unfold(const Dims& kernel_size, const UnfoldOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_windows("Unfold", kernel_size_, options_);
}
std::string Unfold::extra_repr() const { return windows_repr(kernel_size_, options_); }

Fold::Fold(const Dims& output_size, const Dims& kernel_size, const UnfoldOptions& options)
    : output_size_(output_size), kernel_size_(kernel_size), options_(options) {
  internal::check_sizes("Fold", "output_size", output_size_, 2, 1);
  check_windows("Fold", kernel_size_, options_);
}
std::string Fold::extra_repr() const {
  return absl::StrCat("output_size=", internal::number_or_tuple(output_size_), ", ",
                      windows_repr(kernel_size_, options_));
}

}  // namespace lamina::nn
