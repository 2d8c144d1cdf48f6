#include "lamina/nn/init.h"

#include <cmath>

#include "absl/strings/ascii.h"

namespace lamina::nn::init {
namespace {

// The standard deviation; 0 for a weight without elements, which has no fan.
double kaiming_deviation(const char* name, const Tensor& x, const KaimingOptions& options) {
  check_defined(name, x.data());
  if (x.dim() < 2) {
    fail<ShapeError>(name, "expected a weight (out, in, ...), got shape ", x.shape().str());
  }
  const double gain = calculate_gain(options.nonlinearity, options.a);
  if (x.numel() == 0) return 0;
  const int64_t fan = x.numel() / x.size(options.mode == Fan::kIn ? 0 : 1);
  return gain / std::sqrt(static_cast<double>(fan));
}

}  // namespace

void uniform_(const Tensor& x, double low, double high) {
  NDArray values = x.data();
  check_defined("uniform_", values);
  values.copy_(random::uniform(x.shape(), low, high, x.dtype()));
}

void normal_(const Tensor& x, double mean, double stddev) {
  NDArray values = x.data();
  check_defined("normal_", values);
  values.copy_(random::normal(x.shape(), mean, stddev, x.dtype()));
}

double calculate_gain(const std::string& nonlinearity, double a) {
  const std::string name = absl::AsciiStrToLower(nonlinearity);
  if (name == "linear" || name == "sigmoid") return 1;
  if (name == "tanh") return 5.0 / 3;
  if (name == "relu") return std::sqrt(2.0);
  if (name == "leaky_relu") return std::sqrt(2 / (1 + a * a));
  if (name == "selu") return 0.75;
  fail<ValueError>("calculate_gain",
                   "expected linear, sigmoid, tanh, relu, leaky_relu or selu, got \"", nonlinearity,
                   "\"");
}

void kaiming_uniform_(const Tensor& x, const KaimingOptions& options) {
  const double bound = std::sqrt(3.0) * kaiming_deviation("kaiming_uniform_", x, options);
  uniform_(x, -bound, bound);
}

void kaiming_normal_(const Tensor& x, const KaimingOptions& options) {
  normal_(x, 0, kaiming_deviation("kaiming_normal_", x, options));
}

}  // namespace lamina::nn::init
