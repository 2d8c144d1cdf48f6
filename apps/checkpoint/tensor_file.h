// A file of named arrays in either format, read and written one array at a time.
#ifndef LAMINA_APPS_CHECKPOINT_TENSOR_FILE_H_
#define LAMINA_APPS_CHECKPOINT_TENSOR_FILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization.h"

namespace lamina::apps::checkpoint {

enum class Format { kCheckpoint, kSafetensors };
const char* name_of(Format format);  // "checkpoint"
// The format that a file's name is for, by .ckpt or .safetensors at its end.
std::optional<Format> format_of(absl::string_view path);

int64_t bytes_of(const CheckpointEntry& entry);
int64_t bytes_of(const std::vector<CheckpointEntry>& entries);

// An open file. The format is that of its name, or else seen by its first bytes. Errors are those of
// CheckpointReader and SafetensorsReader, but that a file of another kind is DataLoss: it may be one of these
// whose begin was damaged, or that was emptied.
class TensorFile {
 public:
  static absl::StatusOr<TensorFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  Format format() const;
  const std::vector<CheckpointEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const;
  // Verified, as far as the format can be.
  absl::StatusOr<std::optional<NDArray>> read(const std::string& name) const;

 private:
  using Reader = std::variant<CheckpointReader, SafetensorsReader>;
  TensorFile(std::string path, Reader reader);

  std::string path_;
  Reader reader_;
  std::vector<CheckpointEntry> entries_;
};

// A bar on standard error, if that is a terminal, which counts bytes of `total`: "reading model.ckpt [==".
class ByteProgress {
 public:
  ByteProgress(absl::string_view what, const std::string& path, int64_t total);
  void add(int64_t bytes);

 private:
  int64_t done_ = 0;
  nn::train::ProgressBar bar_;
};

// Writes entries of `from` to a file at `path`, at once and durably, with the same metadata. Those for
// safetensors must have values.
absl::Status copy_entries(const TensorFile& from, const std::vector<CheckpointEntry>& entries,
                          const std::string& path, Format format);

// "; did you mean 'layer1.weight'?" for a name that is no entry, and if so wished no prefix of one.
std::string did_you_mean_entry(const TensorFile& file, absl::string_view name, bool or_prefix);
// Whether it is the entry of this name, or below it: of "layer1" are "layer1" and "layer1.weight".
bool is_below(absl::string_view entry, absl::string_view prefix);

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_TENSOR_FILE_H_
