// What files say of arrays, checked before it is believed.
#ifndef LAMINA_SERIALIZATION_ELEMENTS_H_
#define LAMINA_SERIALIZATION_ELEMENTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lamina/tensor.h"

namespace lamina::serialization {

// The shape of these extents. DataLoss, without a path, for more than 8 of them, and for 2^62 bytes or
// more; zeros count as ones there, so that not even a stride can overflow.
absl::StatusOr<Shape> to_shape(absl::Span<const uint64_t> extents, DType dtype);

// Whether every byte is 0 or 1, the only ones that a bool may have.
bool is_bools(absl::string_view bytes);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_ELEMENTS_H_
