// Operations that fuse several, for the layers above. Their differentiable forms are in autograd/.
#ifndef LAMINA_TENSOR_FUSED_H_
#define LAMINA_TENSOR_FUSED_H_

#include "lamina/tensor/ndarray.h"

namespace lamina {

// y <= 0 ? 0 : dy, elementwise: a NaN in y lets dy through, as in PyTorch.
NDArray relu_backward(const NDArray& dy, const NDArray& y);

// x Phi(x), where Phi is the normal distribution function (1 + erf(x / sqrt(2))) / 2 or its
// approximation (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2; -0 at -inf. Floating dtypes.
// Hendrycks and Gimpel, "Gaussian error linear units", 2016.
NDArray gelu(const NDArray& x, Gelu form);
// dy times its derivative at x; of one shape and dtype.
NDArray gelu_backward(const NDArray& dy, const NDArray& x, Gelu form);
// x sigmoid(x); -0 at -inf. Floating dtypes.
NDArray silu(const NDArray& x);
// dy times its derivative at x; of one shape and dtype.
NDArray silu_backward(const NDArray& dy, const NDArray& x);

// Throws unless logits are floating (n, classes) and labels int64 (n), from 0 to classes - 1.
void check_labels(const char* op, const NDArray& logits, const NDArray& labels);
// Whether the caller has called check_labels already.
enum class Labels { kUnchecked, kChecked };

// The negative log-likelihood -log_probabilities[i][labels[i]] of each row: (n, classes) and int64
// (n) -> (n). Throws IndexError for a label outside [0, classes).
NDArray nll(const NDArray& log_probabilities, const NDArray& labels,
            Labels checked = Labels::kUnchecked);

// The gradient of dy . nll(log_softmax(logits), labels) with respect to the logits, from
// log_softmax(logits): dy[i] * (exp(log_probabilities[i][c]) - (c == labels[i])). (n, classes),
// (n), (n) -> (n, classes).
NDArray cross_entropy_backward(const NDArray& log_probabilities, const NDArray& labels,
                               const NDArray& dy, Labels checked = Labels::kUnchecked);

// The gradient of y = softmax(x, dim): y (dy - sum(dy y)) with the sum along `dim`. dy and y have one
// shape and dtype.
NDArray softmax_backward(const NDArray& dy, const NDArray& y, int64_t dim);

// r[k] = b[k] + a[k] r[k - 1] along `dim`, where r[-1] = 0: what the gradients of running sums and
// products come to. a and b have one shape and floating dtype.
NDArray recurrence(const NDArray& a, const NDArray& b, int64_t dim);

}  // namespace lamina

#endif  // LAMINA_TENSOR_FUSED_H_
