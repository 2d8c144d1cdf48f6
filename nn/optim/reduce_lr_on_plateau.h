// ReduceLROnPlateau: lowers the rates when a metric no longer gets better.
//
//   nn::optim::ReduceLROnPlateau schedule(sgd, {.patience = 5});
//   for (int epoch = 0; epoch < 100; ++epoch) {
//     train(model);
//     schedule.step(loss_of(model, held_out));
//   }
#ifndef LAMINA_NN_OPTIM_REDUCE_LR_ON_PLATEAU_H_
#define LAMINA_NN_OPTIM_REDUCE_LR_ON_PLATEAU_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/optim/lr_scheduler.h"

namespace lamina::nn::optim {

struct ReduceLROnPlateauOptions {
  enum class Mode { kMin, kMax };           // whether the metric is better when it is lower
  enum class ThresholdMode { kRel, kAbs };  // of the best metric, or in the metric's unit
  Mode mode = Mode::kMin;
  double factor = 0.1;      // from 0 to below 1
  int64_t patience = 10;    // epochs in a row that need not get better; at least 0
  double threshold = 1e-4;  // by how much to be better counts; at least 0
  ThresholdMode threshold_mode = ThresholdMode::kRel;
  int64_t cooldown = 0;  // epochs after each reduction that do not count; at least 0
  PerGroup min_lr = 0;   // at least 0
  double eps = 1e-8;     // a rate stays if it would change by no more; at least 0
};

// After more than `patience` epochs in which the metric was not better than the best so far,
// lr = max(factor lr, min_lr) in each group. The optimizer must outlive it.
class ReduceLROnPlateau {
 public:
  // Throws ValueError for settings out of range.
  explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});

  // Goes on by one epoch; the metric is a loss, or whatever is to get better. One that is NaN is
  // never better. Throws RuntimeError if the optimizer has got more groups.
  void step(double metric);
  // The present rates, by group.
  std::vector<double> last_lr() const;
  Optimizer& optimizer() const { return optimizer_; }

  // The name, without a value; last_epoch, best, num_bad_epochs and cooldown_counter. The rates are
  // in the optimizer's state, the settings are the program's.
  StateDict state_dict() const;
  // Takes a state over. Throws RuntimeError that lists every problem, and then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  bool is_better(double metric) const;

  Optimizer& optimizer_;
  const ReduceLROnPlateauOptions options_;
  const std::vector<double> min_lrs_;
  double best_;  // an infinity at first
  int64_t last_epoch_ = 0, num_bad_epochs_ = 0, cooldown_counter_ = 0;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_REDUCE_LR_ON_PLATEAU_H_
