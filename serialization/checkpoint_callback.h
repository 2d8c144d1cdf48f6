// CheckpointCallback: saves the state of a Trainer's run as it goes on, with a Checkpointer.
//
//   TrainingState state;
//   state.add("model", model);
//   state.add("optimizer", adamw);
//   state.add("trainer", trainer);  // with its metrics and callbacks: schedules, early stopping, ...
//   state.add("loader", train_loader);
//   state.add("generator", default_generator());
//   Checkpointer checkpointer("runs/digits");
//   absl::StatusOr<Checkpointer::Resumed> resumed = checkpointer.resume(state);
//   if (!resumed.ok()) return resumed.status();
//   CheckpointCallback checkpoints(checkpointer, state, {.every_steps = 500});
//   trainer.add(checkpoints);  // after the others, whose states it is to see
//   trainer.fit(train_loader, &test_loader);
//   return checkpoints.status();
#ifndef LAMINA_SERIALIZATION_CHECKPOINT_CALLBACK_H_
#define LAMINA_SERIALIZATION_CHECKPOINT_CALLBACK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/training_state.h"
#include "lamina/serialization/warn_once.h"

namespace lamina {

struct CheckpointCallbackOptions {
  int64_t every_steps = 0;   // 0: not by steps
  int64_t every_epochs = 1;  // 0: not by epochs
  // The value of the epochs' records by which checkpoints of epochs are compared ("val_loss"); none:
  // no best one is kept. Whether higher is better is the Checkpointer's option. Trainer::fit() throws
  // ValueError, with the names there are, before it trains.
  std::string monitor = "";
  // Is told of the first save that fails; none: a line on standard error.
  std::function<void(const absl::Status&)> warn = nullptr;
};

// Saves in the background, and once more when training ends, however it was stopped. A save that fails
// does not end training, which may be worth more than the disk that is full: the next one is tried, and the
// last one again when training ends.
//
// A model with a parameter that is not finite is not saved, so that the last good checkpoint stays.
// Saves fall on steps and epochs that are complete, so that a resumed run equals the unbroken one.
class CheckpointCallback : public nn::train::Callback {
 public:
  // Both must outlive it. Throws ValueError for negative numbers.
  CheckpointCallback(Checkpointer& checkpointer, TrainingState& state,
                     CheckpointCallbackOptions options = {});

  void on_fit_begin(nn::train::Trainer& trainer) override;
  void on_step(nn::train::Trainer& trainer) override;
  void on_epoch_end(nn::train::Trainer& trainer) override;
  void on_fit_end(nn::train::Trainer& trainer) override;

  // Of the last save: whether what training ended with is kept.
  const absl::Status& status() const { return status_; }

 private:
  void save(nn::train::Trainer& trainer);
  void note(const absl::Status& status);

  Checkpointer& checkpointer_;
  TrainingState& state_;
  const CheckpointCallbackOptions options_;
  serialization::WarnOnce failures_;
  absl::Status status_;
  std::pair<int64_t, int64_t> saved_{-1, -1};  // step and epoch of the last save; none if it failed
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_CHECKPOINT_CALLBACK_H_
