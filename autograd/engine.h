// The engine: carries gradients backward through the graph.
//
// Iterative: the depth of the graph costs no stack. An exception leaves the graph without
// half-summed gradients, and leaves' gradients as far as they got. Several threads may run at once
// on graphs that share no node and no leaf.
#ifndef LAMINA_AUTOGRAD_ENGINE_H_
#define LAMINA_AUTOGRAD_ENGINE_H_

#include "lamina/autograd/tensor.h"

namespace lamina::internal {

// See Tensor::backward.
void run_backward(const Tensor& root, const Tensor& gradient, const BackwardOptions& options);

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_ENGINE_H_
