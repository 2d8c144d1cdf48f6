#include "lamina/apps/checkpoint/npy.h"

#include "absl/base/config.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/file.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Elements go to the file as they lie in memory, which has to be little-endian"
#endif

namespace lamina::apps::checkpoint {

NDArray as_npy(const NDArray& array) {
  return array.dtype() == bfloat16 ? array.to(float32) : array.contiguous();
}

absl::Status save_npy(const std::string& path, const NDArray& array) {
  constexpr const char* kNames[kDTypeCount] = {"|b1", "|u1", "<i4", "<i8", "<f2", "", "<f4", "<f8"};
  constexpr size_t kAlignment = 64;
  std::string header =
      absl::StrCat("{'descr': '", kNames[static_cast<int>(array.dtype())],
                   "', 'fortran_order': False, 'shape': (", absl::StrJoin(array.shape(), ", "),
                   array.dim() == 1 ? ",)" : ")", ", }");
  const std::string magic = "\x93NUMPY\x01" + std::string(1, '\0');
  constexpr size_t kLengthBytes = 2;
  while ((magic.size() + kLengthBytes + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  const std::string length = {static_cast<char>(header.size() & 0xff),
                              static_cast<char>(header.size() >> 8)};

  absl::StatusOr<serialization::AtomicFile> file = serialization::AtomicFile::create(path);
  if (!file.ok()) return file.status();
  absl::Status status = file->write(absl::StrCat(magic, length, header));
  if (status.ok() && array.numel() > 0) {
    const auto bytes = static_cast<size_t>(array.numel() * size_of(array.dtype()));
    status = file->write(absl::string_view(array.raw_data(), bytes));
  }
  return status.ok() ? file->commit() : status;
}

}  // namespace lamina::apps::checkpoint
