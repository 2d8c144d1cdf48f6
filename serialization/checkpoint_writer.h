// CheckpointWriter: a checkpoint written one array at a time, for a state that is larger than memory.
//
//   absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create("model.ckpt");
//   if (!writer.ok()) return writer.status();
//   for (int i = 0; i < layers; ++i) {
//     absl::Status status = writer->add(absl::StrCat("layer", i), make_layer(i));
//     if (!status.ok()) return status;
//   }
//   return writer->finish();
#ifndef LAMINA_SERIALIZATION_CHECKPOINT_WRITER_H_
#define LAMINA_SERIALIZATION_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/file.h"
#include "lamina/tensor.h"

namespace lamina {

// A checkpoint in the making. The same entries and options give the bytes that save_checkpoint writes,
// which uses it. Not for several threads at once.
//
// Errors are those of save_checkpoint. After one, the checkpoint cannot be finished: every further call
// gives the same error. FailedPrecondition for calls to one that was moved from.
class CheckpointWriter {
 public:
  // Unavailable while somebody else is saving to this path.
  static absl::StatusOr<CheckpointWriter> create(const std::string& path,
                                                 const SaveOptions& options = {});
  CheckpointWriter(CheckpointWriter&&) = default;
  CheckpointWriter& operator=(CheckpointWriter&&) = delete;
  // Without finish(), removes what was written, and leaves what is at the path.
  ~CheckpointWriter() = default;

  // Writes an entry. The array is not needed afterwards; what the writer keeps are name, dtype and shape.
  absl::Status add(const std::string& name, const std::optional<NDArray>& value);
  // Puts the checkpoint at its path, at once and durably. To be called last: FailedPrecondition for add()
  // and finish() afterwards.
  absl::Status finish();

 private:
  CheckpointWriter(const std::string& path, serialization::AtomicFile file)
      : path_(path), file_(std::move(file)) {}
  absl::Status write_header(const SaveOptions& options);
  absl::Status write_entry(const std::string& name, const std::optional<NDArray>& value);
  absl::Status write_chunk(absl::string_view data, int64_t alignment, int64_t* data_offset);
  absl::Status write_end();

  std::string path_;
  serialization::AtomicFile file_;
  absl::Status status_;  // of the first call that failed
  absl::flat_hash_set<std::string> names_;
  int64_t entries_ = 0;
  std::string index_;  // its encoding so far
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_CHECKPOINT_WRITER_H_
