#include "lamina/serialization/format.h"

#include <limits>

#include "absl/base/config.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "lamina/serialization/crc32c.h"
#include "lamina/serialization/text.h"

namespace lamina::serialization {

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Elements go to the file as they lie in memory, which has to be little-endian"
#endif

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr int kFixed64 = 1;
constexpr int kFixed32 = 5;

constexpr proto::DType kDTypes[kDTypeCount] = {
    proto::DTYPE_BOOL,    proto::DTYPE_UINT8,    proto::DTYPE_INT32,   proto::DTYPE_INT64,
    proto::DTYPE_FLOAT16, proto::DTYPE_BFLOAT16, proto::DTYPE_FLOAT32, proto::DTYPE_FLOAT64};

std::string two_varints(uint64_t first, uint64_t second) {
  uint8_t bytes[kMaxFieldHead];
  uint8_t* end = CodedOutputStream::WriteVarint64ToArray(first, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(second, end);
  return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

// Whether the fields that are strings, here and in the messages within, hold UTF-8. Ours are not recursive.
bool has_good_strings(absl::string_view encoding, const google::protobuf::Descriptor& descriptor) {
  while (!encoding.empty()) {
    const std::optional<Field> field = parse_field(encoding.substr(0, kMaxFieldHead));
    if (!field.has_value()) return false;
    encoding.remove_prefix(static_cast<size_t>(field->head));
    if (field->size > static_cast<int64_t>(encoding.size())) return false;
    const absl::string_view value = encoding.substr(0, static_cast<size_t>(field->size));
    encoding.remove_prefix(value.size());
    const FieldDescriptor* const known = descriptor.FindFieldByNumber(field->number);
    if (known == nullptr || field->wire_type != kBytes) continue;
    if (known->type() == FieldDescriptor::TYPE_STRING && !is_utf8(value)) return false;
    if (known->type() == FieldDescriptor::TYPE_MESSAGE &&
        !has_good_strings(value, *known->message_type())) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool parse(absl::string_view encoding, google::protobuf::Message* message) {
  return encoding.size() < static_cast<size_t>(kIndexLimit) &&
         has_good_strings(encoding, *message->GetDescriptor()) &&
         message->ParseFromArray(encoding.data(), static_cast<int>(encoding.size()));
}

std::optional<Field> parse_field(absl::string_view bytes) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  const uint32_t tag = in.ReadTag();
  Field field{static_cast<int>(tag >> 3), static_cast<int>(tag & 7), 0, 0, 0};
  if (field.number == 0) return std::nullopt;
  uint64_t value = 0;
  switch (field.wire_type) {
    case kVarint:
      if (!in.ReadVarint64(&field.value)) return std::nullopt;
      break;
    case kFixed64:
      field.size = 8;
      break;
    case kBytes:
      if (!in.ReadVarint64(&value) || value > std::numeric_limits<int64_t>::max() / 2) {
        return std::nullopt;
      }
      field.size = static_cast<int64_t>(value);
      break;
    case kFixed32:
      field.size = 4;
      break;
    default:
      return std::nullopt;
  }
  field.head = in.CurrentPosition();
  return field;
}

std::string field_head(int number, int64_t size) {
  return two_varints(static_cast<uint64_t>(number) << 3 | kBytes, static_cast<uint64_t>(size));
}

std::string varint_field(int number, uint64_t value) {
  return two_varints(static_cast<uint64_t>(number) << 3 | kVarint, value);
}

// Field 2047 of type fixed32 has the tag 2047 << 3 | 5, as a varint fd 7f.
std::string checksum_field(uint32_t crc) {
  std::string field = "\xfd\x7f";
  for (int shift : {0, 8, 16, 24}) field.push_back(static_cast<char>(crc >> shift & 0xff));
  return field;
}

std::optional<uint32_t> parse_checksum(absl::string_view field) {
  if (field.size() != kChecksumBytes || field.substr(0, 2) != "\xfd\x7f") return std::nullopt;
  uint32_t crc = 0;
  for (int i = 0; i < 4; ++i) {
    crc |= static_cast<uint32_t>(static_cast<unsigned char>(field[2 + i])) << 8 * i;
  }
  return crc;
}

std::string serialized(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  {
    CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);  // maps by their keys
    LAMINA_INTERNAL_CHECK(message.SerializeToCodedStream(&out));
  }
  return bytes;
}

std::string checked_field(int number, const google::protobuf::Message& message) {
  const std::string body = serialized(message);
  return field_head(number, static_cast<int64_t>(body.size()) + kChecksumBytes) + body +
         checksum_field(crc32c(body));
}

proto::DType to_proto(DType dtype) { return kDTypes[static_cast<int>(dtype)]; }

std::optional<DType> from_proto(int dtype) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kDTypes[i] == dtype) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace lamina::serialization
