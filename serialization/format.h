// What writer and reader share of the byte layout: fields of protobuf's encoding, the checksum at the
// end of a message, element types. FORMAT.md has the whole.
#ifndef LAMINA_SERIALIZATION_FORMAT_H_
#define LAMINA_SERIALIZATION_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint.pb.h"
#include "lamina/tensor.h"

namespace lamina::serialization {

inline constexpr char kMagic[] = "lamina.checkpoint";
inline constexpr uint32_t kMajorVersion = 1;
inline constexpr uint32_t kMinorVersion = 0;

// The encodings of Header, Tensor and Index.Entry are at most this long, that of Chunk is shorter than
// kChunkLimit, that of Index than kIndexLimit, protobuf's own.
inline constexpr int64_t kMessageLimit = 1 << 20;
inline constexpr int64_t kChunkLimit = 64 << 20;
inline constexpr int64_t kIndexLimit = int64_t{1} << 31;
// Elements begin at a multiple of this in the file.
inline constexpr int64_t kAlignment = 64;
// Elements are read and written in pieces of this many bytes, so that their checksum finds them in the
// processor's cache.
inline constexpr int64_t kPieceBytes = 256 << 10;
// What Footer takes, with tag and length, in every file of version 1.
inline constexpr int64_t kFooterBytes = 17;

// The start of a field of an encoded message.
struct Field {
  int number;
  int wire_type;   // kVarint, ...
  uint64_t value;  // of a varint, else 0
  int64_t head;    // bytes of tag and varint or length
  int64_t size;    // bytes that follow the head
};
inline constexpr int kVarint = 0;
inline constexpr int kBytes = 2;
inline constexpr int64_t kMaxFieldHead = 20;  // of two varints of 10 bytes

// The field that `bytes` starts with, of which kMaxFieldHead bytes are enough. Nothing if it is none, or
// a group: those are not in use since proto3. Field::size says what the file says.
std::optional<Field> parse_field(absl::string_view bytes);

// Tag and length of a field of type bytes, string or message.
std::string field_head(int number, int64_t size);
// Tag and value of a varint field.
std::string varint_field(int number, uint64_t value);

// The crc32c field with which every message ends.
inline constexpr int64_t kChecksumBytes = 6;
std::string checksum_field(uint32_t crc);
// The checksum in the last kChecksumBytes of a message; nothing if they are no such field.
std::optional<uint32_t> parse_checksum(absl::string_view field);

// The message as a field of Checkpoint, with its checksum. The same message gives the same bytes.
std::string checked_field(int number, const google::protobuf::Message& message);
// Of a message below 2 GiB.
std::string serialized(const google::protobuf::Message& message);

// Parses what a file has for a message; false if it is none. Where protobuf expects text and there is no
// UTF-8, this sees it first: protobuf's parser refuses it as well, but writes a line to standard error.
bool parse(absl::string_view encoding, google::protobuf::Message* message);

proto::DType to_proto(DType dtype);
// Nothing for DTYPE_NO_VALUE and for numbers that are no dtype.
std::optional<DType> from_proto(int dtype);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_FORMAT_H_
