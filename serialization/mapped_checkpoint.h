// MappedCheckpoint: the arrays of a checkpoint where they lie in the file, of which nothing is copied.
//
//   absl::StatusOr<MappedCheckpoint> checkpoint = MappedCheckpoint::open("model.ckpt");
//   absl::StatusOr<std::optional<NDArray>> weight = checkpoint->get("weight");
#ifndef LAMINA_SERIALIZATION_MAPPED_CHECKPOINT_H_
#define LAMINA_SERIALIZATION_MAPPED_CHECKPOINT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/mapping.h"
#include "lamina/tensor.h"

namespace lamina {

// A checkpoint that is open and mapped. Opening takes the time of reading header and index, however large
// the arrays are. Threads may share one; saving to its path meanwhile does not change its arrays. Errors
// are those of load_checkpoint, and FailedPrecondition for one that was moved from.
//
// A write to an array stays in this process (the system copies the page); the file is never written to.
//
// The file itself must not be cut short or changed in place while an array of it lives: beyond its new
// end a read ends the process (SIGBUS), and changes of verified bytes go unnoticed. Lamina's own saves
// replace the file and do neither.
class MappedCheckpoint {
 public:
  // Reads header and index and verifies them; of the arrays, nothing.
  static absl::StatusOr<MappedCheckpoint> open(const std::string& path);

  const std::vector<CheckpointEntry>& entries() const { return reader_.entries(); }
  const std::map<std::string, std::string>& metadata() const { return reader_.metadata(); }

  // The array of this name on the file's pages, which it keeps mapped after the checkpoint is gone;
  // without a value if the entry has none. NotFound if there is no such entry.
  //
  // The first call for a name verifies the array; all calls give the same storage. Where a tensor lies in
  // chunks that no pages can join, as Lamina writes none, the array is a copy.
  absl::StatusOr<std::optional<NDArray>> get(absl::string_view name) const;
  // Verifies every byte of the file, as load_checkpoint does; get() need not verify afterwards. `progress`,
  // if there is one, is called on this thread now and then, with the bytes of elements that were verified
  // since the call before.
  absl::Status verify(const std::function<void(int64_t bytes)>& progress = {}) const;

 private:
  struct Arrays {
    std::mutex mutex;
    absl::flat_hash_map<size_t, NDArray> by_entry;  // those verified
    std::atomic<bool> are_verified{false};          // all of the file, by verify()
  };
  MappedCheckpoint(CheckpointReader reader, std::shared_ptr<serialization::Mapping> file)
      : reader_(std::move(reader)), file_(std::move(file)), arrays_(new Arrays) {}
  absl::StatusOr<std::optional<NDArray>> verify_and_add(size_t i) const;
  absl::Status verify_entries(serialization::ChunkVerifier& verifier) const;
  std::optional<NDArray> find(size_t i) const;
  // The array of entry i, whose elements are in the pieces; the one that is there if another thread was
  // first.
  absl::StatusOr<NDArray> add(size_t i, const std::vector<serialization::Piece>& pieces) const;

  CheckpointReader reader_;
  std::shared_ptr<serialization::Mapping> file_;  // the whole
  std::unique_ptr<Arrays> arrays_;
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_MAPPED_CHECKPOINT_H_
