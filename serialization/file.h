// Files as checkpoints need them: reading small pieces, and writing a file that is whole or not there.
// Every error is a Status that begins with the path.
#ifndef LAMINA_SERIALIZATION_FILE_H_
#define LAMINA_SERIALIZATION_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/data/input_file.h"

namespace lamina::serialization {

using nn::data::check_path;
using nn::data::Descriptor;
using nn::data::InputFile;
using nn::data::system_error;

// A piece of a file, in bytes.
struct Piece {
  int64_t offset;
  int64_t size;
};

// Reads many small pieces of a file in few calls to the system.
class Window {
 public:
  explicit Window(const InputFile& file) : file_(file), bytes_(new char[kBytes]) {}

  const InputFile& file() const { return file_; }
  // The `size` bytes at `offset`, or those of them that are in the file: good until the next call.
  // `size` is at most kBytes, `offset` within the file.
  absl::StatusOr<absl::string_view> view(int64_t offset, int64_t size);
  // Reads `size` bytes, of which all must be in the file.
  absl::Status read(int64_t offset, void* to, int64_t size);

  static constexpr int64_t kBytes = 8 << 10;

 private:
  const InputFile& file_;
  std::unique_ptr<char[]> bytes_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
};

// Gives the `size` bytes at `offset` of a file; they are good until the next call.
using ReadBytes =
    absl::FunctionRef<absl::StatusOr<absl::string_view>(int64_t offset, int64_t size)>;

// What a file is written under meanwhile: its path and this.
inline constexpr char kSaving[] = ".saving";

// A file that comes to be, or replaces the one of its name, at commit(), with all that was written; not
// before, and not at all without it. A crash at any moment leaves the old file or the new one.
//
// It is written under another name in the same folder (kSaving). A process that is killed leaves that
// file behind, and the next to save to this path takes it over. A symbolic link at `path` is replaced,
// not followed.
class AtomicFile {
 public:
  // The new file has the permissions of the one it replaces. Unavailable while somebody else is
  // saving to this path.
  static absl::StatusOr<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  // without commit(), removes what was written

  bool is_open() const { return file_.valid(); }  // until it is moved from
  int64_t position() const { return position_; }  // the number of bytes written so far
  absl::Status write(absl::string_view bytes);
  // Makes file and folder durable before it returns. To be called once, and last. An error leaves the
  // old file, except where it says otherwise.
  absl::Status commit();

 private:
  AtomicFile(std::string path, Descriptor folder, Descriptor file);
  absl::Status write_out(absl::string_view bytes);

  std::string path_;
  std::string temporary_;  // empty if there is nothing to remove
  Descriptor folder_;
  Descriptor file_;
  std::string buffer_;
  int64_t position_ = 0;
};

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_FILE_H_
