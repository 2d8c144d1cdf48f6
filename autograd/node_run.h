// One node's turn in a run of the engine: its backward with the hooks around it, and the checks of
// what they give. What they throw names the operation.
#ifndef LAMINA_AUTOGRAD_NODE_RUN_H_
#define LAMINA_AUTOGRAD_NODE_RUN_H_

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "lamina/autograd/node.h"

namespace lamina::internal {

using OutputGradients = absl::InlinedVector<Tensor, 1>;  // undefined where none arrived

// What the hooks make of the gradient; `of` names what made the tensor.
Tensor call_hooks(const char* of, const HookList<TensorHook>& hooks, Tensor gradient);

// The node's prehooks, which may take gradients away.
void call_prehooks(const Node& node, OutputGradients& dy);

// The gradients of the node's inputs, one per edge: from its backward, and then its hooks. An Error
// stays of its class, another std::exception becomes the one nested in a RuntimeError. Throws
// RuntimeError if a hook has written to a gradient, or, where anomalies are looked for, backward.
Gradients run_node(Node& node, absl::Span<const Tensor> dy, bool detect_anomaly);

[[noreturn, gnu::cold]] void fail_form_of_input(const Node& node, size_t input, const Form& form,
                                                const Tensor& gradient);
// Throws ShapeError unless the gradient has the form of the input.
inline void check_form_of_input(const Node& node, size_t input, const Tensor& gradient) {
  const Form form = input_form(node, input);
  if (!has_form(gradient, form)) fail_form_of_input(node, input, form, gradient);
}

// Throws RuntimeError for a gradient that is NaN or infinite somewhere.
void check_finite(const Node& node, size_t input, const Tensor& gradient);

[[noreturn, gnu::cold]] void fail_consumed(const Node& node);

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_NODE_RUN_H_
