// CheckpointReader: what is in a checkpoint, and one array of it.
#ifndef LAMINA_SERIALIZATION_CHECKPOINT_READER_H_
#define LAMINA_SERIALIZATION_CHECKPOINT_READER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/file.h"
#include "lamina/tensor.h"

namespace lamina {
namespace serialization {
class ChunkVerifier;
struct Chunk;
}  // namespace serialization

struct CheckpointEntry {
  std::string name;
  std::optional<DType> dtype;  // none: an entry without a value
  Shape shape;
};

// A checkpoint that is open. Threads may read from one at once; saving to its path meanwhile does not
// change what it reads. Errors are those of load_checkpoint, and FailedPrecondition for one that was moved
// from.
class CheckpointReader {
 public:
  // Reads header and index and verifies them; of the arrays, nothing.
  static absl::StatusOr<CheckpointReader> open(const std::string& path);

  const std::vector<CheckpointEntry>& entries() const { return entries_; }  // as they were saved
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // The array of this name, after its bytes have been verified, on all threads; without a value if the
  // entry has none. NotFound if there is no such entry.
  absl::StatusOr<std::optional<NDArray>> read(absl::string_view name) const;
  // All of them, after every byte of the file has been verified.
  absl::StatusOr<NamedArrays> read_all() const;

 private:
  friend class MappedCheckpoint;
  struct Place {
    int64_t offset;       // of the tensor's record
    int64_t data_offset;  // of its first element; 0 if there is none
  };
  explicit CheckpointReader(serialization::InputFile file) : file_(std::move(file)) {}
  absl::Status read_header(serialization::Window& window);
  absl::Status read_footer(serialization::Window& window);
  absl::Status read_index(serialization::Window& window);
  absl::Status add_entry(int64_t offset, absl::string_view encoding);
  absl::Status check_entries();
  absl::Status read_entries(serialization::ChunkVerifier& verifier, NamedArrays* state) const;
  // FailedPrecondition if the object of class `what` was moved from.
  absl::Status check_open(absl::string_view what) const;
  // The number of the entry of this name, or NotFound.
  absl::StatusOr<size_t> find(absl::string_view name) const;
  // Checks the record of entry i, which begins at *offset or after fields of a newer version, and where its
  // chunks lie; *offset becomes their end. What the chunks hold is left to `found`, to which they are
  // handed in order; an error of it is handed on.
  absl::Status find_chunks(
      serialization::Window& window, size_t i, int64_t* offset,
      absl::FunctionRef<absl::Status(const serialization::Chunk&)> found) const;
  // An array for entry i, with elements once the verifier has finished: *array has to live until then, after
  // an error too.
  absl::Status read_entry(serialization::Window& window, size_t i, int64_t* offset,
                          serialization::ChunkVerifier& verifier,
                          std::optional<NDArray>* array) const;
  // An error unless the index follows at `offset`.
  absl::Status check_end(serialization::Window& window, int64_t offset) const;

  serialization::InputFile file_;
  int64_t header_end_ = 0;
  int64_t index_offset_ = 0;
  std::map<std::string, std::string> metadata_;
  std::vector<CheckpointEntry> entries_;
  std::vector<Place> places_;
  absl::flat_hash_map<absl::string_view, size_t> by_name_;  // of names in entries_
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_CHECKPOINT_READER_H_
