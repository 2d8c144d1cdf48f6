#include "lamina/nn/data/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lamina::nn::data {
namespace {

absl::Status system_error(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

}  // namespace

absl::StatusOr<InputFile> InputFile::open(const std::string& path) {
  // Not to block on a named pipe, which is refused later.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return system_error(path, "cannot open");
  InputFile file(path, descriptor, 0);
  struct stat info;
  if (fstat(descriptor, &info) != 0) return system_error(path, "cannot read");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected a regular file, got ",
                     S_ISDIR(info.st_mode) ? "a folder" : "another kind"));
  }
  file.size_ = info.st_size;
  return file;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<int64_t> InputFile::read(void* to, int64_t size) {
  int64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(descriptor_, static_cast<char*>(to) + done,
                              static_cast<size_t>(size - done), position_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path_, "cannot read");
    if (got == 0) break;
    done += got;
    position_ += got;
  }
  return done;
}

}  // namespace lamina::nn::data
