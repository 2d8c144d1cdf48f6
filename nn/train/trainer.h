// Trainer: trains a model for some epochs, with callbacks at each point of the way, and can be stopped
// and resumed at any step.
//
//   nn::train::Trainer trainer(model, loss, adamw, {.epochs = 10});
//   nn::train::Accuracy accuracy;
//   nn::train::GradientClipping clipping({.max_norm = 1});
//   nn::train::EarlyStopping patience({.monitor = "val_accuracy", .patience = 3});
//   nn::train::ProgressReport report(std::cerr);
//   trainer.add(accuracy).add(clipping).add(patience).add(report);
//   const nn::train::FitResult result = trainer.fit(train_loader, &test_loader);
//
// The callbacks are in callbacks.h, progress_report.h and, for those that write files, in
// lamina/serialization.h. For a loop of your own, epoch() (epoch.h) is the simple door.
#ifndef LAMINA_NN_TRAIN_TRAINER_H_
#define LAMINA_NN_TRAIN_TRAINER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/optim/optimizer.h"
#include "lamina/nn/state_dict.h"
#include "lamina/nn/train/callback.h"
#include "lamina/nn/train/epoch_record.h"
#include "lamina/nn/train/metric.h"

namespace lamina::nn::train {

struct TrainerOptions {
  int64_t epochs = 1;  // in all: those before a resume count
  // Batches per step of the optimizer, whose gradients are averaged over their samples, as if they
  // were one batch. At the end of an epoch there may be fewer. Above 1, the loss has to be an average
  // over a batch's samples.
  int64_t accumulate = 1;
};

struct FitResult {
  std::vector<EpochRecord> history;  // of all epochs, those before a resume too
  // Why training ended early, as the callback put it; "" if it did not.
  std::string stopped;
};

// The loss is averaged over samples. All arguments, and what is added, must outlive the trainer. Not for
// several threads at once.
class Trainer {
 public:
  // Throws ValueError for a negative number of epochs, and for accumulate below 1.
  Trainer(Layer& model, Loss& loss, optim::Optimizer& optimizer,
          const TrainerOptions& options = {});
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Metrics are computed while training and validating. Callbacks are called in the order in which they
  // were added. ValueError for two metrics of one name, one of the name "loss", and the same callback
  // twice. These, fit() and load_state_dict() throw RuntimeError while fit() runs.
  Trainer& add(Metric& metric);
  Trainer& add(Callback& callback);

  // Trains until `epochs` have passed or a callback calls stop(), from where the state stands. The
  // model's mode is put back.
  //
  // What the model, the loss, a metric or a callback throws leaves fit(), what was thrown first if
  // several do; on_validation_end() is called of all callbacks nevertheless. If that is in the middle of an
  // epoch, trainer and loader may no longer agree: load the states of a checkpoint into both before
  // another fit(). After validation has thrown, the epoch counts, without its values.
  //
  // Throws RuntimeError if a loss is not finite, before the optimizer's step: the text has the step,
  // and the first layer whose output is not finite, or the parameter. Also if the state is of the
  // middle of an epoch, and the loader is elsewhere or not of the samples, batches and order with which
  // the epoch was begun: the text has all that differs. At the end of an epoch any loader will do.
  FitResult fit(data::DataLoader& train, data::DataLoader* validation = nullptr);

  // The loss and the metrics on this data, by name ("loss", "accuracy"); moves no loader on, trains
  // nothing. NaN for no samples.
  EpochRecord evaluate(const data::DataLoader& loader);

  // ---- For callbacks

  // Ends training after the step in hand. The first reason counts.
  void stop(std::string reason);
  bool is_stopping() const { return stopped_.has_value(); }
  std::string stop_reason() const { return stopped_.value_or(""); }

  Layer& model() const { return model_; }
  optim::Optimizer& optimizer() const { return optimizer_; }
  int64_t epochs() const { return options_.epochs; }
  int64_t epoch() const { return epoch_; }  // how many are complete
  int64_t step() const { return step_; }    // how many the optimizer has taken
  // Of the epoch that is under way: how many samples of how many were trained on, and their mean loss.
  int64_t samples() const { return samples_; }
  int64_t samples_in_epoch() const { return samples_in_epoch_; }
  double running_loss() const { return loss_sum_ / static_cast<double>(samples_); }
  double last_loss() const { return last_loss_; }  // of the last batch
  const std::vector<EpochRecord>& history() const { return history_; }
  // The value of this name of the last epoch. Throws ValueError that lists the names if there is none.
  double value(absl::string_view name) const;
  // For on_fit_begin of a callback that will ask for a value, so that a name that is mistyped shows
  // before the first epoch and not after it. Throws ValueError that lists the names which the epochs of
  // this fit() will have and suggests the closest, unless `name` is among them: "train_loss" and
  // "train_METRIC", if there is data to validate on "val_loss" and "val_METRIC", and "lr". RuntimeError
  // outside of fit().
  void check_value_name(absl::string_view name) const;
  // The first parameter of the model that is not finite; "" if all are.
  std::string not_finite_parameter() const;
  // Whether a value of this name, "val_accuracy", is better when it is higher. ValueError as above.
  bool higher_is_better(absl::string_view name) const;

  // ---- State, to resume from, at the end of a step or an epoch: the counts, the sums of the epoch under
  // way and what its loader was, the history, and the states of metrics and of the callbacks that have one, which are always the
  // same, in the order in which they were added.
  // Model, optimizer and loader have states of their own.
  StateDict state_dict() const;
  // Throws RuntimeError that lists every problem, and if there is none, what a callback throws for its
  // own; then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  bool train_epoch(data::DataLoader& loader);  // false: stopped before its end
  void train_batch(const data::Batch& batch, bool ends_group);
  void finish_epoch(data::DataLoader* validation);
  void validate(const data::DataLoader& loader);
  static StateDict pass_of(const data::DataLoader& loader);
  void check_position(const data::DataLoader& loader) const;
  std::vector<std::string> value_names(bool validates) const;
  [[noreturn]] void fail_not_finite(const data::Batch& batch, Generator::State random);
  void call(void (Callback::*event)(Trainer&));
  void check_at_rest(const char* function) const;

  Layer& model_;
  Loss& loss_;
  optim::Optimizer& optimizer_;
  const TrainerOptions options_;
  std::vector<Metric*> metrics_;
  std::vector<Callback*> callbacks_;

  bool is_fitting_ = false, validates_ = false;
  int64_t epoch_ = 0, step_ = 0;
  std::vector<EpochRecord> history_;
  std::optional<std::string> stopped_;
  // Of the epoch under way.
  int64_t batches_ = 0, samples_ = 0, samples_in_epoch_ = 0;
  int64_t group_samples_ = 0;  // since the last step
  double loss_sum_ = 0, last_loss_ = 0;
  StateDict pass_;  // of its loader
};

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_TRAINER_H_
