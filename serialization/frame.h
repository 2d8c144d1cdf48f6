// Frames: the fields of a Checkpoint, read one by one from a file that nothing is believed of.
#ifndef LAMINA_SERIALIZATION_FRAME_H_
#define LAMINA_SERIALIZATION_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/file.h"
#include "lamina/serialization/format.h"

namespace lamina::serialization {

// "path: offset 64: expected ..., got ..."
template <class... Parts>
absl::Status damaged(const InputFile& file, int64_t offset, const Parts&... parts) {
  return absl::DataLossError(absl::StrCat(file.path(), ": offset ", offset, ": ", parts...));
}

struct Frame {
  int number;      // a field of Checkpoint
  int64_t offset;  // of its tag
  int64_t body;    // offset of the message
  int64_t size;    // of the message
  int64_t end() const { return body + size; }
};

// The field at `offset`, or the first one after it that this version knows. All of it is in the file.
absl::StatusOr<Frame> next_frame(Window& window, int64_t offset);

// The encoding of the frame's message, of less than `limit` bytes, without the checksum at its end,
// which is right. `what` names it: "an index".
absl::StatusOr<std::string> read_body(Window& window, const Frame& frame, int64_t limit,
                                      absl::string_view what);

// The same, parsed.
template <class Message>
absl::StatusOr<Message> read_message(Window& window, const Frame& frame, absl::string_view what) {
  const absl::StatusOr<std::string> body = read_body(window, frame, kMessageLimit + 1, what);
  if (!body.ok()) return body.status();
  Message message;
  if (!parse(*body, &message)) {
    return damaged(window.file(), frame.offset, "expected ", what, ", got no such message");
  }
  return message;
}

// A chunk of which everything but the data has been looked at.
struct Chunk {
  Frame frame;
  uint32_t crc;                    // of what is in front of the data
  Piece data;                      // of no size, at the checksum, if there are none
  std::optional<uint64_t> tensor;  // whose data they are
};

// The chunk in a frame, with at most `room` bytes of data.
absl::StatusOr<Chunk> parse_chunk(Window& window, const Frame& frame, int64_t room);

// Verifies the chunk's checksum, and that it has data of tensor number `tensor`. `read` is called for one
// part of the data after the other.
absl::Status verify_chunk(Window& window, const Chunk& chunk, uint64_t tensor, ReadBytes read);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_FRAME_H_
