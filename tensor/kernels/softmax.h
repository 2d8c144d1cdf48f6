// Softmax and log-softmax, and the cross-entropy loss fused with it, over the rows of dense arrays.
#ifndef LAMINA_TENSOR_KERNELS_SOFTMAX_H_
#define LAMINA_TENSOR_KERNELS_SOFTMAX_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

// out[r][c] = exp(x[r][c]) / sum_c exp(x[r][c]), or its logarithm, shifted by the row's maximum; x and
// out are (rows, columns), float32 or float64, and may be the same.
enum class Softmax { kPlain, kLog };
void softmax(Softmax which, DType dtype, int64_t rows, int64_t columns, const void* x, void* out);

// out[r][c] = y[r][c] (dy[r][c] - sum_c dy[r][c] y[r][c]): the gradient of y = softmax(x). out may
// be dy.
void softmax_backward(DType dtype, int64_t rows, int64_t columns, const void* dy, const void* y,
                      void* out);

// out[r][c] = dy[r] * (exp(log_probabilities[r][c]) - (c == labels[r])): the gradient of dy . nll
// with respect to the logits. The labels are in range.
void cross_entropy_backward(DType dtype, int64_t rows, int64_t columns,
                            const void* log_probabilities, const int64_t* labels, const void* dy,
                            void* out);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_SOFTMAX_H_
