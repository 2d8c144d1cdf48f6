#include "lamina/serialization/tf_record.h"

#include "lamina/serialization/crc32c.h"

namespace lamina::serialization {
namespace {

void append_little_endian(std::string& out, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i) & 0xff));
}

}  // namespace

uint32_t masked_crc32c(absl::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

std::string tf_record(absl::string_view data) {
  std::string record;
  record.reserve(data.size() + 16);
  append_little_endian(record, data.size(), 8);
  append_little_endian(record, masked_crc32c(record), 4);
  record.append(data.data(), data.size());
  append_little_endian(record, masked_crc32c(data), 4);
  return record;
}

}  // namespace lamina::serialization
