// Running sums and products along the middle dimension of dense (outer, length, inner) arrays.
#ifndef LAMINA_TENSOR_KERNELS_SCAN_H_
#define LAMINA_TENSOR_KERNELS_SCAN_H_

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/kernels/reduce.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

// A dense array of `shape` with dimension `dim` in the middle; of rank 0, with the one element there.
inline ReduceSizes sizes_along(const Shape& shape, int dim) {
  ReduceSizes sizes{1, 1, 1};
  for (int d = 0; d < shape.rank(); ++d)
    (d < dim ? sizes.outer : d == dim ? sizes.length : sizes.inner) *= shape[d];
  return sizes;
}

// out[k] = x[0] + ... + x[k]: float32 for float32 and float64 for float64, both accumulated in
// float64, and int64, wrapping around, for the other dtypes. out may be x where the dtypes are equal.
void cumsum(DType dtype, const ReduceSizes& sizes, const void* x, void* out);
void cumprod(DType dtype, const ReduceSizes& sizes, const void* x, void* out);  // x[0] ... x[k]

// out[k] = b[k] + a[k] out[k - 1], where out[-1] = 0; float32 or float64, accumulated in float64.
void recurrence(DType dtype, const ReduceSizes& sizes, const void* a, const void* b, void* out);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_SCAN_H_
