#include "lamina/nn/gated_mlp.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

bool is_gelu(const char* op, const std::string& activation) {
  if (activation != "silu" && activation != "gelu") {
    fail<ValueError>(op, "expected the activation to be silu or gelu, got \"", activation, "\"");
  }
  return activation == "gelu";
}

Tensor gated(const Tensor& gate, const Tensor& up, bool by_gelu) {
  return (by_gelu ? gelu(gate) : silu(gate)) * up;
}

GatedMLPOptions checked(int64_t features, int64_t hidden_features, const GatedMLPOptions& options) {
  constexpr const char* kName = "GatedMLP";
  if (features < 0 || hidden_features < 0) {
    fail<ValueError>(kName, "expected sizes of at least 0, got ", features, " and ",
                     hidden_features);
  }
  is_gelu(kName, options.activation);
  check_floating(kName, options.dtype);
  return options;
}

LinearOptions linear_options(const GatedMLPOptions& options) {
  return {.bias = options.bias, .dtype = options.dtype};
}

}  // namespace

GatedMLP::GatedMLP(int64_t features, int64_t hidden_features, const GatedMLPOptions& options)
    : gate_proj(this, "gate_proj", features, hidden_features,
                linear_options(checked(features, hidden_features, options))),
      up_proj(this, "up_proj", features, hidden_features, linear_options(options)),
      down_proj(this, "down_proj", hidden_features, features, linear_options(options)),
      gelu_(options.activation == "gelu") {}

std::string GatedMLP::extra_repr() const {
  const Linear& gate = *gate_proj;
  return absl::StrCat("features=", gate.weight.shape()[1],
                      ", hidden_features=", gate.weight.shape()[0],
                      ", activation=", gelu_ ? "gelu" : "silu",
                      ", bias=", internal::python_bool(gate.bias.defined()));
}

Tensor GatedMLP::forward(const Tensor& x) {
  const int64_t features = gate_proj->weight.shape()[1];
  check_defined("GatedMLP", x.data());
  if (x.dim() == 0 || x.size(-1) != features) {
    fail<ShapeError>("GatedMLP", "expected x (..., ", features, "), got shape ", x.shape().str());
  }
  return down_proj(gated(gate_proj(x), up_proj(x), gelu_));
}

Tensor functional::gated_mlp(const Tensor& x, const GatedMLPWeights& w,
                             const std::string& activation) {
  constexpr const char* kName = "gated_mlp";
  const bool by_gelu = is_gelu(kName, activation);
  const OpScope scope(kName);
  return linear(gated(linear(x, w.gate, w.gate_bias), linear(x, w.up, w.up_bias), by_gelu), w.down,
                w.down_bias);
}

void GatedMLP::reset_parameters() {
  gate_proj->reset_parameters();
  up_proj->reset_parameters();
  down_proj->reset_parameters();
}

}  // namespace lamina::nn
