// Order of the elements of rows. Equal elements keep their order, -0 and 0 are equal, and NaN is
// larger than everything.
#ifndef LAMINA_TENSOR_KERNELS_SORT_H_
#define LAMINA_TENSOR_KERNELS_SORT_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

// x is dense (rows, n). Writes the positions of the k <= n first elements of each row in ascending
// (or descending) order to indices (rows, k), and the elements to values; in no particular order
// among themselves unless `sorted`. `values` may be null.
void sort_rows(DType dtype, int64_t rows, int64_t n, int64_t k, bool descending, bool sorted,
               const void* x, void* values, int64_t* indices);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_SORT_H_
