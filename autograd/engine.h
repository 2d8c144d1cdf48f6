// The engine: carries gradients backward through the graph.
//
// Iterative: the depth of the graph costs no stack. Leaves' gradients are added to at the end, so
// an exception leaves them as they were, and the graph without half-summed gradients. Several
// threads may run at once on graphs that share no node and no leaf.
#ifndef LAMINA_AUTOGRAD_ENGINE_H_
#define LAMINA_AUTOGRAD_ENGINE_H_

#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/tensor.h"

namespace lamina::internal {

// See Tensor::backward.
void run_backward(const Tensor& root, const Tensor& gradient, const BackwardOptions& options);

// See grad(). If `outputs` are what checkpoint's function has computed anew, the graph ends at those
// of the inputs that are results, which stand for the checkpoint's inputs, and hooks of leaves are
// left to the backward around this one.
std::vector<Tensor> run_grad(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                             absl::Span<const Tensor> grad_outputs, const GradOptions& options,
                             bool is_checkpointed);

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_ENGINE_H_
