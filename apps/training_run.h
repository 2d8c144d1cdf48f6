// TrainingRun: a Trainer's run in a folder: checkpoints, event file, progress, Ctrl-C, resuming.
//
//   TrainingRun run("mnist", kSettings);
//   absl::Status status = run.open(arguments);  // before anything that takes long; sets flags on --resume
//   ...
//   nn::train::Trainer trainer(model, loss, optimizer, {.epochs = absl::GetFlag(FLAGS_epochs).value});
//   trainer.add(accuracy).add(schedule);  // all but what run.fit() adds
//   absl::StatusOr<nn::train::FitResult> result = run.fit(trainer, train_loader, &test_loader);
//   ...
//   status = run.finish(report);
#ifndef LAMINA_APPS_TRAINING_RUN_H_
#define LAMINA_APPS_TRAINING_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/report/report.h"
#include "lamina/nn.h"
#include "lamina/serialization.h"

namespace lamina::apps {

// FailedPrecondition unless these are the data that the checkpoint's run gave to use_data(); `source`
// is what the error calls where they are from.
absl::Status check_data(const std::string& checkpoint, const std::vector<Tensor>& data,
                        const std::string& source);

class TrainingRun {
 public:
  // `settings` are the flags that a run is to be resumed with.
  TrainingRun(std::string app, std::vector<std::string> settings);
  ~TrainingRun();
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  // Makes the folder of a new run, which goes again if nothing is written to it, or, with --resume,
  // finds the last one and takes the settings from it. InvalidArgument for a setting that is not
  // UTF-8, which a checkpoint could not keep.
  absl::Status open(const Arguments& arguments);
  // Keeps a checksum of the data, all to train on and to test with, in the checkpoints. Errors of
  // check_data() if the run goes on with others.
  absl::Status use_data(const std::vector<Tensor>& data, const std::string& source);
  const std::string& folder() const { return folder_; }
  // For a report: rows of a name and a text of those settings that are set.
  std::vector<std::vector<std::string>> settings_rows() const;

  // To be called once; the trainer's objects must live as long. Trains from the beginning, or from
  // the run's newest checkpoint that is whole. Saves one at the end of each epoch, and every
  // `every_steps` steps if that is above 0; the last three stay. A Ctrl-C or a SIGTERM ends it
  // after the step in hand with a checkpoint; then the status is Cancelled, with the command line
  // to go on with. A checkpoint that cannot be written is warned of, and the training goes on.
  absl::StatusOr<nn::train::FitResult> fit(nn::train::Trainer& trainer, nn::data::DataLoader& train,
                                           nn::data::DataLoader* validation,
                                           int64_t every_steps = 0);

  // After fit(): writes report.html, and says so on standard output. The status tells, too, if the last
  // checkpoint was not written.
  absl::Status finish(const report::Report& report) const;

 private:
  const std::string app_;
  const std::vector<std::string> settings_;
  std::string folder_;
  std::string checkpoint_;  // with --resume, where the settings are from; else ""
  bool is_folder_new_ = false;
  std::string data_checksum_;

  TrainingState state_;
  std::optional<Checkpointer> checkpointer_;
  std::optional<EventWriter> events_;
  nn::train::StopOnSignal signal_;
  nn::train::ProgressReport progress_;
  std::optional<EventCallback> event_callback_;
  std::optional<CheckpointCallback> checkpoint_callback_;
};

}  // namespace lamina::apps

#endif  // LAMINA_APPS_TRAINING_RUN_H_
