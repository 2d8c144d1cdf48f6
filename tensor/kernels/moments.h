// Variance over the middle dimension of a dense (outer, length, inner) array.
#ifndef LAMINA_TENSOR_KERNELS_MOMENTS_H_
#define LAMINA_TENSOR_KERNELS_MOMENTS_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/kernels/reduce.h"

namespace lamina::kernels {

// out (outer, inner), float32 or float64 as x is, becomes sum((x - mean)^2) / max(0, length -
// correction), or its square root if `root`; 0 / 0 is NaN. Blocks that stay in a cache are read
// twice, for their mean and for the squares of the deviations from it, and are merged in float64 by
// Chan, Golub and LeVeque (1979), so that a large mean costs no accuracy. The order of the additions
// depends on the sizes only.
void variance(DType dtype, const ReduceSizes& sizes, int64_t correction, bool root, const void* x,
              void* out);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_MOMENTS_H_
