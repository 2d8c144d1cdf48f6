// Copies between strided layouts and dtypes.
#ifndef LAMINA_TENSOR_KERNELS_COPY_H_
#define LAMINA_TENSOR_KERNELS_COPY_H_

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

// to[i] = from[i], converted: floating to integer truncates, to bool is != 0. Strides in elements;
// the two must not overlap.
void copy(const Shape& shape, DType to_dtype, void* to, const Strides& to_strides, DType from_dtype,
          const void* from, const Strides& from_strides);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_COPY_H_
