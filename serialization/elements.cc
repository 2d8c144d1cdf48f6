#include "lamina/serialization/elements.h"

#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lamina::serialization {

absl::StatusOr<Shape> to_shape(absl::Span<const uint64_t> extents, DType dtype) {
  if (extents.size() > Shape::kMaxRank) {
    return absl::DataLossError(
        absl::StrCat("expected a rank of at most ", Shape::kMaxRank, ", got ", extents.size()));
  }
  Shape shape;
  int64_t bytes = size_of(dtype);
  for (uint64_t extent : extents) {
    if (__builtin_mul_overflow(bytes, extent == 0 ? 1 : extent, &bytes) ||
        bytes > std::numeric_limits<int64_t>::max() / 2) {
      return absl::DataLossError("expected a shape of less than 2^62 bytes, got a larger one");
    }
    shape.push_back(static_cast<int64_t>(extent));
  }
  return shape;
}

bool is_bools(absl::string_view bytes) {
  uint64_t all = 0, word = 0;
  for (; bytes.size() >= sizeof(word); bytes.remove_prefix(sizeof(word))) {
    std::memcpy(&word, bytes.data(), sizeof(word));
    all |= word;
  }
  for (char byte : bytes) all |= static_cast<unsigned char>(byte);
  return (all & ~uint64_t{0x0101010101010101}) == 0;
}

}  // namespace lamina::serialization
