#include "lamina/nn/gated_mlp.h"

namespace lamina::nn {
namespace {

bool is_gelu(const std::string& activation) {
  if (activation != "silu" && activation != "gelu") {
    fail<ValueError>("GatedMLP", "expected the activation to be silu or gelu, got \"", activation,
                     "\"");
  }
  return activation == "gelu";
}

}  // namespace

GatedMLP::GatedMLP(int64_t features, int64_t hidden_features, const GatedMLPOptions& options)
    : gate_proj(this, "gate_proj", features, hidden_features,
                LinearOptions{.bias = options.bias, .dtype = options.dtype}),
      up_proj(this, "up_proj", features, hidden_features,
              LinearOptions{.bias = options.bias, .dtype = options.dtype}),
      down_proj(this, "down_proj", hidden_features, features,
                LinearOptions{.bias = options.bias, .dtype = options.dtype}),
      gelu_(is_gelu(options.activation)) {}

std::string GatedMLP::extra_repr() const {
  return gelu_ ? "activation='gelu'" : "activation='silu'";
}

Tensor GatedMLP::forward(const Tensor& x) {
  const int64_t features = gate_proj->weight.shape()[1];
  check_defined("GatedMLP", x.data());
  if (x.dim() == 0 || x.size(-1) != features) {
    fail<ShapeError>("GatedMLP", "expected x (..., ", features, "), got shape ", x.shape().str());
  }
  const Tensor gate = gate_proj(x);
  return down_proj((gelu_ ? gelu(gate) : silu(gate)) * up_proj(x));
}

void GatedMLP::reset_parameters() {
  gate_proj->reset_parameters();
  up_proj->reset_parameters();
  down_proj->reset_parameters();
}

}  // namespace lamina::nn
