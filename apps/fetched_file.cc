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

// The path of the runfile for a program of this name, "" if it is not there.
std::string find(const std::string& runfile, const std::string& program) {
  using bazel::tools::cpp::runfiles::Runfiles;
  std::string problem;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(program, &problem));
  std::string path = runfiles ? runfiles->Rlocation(runfile) : "";
  std::error_code error;
  return fs::exists(path, error) ? path : "";
}

}  // namespace

absl::StatusOr<std::string> fetched_file(const std::string& runfile, const std::string& instead) {
  std::string path = find(runfile, program_invocation_name);
  if (path.empty()) {  // it was found by PATH, or started through a link
    std::error_code error;
    path = find(runfile, fs::read_symlink("/proc/self/exe", error));
  }
  if (!path.empty()) return path;
  return absl::NotFoundError(absl::StrCat(
      "expected ", runfile, " beside the program, where `bazel run` and `bazel build` put it, or ",
      instead, ", got neither"));
}

}  // namespace lamina::apps
