// Products and norms over the middle dimension of a dense (outer, length, inner) array, accumulated
// in float64 (or in 64-bit integers) throughout.
#ifndef LAMINA_TENSOR_KERNELS_FOLD_H_
#define LAMINA_TENSOR_KERNELS_FOLD_H_

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/kernels/reduce.h"

namespace lamina::kernels {

// Writes float32 for float32, float64 for float64, and int64, wrapping around, for the other dtypes.
void product(DType dtype, const ReduceSizes& sizes, const void* x, void* out);

// (sum |x|^p)^(1 / p); the largest |x| for p = inf, the smallest for -inf, the number of elements
// other than 0 for p = 0; 0 for no elements. float32 or float64.
void norm(DType dtype, double p, const ReduceSizes& sizes, const void* x, void* out);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_FOLD_H_
