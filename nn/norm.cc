#include "lamina/nn/norm.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {

namespace {

using lamina::internal::check_eps;

void check_normalized_shape(const char* name, const Dims& shape) {
  bool good = !shape.empty();
  for (const int64_t extent : shape) good = good && extent >= 0;
  if (good) return;
  fail<ValueError>(name, "expected a normalized_shape of extents of at least 0, got ", shape.str());
}

Tensor ones_unless(bool absent, const char* name, const Dims& shape, DType dtype) {
  check_normalized_shape(name, shape);
  check_floating(name, dtype);
  return absent ? Tensor() : ones(shape, dtype);
}

Tensor group_weight(int64_t groups, int64_t channels, const GroupNormOptions& options) {
  if (groups < 1 || channels < 0 || channels % groups != 0) {
    fail<ValueError>("GroupNorm", "expected num_groups above 0 that divide num_channels, got ",
                     groups, " and ", channels);
  }
  check_floating("GroupNorm", options.dtype);
  return options.affine ? ones(channels, options.dtype) : Tensor();
}

}  // namespace

LayerNorm::LayerNorm(const Dims& normalized_shape, const LayerNormOptions& options, bool flattens)
    : weight(
          this, "weight",
          ones_unless(!options.elementwise_affine, "LayerNorm", normalized_shape, options.dtype)),
      bias(this, "bias",
           options.elementwise_affine && options.bias ? zeros(normalized_shape, options.dtype)
                                                      : Tensor()),
      normalized_shape_(normalized_shape),
      options_(options),
      flattens_(flattens) {
  check_eps("LayerNorm", options.eps);
}
LayerNorm::LayerNorm(const Dims& normalized_shape, const LayerNormOptions& options)
    : LayerNorm(normalized_shape, options, false) {}
LayerNorm::LayerNorm(int64_t num_features, const LayerNormOptions& options)
    : LayerNorm(Dims(num_features), options, true) {}

Tensor LayerNorm::forward(const Tensor& x) {
  const auto normalized = [this](const Tensor& rows) {
    return functional::layer_norm(rows, normalized_shape_, weight, bias, options_.eps);
  };
  if (!flattens_ || !x.defined() || x.dim() == 0 || x.size(-1) == normalized_shape_[0]) {
    return normalized(x);
  }
  // The trailing dimensions that make a row.
  int64_t features = 1;
  Shape lead = x.shape();
  do {
    features *= lead[lead.rank() - 1];
    lead.erase(lead.rank() - 1);
  } while (!lead.empty() && features != normalized_shape_[0]);
  if (features != normalized_shape_[0]) {
    fail<ShapeError>("LayerNorm", "expected x whose trailing extents multiply to ",
                     normalized_shape_[0], ", got shape ", x.shape().str());
  }
  lead.push_back(features);
  return normalized(x.reshape(lead)).reshape(x.shape());
}

void LayerNorm::reset_parameters() {
  if (weight.defined()) init::ones_(weight);
  if (bias.defined()) init::zeros_(bias);
}

std::string LayerNorm::extra_repr() const {
  return absl::StrCat(normalized_shape_.str(), ", eps=", internal::python_float(options_.eps),
                      ", elementwise_affine=", internal::python_bool(options_.elementwise_affine));
}

RMSNorm::RMSNorm(const Dims& normalized_shape, const RMSNormOptions& options)
    : weight(this, "weight",
             ones_unless(!options.elementwise_affine, "RMSNorm", normalized_shape, options.dtype)),
      normalized_shape_(normalized_shape),
      options_(options) {
  if (options.eps) check_eps("RMSNorm", *options.eps);
}

void RMSNorm::reset_parameters() {
  if (weight.defined()) init::ones_(weight);
}

std::string RMSNorm::extra_repr() const {
  return absl::StrCat(normalized_shape_.str(),
                      ", eps=", options_.eps ? internal::python_float(*options_.eps) : "None",
                      ", elementwise_affine=", internal::python_bool(options_.elementwise_affine));
}

GroupNorm::GroupNorm(int64_t num_groups, int64_t num_channels, const GroupNormOptions& options)
    : weight(this, "weight", group_weight(num_groups, num_channels, options)),
      bias(this, "bias", options.affine ? zeros(num_channels, options.dtype) : Tensor()),
      groups_(num_groups),
      channels_(num_channels),
      options_(options) {
  check_eps("GroupNorm", options.eps);
}

Tensor GroupNorm::forward(const Tensor& x) {
  check_defined("GroupNorm", x.data());
  if (x.dim() < 2 || x.size(1) != channels_) {
    fail<ShapeError>("GroupNorm", "expected x (n, ", channels_, ", ...), got shape ",
                     x.shape().str());
  }
  return functional::group_norm(x, groups_, weight, bias, options_.eps);
}

void GroupNorm::reset_parameters() {
  if (weight.defined()) init::ones_(weight);
  if (bias.defined()) init::zeros_(bias);
}

std::string GroupNorm::extra_repr() const {
  return absl::StrCat(groups_, ", ", channels_, ", eps=", internal::python_float(options_.eps),
                      ", affine=", internal::python_bool(options_.affine));
}

}  // namespace lamina::nn
