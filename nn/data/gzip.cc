#include "lamina/nn/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lamina::nn::data {
namespace {

constexpr int64_t kInputBytes = 64 << 10;
// A deflate code of two bits at least stands for 258 bytes at most. Source: RFC 1951, 3.2.5, and
// https://zlib.net/zlib_tech.html, "Maximum Compression Factor".
constexpr int64_t kMostPerByte = 1032;

// What a member begins with. Source: RFC 1952, 2.3.1.
constexpr int64_t kMagicBytes = 2;
bool is_magic(const unsigned char* bytes) { return bytes[0] == 0x1f && bytes[1] == 0x8b; }

}  // namespace

struct UnpackedFile::Inflater {
  z_stream stream = {};
  bool is_open = false;
  bool is_done = false;
  unsigned char input[kInputBytes];
  ~Inflater() {
    if (is_open) inflateEnd(&stream);
  }
};

absl::StatusOr<UnpackedFile> UnpackedFile::open(const std::string& path) {
  absl::StatusOr<InputFile> file = InputFile::open(path);
  if (!file.ok()) return file.status();
  unsigned char magic[kMagicBytes] = {};
  const absl::StatusOr<int64_t> got = file->read(magic, kMagicBytes);
  if (!got.ok()) return got.status();
  file->seek(0);
  if (*got < kMagicBytes || !is_magic(magic)) return UnpackedFile(*std::move(file), nullptr);
  auto inflater = std::make_unique<Inflater>();
  constexpr int kGzipOnly = 16;
  if (inflateInit2(&inflater->stream, kGzipOnly + MAX_WBITS) != Z_OK) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory to unpack it"));
  }
  inflater->is_open = true;
  return UnpackedFile(*std::move(file), std::move(inflater));
}

UnpackedFile::UnpackedFile(InputFile file, std::unique_ptr<Inflater> inflater)
    : file_(std::move(file)), inflater_(std::move(inflater)) {}
UnpackedFile::UnpackedFile(UnpackedFile&&) noexcept = default;
UnpackedFile::~UnpackedFile() = default;

int64_t UnpackedFile::most_bytes() const {
  if (inflater_ == nullptr) return file_.size();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  return file_.size() > kMost / kMostPerByte ? kMost : file_.size() * kMostPerByte;
}

absl::StatusOr<int64_t> UnpackedFile::read(void* to, int64_t size) {
  if (inflater_ == nullptr) return file_.read(to, size);
  constexpr int64_t kMostAtOnce = 1 << 30;  // zlib counts in 32 bits
  int64_t done = 0;
  while (done < size) {
    const int64_t wanted = std::min(size - done, kMostAtOnce);
    const absl::StatusOr<int64_t> got = inflate_to(static_cast<char*>(to) + done, wanted);
    if (!got.ok()) return got.status();
    done += *got;
    if (*got < wanted) break;
  }
  return done;
}

absl::StatusOr<int64_t> UnpackedFile::inflate_to(void* to, int64_t size) {
  z_stream& stream = inflater_->stream;
  stream.next_out = static_cast<unsigned char*>(to);
  stream.avail_out = static_cast<unsigned int>(size);
  while (stream.avail_out > 0 && !inflater_->is_done) {
    if (stream.avail_in == 0) {
      const absl::Status status = fill_input();
      if (!status.ok()) return status;
      if (stream.avail_in == 0) {
        return absl::DataLossError(absl::StrCat(file_.path(), ": offset ", file_.position(),
                                                ": expected more gzip data, got the file's end"));
      }
    }
    const int result = inflate(&stream, Z_NO_FLUSH);
    const int64_t offset = file_.position() - stream.avail_in;
    if (result == Z_MEM_ERROR) {
      return absl::ResourceExhaustedError(absl::StrCat(file_.path(), ": no memory to unpack it"));
    }
    if (result != Z_OK && result != Z_STREAM_END) {
      return absl::DataLossError(absl::StrCat(
          file_.path(), ": offset ", offset, ": expected sound gzip data, got damaged ones (",
          stream.msg != nullptr ? stream.msg : "no more is known", ")"));
    }
    if (result == Z_STREAM_END) {
      const absl::Status status = end_member();
      if (!status.ok()) return status;
    }
  }
  return size - stream.avail_out;
}

// Reads on, with what zlib has not taken yet in front.
absl::Status UnpackedFile::fill_input() {
  z_stream& stream = inflater_->stream;
  file_.seek(file_.position() - stream.avail_in);
  const absl::StatusOr<int64_t> got = file_.read(inflater_->input, kInputBytes);
  if (!got.ok()) return got.status();
  stream.next_in = inflater_->input;
  stream.avail_in = static_cast<unsigned int>(*got);
  return absl::OkStatus();
}

// After a member comes another one, or the file's end.
absl::Status UnpackedFile::end_member() {
  z_stream& stream = inflater_->stream;
  if (stream.avail_in < kMagicBytes) {
    absl::Status status = fill_input();
    if (!status.ok()) return status;
  }
  if (stream.avail_in == 0) {
    inflater_->is_done = true;
    return absl::OkStatus();
  }
  if (stream.avail_in >= kMagicBytes && is_magic(stream.next_in)) {
    inflateReset(&stream);
    return absl::OkStatus();
  }
  const int64_t offset = file_.position() - stream.avail_in;
  return absl::DataLossError(absl::StrCat(file_.path(), ": offset ", offset,
                                          ": expected the file's end after the gzip data, got ",
                                          file_.size() - offset, " bytes more"));
}

}  // namespace lamina::nn::data
