// Activations: elementwise functions as layers.
#ifndef LAMINA_NN_ACTIVATION_H_
#define LAMINA_NN_ACTIVATION_H_

#include <string>

#include "lamina/nn/layer.h"

namespace lamina::nn {

// max(x, 0), any shape.
class ReLU : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_ACTIVATION_H_
