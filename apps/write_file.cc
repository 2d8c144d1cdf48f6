#include "lamina/apps/write_file.h"

#include <filesystem>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lamina/serialization/file.h"

namespace lamina::apps {

absl::Status write_file(const std::string& path, absl::string_view bytes) {
  absl::StatusOr<serialization::AtomicFile> file = serialization::AtomicFile::create(path);
  if (!file.ok()) return file.status();
  const absl::Status status = file->write(bytes);
  return status.ok() ? file->commit() : status;
}

absl::Status check_output(absl::string_view flag, const std::string& output,
                          const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!std::filesystem::equivalent(output, input, error)) continue;
    return absl::InvalidArgumentError(absl::StrCat("flag --", flag, ": expected another file than ",
                                                   input, ", which is read, got it"));
  }
  return absl::OkStatus();
}

}  // namespace lamina::apps
