// Reads the equations of einsum.
#ifndef LAMINA_TENSOR_EINSUM_H_
#define LAMINA_TENSOR_EINSUM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "lamina/tensor/shape.h"

namespace lamina::internal {

// What an equation says about operands of given shapes. Each dimension has a label, a number below
// 64: one per letter, and one per dimension of the broadcast "...".
struct EinsumPlan {
  std::vector<std::vector<int>> operands;  // the label of each dimension of each operand
  std::vector<int> output;                 // the labels of the result, each once
  std::vector<int64_t> extents;            // of each label; an operand may have 1 instead
};

// Throws ValueError for an equation that is malformed, ShapeError for shapes that do not fit it.
EinsumPlan parse_einsum(const std::string& equation, absl::Span<const Shape> shapes);

}  // namespace lamina::internal

#endif  // LAMINA_TENSOR_EINSUM_H_
