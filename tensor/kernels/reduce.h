// Reductions over the middle dimension of a dense (outer, length, inner) array into (outer, inner).
//
// The order of the additions depends on the sizes only: the same bits at any number of threads.
#ifndef LAMINA_TENSOR_KERNELS_REDUCE_H_
#define LAMINA_TENSOR_KERNELS_REDUCE_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

struct ReduceSizes {
  int64_t outer, length, inner;
};

// Writes float32 for float32, float64 for float64, and int64 for the other dtypes. Blocks are added
// in the dtype, on many lanes; block sums are added in float64.
void sum(DType dtype, const ReduceSizes& sizes, const void* x, void* out);

// The largest or smallest elements (in the dtype) and their positions along `length`: the first of
// equal ones; a NaN goes before everything. `values` or `indices` may be null. length must be at
// least 1.
enum class Extreme { kMax, kMin };
void extreme(Extreme which, DType dtype, const ReduceSizes& sizes, const void* x, void* values,
             int64_t* indices);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_REDUCE_H_
