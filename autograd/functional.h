// Derivatives of functions, rather than of results at hand.
//
// The inputs are floating tensors; f sees stand-ins for them, so their grad() stays as it is, and one
// tensor may be given twice. f must not write to its inputs. With create_graph the derivatives have a history
// that leads to inputs that require a gradient, and may be differentiated again. An input that the
// result does not depend on has zeros for derivatives. Each function throws what f throws;
// ValueError for no f or no inputs, DTypeError for an input that is not floating, RuntimeError for
// an undefined input or result and in inference mode, ShapeError for a direction v of another shape or dtype than is
// said.
#ifndef LAMINA_AUTOGRAD_FUNCTIONAL_H_
#define LAMINA_AUTOGRAD_FUNCTIONAL_H_

#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/tensor.h"

namespace lamina {

// d f / d inputs[i] for each i, of shape f's shape + the input's shape.
std::vector<Tensor> jacobian(const TensorFunction& f, absl::Span<const Tensor> inputs,
                             bool create_graph = false);

// d2 f / d inputs[i] d inputs[j] as [i][j], of shape inputs[i]'s shape + inputs[j]'s shape, for an
// f of one element. Throws ShapeError if it has more, RuntimeError if an operation's backward gives
// the whole gradient of an input without a history, as one that uses data() does.
std::vector<std::vector<Tensor>> hessian(const TensorFunction& f, absl::Span<const Tensor> inputs,
                                         bool create_graph = false);

// The vector-Jacobian product: d (f . v) / d inputs[i] for each i. v has f's shape and dtype;
// undefined, it is 1 for an f of one element.
struct VjpResult {
  Tensor output;  // f(inputs)
  std::vector<Tensor> vjp;
};
VjpResult vjp(const TensorFunction& f, absl::Span<const Tensor> inputs, const Tensor& v = {},
              bool create_graph = false);

// The Jacobian-vector product: the derivative of f(inputs) in the direction v, one tensor per input
// of its shape and dtype. Computed by differentiating backward: throws RuntimeError as hessian does;
// DTypeError if f's result is not floating.
struct JvpResult {
  Tensor output;  // f(inputs)
  Tensor jvp;     // of its shape
};
JvpResult jvp(const TensorFunction& f, absl::Span<const Tensor> inputs, absl::Span<const Tensor> v,
              bool create_graph = false);

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_FUNCTIONAL_H_
