#include "lamina/apps/write_file.h"

#include "absl/status/statusor.h"
#include "lamina/serialization/file.h"

namespace lamina::apps {

absl::Status write_file(const std::string& path, absl::string_view bytes) {
  absl::StatusOr<serialization::AtomicFile> file = serialization::AtomicFile::create(path);
  if (!file.ok()) return file.status();
  const absl::Status status = file->write(bytes);
  return status.ok() ? file->commit() : status;
}

}  // namespace lamina::apps
