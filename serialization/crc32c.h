// CRC32C, the checksum of iSCSI, ext4 and LevelDB: it notices every change of up to 32 bits in a row.
#ifndef LAMINA_SERIALIZATION_CRC32C_H_
#define LAMINA_SERIALIZATION_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace lamina::serialization {

// The checksum of `bytes`, or, given the checksum of what stands in front of them, of both:
// crc32c(b, crc32c(a)) is that of a and b in a row.
//
// Polynomial 0x1edc6f41, bits reflected, all ones at the start and inverted at the end. Source: RFC
// 3720, 12.1. Uses the processor's carry-less product where there is one.
uint32_t crc32c(absl::string_view bytes, uint32_t before = 0);

// The same by tables.
uint32_t crc32c_portable(absl::string_view bytes, uint32_t before = 0);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_CRC32C_H_
