#include "lamina/nn/data/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lamina::nn::data {

absl::Status check_path(const std::string& path) {
  if (path.find('\0') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      absl::Utf8SafeCEscape(path), ": expected a path without a NUL character, got one with it"));
}

absl::Status system_error(const std::string& path, absl::string_view what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

absl::Status not_regular(const std::string& path, unsigned int mode) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": expected a regular file, got ",
                                                 S_ISDIR(mode) ? "a folder" : "another kind"));
}

Descriptor::~Descriptor() {
  if (valid()) close(number_);
}

absl::StatusOr<InputFile> InputFile::open(const std::string& path) {
  absl::Status status = check_path(path);
  if (!status.ok()) return status;
  // Not to block on a named pipe, which is refused later.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor.valid()) return system_error(path, "cannot open");
  struct stat info;
  if (fstat(descriptor.get(), &info) != 0) return system_error(path, "cannot read");
  if (!S_ISREG(info.st_mode)) return not_regular(path, info.st_mode);
  return InputFile(path, std::move(descriptor), info.st_size);
}

absl::StatusOr<int64_t> InputFile::read_up_to(int64_t offset, void* to, int64_t size) const {
  int64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(descriptor_.get(), static_cast<char*>(to) + done,
                              static_cast<size_t>(size - done), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const bool is_lost = errno == EIO;  // what the disk cannot read is damage of the file
      absl::Status status =
          system_error(path_, absl::StrCat("cannot read at offset ", offset + done));
      return is_lost ? absl::DataLossError(status.message()) : status;
    }
    if (got == 0) break;
    done += got;
  }
  return done;
}

absl::Status InputFile::read(int64_t offset, void* to, int64_t size) const {
  const absl::StatusOr<int64_t> got = read_up_to(offset, to, size);
  if (!got.ok() || *got == size) return got.status();
  return absl::DataLossError(absl::StrCat(path_, ": offset ", offset, ": expected ", size,
                                          " bytes, got ", *got, ", where the file ends"));
}

absl::StatusOr<int64_t> InputFile::read(void* to, int64_t size) {
  absl::StatusOr<int64_t> got = read_up_to(position_, to, size);
  if (got.ok()) position_ += *got;
  return got;
}

}  // namespace lamina::nn::data
