// Files as those who read them need them: data sets from begin to end, checkpoints at any offset.
// Every error is a Status that begins with the path.
#ifndef LAMINA_NN_DATA_INPUT_FILE_H_
#define LAMINA_NN_DATA_INPUT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lamina::nn::data {

// InvalidArgument for a path with a NUL character: the system's calls would take what is in front of it
// for the path.
absl::Status check_path(const std::string& path);

// What the system has against a path, by errno: "path: cannot open: No such file or directory".
absl::Status system_error(const std::string& path, absl::string_view what);

// Of a path at which there is no regular file, but something of this st_mode.
absl::Status not_regular(const std::string& path, unsigned int mode);

// An open file of the system's, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }

 private:
  int number_;
};

// A regular file, to be read. It may be replaced meanwhile, not changed. What the disk cannot read is DataLoss.
class InputFile {
 public:
  // What is no regular file is refused; a named pipe is not waited for.
  static absl::StatusOr<InputFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }                // in bytes, when it was opened
  int descriptor() const { return descriptor_.get(); }  // below 0 once it was moved from

  // Reads `size` bytes at `offset`, of which all must be in the file. Threads may share one for this.
  absl::Status read(int64_t offset, void* to, int64_t size) const;

  // Reads on by up to `size` bytes, fewer where the file ends only, and gives their number.
  absl::StatusOr<int64_t> read(void* to, int64_t size);
  int64_t position() const { return position_; }  // of the next byte to be read so
  void seek(int64_t position) { position_ = position; }

 private:
  InputFile(std::string path, Descriptor descriptor, int64_t size)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}
  absl::StatusOr<int64_t> read_up_to(int64_t offset, void* to, int64_t size) const;

  std::string path_;
  Descriptor descriptor_;
  int64_t size_;
  int64_t position_ = 0;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_INPUT_FILE_H_
