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

// The feed-forward part of transformers such as LLaMA: of x (..., features), as wide,
//
//   down_proj(activation(gate_proj(x)) * up_proj(x))
//
// with `hidden_features` inside: SwiGLU with "silu", GEGLU with "gelu". Shazeer, "GLU variants
// improve transformer", 2020.
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
