// Checkpoints: named arrays in a file. A save is atomic, every byte is under a checksum, and any
// protobuf library can read the file, which is one message of checkpoint.proto.
//
//   absl::Status status = save_checkpoint("model.ckpt", {{"weight", weight}, {"bias", std::nullopt}});
//   absl::StatusOr<NamedArrays> state = load_checkpoint("model.ckpt");
//
// A state larger than memory is saved by CheckpointWriter (checkpoint_writer.h), and read one array at a
// time by CheckpointReader (checkpoint_reader.h).
//
// Errors begin with the path and name the entry. Nothing that a file holds leads to an exception, or to
// memory that its own size does not account for: beyond twice that size and 16 MiB, a few hundred bytes for
// each of its entries.
#ifndef LAMINA_SERIALIZATION_CHECKPOINT_H_
#define LAMINA_SERIALIZATION_CHECKPOINT_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/tensor.h"

namespace lamina {

// Arrays and their names, in an order that is kept. An entry may have no value: a parameter that is
// switched off.
using NamedArrays = std::vector<std::pair<std::string, std::optional<NDArray>>>;

struct SaveOptions {
  // Free-form text, in UTF-8; with its keys, less than 1 MiB in a checkpoint, and in a safetensors file at
  // most what its header takes, 100 MB. InvalidArgument for more, which is better an array of uint8.
  std::map<std::string, std::string> metadata = {};
};

// Writes the arrays to a file at `path`, or in place of the one there: at once, and durably before it
// returns. A failure or a crash at any moment leaves the old file (AtomicFile in file.h). The same
// arrays, names and options give the same bytes.
//
// Arrays are of any dtype, shape and layout; those that are not contiguous are copied one at a time.
// InvalidArgument for two entries of one name, a name that is not UTF-8 or above 1 MiB, an undefined
// array, a path that is a folder.
absl::Status save_checkpoint(const std::string& path, const NamedArrays& state,
                             const SaveOptions& options = {});

// The arrays of a checkpoint, in the order in which they were saved, after every byte of the file has
// been verified.
//
// InvalidArgument for a file that is no checkpoint, Unimplemented for one of a newer major version,
// DataLoss for one that is damaged, NotFound and others from the system.
absl::StatusOr<NamedArrays> load_checkpoint(const std::string& path);

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_CHECKPOINT_H_
