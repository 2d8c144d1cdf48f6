// The largest elements of the windows of images.
#ifndef LAMINA_TENSOR_KERNELS_POOL_H_
#define LAMINA_TENSOR_KERNELS_POOL_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/kernels/unfold.h"

namespace lamina::kernels {

// Dense images (planes, H, W) of float32 or float64 -> dense values (planes, rows, columns) and, unless
// null, the places of the values in their planes, row W + column. Of equal elements the first, and of
// NaNs the last one counts. What lies in the padding does not; every window has an element in the
// image.
void max_pool(DType dtype, const Windows& windows, int64_t planes, const void* x, void* values,
              int64_t* indices);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_POOL_H_
