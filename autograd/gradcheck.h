// gradcheck: compares the gradients of a function with differences of its values.
//
//   GradcheckReport report =
//       gradcheck([](absl::Span<const Tensor> in) { return exp(in[0]) * in[1]; }, {x, y});
//   EXPECT_TRUE(report.passed) << report.message;
//
// Inputs of float64 that require a gradient are checked; they must be leaves, and no element should
// be where the function has no derivative. For each element of each input,
// (f(x + eps) - f(x - eps)) / (2 eps), projected on a random direction of the output, is compared
// with what backward gives for that direction.
#ifndef LAMINA_AUTOGRAD_GRADCHECK_H_
#define LAMINA_AUTOGRAD_GRADCHECK_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/tensor.h"

namespace lamina {

struct GradcheckOptions {
  double eps = 1e-6;   // the step of the differences
  double atol = 1e-5;  // passes if |backward - differences| <= atol + rtol * |differences|
  double rtol = 1e-3;
};

struct GradcheckReport {
  bool passed;
  std::string message;  // which input, which element, both numbers; empty if passed
};

// First derivatives, whatever the mode of recording. f must give the same result each time. Throws
// ValueError if f is empty, or no input requires a gradient, or one that does is not a float64 leaf;
// RuntimeError in inference mode. No tensor's grad() changes, nor does a graph that there is.
GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

// Second derivatives: gradcheck of the gradients of f, as functions of the inputs and of the
// output's gradient. They must also be what backward gives without create_graph.
GradcheckReport gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options = {});

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_GRADCHECK_H_
