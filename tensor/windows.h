// The windows that kernels of convolutions, pooling and unfold see of an image.
#ifndef LAMINA_TENSOR_WINDOWS_H_
#define LAMINA_TENSOR_WINDOWS_H_

#include <cstdint>

#include "lamina/tensor/kernels/unfold.h"
#include "lamina/tensor/shape.h"

namespace lamina::internal {

// One number for each of `axes` (1 or 2) dimensions, from one for all or one for each. Throws
// ValueError unless they are at least `least`; `name` says what they are.
Dims per_axis(const char* op, const char* name, const Dims& numbers, int axes, int64_t least);

// The windows along one dimension; 0 if not even one fits. Throws ShapeError where sizes reach 2^63.
int64_t count_windows(const char* op, int64_t extent, int64_t kernel, int64_t dilation,
                      int64_t padding, int64_t stride);

// All windows, the numbers being one for each of rows and columns. A count is 0 where none fits.
kernels::Windows windows_over(const char* op, const Dims& image, const Dims& kernel,
                              const Dims& dilation, const Dims& padding, const Dims& stride);

}  // namespace lamina::internal

#endif  // LAMINA_TENSOR_WINDOWS_H_
