// LRScheduler: moves the learning rates of an optimizer along as training goes on. The schedules
// are in lr_schedules.h, one_cycle_lr.h and combined_lr.h; ReduceLROnPlateau, which follows a
// metric, is in reduce_lr_on_plateau.h.
//
// A warm-up of 500 steps, then half a cosine down to 0 at step 10,000:
//
//   nn::optim::AdamW adamw(model.parameters(), {.lr = 3e-4});
//   nn::optim::LinearLR warm_up(adamw, {.start_factor = 0.01, .total_iters = 500});
//   nn::optim::CosineAnnealingLR cosine(adamw, {.T_max = 9500});
//   nn::optim::SequentialLR schedule(adamw, {&warm_up, &cosine}, {500});
//   for (const auto& [x, y] : loader) {
//     adamw.zero_grad();
//     loss(model(x), y).backward();
//     adamw.step();
//     schedule.step();
//   }
#ifndef LAMINA_NN_OPTIM_LR_SCHEDULER_H_
#define LAMINA_NN_OPTIM_LR_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn/optim/optimizer.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::internal {
class StateReader;
}  // namespace lamina::nn::internal

namespace lamina::nn::optim {

// A number for all groups, or one for each.
struct PerGroup {
  PerGroup() = default;
  PerGroup(double all) : values{all} {}                            // implicit
  PerGroup(std::initializer_list<double> each) : values(each) {}   // implicit
  PerGroup(std::vector<double> each) : values(std::move(each)) {}  // implicit
  std::vector<double> values;
};

// The rates are PyTorch's. An "epoch" is whatever lies between two calls of step(), which may as
// well be a batch. Making a schedule sets the rates of epoch 0. The base rates are those that the
// groups had when the first schedule of the optimizer was made, so that a schedule made after
// another one does not start from what that one has set.
//
// Most schedules multiply the present rate, from which it follows that several on one optimizer act
// together, and that a rate set by hand in between is carried on; those that set it whatever it was
// say so. The optimizer must outlive its schedules, and get no more groups once it has some.
class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  LRScheduler(const LRScheduler&) = delete;
  LRScheduler& operator=(const LRScheduler&) = delete;

  // Sets the rates of the next epoch; comes after the optimizer's step(). Throws ValueError for a
  // rate that would be negative or not finite, RuntimeError if the optimizer has got more groups;
  // then no rate has changed.
  void step() { move_to(last_epoch_ + 1, false); }
  // What it set last, by group.
  const std::vector<double>& last_lr() const { return last_lr_; }
  // The steps so far.
  int64_t last_epoch() const { return last_epoch_; }
  Optimizer& optimizer() const { return optimizer_; }

  // ---- State, to resume from: the schedule's name, without a value; last_epoch, base_lrs and
  // last_lr. The settings are the program's: make the schedule anew with the same ones. As making it
  // sets rates, load the optimizer's state, which has them, after all schedules are made.
  StateDict state_dict() const;
  // Takes a state over. Throws RuntimeError that lists every problem, and then nothing has changed.
  void load_state_dict(const StateDict& state);

 protected:
  // `name` begins the texts of errors.
  LRScheduler(const char* name, Optimizer& optimizer);
  // With base rates of its own, one per group.
  LRScheduler(const char* name, Optimizer& optimizer, std::vector<double> base_lrs);

  const char* name() const { return name_; }
  double base_lr(int64_t group) const { return base_lrs_[static_cast<size_t>(group)]; }
  // Sets the rates of epoch 0, and notes the base rates in the optimizer: the end of a constructor.
  void begin();
  void set_position(int64_t epoch);  // and takes the optimizer's rates for the last ones

  // The rate of a group at an epoch, where it is now lr.
  virtual double next_lr(int64_t epoch, int64_t group, double lr) const;
  // The momentum that goes with it, if the schedule moves that, too.
  virtual std::optional<double> next_momentum(int64_t epoch, int64_t group) const;

  // Goes to epoch 0, from the base rates or from the present ones, or to the next epoch. A schedule
  // that is made of others overrides this instead of next_lr.
  virtual void move_to(int64_t epoch, bool from_base);
  virtual void save(const std::string& prefix, StateDict* state) const;
  // Reads a state, notes what is wrong with it, and returns what takes it over.
  virtual std::function<void()> load(const std::string& prefix, nn::internal::StateReader* reader);

 private:
  friend class CombinedLR;  // moves and saves those that it is made of

  const char* name_;
  Optimizer& optimizer_;
  std::vector<double> base_lrs_, last_lr_;
  int64_t last_epoch_ = 0;
};

namespace internal {

inline constexpr double kPi = 3.141592653589793;

std::vector<double> lrs_of(const Optimizer& optimizer);  // by group
// Throws RuntimeError unless the optimizer has as many groups as when the schedule was made.
void check_group_count(const char* op, size_t when_made, const Optimizer& optimizer);

// Throw ValueError unless a setting is good: "[StepLR] step_size: expected at least 1, got 0".
void check_setting(const char* op, const char* setting, int64_t value, int64_t least);
void check_setting(const char* op, const char* setting, double value, bool is_good,
                   const char* expected);
void check_not_negative(const char* op, const char* setting, double value);     // and finite
void check_milestones(const char* op, const std::vector<int64_t>& milestones);  // from 1 on, rising
// One value for each group of the optimizer.
std::vector<double> for_groups(const char* op, const char* setting, const PerGroup& values,
                               const Optimizer& optimizer);

}  // namespace internal

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_LR_SCHEDULER_H_
