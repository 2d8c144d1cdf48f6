// Where numbers that count rows or classes leave their range.
#ifndef LAMINA_NN_INDEX_RANGE_H_
#define LAMINA_NN_INDEX_RANGE_H_

#include <cstdint>
#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::internal {

// The first of the int64 numbers, of any shape, outside [0, count), and where it is, for an error:
// "5 at position 1", of more than one dimension "5 at (0, 2, 1)"; "" if there is none.
std::string first_outside(const Tensor& numbers, int64_t count);

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_INDEX_RANGE_H_
