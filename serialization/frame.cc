#include "lamina/serialization/frame.h"

#include <algorithm>
#include <optional>

#include "lamina/serialization/crc32c.h"

namespace lamina::serialization {
namespace {

// The field of a message at `offset`, which with all that belongs to it ends at `end` or before.
absl::StatusOr<Field> field_at(Window& window, int64_t offset, int64_t end) {
  const absl::StatusOr<absl::string_view> bytes =
      window.view(offset, std::min(kMaxFieldHead, end - offset));
  if (!bytes.ok()) return bytes.status();
  const std::optional<Field> field = parse_field(*bytes);
  if (!field.has_value()) return damaged(window.file(), offset, "expected a field, got none");
  if (field->size > end - offset - field->head) {
    return damaged(window.file(), offset, "expected a field that ends at offset ", end,
                   " or before, got one of ", field->size, " bytes");
  }
  return *field;
}

// The checksum of the bytes from `begin` to `end`, given that of those in front.
absl::StatusOr<uint32_t> checksum_of(Window& window, int64_t begin, int64_t end, uint32_t crc) {
  while (begin < end) {
    const absl::StatusOr<absl::string_view> bytes =
        window.view(begin, std::min(Window::kBytes, end - begin));
    if (!bytes.ok()) return bytes.status();
    crc = crc32c(*bytes, crc);
    begin += static_cast<int64_t>(bytes->size());
  }
  return crc;
}

absl::Status wrong_checksum(const InputFile& file, const Frame& frame, absl::string_view what) {
  return damaged(file, frame.offset, "expected ", what,
                 " with its checksum at the end, got another checksum or none");
}

}  // namespace

absl::StatusOr<Frame> next_frame(Window& window, int64_t offset) {
  const int64_t end = window.file().size();
  while (offset < end) {
    const absl::StatusOr<Field> field = field_at(window, offset, end);
    if (!field.ok()) return field.status();
    const int64_t body = offset + field->head;
    if (proto::Checkpoint::descriptor()->FindFieldByNumber(field->number) != nullptr) {
      if (field->wire_type != kBytes) {
        return damaged(window.file(), offset, "expected field ", field->number,
                       " to be a message, got wire type ", field->wire_type);
      }
      return Frame{field->number, offset, body, field->size};
    }
    offset = body + field->size;
  }
  return damaged(window.file(), offset, "expected another field, got the end of the file");
}

absl::StatusOr<std::string> read_body(Window& window, const Frame& frame, int64_t limit,
                                      absl::string_view what) {
  if (frame.size >= limit) {
    return damaged(window.file(), frame.offset, "expected ", what, " of less than ", limit,
                   " bytes, got ", frame.size);
  }
  std::string body(static_cast<size_t>(frame.size), '\0');
  absl::Status status = window.read(frame.body, body.data(), frame.size);
  if (!status.ok()) return status;
  const size_t size = body.size() - std::min<size_t>(body.size(), kChecksumBytes);
  const absl::string_view whole = body;
  if (parse_checksum(whole.substr(size)) != crc32c(whole.substr(0, size))) {
    return wrong_checksum(window.file(), frame, what);
  }
  body.resize(size);
  return body;
}

absl::StatusOr<Chunk> parse_chunk(Window& window, const Frame& frame, int64_t room) {
  if (frame.size >= kChunkLimit) {
    return damaged(window.file(), frame.offset, "expected a chunk of less than ", kChunkLimit,
                   " bytes, got ", frame.size);
  }
  const int64_t end = std::max(frame.body, frame.end() - kChecksumBytes);
  Chunk chunk{frame, 0, {end, 0}, std::nullopt};
  for (int64_t at = frame.body; at < end;) {
    const absl::StatusOr<Field> field = field_at(window, at, end);
    if (!field.ok()) return field.status();
    const int64_t body = at + field->head, after = body + field->size;
    if (field->number == proto::Chunk::kTensorFieldNumber && field->wire_type == kVarint) {
      chunk.tensor = field->value;
    }
    const bool is_data =
        field->number == proto::Chunk::kDataFieldNumber && field->wire_type == kBytes;
    if (is_data &&
        (chunk.data.size > 0 || field->size == 0 || field->size > room || body % kAlignment != 0)) {
      return damaged(window.file(), body, "expected up to ", room,
                     " bytes of data, once and at a multiple of ", kAlignment, ", got ",
                     field->size);
    }
    if (chunk.data.size == 0) {
      const absl::StatusOr<uint32_t> crc =
          checksum_of(window, at, is_data ? body : after, chunk.crc);
      if (!crc.ok()) return crc.status();
      chunk.crc = *crc;
    }
    if (is_data) chunk.data = {body, field->size};
    at = after;
  }
  return chunk;
}

absl::Status verify_chunk(Window& window, const Chunk& chunk, uint64_t tensor, ReadBytes read) {
  const Frame& frame = chunk.frame;
  const int64_t end = std::max(frame.body, frame.end() - kChecksumBytes);
  const int64_t after = chunk.data.offset + chunk.data.size;
  uint32_t crc = chunk.crc;
  for (int64_t at = chunk.data.offset; at < after;) {
    const int64_t size = std::min(kPieceBytes, after - at);
    const absl::StatusOr<absl::string_view> bytes = read(at, size);
    if (!bytes.ok()) return bytes.status();
    crc = crc32c(*bytes, crc);
    at += size;
  }
  const absl::StatusOr<uint32_t> whole = checksum_of(window, after, end, crc);
  if (!whole.ok()) return whole.status();
  const absl::StatusOr<absl::string_view> checksum =
      window.view(end, std::min(frame.size, kChecksumBytes));
  if (!checksum.ok()) return checksum.status();
  if (parse_checksum(*checksum) != *whole) return wrong_checksum(window.file(), frame, "a chunk");
  if (chunk.data.size == 0 || chunk.tensor != tensor) {
    return damaged(window.file(), frame.offset, "expected a chunk with data of tensor ", tensor,
                   ", got ", chunk.data.size, " bytes of tensor ",
                   chunk.tensor.has_value() ? absl::StrCat(*chunk.tensor) : "unknown");
  }
  return absl::OkStatus();
}

}  // namespace lamina::serialization
