#ifndef LAMINA_NN_BILINEAR_H_
#define LAMINA_NN_BILINEAR_H_

#include <cstdint>
#include <string>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct BilinearOptions {
  bool bias = true;
  DType dtype = float32;
};

namespace functional {

// y[..., o] = x1[..., i] weight[o, i, j] x2[..., j] + bias[o], summed over i and j: x1 (..., in1)
// and x2 (..., in2) with the same leading extents, weight (out, in1, in2), bias (out) or undefined.
Tensor bilinear(const Tensor& x1, const Tensor& x2, const Tensor& weight, const Tensor& bias);

}  // namespace functional

// functional::bilinear. Weight and bias start uniform within 1 / sqrt(in1_features) of 0.
class Bilinear : public Callable<Tensor(const Tensor&, const Tensor&)> {
 public:
  // Throws ValueError for sizes below 1 of in1_features, or below 0.
  Bilinear(int64_t in1_features, int64_t in2_features, int64_t out_features,
           const BilinearOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& x1, const Tensor& x2) override {
    return functional::bilinear(x1, x2, weight, bias);
  }
  void reset_parameters();  // draws new starting values

  Parameter weight;  // (out_features, in1_features, in2_features)
  Parameter bias;    // (out_features), or undefined
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_BILINEAR_H_
