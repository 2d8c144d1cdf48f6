#include "lamina/serialization/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lamina::serialization {

bool fill_pages(absl::Span<const Piece> pieces) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  for (const Piece& piece : pieces) {
    if (piece.offset % page != 0) return false;
    if (&piece != &pieces.back() && piece.size % page != 0) return false;
  }
  return true;
}

absl::StatusOr<std::shared_ptr<Mapping>> Mapping::create(const InputFile& file,
                                                         absl::Span<const Piece> pieces) {
  const auto error = [&] {
    const int number = errno;
    return absl::ErrnoToStatus(number, absl::StrCat(file.path(), ": cannot map it"));
  };
  int64_t size = 0;
  for (const Piece& piece : pieces) size += piece.size;
  // Addresses first, then the pieces over them: so nobody else comes in between.
  void* const range = mmap(nullptr, static_cast<size_t>(size), PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return error();
  std::shared_ptr<Mapping> mapping(new Mapping(static_cast<char*>(range), size));
  char* to = mapping->data();
  for (const Piece& piece : pieces) {
    // Not to be counted as memory in use, of which a page only takes some when it is written to.
    if (mmap(to, static_cast<size_t>(piece.size), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file.descriptor(),
             piece.offset) == MAP_FAILED) {
      return error();
    }
    to += piece.size;
  }
  return mapping;
}

Mapping::~Mapping() { munmap(data_, static_cast<size_t>(size_)); }

}  // namespace lamina::serialization
