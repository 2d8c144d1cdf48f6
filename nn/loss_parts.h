// What losses are made of.
#ifndef LAMINA_NN_LOSS_PARTS_H_
#define LAMINA_NN_LOSS_PARTS_H_

#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::internal {

// Throw ShapeError unless the shapes agree, DTypeError unless the dtype is floating, and RuntimeError
// for an undefined tensor.
void check_same_shape(const char* name, const char* a_name, const Tensor& a, const char* b_name,
                      const Tensor& b);
void check_floating_input(const char* name, const Tensor& x);

// The loss of all elements: "none", "mean", "sum", or "batchmean", the sum over the first extent.
Tensor reduce(const Tensor& loss, const std::string& reduction);

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_LOSS_PARTS_H_
