// Files that may be compressed: gzip (RFC 1952) is told by its first two bytes, not by its name.
#ifndef LAMINA_NN_DATA_GZIP_H_
#define LAMINA_NN_DATA_GZIP_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lamina/nn/data/input_file.h"

namespace lamina::nn::data {

// The bytes of a file, unpacked where it is gzip. Memory is constant, whatever the file holds: who
// reads decides how much of it there may be. Errors begin with the path.
class UnpackedFile {
 public:
  static absl::StatusOr<UnpackedFile> open(const std::string& path);
  UnpackedFile(UnpackedFile&&) noexcept;
  UnpackedFile& operator=(UnpackedFile&&) = delete;
  ~UnpackedFile();

  bool is_gzip() const { return inflater_ != nullptr; }
  // The number of bytes that are in the file at most: its size, or what deflate can make of it.
  int64_t most_bytes() const;
  // Reads up to `size` bytes, fewer at the end only, and gives their number. DataLoss where gzip's
  // data are cut short, damaged or followed by something else than more of them: members one after the
  // other (RFC 1952, 2.2) are read as one. Its checksum has been compared when
  // fewer came than were asked for.
  absl::StatusOr<int64_t> read(void* to, int64_t size);

 private:
  struct Inflater;
  UnpackedFile(InputFile file, std::unique_ptr<Inflater> inflater);
  absl::StatusOr<int64_t> inflate_to(void* to, int64_t size);
  absl::Status fill_input();
  absl::Status end_member();

  InputFile file_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_GZIP_H_
