#include "lamina/serialization/checkpointer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/status.h"

namespace lamina {
namespace {

using serialization::Descriptor;
using serialization::kMetricEntry;

constexpr char kName[] = "Checkpointer";
constexpr int64_t kStepLimit = 1000000000000;  // 10^12

std::string name_of_file(int64_t step) { return absl::StrFormat("step_%012d.ckpt", step); }

// Nothing for the name of any other file.
std::optional<int64_t> step_of(absl::string_view name) {
  int64_t step = 0;
  absl::string_view digits = name;
  if (!absl::ConsumePrefix(&digits, "step_") || !absl::ConsumeSuffix(&digits, ".ckpt") ||
      !absl::SimpleAtoi(digits, &step) || step < 0 || name_of_file(step) != name) {
    return std::nullopt;
  }
  return step;
}

std::optional<double> metric_of(const std::string& path) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok()) return std::nullopt;
  const absl::StatusOr<std::optional<NDArray>> metric = reader->read(kMetricEntry);
  if (!metric.ok() || !metric->has_value()) return std::nullopt;
  const NDArray& value = **metric;
  if (value.dtype() != float64 || value.dim() != 0) return std::nullopt;
  return value.item<double>();
}

}  // namespace

Checkpointer::Checkpointer(std::string folder, const CheckpointerOptions& options)
    : folder_(std::move(folder)), options_(options) {
  if (options.keep_last >= 1) return;
  fail<ValueError>(kName, "keep_last: expected at least 1, got ", options.keep_last);
}

Checkpointer::~Checkpointer() {
  wait().IgnoreError();
  // Not left to close(), for a child that was forked meanwhile holds the folder open too.
  if (lock_.valid()) flock(lock_.get(), LOCK_UN);
}

std::string Checkpointer::path_of(int64_t step) const {
  return absl::StrCat(folder_, "/", name_of_file(step));
}

// ---- The folder

absl::Status Checkpointer::open_folder() {
  if (lock_.valid()) return absl::OkStatus();
  absl::Status status = serialization::check_path(folder_);
  if (!status.ok()) return status;
  const auto error = [&](const char* what) {
    return absl::ErrnoToStatus(errno, absl::StrCat(folder_, ": ", what));
  };
  const bool is_new = mkdir(folder_.c_str(), 0777) == 0;
  if (!is_new && errno != EEXIST) return error("cannot create the folder");
  Descriptor folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return error("cannot open the folder");
  if (access(folder_.c_str(), W_OK | X_OK) != 0) return error("cannot write to the folder");
  // A file system without locks leaves it to the user that there is one at a time.
  if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return absl::UnavailableError(absl::StrCat(folder_, ": another Checkpointer has the folder"));
  }
  // Or a crash might take the folder away, with all that is in it: also one that is not new, whose maker
  // may have been killed before this. Who may not read the parent has not made it.
  const Descriptor parent(openat(folder.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid() && (is_new || errno != EACCES)) return error("cannot open its parent");
  // A file system that cannot sync a folder says EINVAL.
  if (parent.valid() && fsync(parent.get()) != 0 && errno != EINVAL) {
    return error("cannot sync its parent");
  }
  status = find_files();
  if (status.ok()) lock_ = std::move(folder);
  return status;
}

absl::Status Checkpointer::find_files() {
  files_.clear();
  std::error_code error, ignored;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (const std::optional<int64_t> step = step_of(name)) {
      files_.push_back({*step, metric_of(at->path().string())});
    } else if (step_of(absl::StripSuffix(name, serialization::kSaving))) {
      std::filesystem::remove(at->path(), ignored);
    }
  }
  if (error)
    return absl::ErrnoToStatus(error.value(), absl::StrCat(folder_, ": cannot list the folder"));
  std::sort(files_.begin(), files_.end(),
            [](const File& a, const File& b) { return a.step < b.step; });
  return absl::OkStatus();
}

const Checkpointer::File* Checkpointer::find_best() const {
  const File* best = nullptr;
  for (const File& file : files_) {
    if (!file.metric || std::isnan(*file.metric)) continue;
    if (best == nullptr ||
        (options_.higher_is_better ? *file.metric > *best->metric : *file.metric < *best->metric)) {
      best = &file;
    }
  }
  return best;
}

absl::StatusOr<std::string> Checkpointer::best() {
  absl::Status status = wait();
  if (status.ok()) status = open_folder();
  if (!status.ok()) return status;
  if (const File* const best = find_best()) return path_of(best->step);
  return absl::NotFoundError(
      absl::StrCat(folder_, ": expected a checkpoint with a metric, got none"));
}

// ---- Resuming

absl::StatusOr<Checkpointer::Resumed> Checkpointer::resume(TrainingState& state) {
  absl::Status status = wait();
  if (status.ok()) status = open_folder();
  if (!status.ok()) return status;
  Resumed resumed;
  for (size_t count = files_.size(); count > 0; --count) {
    const std::string path = path_of(files_[count - 1].step);
    status = state.load(path);
    if (status.ok()) {
      resumed.path = path;
      files_.resize(count);
      return resumed;
    }
    // What is not the file's fault, an older one would not do better, or it would undo later training.
    if (!absl::IsDataLoss(status) && !absl::IsInvalidArgument(status)) return status;
    resumed.skipped.push_back(std::move(status));
  }
  if (resumed.skipped.empty()) return resumed;
  const auto message = [](std::string* out, const absl::Status& skipped) {
    absl::StrAppend(out, skipped.message());
  };
  return absl::DataLossError(absl::StrCat(folder_,
                                          ": expected a checkpoint that is whole, got none:\n\t",
                                          absl::StrJoin(resumed.skipped, "\n\t", message)));
}

// ---- Saving

absl::Status Checkpointer::save(const TrainingState& state, std::optional<double> metric) {
  if (state.step < 0 || state.step >= kStepLimit) {
    fail<ValueError>(kName, "expected a step from 0 to below 10^12, got ", state.step);
  }
  absl::Status earlier = wait();
  absl::Status status = open_folder();
  if (status.ok()) status = begin_to_save(state, metric);
  if (earlier.ok()) return status;
  if (status.ok()) return earlier;
  return absl::Status(status.code(), absl::StrCat(status.message(),
                                                  "; and of the save before: ", earlier.message()));
}

absl::Status Checkpointer::begin_to_save(const TrainingState& state, std::optional<double> metric) {
  if (!files_.empty() && files_.back().step > state.step) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_of(files_.back().step), ": expected no checkpoint of more steps than ",
                     state.step, ": resume from it, remove it, or save to another folder"));
  }
  const nn::StateDict now = state.state_dict();
  absl::StatusOr<nn::StateDict> copy =
      serialization::or_no_memory(folder_, "for a copy of the state",
                                  [&]() -> absl::StatusOr<nn::StateDict> { return now.clone(); });
  if (!copy.ok()) return copy.status();
  if (metric) copy->set(kMetricEntry, NDArray::full({}, *metric, float64));
  // Deferred to wait() if there is no thread to be had.
  writing_ = std::async(
      std::launch::async | std::launch::deferred,
      [this, file = File{state.step, metric}, copy = *std::move(copy),
       options = SaveOptions{state.metadata}]() mutable {
        const nn::StateDict state = std::move(copy);  // not to be kept until the next call
        return serialization::or_no_memory(folder_, "to save a checkpoint",
                                           [&] { return write(file, state.arrays(), options); });
      });
  return absl::OkStatus();
}

absl::Status Checkpointer::wait() { return writing_.valid() ? writing_.get() : absl::OkStatus(); }

absl::Status Checkpointer::write(const File& file, const NamedArrays& arrays,
                                 const SaveOptions& options) {
  absl::Status status = save_checkpoint(path_of(file.step), arrays, options);
  if (!status.ok()) return status;
  if (!files_.empty() && files_.back().step == file.step) files_.pop_back();
  files_.push_back(file);
  return remove_old();
}

absl::Status Checkpointer::remove_old() {
  const File* const best = find_best();
  absl::Status status;
  std::vector<File> kept;
  for (size_t i = 0; i < files_.size(); ++i) {
    const bool is_last = static_cast<int64_t>(files_.size() - i) <= options_.keep_last;
    const std::string path = path_of(files_[i].step);
    if (is_last || &files_[i] == best) {
      kept.push_back(files_[i]);
    } else if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      status = absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot remove an old checkpoint"));
      kept.push_back(files_[i]);
    }
  }
  files_ = std::move(kept);
  return status;
}

std::vector<std::string> checkpoints_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;  // which also ends the list
  std::filesystem::directory_iterator at(folder, error);
  for (; at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (step_of(at->path().filename().string())) paths.push_back(at->path().string());
  }
  std::sort(paths.begin(), paths.end());  // their names sort by step
  return paths;
}

}  // namespace lamina
