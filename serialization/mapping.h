// Mapping: pieces of a file as memory, side by side, with nothing copied.
#ifndef LAMINA_SERIALIZATION_MAPPING_H_
#define LAMINA_SERIALIZATION_MAPPING_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lamina/serialization/file.h"

namespace lamina::serialization {

// Whether pieces can be mapped side by side: each but the last fills its pages, and each begins at one.
bool fill_pages(absl::Span<const Piece> pieces);

// Memory that shows pieces of a file. It may be written to: the system then copies the page, and the
// file stays as it is. Threads may share one.
//
// The file must not be cut short as long as the mapping lives, or who reads beyond its new end gets a
// SIGBUS.
class Mapping {
 public:
  // Of the pieces, at least one and none empty, fill_pages must hold, and all bytes be in the file.
  static absl::StatusOr<std::shared_ptr<Mapping>> create(const InputFile& file,
                                                         absl::Span<const Piece> pieces);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  char* data() const { return data_; }

 private:
  Mapping(char* data, int64_t size) : data_(data), size_(size) {}
  char* data_;
  int64_t size_;
};

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_MAPPING_H_
