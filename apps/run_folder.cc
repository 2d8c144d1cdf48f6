#include "lamina/apps/run_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lamina/apps/report/report.h"
#include "lamina/serialization.h"

ABSL_FLAG(std::string, output, "",
          "folder for checkpoints, TensorBoard's event file and report.html (default: runs/, the "
          "program's name, and the next number)");
ABSL_FLAG(bool, resume, false,
          "go on with the run in --output, or with the last one, from its newest checkpoint");
ABSL_FLAG(std::string, checkpoint, "",
          "file, or folder of a run, to take the network from (default: the last run)");

namespace lamina::apps {
namespace {

namespace fs = std::filesystem;

constexpr char kAppEntry[] = "app";

fs::path runs_of(const std::string& app) { return fs::path(user_path("runs")) / app; }

// The numbers of the folders in `runs`, the last first.
std::vector<int64_t> numbers_in(const fs::path& runs) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(runs, error)) {
    int64_t number;
    const std::string name = entry.path().filename();
    if (absl::SimpleAtoi(name, &number) && number > 0 && name == absl::StrFormat("%03d", number)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.rbegin(), numbers.rend());
  return numbers;
}

// The last numbered folder with a checkpoint.
std::optional<fs::path> last_run(const std::string& app) {
  for (const int64_t number : numbers_in(runs_of(app))) {
    fs::path folder = runs_of(app) / absl::StrFormat("%03d", number);
    if (!checkpoints_in(folder).empty()) return folder;
  }
  return std::nullopt;
}

absl::Status cannot_make(const fs::path& folder, std::error_code error) {
  const std::string message = absl::StrCat(folder.string(), ": cannot make the output folder");
  if (!error) {
    return absl::FailedPreconditionError(absl::StrCat(message, ": something else is there"));
  }
  return absl::ErrnoToStatus(error.value(), message);
}

// Makes it, and what it is in, if it is not there.
absl::Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && fs::is_directory(folder, error)) return absl::OkStatus();
  return cannot_make(folder, error);
}

// Makes the folder with the number after the last of `runs`.
absl::StatusOr<fs::path> make_numbered_folder(const fs::path& runs) {
  const absl::Status status = make_folder(runs);
  if (!status.ok()) return status;
  const std::vector<int64_t> numbers = numbers_in(runs);
  for (int64_t number = numbers.empty() ? 1 : numbers.front() + 1;; ++number) {
    fs::path folder = runs / absl::StrFormat("%03d", number);
    std::error_code error;
    if (fs::create_directory(folder, error)) return folder;
    // Another program that starts may have made it meanwhile.
    if (error || !fs::is_directory(folder, error)) return cannot_make(folder, error);
  }
}

// --output.
absl::StatusOr<fs::path> make_given_folder(fs::path folder) {
  if (const std::vector<std::string> old = checkpoints_in(folder); !old.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "flag --output: expected a folder without checkpoints, or --resume to go on, got ",
        old.back()));
  }
  std::error_code error;
  if (fs::exists(folder / kReport, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat("flag --output: expected a folder without a report, got one with ",
                     (folder / kReport).string()));
  }
  const absl::Status status = make_folder(folder);
  if (!status.ok()) return status;
  return folder;
}

// Whether the flag has the value of the text, in which a number may be written in another way:
// 0.0001, 1e-04.
bool tells_the_same(absl::CommandLineFlag* flag, const std::string& text) {
  const std::string given = flag->CurrentValue();
  if (text == given) return true;
  std::string error;
  const bool same = flag->ParseFrom(text, &error) && flag->CurrentValue() == given;
  flag->ParseFrom(given, &error);
  return same;
}

absl::Status no_checkpoint(const std::string& app, absl::string_view where,
                           absl::string_view flag) {
  return absl::NotFoundError(absl::StrCat(where, ": expected a checkpoint, got none; run `", app,
                                          " train` first, or name one with ", flag));
}

}  // namespace

absl::StatusOr<std::string> new_run_folder(const std::string& app) {
  const std::string given = absl::GetFlag(FLAGS_output);
  const absl::StatusOr<fs::path> folder =
      given.empty() ? make_numbered_folder(runs_of(app)) : make_given_folder(user_path(given));
  if (!folder.ok()) return folder.status();
  const absl::Status status = report::Report::check_path(*folder / kReport);
  if (!status.ok()) return status;
  return folder->string();
}

absl::StatusOr<std::string> checkpoint_to_resume(const std::string& app) {
  const std::string flag = absl::GetFlag(FLAGS_output);
  const std::optional<fs::path> folder = flag.empty() ? last_run(app) : user_path(flag);
  std::vector<std::string> paths = folder ? checkpoints_in(*folder) : std::vector<std::string>{};
  absl::Status damaged;
  for (; !paths.empty(); paths.pop_back()) {
    const absl::Status status = CheckpointReader::open(paths.back()).status();
    if (status.ok()) return paths.back();
    if (damaged.ok()) damaged = status;
  }
  if (!damaged.ok()) return damaged;
  return no_checkpoint(app, folder ? folder->string() : runs_of(app).string(), "--output");
}

absl::StatusOr<std::string> newest_checkpoint(const std::string& app) {
  const std::string flag = absl::GetFlag(FLAGS_checkpoint);
  const std::optional<fs::path> place = flag.empty() ? last_run(app) : user_path(flag);
  std::error_code error;
  if (place && !fs::is_directory(*place, error)) return place->string();  // reading it will tell
  const std::vector<std::string> found =
      place ? checkpoints_in(*place) : std::vector<std::string>{};
  if (!found.empty()) return found.back();
  return no_checkpoint(app, place ? place->string() : runs_of(app).string(), "--checkpoint");
}

std::map<std::string, std::string> settings_of(const std::string& app,
                                               const std::vector<std::string>& flags) {
  std::map<std::string, std::string> settings = {{kAppEntry, app}};
  for (const std::string& name : flags) {
    settings[name] = absl::FindCommandLineFlag(name)->CurrentValue();
  }
  return settings;
}

std::vector<std::vector<std::string>> settings_rows(const std::string& app,
                                                    const std::vector<std::string>& flags) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : settings_of(app, flags)) {
    if (!value.empty()) rows.push_back({name, value});
  }
  return rows;
}

absl::Status adopt_settings(const std::string& checkpoint, const std::string& app,
                            const std::vector<std::string>& flags, const Arguments& arguments) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok()) return reader.status();
  const std::map<std::string, std::string>& saved = reader->metadata();
  const auto saved_app = saved.find(kAppEntry);
  if (saved_app == saved.end() || saved_app->second != app) {
    return absl::FailedPreconditionError(absl::StrCat(
        checkpoint, ": expected a checkpoint of ", app, ", got one ",
        saved_app == saved.end() ? "that names no application" : "of " + saved_app->second));
  }
  std::vector<std::string> problems;
  for (const std::string& name : flags) {
    absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(name);
    const auto setting = saved.find(name);
    if (setting == saved.end()) {
      problems.push_back(absl::StrCat("it does not tell --", name));
      continue;
    }
    if (arguments.given.count(name) > 0) {
      if (!tells_the_same(&flag, setting->second)) {
        problems.push_back(absl::StrCat("--", name, " is ",
                                        setting->second.empty() ? "not set" : setting->second,
                                        " there, got ", flag.CurrentValue()));
      }
      continue;
    }
    std::string error;
    if (!flag.ParseFrom(setting->second, &error)) problems.push_back(error);
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(checkpoint, ": ", absl::StrJoin(problems, "; ")));
}

}  // namespace lamina::apps
