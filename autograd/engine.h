// The engine: carries gradients backward through the graph.
//
// Iterative: the depth of the graph costs no stack. An exception leaves the graph without
// half-summed gradients, and leaves' gradients as far as they got. Several threads may run at once
// on graphs that share no node and no leaf.
#ifndef LAMINA_AUTOGRAD_ENGINE_H_
#define LAMINA_AUTOGRAD_ENGINE_H_

#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/tensor.h"

namespace lamina::internal {

// See Tensor::backward.
void run_backward(const Tensor& root, const Tensor& gradient, const BackwardOptions& options);

// See grad(). Hooks of leaves among the inputs are left out if backward is to call them.
std::vector<Tensor> run_grad(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                             absl::Span<const Tensor> grad_outputs, const GradOptions& options,
                             bool call_leaf_hooks);

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_ENGINE_H_
