// What differs between two entries of states, for errors about a state that does not fit.
#ifndef LAMINA_NN_DATA_STATE_DIFFERENCE_H_
#define LAMINA_NN_DATA_STATE_DIFFERENCE_H_

#include <optional>
#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::data::internal {

// "expected 5, got 6", "expected other values of float64 (4,)"; "" for the same dtype, shape and values.
std::string state_difference(const std::optional<Tensor>& expected,
                             const std::optional<Tensor>& got);

}  // namespace lamina::nn::data::internal

#endif  // LAMINA_NN_DATA_STATE_DIFFERENCE_H_
