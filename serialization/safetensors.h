// safetensors, the weights of the Hugging Face world: a JSON header of names, dtypes and shapes, and the
// elements. Source: the README of github.com/huggingface/safetensors, "Format".
//
//   absl::StatusOr<NamedArrays> weights = load_safetensors("model.safetensors");
//   absl::Status status = save_safetensors("copy.safetensors", *weights);
//
// The format has no checksums: a flipped bit in the elements goes unnoticed, which it does not in a
// checkpoint. Errors begin with the path and name the entry. Nothing that a file holds leads to an
// exception, or to memory that its own size does not account for.
#ifndef LAMINA_SERIALIZATION_SAFETENSORS_H_
#define LAMINA_SERIALIZATION_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/file.h"
#include "lamina/tensor.h"

namespace lamina {

// Writes the arrays to a file at `path` as save_checkpoint does: at once, durably, with the same bytes for
// the same state. The names stand in the order of `state`; elements begin at multiples of their size.
//
// InvalidArgument where save_checkpoint gives it, and for an entry without a value, one of the name
// "__metadata__", more than 65,536 entries of metadata, and a header above 100 MB (10^8 bytes).
absl::Status save_safetensors(const std::string& path, const NamedArrays& state,
                              const SaveOptions& options = {});

// The arrays of a safetensors file, in the order of its header. Errors are those of SafetensorsReader.
absl::StatusOr<NamedArrays> load_safetensors(const std::string& path);

struct SafetensorsEntry {
  std::string name;
  DType dtype;
  Shape shape;
};

// A safetensors file written one array at a time, for a state that is larger than memory. Not for several
// threads at once. The same entries, values and options give the bytes that save_safetensors writes, which
// uses it.
//
//   absl::StatusOr<SafetensorsWriter> writer = SafetensorsWriter::create("model.safetensors", entries);
//   if (!writer.ok()) return writer.status();
//   while (const SafetensorsEntry* entry = writer->next()) {
//     absl::Status status = writer->add(make_array(entry->name));
//     if (!status.ok()) return status;
//   }
//   return writer->finish();
//
// Errors are those of save_safetensors. After one, the file cannot be finished: every further call gives the
// same error. FailedPrecondition for add() and finish() of one that was moved from.
class SafetensorsWriter {
 public:
  // The header comes first in the file, so that what the entries are has to be known at once. InvalidArgument
  // for an entry of no dtype, an extent below 0, and 2^62 bytes or more in one or in all. Unavailable while
  // somebody else is saving to this path.
  static absl::StatusOr<SafetensorsWriter> create(const std::string& path,
                                                  std::vector<SafetensorsEntry> entries,
                                                  const SaveOptions& options = {});

  // The entry whose array is to be added next, which is not the order of the names: large elements come
  // first. Null after the last.
  const SafetensorsEntry* next() const;
  // Writes the array of next(), which must be of its dtype and shape: else InvalidArgument.
  // FailedPrecondition if there is none left.
  absl::Status add(const NDArray& value);
  // Puts the file at its path, at once and durably. To be called last: FailedPrecondition while next() has
  // an entry, and for what is called afterwards.
  absl::Status finish();

 private:
  SafetensorsWriter(std::string path, serialization::AtomicFile file,
                    std::vector<SafetensorsEntry> entries, std::vector<size_t> order)
      : path_(std::move(path)),
        file_(std::move(file)),
        entries_(std::move(entries)),
        order_(std::move(order)) {}
  absl::Status write(const NDArray& value);

  std::string path_;
  serialization::AtomicFile file_;
  absl::Status status_;  // of the first call that failed
  std::vector<SafetensorsEntry> entries_;
  std::vector<size_t> order_;  // of their elements in the file
  size_t added_ = 0;
};

// A safetensors file that is open. Threads may read from one at once. FailedPrecondition for one that was
// moved from.
//
// Its dtypes are BOOL, U8, I32, I64, F16, BF16, F32 and F64, its ranks up to 8, its metadata up to 65,536 keys;
// Unimplemented for others.
// InvalidArgument for a file that is none, DataLoss for one that contradicts itself: a header that is no
// strict JSON or has other fields than the format, names that repeat, elements that overlap, leave bytes
// out or are not what their shape takes, bools other than 0 and 1.
class SafetensorsReader {
 public:
  // Reads and checks the header; of the arrays, nothing.
  static absl::StatusOr<SafetensorsReader> open(const std::string& path);

  const std::vector<SafetensorsEntry>& entries() const { return entries_; }  // as in the header
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // NotFound if there is no array of this name.
  absl::StatusOr<NDArray> read(absl::string_view name) const;
  absl::StatusOr<NamedArrays> read_all() const;

 private:
  explicit SafetensorsReader(serialization::InputFile file) : file_(std::move(file)) {}
  absl::Status read_header();
  absl::Status parse(absl::string_view header);
  absl::Status check_entries();
  absl::StatusOr<NDArray> read_entry(size_t i) const;

  serialization::InputFile file_;
  int64_t data_begin_ = 0;
  std::map<std::string, std::string> metadata_;
  std::vector<SafetensorsEntry> entries_;
  std::vector<serialization::Piece> pieces_;  // of the entries, counted from data_begin_
  absl::flat_hash_map<absl::string_view, size_t> by_name_;  // of names in entries_
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_SAFETENSORS_H_
