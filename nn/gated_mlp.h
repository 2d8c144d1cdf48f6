#ifndef LAMINA_NN_GATED_MLP_H_
#define LAMINA_NN_GATED_MLP_H_

#include <cstdint>
#include <string>

#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"

namespace lamina::nn {

struct GatedMLPOptions {
  std::string activation = "silu";  // or "gelu"
  bool bias = false;
  DType dtype = float32;
};

namespace functional {

struct GatedMLPWeights {
  Tensor gate, up;  // (hidden_features, features)
  Tensor down;      // (features, hidden_features)
  Tensor gate_bias = {}, up_bias = {}, down_bias = {};
};

// linear(activation(linear(x, gate)) * linear(x, up), down) of x (..., features): SwiGLU with "silu",
// GEGLU with "gelu". Throws ValueError for another activation. Shazeer, "GLU variants improve
// transformer", 2020.
Tensor gated_mlp(const Tensor& x, const GatedMLPWeights& weights,
                 const std::string& activation = "silu");

}  // namespace functional

// The feed-forward part of transformers such as LLaMA, functional::gated_mlp of x (..., features), with
// `hidden_features` inside.
class GatedMLP : public Layer {
 public:
  // Throws ValueError for negative sizes and an unknown activation, DTypeError for a dtype that is
  // not floating.
  GatedMLP(int64_t features, int64_t hidden_features, const GatedMLPOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;
  void reset_parameters();  // draws new starting values

  Child<Linear> gate_proj, up_proj;  // (hidden_features, features)
  Child<Linear> down_proj;           // (features, hidden_features)

 private:
  bool gelu_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_GATED_MLP_H_
