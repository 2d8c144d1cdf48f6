#include "lamina/apps/fetched_file.h"

#include <cerrno>  // program_invocation_name
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tools/cpp/runfiles/runfiles.h"

namespace lamina::apps {
namespace {

namespace fs = std::filesystem;

// The path of a runfile of the program at this path, "" if it is not there.
std::string runfile_of(const std::string& program, const std::string& runfile) {
  using bazel::tools::cpp::runfiles::Runfiles;
  std::string problem;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(program, &problem));
  std::string path = runfiles ? runfiles->Rlocation(runfile) : "";
  std::error_code error;
  return fs::exists(path, error) ? path : "";
}

}  // namespace

absl::StatusOr<std::string> fetched_file(const std::string& runfile, const std::string& instead) {
  std::error_code error;
  // However it was started: by its path, by PATH or through a link.
  std::string path = runfile_of(fs::read_symlink("/proc/self/exe", error), runfile);
  // In the runfiles of a test it is a link.
  if (path.empty()) path = runfile_of(program_invocation_name, runfile);
  if (!path.empty()) return path;
  return absl::NotFoundError(absl::StrCat(
      "expected ", runfile, " beside the program, where `bazel run` and `bazel build` put it, or ",
      instead, ", got neither"));
}

}  // namespace lamina::apps
