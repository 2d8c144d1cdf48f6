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

// A safetensors file that is open. Threads may read from one at once.
//
// Its dtypes are BOOL, U8, I32, I64, F16, BF16, F32 and F64; Unimplemented for another one.
// InvalidArgument for a file that is none, DataLoss for one that contradicts itself: a header that is no
// strict JSON or has other fields than the format, names that repeat, elements that overlap, leave bytes
// out or are not what their shape takes, bools other than 0 and 1, a rank above 8.
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
