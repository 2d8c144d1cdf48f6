// A file that the readers of data sets read from its begin to its end.
#ifndef LAMINA_NN_DATA_INPUT_FILE_H_
#define LAMINA_NN_DATA_INPUT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace lamina::nn::data {

// A regular file. Errors begin with the path.
class InputFile {
 public:
  // What is no regular file is refused; a named pipe is not waited for.
  static absl::StatusOr<InputFile> open(const std::string& path);
  InputFile(InputFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_),
        position_(other.position_) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }          // in bytes, when it was opened
  int64_t position() const { return position_; }  // of the next byte to be read
  void seek(int64_t position) { position_ = position; }
  // Reads up to `size` bytes, fewer where the file ends only, and gives their number.
  absl::StatusOr<int64_t> read(void* to, int64_t size);

 private:
  InputFile(std::string path, int descriptor, int64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::string path_;
  int descriptor_;
  int64_t size_;
  int64_t position_ = 0;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_INPUT_FILE_H_
