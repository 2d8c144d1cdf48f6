// The file under read_csv, block by block.
#ifndef LAMINA_NN_DATA_CSV_TEXT_H_
#define LAMINA_NN_DATA_CSV_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/nn/data/input_file.h"

namespace lamina::nn::data {

// The part of a file that is in memory. It ends with a NUL that is no part of it, at which whoever looks
// for the end of something stops, and at the file's end, if there is anything, has a \n in
// front of that.
class CsvText {
 public:
  explicit CsvText(InputFile file) : file_(std::move(file)), bytes_(kBytes) { bytes_[0] = '\0'; }

  const InputFile& file() const { return file_; }
  const char* begin() const { return bytes_.data(); }
  const char* end() const { return bytes_.data() + size_; }
  bool is_last() const { return is_last_; }  // the file's end is in memory
  int64_t offset_of(const char* at) const { return offset_ + (at - begin()); }

  // Forgets what is in front of `from` and reads on. begin() then is what `from` was.
  absl::Status read_on(const char* from) {
    offset_ = offset_of(from);
    size_ = static_cast<size_t>(end() - from);
    std::memmove(bytes_.data(), from, size_);
    if (size_ > bytes_.size() / 2) bytes_.resize(2 * bytes_.size());  // a long row
    const auto room = static_cast<int64_t>(bytes_.size() - size_) - 2;
    const absl::StatusOr<int64_t> got = file_.read(bytes_.data() + size_, room);
    if (!got.ok()) return got.status();
    size_ += static_cast<size_t>(*got);
    if (*got < room) {
      is_last_ = true;
      if (size_ > 0 && bytes_[size_ - 1] != '\n') bytes_[size_++] = '\n';
    }
    bytes_[size_] = '\0';
    return absl::OkStatus();
  }
  absl::Status read_from(int64_t offset) {
    file_.seek(offset);
    offset_ = offset;
    size_ = 0;
    is_last_ = false;
    return read_on(begin());
  }

 private:
  static constexpr size_t kBytes = 256 << 10;  // stays in the second-level cache

  InputFile file_;
  std::vector<char> bytes_;
  size_t size_ = 0;
  int64_t offset_ = 0;  // of begin() in the file
  bool is_last_ = false;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_CSV_TEXT_H_
