// Sizes along the dimensions of an image or a sequence: one number for all, or one for each.
#ifndef LAMINA_NN_SIZES_H_
#define LAMINA_NN_SIZES_H_

#include <cstdint>
#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::internal {

// Throws ValueError, in the name of `layer`, unless there is one number of at least `least`, or one
// for each of `axes` (1 or 2) dimensions; `what` is the argument.
void check_sizes(const char* layer, const char* what, const Dims& sizes, int axes, int64_t least);
// One number for each dimension.
Dims per_axis(const Dims& sizes, int axes);
// As Python has them: a number, or a tuple.
std::string number_or_tuple(const Dims& sizes);

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_SIZES_H_
