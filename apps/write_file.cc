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

absl::Status check_output(const std::string& output, const std::vector<std::string>& inputs) {
  if (output.empty()) return absl::OkStatus();
  for (const std::string& input : inputs) {
    for (const std::string& written : {output, output + serialization::kSaving}) {
      std::error_code ignored;  // what is not there is no file that is read
      if (!std::filesystem::equivalent(input, written, ignored)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          output, ": expected an output that is another file than ", input,
          written == output ? ", got the same" : ", got one that is first written there"));
    }
  }
  return absl::OkStatus();
}

}  // namespace lamina::apps
