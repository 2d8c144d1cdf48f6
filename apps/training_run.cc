#include "lamina/apps/training_run.h"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/run_folder.h"
#include "lamina/apps/trained_model.h"
#include "lamina/serialization/crc32c.h"
#include "lamina/serialization/text.h"

namespace lamina::apps {
namespace {

constexpr char kDataEntry[] = "run_data_crc32c";

absl::Status check_text(const std::map<std::string, std::string>& settings) {
  for (const auto& [name, value] : settings) {
    if (serialization::is_utf8(value)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("flag --", name, ": expected text in UTF-8, which a checkpoint can keep, got ",
                     serialization::in_quotes(value)));
  }
  return absl::OkStatus();
}

std::string checksum(const std::vector<Tensor>& data) {
  uint32_t crc = 0;
  for (const Tensor& tensor : data) {
    const NDArray array = tensor.detach().contiguous().data();
    crc = serialization::crc32c(
        {array.raw_data(), static_cast<size_t>(array.numel() * size_of(array.dtype()))}, crc);
  }
  return absl::StrCat(absl::Hex(crc, absl::kZeroPad8));
}

absl::Status check_checksum(const std::string& checkpoint, const std::string& actual,
                            const std::string& source) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok()) return reader.status();
  const auto saved = reader->metadata().find(kDataEntry);
  if (saved == reader->metadata().end() || saved->second == actual) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(checkpoint, ": expected the data of its run, with the checksum ", saved->second,
                   ", got others in ", source, ", with ", actual));
}

}  // namespace

absl::Status check_data(const std::string& checkpoint, const std::vector<Tensor>& data,
                        const std::string& source) {
  return check_checksum(checkpoint, checksum(data), source);
}

TrainingRun::TrainingRun(std::string app, std::vector<std::string> settings)
    : app_(std::move(app)),
      settings_(std::move(settings)),
      progress_(std::cout, nn::train::terminal_columns(STDOUT_FILENO)) {}

TrainingRun::~TrainingRun() {
  checkpointer_.reset();
  if (is_folder_new_) rmdir(folder_.c_str());  // if nothing was written
}

absl::Status TrainingRun::open(const Arguments& arguments) {
  if (!absl::GetFlag(FLAGS_resume)) {
    absl::Status status = check_text(settings_of(app_, settings_));
    if (!status.ok()) return status;
    std::error_code error;
    const std::string given = absl::GetFlag(FLAGS_output);
    const bool is_new = given.empty() || !std::filesystem::exists(user_path(given), error);
    absl::StatusOr<std::string> folder = new_run_folder(app_);
    if (!folder.ok()) return folder.status();
    folder_ = *std::move(folder);
    is_folder_new_ = is_new;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> checkpoint = checkpoint_to_resume(app_);
  if (!checkpoint.ok()) return checkpoint.status();
  checkpoint_ = *std::move(checkpoint);
  folder_ = checkpoint_.substr(0, checkpoint_.rfind('/'));
  return adopt_settings(checkpoint_, app_, settings_, arguments);
}

absl::Status TrainingRun::use_data(const std::vector<Tensor>& data, const std::string& source) {
  data_checksum_ = checksum(data);
  if (checkpoint_.empty()) return absl::OkStatus();
  return check_checksum(checkpoint_, data_checksum_, source);
}

std::vector<std::vector<std::string>> TrainingRun::settings_rows() const {
  return apps::settings_rows(app_, settings_);
}

absl::StatusOr<nn::train::FitResult> TrainingRun::fit(nn::train::Trainer& trainer,
                                                      nn::data::DataLoader& train,
                                                      nn::data::DataLoader* validation,
                                                      int64_t every_steps) {
  state_.add(kModelPart, trainer.model());
  state_.add("optimizer", trainer.optimizer());
  state_.add("trainer", trainer);
  state_.add("loader", train);
  state_.add("generator", default_generator());
  state_.metadata = settings_of(app_, settings_);
  if (!data_checksum_.empty()) state_.metadata[kDataEntry] = data_checksum_;
  absl::StatusOr<EventWriter> events = EventWriter::create(folder_);
  if (!events.ok()) return events.status();
  events_.emplace(*std::move(events));
  event_callback_.emplace(*events_);
  checkpointer_.emplace(folder_);
  CheckpointCallbackOptions options;
  options.every_steps = every_steps;
  checkpoint_callback_.emplace(*checkpointer_, state_, options);
  trainer.add(signal_).add(progress_).add(*event_callback_).add(*checkpoint_callback_);

  const absl::StatusOr<Checkpointer::Resumed> resumed = checkpointer_->resume(state_);
  if (!resumed.ok()) return resumed.status();
  for (const absl::Status& skipped : resumed->skipped) {
    std::cerr << "warning: passed over: " << skipped.message() << std::endl;
  }
  if (resumed->path.empty() && !checkpoint_.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder_, ": expected a checkpoint to go on from, got none that is whole"));
  }
  if (!resumed->path.empty()) {
    const bool is_done = trainer.epoch() >= trainer.epochs();
    std::cout << (is_done ? "nothing is left to train after " : "going on from ") << resumed->path
              << std::endl;
  }
  nn::train::FitResult result = trainer.fit(train, validation);
  if (result.stopped == nn::train::StopOnSignal::kInterrupted ||
      result.stopped == nn::train::StopOnSignal::kTerminated) {
    if (!checkpoint_callback_->status().ok()) return checkpoint_callback_->status();
    return absl::CancelledError(absl::StrCat(result.stopped, " after step ", trainer.step(),
                                             "; to go on: ", app_, " --resume --output=", folder_));
  }
  return result;
}

absl::Status TrainingRun::finish(const report::Report& report) const {
  const std::string path = absl::StrCat(folder_, "/", kReport);
  const absl::Status written = report.write(path);
  if (written.ok()) std::cout << "report: " << path << std::endl;
  const absl::Status& saved = checkpoint_callback_->status();
  if (saved.ok() || written.ok()) return saved.ok() ? written : saved;
  return absl::Status(saved.code(), absl::StrCat(saved.message(), "; ", written.message()));
}

}  // namespace lamina::apps
