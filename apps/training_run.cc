#include "lamina/apps/training_run.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/run_folder.h"
#include "lamina/apps/trained_model.h"

namespace lamina::apps {

TrainingRun::TrainingRun(std::string app, std::vector<std::string> settings)
    : app_(std::move(app)),
      settings_(std::move(settings)),
      progress_(std::cout, nn::train::terminal_columns(STDOUT_FILENO)) {}

TrainingRun::~TrainingRun() {
  checkpointer_.reset();
  if (!folder_.empty()) rmdir(folder_.c_str());  // if nothing was written
}

absl::Status TrainingRun::open(const Arguments& arguments) {
  if (!absl::GetFlag(FLAGS_resume)) {
    absl::StatusOr<std::string> folder = new_run_folder(app_);
    if (!folder.ok()) return folder.status();
    folder_ = *std::move(folder);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> checkpoint = checkpoint_to_resume(app_);
  if (!checkpoint.ok()) return checkpoint.status();
  checkpoint_ = *std::move(checkpoint);
  folder_ = checkpoint_.substr(0, checkpoint_.rfind('/'));
  return adopt_settings(checkpoint_, app_, settings_, arguments);
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
  if (!resumed->path.empty()) std::cout << "going on from " << resumed->path << std::endl;
  nn::train::FitResult result = trainer.fit(train, validation);
  if (!checkpoint_callback_->status().ok()) return checkpoint_callback_->status();
  if (result.stopped == nn::train::StopOnSignal::kInterrupted ||
      result.stopped == nn::train::StopOnSignal::kTerminated) {
    return absl::CancelledError(absl::StrCat(result.stopped, " after step ", trainer.step(),
                                             "; to go on: --resume --output=", folder_));
  }
  return result;
}

absl::Status TrainingRun::write_report(const report::Report& report) const {
  const std::string path = absl::StrCat(folder_, "/report.html");
  absl::Status status = report.write(path);
  if (status.ok()) std::cout << "report: " << path << std::endl;
  return status;
}

}  // namespace lamina::apps
