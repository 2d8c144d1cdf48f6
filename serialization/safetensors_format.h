// What reader and writer of safetensors files share of the format.
#ifndef LAMINA_SERIALIZATION_SAFETENSORS_FORMAT_H_
#define LAMINA_SERIALIZATION_SAFETENSORS_FORMAT_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/config.h"
#include "absl/strings/string_view.h"
#include "lamina/tensor.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Elements go to the file as they lie in memory, which has to be little-endian"
#endif

namespace lamina::serialization::safetensors {

// In front of the header stands its length, least significant byte first.
inline constexpr int64_t kLengthBytes = 8;
inline constexpr int64_t kHeaderLimit = 100'000'000;
// A small entry of metadata takes much more memory than its text; this bounds what all of them take.
inline constexpr size_t kMetadataLimit = 65536;
inline constexpr char kMetadata[] = "__metadata__";
inline constexpr absl::string_view kDTypeNames[kDTypeCount] = {"BOOL", "U8",   "I32", "I64",
                                                               "F16",  "BF16", "F32", "F64"};

}  // namespace lamina::serialization::safetensors

#endif  // LAMINA_SERIALIZATION_SAFETENSORS_FORMAT_H_
