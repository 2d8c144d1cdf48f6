// Moves between arrays by tables of positions and by masks. Positions are the caller's to check.
#ifndef LAMINA_TENSOR_KERNELS_INDEXING_H_
#define LAMINA_TENSOR_KERNELS_INDEXING_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

// Index i of `shape` stands for element i . array_strides + table[i . table_strides] * step of an
// array, and for element i . other_strides of another one.
struct TableWalk {
  Shape shape;
  Strides array_strides;
  const int64_t* table;
  Strides table_strides;
  int64_t step;
  Strides other_strides;
};

// other = array, element by element. `item` is the size of one.
void take(const TableWalk& walk, int64_t item, const void* array, void* other);
// array = other, in row-major order: the last one stays where positions repeat.
void put(const TableWalk& walk, int64_t item, void* array, const void* other);
// array += other, in row-major order; integers wrap around. Not for bool, float16 and bfloat16.
void add_at(const TableWalk& walk, DType dtype, void* array, const void* other);

// to = *value where the mask is true.
void fill_where(const Shape& shape, int64_t item, void* to, const Strides& to_strides,
                const bool* mask, const Strides& mask_strides, const void* value);
// to = condition ? a : b; `to` is dense.
void where(const Shape& shape, int64_t item, void* to, const bool* condition,
           const Strides& condition_strides, const void* a, const Strides& a_strides, const void* b,
           const Strides& b_strides);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_INDEXING_H_
