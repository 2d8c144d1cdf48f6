// The tensor layer, whole: arrays of numbers and the operations on them.
#ifndef LAMINA_TENSOR_H_
#define LAMINA_TENSOR_H_

#include "lamina/tensor/allocator.h"
#include "lamina/tensor/dtype.h"
#include "lamina/tensor/error.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/parallel.h"
#include "lamina/tensor/random.h"
#include "lamina/tensor/scalar.h"
#include "lamina/tensor/shape.h"

#endif  // LAMINA_TENSOR_H_
