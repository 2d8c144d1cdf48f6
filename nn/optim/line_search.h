// The line search of L-BFGS.
#ifndef LAMINA_NN_OPTIM_LINE_SEARCH_H_
#define LAMINA_NN_OPTIM_LINE_SEARCH_H_

#include "absl/functional/function_ref.h"
#include "lamina/tensor.h"

namespace lamina::nn::optim::internal {

// A point on the line: how far along it, the loss, its gradient, and its slope along the line.
struct LinePoint {
  double t = 0, loss = 0;
  NDArray gradient;
  double slope = 0;
};

// Where, from `start` (t = 0), with a first try at t, the loss has fallen enough and its slope has
// flattened:
//   loss <= start.loss + 1e-4 t start.slope  and  |slope| <= 0.9 |start.slope|.
// Brackets such a point and then narrows the bracket, until it is shorter than tolerance_change where
// the line's longest step along one axis is d_norm, or 25 points were tried after the first; then the
// lower end of the bracket is the result.
//
// Nocedal and Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.
LinePoint strong_wolfe(absl::FunctionRef<LinePoint(double t)> evaluate, const LinePoint& start,
                       double t, double d_norm, double tolerance_change);

}  // namespace lamina::nn::optim::internal

#endif  // LAMINA_NN_OPTIM_LINE_SEARCH_H_
