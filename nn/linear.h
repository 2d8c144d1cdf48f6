#ifndef LAMINA_NN_LINEAR_H_
#define LAMINA_NN_LINEAR_H_

#include <cstdint>
#include <string>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

namespace functional {

using lamina::linear;

}  // namespace functional

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
};

// y = x weight^T + bias: (..., in_features) -> (..., out_features).
// Both start uniform within 1 / sqrt(in_features) of 0, as in PyTorch.
class Linear : public Layer {
 public:
  // Throws ValueError for negative sizes, or a dtype that is not floating.
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override;  // throws ShapeError for other x
  void reset_parameters();                   // draws new starting values

  Parameter weight;  // (out_features, in_features)
  Parameter bias;    // (out_features), or undefined
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_LINEAR_H_
