#include "lamina/serialization/status.h"

#include "lamina/serialization/text.h"

namespace lamina::serialization {

absl::Status of_entry(const std::string& path, absl::string_view name, const absl::Status& status) {
  absl::string_view text = status.message();
  const std::string begin = absl::StrCat(path, ": ");
  if (text.substr(0, begin.size()) == begin) text.remove_prefix(begin.size());
  return absl::Status(status.code(), absl::StrCat(begin, "entry ", in_quotes(name), ": ", text));
}

absl::Status moved_from(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": expected one with an open file, got one that was moved from"));
}

}  // namespace lamina::serialization
