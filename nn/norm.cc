#include "lamina/nn/norm.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

void check_eps(const char* name, double eps) {
  if (eps >= 0) return;
  fail<ValueError>(name, "expected an eps of at least 0, got ", eps);
}

void check_normalized_shape(const char* name, const Dims& shape) {
  bool good = !shape.empty();
  for (const int64_t extent : shape) good = good && extent >= 0;
  if (good) return;
  fail<ValueError>(name, "expected a normalized_shape of extents of at least 0, got ", shape.str());
}

// The trailing dimensions of x that have normalized_shape.
Dims normalized_dims(const char* name, const Tensor& x, const Dims& normalized_shape) {
  check_defined(name, x.data());
  check_floating(name, x.dtype());
  check_normalized_shape(name, normalized_shape);
  const int n = normalized_shape.rank(), first = x.dim() - n;
  Dims dims;
  for (int i = 0; i < n && first >= 0; ++i) {
    if (x.size(first + i) == normalized_shape[i]) dims.push_back(first + i);
  }
  if (dims.rank() == n) return dims;
  std::string wanted = "(...";
  for (const int64_t extent : normalized_shape) absl::StrAppend(&wanted, ", ", extent);
  fail<ShapeError>(name, "expected x of shape ", wanted, "), got ", x.shape().str());
}

void check_affine(const char* name, const char* what, const Tensor& parameter, const Tensor& x,
                  const Dims& shape) {
  if (!parameter.defined()) return;
  if (parameter.shape() != shape) {
    fail<ShapeError>(name, "expected a ", what, " of shape ", shape.str(), ", got ",
                     parameter.shape().str());
  }
  if (parameter.dtype() != x.dtype()) {
    fail<DTypeError>(name, "expected a ", what, " of x's dtype ", name_of(x.dtype()), ", got ",
                     name_of(parameter.dtype()));
  }
}

double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return std::numeric_limits<double>::epsilon();
    case DType::kFloat16:
      return 0x1p-10;
    case DType::kBFloat16:
      return 0x1p-7;
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

}  // namespace

Tensor functional::layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
                              const Tensor& bias, double eps) {
  constexpr const char* kName = "layer_norm";
  const OpScope scope(kName);
  const Dims dims = normalized_dims(kName, x, normalized_shape);
  check_affine(kName, "weight", weight, x, normalized_shape);
  check_affine(kName, "bias", bias, x, normalized_shape);
  check_eps(kName, eps);
  const Tensor centered = x - mean(x, dims, true);
  Tensor y = centered * rsqrt(mean(centered * centered, dims, true) + eps);
  if (weight.defined()) y = y * weight;
  return bias.defined() ? y + bias : y;
}

Tensor functional::rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
                            std::optional<double> eps) {
  constexpr const char* kName = "rms_norm";
  const OpScope scope(kName);
  const Dims dims = normalized_dims(kName, x, normalized_shape);
  check_affine(kName, "weight", weight, x, normalized_shape);
  if (eps) check_eps(kName, *eps);
  const Tensor y = x * rsqrt(mean(x * x, dims, true) + eps.value_or(epsilon_of(x.dtype())));
  return weight.defined() ? y * weight : y;
}

namespace {

Tensor ones_unless(bool absent, const char* name, const Dims& shape, DType dtype) {
  check_normalized_shape(name, shape);
  check_floating(name, dtype);
  return absent ? Tensor() : ones(shape, dtype);
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
  while (!lead.empty() && features != normalized_shape_[0]) {
    features *= lead[lead.rank() - 1];
    lead.erase(lead.rank() - 1);
  }
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

}  // namespace lamina::nn
