#include "lamina/nn/pooling.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/nn/repr.h"
#include "lamina/nn/sizes.h"

namespace lamina::nn {
namespace {

using internal::number_or_tuple;

// The kernel's extents stand for no stride.
Dims stride_of(const Dims& kernel_size, const Dims& stride) {
  return stride.empty() ? kernel_size : stride;
}

void check_pool(const char* name, int axes, const Dims& kernel_size, const Dims& stride,
                const Dims& padding) {
  internal::check_sizes(name, "kernel_size", kernel_size, axes, 1);
  internal::check_sizes(name, "stride", stride_of(kernel_size, stride), axes, 1);
  internal::check_sizes(name, "padding", padding, axes, 0);
  const Dims k = internal::per_axis(kernel_size, axes), p = internal::per_axis(padding, axes);
  for (int a = 0; a < axes; ++a) {
    if (p[a] <= k[a] / 2) continue;
    fail<ValueError>(name, "expected a padding of at most half the kernel_size, got ",
                     number_or_tuple(padding), " for ", number_or_tuple(kernel_size));
  }
}
void check_max_pool(const char* name, int axes, const Dims& kernel_size,
                    const MaxPoolOptions& options) {
  check_pool(name, axes, kernel_size, options.stride, options.padding);
  internal::check_sizes(name, "dilation", options.dilation, axes, 1);
}

std::string max_pool_repr(const Dims& kernel_size, const MaxPoolOptions& options) {
  return absl::StrCat("kernel_size=", number_or_tuple(kernel_size),
                      ", stride=", number_or_tuple(stride_of(kernel_size, options.stride)),
                      ", padding=", number_or_tuple(options.padding),
                      ", dilation=", number_or_tuple(options.dilation),
                      ", ceil_mode=", internal::python_bool(options.ceil_mode));
}

void check_options(const char* name, const UpsampleOptions& options) {
  const std::vector<double>& factors = options.scale_factor;
  if (options.size.empty() == factors.empty()) {
    fail<ValueError>(name, "expected either a size or a scale_factor, got ",
                     factors.empty() ? "neither" : "both");
  }
  if (factors.empty()) internal::check_sizes(name, "size", options.size, 2, 1);
  bool good = factors.size() <= 2;
  for (const double factor : factors) good = good && factor > 0 && std::isfinite(factor);
  if (!good) {
    fail<ValueError>(name, "expected a scale_factor of one or two finite numbers above 0, got ",
                     absl::StrJoin(factors, " and "));
  }
  if (options.mode != "nearest" && options.mode != "bilinear") {
    fail<ValueError>(name, "expected mode to be nearest or bilinear, got \"", options.mode, "\"");
  }
  if (options.align_corners && options.mode == "nearest")
    fail<ValueError>(name, "expected align_corners with the mode bilinear alone");
}

}  // namespace

Tensor functional::interpolate(const Tensor& x, const UpsampleOptions& options) {
  const OpScope scope("interpolate");
  check_options("interpolate", options);
  const InterpolateMode mode =
      options.mode == "nearest" ? InterpolateMode::kNearest : InterpolateMode::kBilinear;
  return lamina::interpolate(x, {options.size, options.scale_factor, mode, options.align_corners});
}

MaxPool1d::MaxPool1d(const Dims& kernel_size, const MaxPoolOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_max_pool("MaxPool1d", 1, kernel_size, options);
}
std::string MaxPool1d::extra_repr() const { return max_pool_repr(kernel_size_, options_); }

MaxPool2d::MaxPool2d(const Dims& kernel_size, const MaxPoolOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_max_pool("MaxPool2d", 2, kernel_size, options);
}
std::string MaxPool2d::extra_repr() const { return max_pool_repr(kernel_size_, options_); }

AvgPool1d::AvgPool1d(const Dims& kernel_size, const AvgPoolOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_pool("AvgPool1d", 1, kernel_size, options.stride, options.padding);
}
std::string AvgPool1d::extra_repr() const {  // PyTorch has tuples here
  return absl::StrCat("kernel_size=", kernel_size_.str(),
                      ", stride=", stride_of(kernel_size_, options_.stride).str(),
                      ", padding=", options_.padding.str());
}

AvgPool2d::AvgPool2d(const Dims& kernel_size, const AvgPoolOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_pool("AvgPool2d", 2, kernel_size, options.stride, options.padding);
}
std::string AvgPool2d::extra_repr() const {
  return absl::StrCat("kernel_size=", number_or_tuple(kernel_size_),
                      ", stride=", number_or_tuple(stride_of(kernel_size_, options_.stride)),
                      ", padding=", number_or_tuple(options_.padding));
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(const Dims& output_size) : output_size_(output_size) {
  internal::check_sizes("AdaptiveAvgPool2d", "output_size", output_size_, 2, 1);
}
std::string AdaptiveAvgPool2d::extra_repr() const {
  return absl::StrCat("output_size=", number_or_tuple(output_size_));
}

Upsample::Upsample(const UpsampleOptions& options) : options_(options) {
  check_options("Upsample", options_);
}
std::string Upsample::extra_repr() const {
  const std::vector<double>& factors = options_.scale_factor;
  std::string shown;
  if (factors.empty()) {
    shown = absl::StrCat("size=", number_or_tuple(options_.size));
  } else if (factors.size() == 1) {
    shown = absl::StrCat("scale_factor=", internal::python_float(factors[0]));
  } else {
    shown = absl::StrCat("scale_factor=(", internal::python_float(factors[0]), ", ",
                         internal::python_float(factors[1]), ")");
  }
  return absl::StrCat(shown, ", mode=", options_.mode);
}

}  // namespace lamina::nn
