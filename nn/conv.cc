#include "lamina/nn/conv.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/sizes.h"

namespace lamina::nn {
namespace {

void check_channels(const char* name, int64_t in, int64_t out, int64_t groups) {
  if (in < 1 || out < 1) {
    fail<ValueError>(name, "expected in_channels and out_channels of at least 1, got ", in, " and ",
                     out);
  }
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    fail<ValueError>(name, "expected groups that divide in_channels and out_channels, got ", groups,
                     " for ", in, " and ", out);
  }
}

// (first, second, kernel_size...)
Tensor make_weight(int64_t first, int64_t second, const Dims& kernel, DType dtype) {
  Shape shape{first, second};
  for (const int64_t extent : kernel) shape.push_back(extent);
  return empty(shape, dtype);
}

// All is checked here: the weight is the first member to be made.
Tensor conv_weight(const char* name, int axes, int64_t in, int64_t out, const Dims& kernel_size,
                   const Conv2dOptions& options) {
  const OpScope scope(name);
  check_channels(name, in, out, options.groups);
  internal::check_sizes(name, "kernel_size", kernel_size, axes, 1);
  internal::check_sizes(name, "stride", options.stride, axes, 1);
  internal::check_sizes(name, "dilation", options.dilation, axes, 1);
  const std::string &padding = options.padding.name(), &mode = options.padding_mode;
  if (padding.empty()) {
    internal::check_sizes(name, "padding", options.padding.sizes(), axes, 0);
  } else if (padding != "same" && padding != "valid") {
    fail<ValueError>(name, "expected padding to be numbers, same or valid, got \"", padding, "\"");
  } else if (padding == "same" &&
             internal::per_axis(options.stride, axes) != Dims::filled(axes, 1)) {
    fail<ValueError>(name, "expected a stride of 1 for the padding same, got ",
                     options.stride.str());
  }
  if (mode != "zeros" && mode != "reflect" && mode != "replicate" && mode != "circular") {
    fail<ValueError>(name,
                     "expected padding_mode to be zeros, reflect, replicate or circular, got \"",
                     mode, "\"");
  }
  check_floating(name, options.dtype);
  return make_weight(out, in / options.groups, internal::per_axis(kernel_size, axes),
                     options.dtype);
}

PadMode pad_mode(const std::string& padding_mode) {
  return padding_mode == "reflect"     ? PadMode::kReflect
         : padding_mode == "replicate" ? PadMode::kReplicate
         : padding_mode == "circular"  ? PadMode::kCircular
                                       : PadMode::kConstant;
}

void reset(Parameter& weight, Parameter& bias) {
  init::kaiming_uniform_(weight, {std::sqrt(5.0)});
  if (!bias.defined()) return;
  const auto fan_in = static_cast<double>(init::calculate_fan_in_and_fan_out(weight).fan_in);
  init::uniform_(bias, -1 / std::sqrt(fan_in), 1 / std::sqrt(fan_in));
}

Dims kernel_of(const Parameter& weight) {
  Dims kernel = weight.shape();
  kernel.erase(0);
  kernel.erase(0);
  return kernel;
}

// Throws unless x has so many channels before its last `axes` dimensions.
void check_input(const char* op, const Tensor& x, int64_t channels, int axes) {
  check_defined(op, x.data());
  const bool ranks = x.dim() == axes + 1 || x.dim() == axes + 2;
  if (ranks && x.size(-axes - 1) == channels) return;
  const char* behind = axes == 1 ? ", length)" : ", h, w)";
  fail<ShapeError>(op, "expected x (n, ", channels, behind, " or (", channels, behind,
                   ", got shape ", x.shape().str());
}

}  // namespace

// ---- Conv1d, Conv2d

internal::ConvNd::ConvNd(const char* name, int axes, int64_t in_channels, int64_t out_channels,
                         const Dims& kernel_size, const Conv2dOptions& options)
    : weight(this, "weight",
             conv_weight(name, axes, in_channels, out_channels, kernel_size, options)),
      bias(this, "bias", options.bias ? empty(out_channels, options.dtype) : Tensor()),
      stride_(per_axis(options.stride, axes)),
      dilation_(per_axis(options.dilation, axes)),
      before_(Dims::filled(axes, 0)),
      after_(before_),
      padding_text_(options.padding.name()),
      groups_(options.groups),
      padding_mode_(options.padding_mode) {
  if (padding_text_ == "same") {
    const Dims kernel = kernel_of(weight);
    for (int a = 0; a < axes; ++a) {
      int64_t total = 0;
      if (__builtin_mul_overflow(kernel[a] - 1, dilation_[a], &total)) {
        fail<ValueError>(name, "expected a kernel that reaches less than 2^63, got dilation ",
                         dilation_.str());
      }
      before_[a] = total / 2;
      after_[a] = total - total / 2;
    }
  } else if (padding_text_.empty()) {
    before_ = after_ = per_axis(options.padding.sizes(), axes);
    if (before_ != Dims::filled(axes, 0)) padding_text_ = before_.str();
  }
  reset_parameters();
}

void internal::ConvNd::reset_parameters() { reset(weight, bias); }

Tensor internal::ConvNd::forward(const Tensor& x) {
  const char* op = axes() == 1 ? "conv1d" : "conv2d";
  const OpScope scope(op);
  check_input(op, x, weight.shape()[1] * groups_, axes());
  ConvOptions options{stride_, before_, dilation_, groups_};
  Tensor padded = x;
  if (before_ != after_ || padding_mode_ != "zeros") {
    options.padding = 0;
    Dims sides;  // from the last dimension on
    for (int a = axes() - 1; a >= 0; --a) {
      sides.push_back(before_[a]);
      sides.push_back(after_[a]);
    }
    padded = pad(x, sides, pad_mode(padding_mode_));
  }
  return axes() == 1 ? conv1d(padded, weight, bias, options)
                     : conv2d(padded, weight, bias, options);
}

std::string internal::ConvNd::extra_repr() const {
  std::string text =
      absl::StrCat(weight.shape()[1] * groups_, ", ", weight.shape()[0],
                   ", kernel_size=", kernel_of(weight).str(), ", stride=", stride_.str());
  if (!padding_text_.empty()) absl::StrAppend(&text, ", padding=", padding_text_);
  if (dilation_ != Dims::filled(axes(), 1)) absl::StrAppend(&text, ", dilation=", dilation_.str());
  if (groups_ != 1) absl::StrAppend(&text, ", groups=", groups_);
  if (!bias.defined()) absl::StrAppend(&text, ", bias=False");
  if (padding_mode_ != "zeros") absl::StrAppend(&text, ", padding_mode=", padding_mode_);
  return text;
}

// ---- ConvTranspose2d

namespace {

Tensor transposed_weight(int64_t in, int64_t out, const Dims& kernel_size,
                         const ConvTranspose2dOptions& options) {
  constexpr const char* kName = "ConvTranspose2d";
  const OpScope scope(kName);
  check_channels(kName, in, out, options.groups);
  internal::check_sizes(kName, "kernel_size", kernel_size, 2, 1);
  internal::check_sizes(kName, "stride", options.stride, 2, 1);
  internal::check_sizes(kName, "padding", options.padding, 2, 0);
  internal::check_sizes(kName, "output_padding", options.output_padding, 2, 0);
  internal::check_sizes(kName, "dilation", options.dilation, 2, 1);
  const Dims stride = internal::per_axis(options.stride, 2),
             dilation = internal::per_axis(options.dilation, 2),
             more = internal::per_axis(options.output_padding, 2);
  for (int a = 0; a < 2; ++a) {
    if (more[a] < std::max(stride[a], dilation[a])) continue;
    fail<ValueError>(kName, "expected an output_padding below the stride or dilation, got ",
                     more.str(), " for ", stride.str(), " and ", dilation.str());
  }
  check_floating(kName, options.dtype);
  return make_weight(in, out / options.groups, internal::per_axis(kernel_size, 2), options.dtype);
}

}  // namespace

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, const Dims& kernel_size,
                                 const ConvTranspose2dOptions& options)
    : weight(this, "weight", transposed_weight(in_channels, out_channels, kernel_size, options)),
      bias(this, "bias", options.bias ? empty(out_channels, options.dtype) : Tensor()),
      options_{internal::per_axis(options.stride, 2), internal::per_axis(options.padding, 2),
               internal::per_axis(options.output_padding, 2), options.groups,
               internal::per_axis(options.dilation, 2)} {
  reset_parameters();
}

void ConvTranspose2d::reset_parameters() { reset(weight, bias); }

Tensor ConvTranspose2d::forward(const Tensor& x) {
  const OpScope scope("conv_transpose2d");
  check_input("conv_transpose2d", x, weight.shape()[0], 2);
  return conv_transpose2d(x, weight, bias, options_);
}

Tensor ConvTranspose2d::forward(const Tensor& x, const Dims& output_size) {
  constexpr const char* kOp = "conv_transpose2d";
  const OpScope scope(kOp);
  check_input(kOp, x, weight.shape()[0], 2);
  internal::check_sizes(kOp, "output_size", output_size, 2, 1);
  const Dims size = internal::per_axis(output_size, 2), kernel = kernel_of(weight);
  ConvTransposeOptions options = options_;
  for (int a = 0; a < 2; ++a) {
    const auto wide = [](int64_t n) { return static_cast<__int128>(n); };
    const __int128 more = wide(size[a]) - wide(x.size(a - 2) - 1) * options.stride[a] +
                          wide(options.padding[a]) * 2 - wide(kernel[a] - 1) * options.dilation[a] -
                          1;
    if (more < 0 || more >= options.stride[a]) {
      fail<ValueError>(kOp, "expected an output_size that the stride ", options.stride.str(),
                       " leaves open for the input ", x.shape().str(), ", got ", size.str());
    }
    options.output_padding[a] = static_cast<int64_t>(more);
  }
  return conv_transpose2d(x, weight, bias, options);
}

std::string ConvTranspose2d::extra_repr() const {
  const Dims none{0, 0}, one{1, 1};
  const int64_t groups = options_.groups;
  std::string text =
      absl::StrCat(weight.shape()[0], ", ", weight.shape()[1] * groups,
                   ", kernel_size=", kernel_of(weight).str(), ", stride=", options_.stride.str());
  if (options_.padding != none) absl::StrAppend(&text, ", padding=", options_.padding.str());
  if (options_.dilation != one) absl::StrAppend(&text, ", dilation=", options_.dilation.str());
  if (options_.output_padding != none)
    absl::StrAppend(&text, ", output_padding=", options_.output_padding.str());
  if (groups != 1) absl::StrAppend(&text, ", groups=", groups);
  if (!bias.defined()) absl::StrAppend(&text, ", bias=False");
  return text;
}

}  // namespace lamina::nn
