// The callbacks of everyday training: early stopping, the best weights, learning rates, gradient
// clipping, averages of weights, a time limit, and Ctrl-C.
//
// Those that follow a value by its name let on_fit_begin throw ValueError, with the names that there will
// be, for one that the epochs' records will not have; EarlyStopping and BestWeights also for "lr", which
// is neither better nor worse.
//
// They are called in the order in which they were added to the Trainer. One that saves the whole state
// comes last, so that it sees what the others have done.
#ifndef LAMINA_NN_TRAIN_CALLBACKS_H_
#define LAMINA_NN_TRAIN_CALLBACKS_H_

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "lamina/nn/optim/lr_scheduler.h"
#include "lamina/nn/optim/reduce_lr_on_plateau.h"
#include "lamina/nn/optim/weight_average.h"
#include "lamina/nn/state_dict.h"
#include "lamina/nn/train/trainer.h"

namespace lamina::nn::train {

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";  // a name in the epochs' records
  int64_t patience = 5;              // at least 1
  double min_delta = 0;              // by how much to be better counts; at least 0
};

// Stops training when a value has not got better for `patience` epochs in a row. NaN is never better.
class EarlyStopping : public Callback {
 public:
  explicit EarlyStopping(EarlyStoppingOptions options = {});  // ValueError for options out of range

  void on_fit_begin(Trainer& trainer) override;  // stops at once if it had when the state was saved
  void on_epoch_end(Trainer& trainer) override;
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 private:
  void stop_if_due(Trainer& trainer) const;
  const EarlyStoppingOptions options_;
  std::optional<double> best_;
  int64_t bad_epochs_ = 0;
};

// Keeps a copy of the model's state of the epoch in which a value was best. NaN is never best. With an
// average, the weights in it are the averages, as it is these that WeightAveraging validates.
class BestWeights : public Callback {
 public:
  explicit BestWeights(std::string monitor = "val_loss",
                       optim::ExponentialMovingAverage* average = nullptr)
      : monitor_(std::move(monitor)), average_(average) {}

  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer) override;
  // None before the first epoch. Epochs count from 1.
  std::optional<double> value() const { return best_; }
  int64_t epoch() const { return epoch_; }
  // Puts the copy into the model. Throws RuntimeError if there is none.
  void restore(Module& model) const;
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 private:
  const std::string monitor_;
  optim::ExponentialMovingAverage* const average_;  // or null
  std::optional<double> best_;
  int64_t epoch_ = 0;
  StateDict weights_;
};

// Moves a schedule of learning rates on, after each step or each epoch. Its state goes with the
// trainer's.
class LearningRateSchedule : public Callback {
 public:
  enum class Every { kStep, kEpoch };
  LearningRateSchedule(optim::LRScheduler& schedule, Every every)
      : schedule_(schedule), every_(every) {}

  void on_step(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer) override;
  StateDict state_dict() const override { return schedule_.state_dict(); }
  void load_state_dict(const StateDict& state) override { schedule_.load_state_dict(state); }

 private:
  optim::LRScheduler& schedule_;
  const Every every_;
};

// Lowers the learning rates when a value no longer gets better. Whether lower or higher is better is
// said by the schedule's options.
class PlateauSchedule : public Callback {
 public:
  explicit PlateauSchedule(optim::ReduceLROnPlateau& schedule, std::string monitor = "val_loss")
      : schedule_(schedule), monitor_(std::move(monitor)) {}

  void on_fit_begin(Trainer& trainer) override { trainer.check_value_name(monitor_); }
  void on_epoch_end(Trainer& trainer) override { schedule_.step(trainer.value(monitor_)); }
  StateDict state_dict() const override { return schedule_.state_dict(); }
  void load_state_dict(const StateDict& state) override { schedule_.load_state_dict(state); }

 private:
  optim::ReduceLROnPlateau& schedule_;
  const std::string monitor_;
};

struct GradientClippingOptions {
  std::optional<double> max_norm = {};  // of all gradients as one vector: clip_grad_norm_
  std::optional<double> value = {};     // of each element: clip_grad_value_, after the norm
};

// Bounds the gradients of the optimizer's parameters before each step.
class GradientClipping : public Callback {
 public:
  explicit GradientClipping(
      const GradientClippingOptions& options);  // ValueError for negative ones

  void on_gradients(Trainer& trainer) override;
  double last_norm() const { return last_norm_; }  // before it was clipped; NaN without max_norm

 private:
  const GradientClippingOptions options_;
  double last_norm_ = std::numeric_limits<double>::quiet_NaN();
};

// Averages the weights after each step, and validates with the averages.
class WeightAveraging : public Callback {
 public:
  explicit WeightAveraging(optim::ExponentialMovingAverage& average) : average_(average) {}

  void on_step(Trainer&) override { average_.update(); }
  void on_validation_begin(Trainer& trainer) override;
  void on_validation_end(Trainer&) override { swapped_in_.reset(); }
  StateDict state_dict() const override { return average_.state_dict(); }
  void load_state_dict(const StateDict& state) override { average_.load_state_dict(state); }

 private:
  optim::ExponentialMovingAverage& average_;
  std::unique_ptr<optim::ExponentialMovingAverage::SwappedIn> swapped_in_;
};

// Stops training after so many seconds of it; those before a resume do not count.
class TimeLimit : public Callback {
 public:
  explicit TimeLimit(double seconds);  // ValueError below 0 or not a number

  void on_fit_begin(Trainer&) override { start_ = Clock::now(); }
  void on_step(Trainer& trainer) override;

 private:
  using Clock = std::chrono::steady_clock;
  const double seconds_;
  Clock::time_point start_;
};

// Lets Ctrl-C (SIGINT) and SIGTERM stop training after the step in hand, unless they are ignored. Whatever
// handled the signals before does so again after the first of them, so that a second one ends the program
// as ever, after a fit() that did not throw, and when this goes. One at a time: on_fit_begin throws
// RuntimeError while another one is at work.
class StopOnSignal : public Callback {
 public:
  // FitResult::stopped after a SIGINT, and after a SIGTERM.
  static constexpr char kInterrupted[] = "interrupted", kTerminated[] = "terminated";

  StopOnSignal();
  ~StopOnSignal() override;
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  void on_fit_begin(Trainer& trainer) override;
  void on_step(Trainer& trainer) override { stop_if_due(trainer); }
  void on_validation_end(Trainer& trainer) override { stop_if_due(trainer); }
  void on_fit_end(Trainer& trainer) override;

 private:
  struct Handlers;
  void stop_if_due(Trainer& trainer) const;
  std::unique_ptr<Handlers> handlers_;
};

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_CALLBACKS_H_
