#include "lamina/serialization/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lamina::serialization {
namespace {

using nn::data::not_regular;

constexpr size_t kBufferBytes = 64 << 10;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The file under the temporary name, empty and locked.
absl::StatusOr<Descriptor> open_temporary(const std::string& path, const std::string& temporary) {
  while (true) {
    Descriptor file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
    if (!file.valid()) return system_error(path, absl::StrCat("cannot create ", temporary));
    // A file system without locks leaves it to the callers not to save to one path at once.
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return absl::UnavailableError(absl::StrCat(path, ": somebody else is saving to it"));
    }
    const auto remove_after = [&](const char* what) {
      absl::Status status = system_error(path, absl::StrCat("cannot ", what, " ", temporary));
      unlink(temporary.c_str());
      return status;
    };
    struct stat opened, there;
    if (fstat(file.get(), &opened) != 0) return remove_after("read");
    if (!S_ISREG(opened.st_mode)) return not_regular(temporary, opened.st_mode);
    // Whoever had the lock before us may have given this file its final name.
    const bool is_there = stat(temporary.c_str(), &there) == 0;
    if (!is_there && errno != ENOENT) return remove_after("read");
    if (!is_there || opened.st_ino != there.st_ino || opened.st_dev != there.st_dev) continue;
    if (ftruncate(file.get(), 0) != 0) return remove_after("write");
    return file;
  }
}

}  // namespace

absl::StatusOr<absl::string_view> Window::view(int64_t offset, int64_t size) {
  size = std::min(size, file_.size() - offset);
  if (offset < begin_ || offset + size > end_) {
    const int64_t bytes = std::min(kBytes, file_.size() - offset);
    begin_ = end_ = 0;
    absl::Status status = file_.read(offset, bytes_.get(), bytes);
    if (!status.ok()) return status;
    begin_ = offset;
    end_ = offset + bytes;
  }
  return absl::string_view(bytes_.get() + (offset - begin_), static_cast<size_t>(size));
}

absl::Status Window::read(int64_t offset, void* to, int64_t size) {
  if (offset < begin_ || offset + size > end_) return file_.read(offset, to, size);
  if (size > 0) std::memcpy(to, bytes_.get() + (offset - begin_), static_cast<size_t>(size));
  return absl::OkStatus();
}

absl::StatusOr<AtomicFile> AtomicFile::create(const std::string& path) {
  absl::Status status = check_path(path);
  if (!status.ok()) return status;
  Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return system_error(path, "cannot open its folder");
  struct stat old;
  const bool is_there = lstat(path.c_str(), &old) == 0;
  if (!is_there && errno != ENOENT) return system_error(path, "cannot read what is there");
  const bool replaces = is_there && !S_ISLNK(old.st_mode);
  if (replaces && !S_ISREG(old.st_mode)) return not_regular(path, old.st_mode);
  absl::StatusOr<Descriptor> file = open_temporary(path, path + kSaving);
  if (!file.ok()) return file.status();
  AtomicFile created(path, std::move(folder), *std::move(file));
  if (replaces && fchmod(created.file_.get(), old.st_mode & 07777) != 0) {
    return system_error(path, "cannot keep its permissions");
  }
  return created;
}

AtomicFile::AtomicFile(std::string path, Descriptor folder, Descriptor file)
    : path_(std::move(path)),
      temporary_(path_ + kSaving),
      folder_(std::move(folder)),
      file_(std::move(file)) {
  buffer_.reserve(kBufferBytes);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, "")),
      folder_(std::move(other.folder_)),
      file_(std::move(other.file_)),
      buffer_(std::move(other.buffer_)),
      position_(other.position_) {}

AtomicFile::~AtomicFile() {
  // In this order, or the file under that name might be another's.
  if (!temporary_.empty()) unlink(temporary_.c_str());
  // Not left to close(), for a child that was forked meanwhile holds the file open too.
  if (file_.valid()) flock(file_.get(), LOCK_UN);
}

absl::Status AtomicFile::write(absl::string_view bytes) {
  position_ += static_cast<int64_t>(bytes.size());
  if (buffer_.size() + bytes.size() <= kBufferBytes) {
    buffer_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  absl::Status status = write_out(buffer_);
  if (!status.ok()) return status;
  buffer_.clear();
  if (bytes.size() >= kBufferBytes) return write_out(bytes);
  buffer_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status AtomicFile::write_out(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error(path_, absl::StrCat("cannot write ", temporary_));
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::commit() {
  absl::Status status = write_out(buffer_);
  if (!status.ok()) return status;
  if (fsync(file_.get()) != 0) return system_error(path_, absl::StrCat("cannot sync ", temporary_));
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error(path_, absl::StrCat("cannot rename ", temporary_, " to it"));
  }
  temporary_.clear();
  // A file system that cannot sync a folder says EINVAL.
  if (fsync(folder_.get()) != 0 && errno != EINVAL) {
    return system_error(path_, "replaced, but its folder cannot be synced");
  }
  return absl::OkStatus();
}

}  // namespace lamina::serialization
