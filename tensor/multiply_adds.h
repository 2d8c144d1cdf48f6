#ifndef LAMINA_TENSOR_MULTIPLY_ADDS_H_
#define LAMINA_TENSOR_MULTIPLY_ADDS_H_

#include <cstdint>

namespace lamina::internal {

// The multiply-adds of all matrix products and convolutions that were called from this thread, by
// their shapes.
inline thread_local int64_t multiply_adds = 0;

}  // namespace lamina::internal

#endif  // LAMINA_TENSOR_MULTIPLY_ADDS_H_
