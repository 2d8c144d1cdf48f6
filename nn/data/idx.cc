#include "lamina/nn/data/idx.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lamina/nn/data/gzip.h"

namespace lamina::nn::data {
namespace {

constexpr int kUnsignedByte = 0x08;

// "00 00 08 03"
std::string hex(const uint8_t* bytes, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    absl::StrAppend(&text, i > 0 ? " " : "", absl::Hex(bytes[i], absl::kZeroPad2));
  }
  return text;
}

// Reads `size` bytes at `offset`, described by `what`.
absl::Status read_all(UnpackedFile& file, const std::string& path, int64_t offset, void* to,
                      int64_t size, const std::string& what) {
  const absl::StatusOr<int64_t> got = file.read(to, size);
  if (!got.ok()) return got.status();
  if (*got < size) {
    return idx_error(path, offset, "expected ", what, ", ", size, " bytes, got ", *got,
                     ", where the file ends");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NDArray> read_idx(const std::string& path) {
  absl::StatusOr<UnpackedFile> file = UnpackedFile::open(path);
  if (!file.ok()) return file.status();

  uint8_t header[idx_header_size(Shape::kMaxRank)];
  absl::Status status = read_all(*file, path, 0, header, 4, "a magic number");
  if (!status.ok()) return status;
  if (header[0] != 0 || header[1] != 0) {
    return idx_error(path, 0, "expected the magic number 00 00 08 and a rank, got ",
                     hex(header, 4));
  }
  if (header[2] != kUnsignedByte) {
    return idx_error(path, 2, "expected the element type 08 (unsigned byte), got ",
                     hex(header + 2, 1));
  }
  const int64_t rank = header[3];
  if (rank > Shape::kMaxRank) {
    return idx_error(path, 3, "expected a rank of at most ", Shape::kMaxRank, ", got ", rank);
  }
  status = read_all(*file, path, 4, header + 4, 4 * rank, absl::StrCat(rank, " extents"));
  if (!status.ok()) return status;

  Shape shape;
  for (int64_t i = 0; i < rank; ++i) {
    const uint8_t* byte = header + 4 + 4 * i;
    shape.push_back(int64_t{byte[0]} << 24 | byte[1] << 16 | byte[2] << 8 | byte[3]);
  }
  // Zeros count as ones at first, so that no array of this shape can overflow, not even in its
  // strides.
  int64_t count = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    empty = empty || extent == 0;
    if (__builtin_mul_overflow(count, extent == 0 ? 1 : extent, &count) ||
        count > std::numeric_limits<int64_t>::max() / 4) {
      return idx_error(path, 4, "expected a shape of less than 2^61 elements, got ", shape.str());
    }
  }
  if (empty) count = 0;
  const int64_t offset = idx_header_size(rank);
  // Of an unpacked file the size is known, of a packed one what it may come to: so a header that
  // lies gets no memory.
  const int64_t left = file->most_bytes() - offset;
  if (file->is_gzip() ? left < count : left != count) {
    return idx_error(path, offset, "expected the ", count, " bytes of shape ", shape.str(),
                     ", got ", file->is_gzip() ? "a gzip file that can hold at most " : "", left);
  }

  try {
    NDArray array = NDArray::empty(shape, uint8);
    status = read_all(*file, path, offset, array.data<uint8_t>(), count, "elements");
    if (!status.ok()) return status;
    char after;
    const absl::StatusOr<int64_t> got = file->read(&after, 1);
    if (!got.ok()) return got.status();
    if (*got != 0) {
      return idx_error(path, offset, "expected the ", count, " bytes of shape ", shape.str(),
                       ", got more");
    }
    return array;
  } catch (const RuntimeError&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": no memory for the ", count, " bytes of shape ", shape.str()));
  }
}

}  // namespace lamina::nn::data
