#include "lamina/serialization/checkpoint_callback.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lamina {
namespace {

constexpr const char* kName = "CheckpointCallback";

bool is_due(int64_t every, int64_t count) { return every > 0 && count % every == 0; }

}  // namespace

CheckpointCallback::CheckpointCallback(Checkpointer& checkpointer, TrainingState& state,
                                       CheckpointCallbackOptions options)
    : checkpointer_(checkpointer),
      state_(state),
      options_(std::move(options)),
      failures_("saving a checkpoint", options_.warn) {
  if (options_.every_steps < 0) {
    fail<ValueError>(kName, "expected every_steps of at least 0, got ", options_.every_steps);
  }
  if (options_.every_epochs < 0) {
    fail<ValueError>(kName, "expected every_epochs of at least 0, got ", options_.every_epochs);
  }
}

void CheckpointCallback::on_fit_begin(nn::train::Trainer& trainer) {
  if (!options_.monitor.empty()) trainer.check_value_name(options_.monitor);
}

void CheckpointCallback::on_step(nn::train::Trainer& trainer) {
  if (is_due(options_.every_steps, trainer.step())) save(trainer);
}

void CheckpointCallback::on_epoch_end(nn::train::Trainer& trainer) {
  if (is_due(options_.every_epochs, trainer.epoch())) save(trainer);
}

void CheckpointCallback::on_fit_end(nn::train::Trainer& trainer) {
  note(checkpointer_.wait());
  if (saved_ != std::make_pair(trainer.step(), trainer.epoch())) save(trainer);
  note(checkpointer_.wait());
}

void CheckpointCallback::note(const absl::Status& status) {
  if (status.ok()) return;  // wait() is OK as well when a save has failed before it
  status_ = status;
  saved_ = {-1, -1};
  failures_.note(status);
}

void CheckpointCallback::save(nn::train::Trainer& trainer) {
  const std::string culprit = trainer.not_finite_parameter();
  if (!culprit.empty()) {
    note(absl::FailedPreconditionError(absl::StrCat("step ", trainer.step(),
                                                    ": expected finite parameters, got others in ",
                                                    culprit, "; the last checkpoint stays")));
    return;
  }
  const bool ends_epoch = trainer.samples() == 0 && !trainer.history().empty();
  std::optional<double> metric;
  if (ends_epoch && !options_.monitor.empty()) metric = trainer.value(options_.monitor);
  note(checkpointer_.wait());  // so that what follows is of this save
  state_.step = trainer.step();
  saved_ = {trainer.step(), trainer.epoch()};
  status_ = absl::OkStatus();
  note(checkpointer_.save(state_, metric));
}

}  // namespace lamina
