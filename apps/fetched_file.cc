#include "lamina/apps/fetched_file.h"

#include <cerrno>  // program_invocation_name
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tools/cpp/runfiles/runfiles.h"

namespace lamina::apps {

absl::StatusOr<std::string> fetched_file(const std::string& runfile, const std::string& instead) {
  using bazel::tools::cpp::runfiles::Runfiles;
  std::string problem;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(program_invocation_name, &problem));
  std::string path = runfiles ? runfiles->Rlocation(runfile) : "";
  std::error_code error;
  if (!path.empty() && std::filesystem::exists(path, error)) return path;
  return absl::NotFoundError(absl::StrCat(
      "expected ", runfile, " beside the program, where `bazel run` and `bazel build` put it, or ",
      instead, ", got neither"));
}

}  // namespace lamina::apps
