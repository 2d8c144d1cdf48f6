// Schedules made of schedules: one after the other, and all at once. lr_scheduler.h has an example.
#ifndef LAMINA_NN_OPTIM_COMBINED_LR_H_
#define LAMINA_NN_OPTIM_COMBINED_LR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lamina/nn/optim/lr_scheduler.h"

namespace lamina::nn::optim {

// What both have in common: the schedules that they are made of, whose states are in theirs
// ("schedulers.0.last_epoch"). These must outlive them, and are not to be stepped on their own.
class CombinedLR : public LRScheduler {
 protected:
  // Throws ValueError for no schedules, a null one, the same one twice, and those of another
  // optimizer.
  CombinedLR(const char* name, Optimizer& optimizer, std::vector<LRScheduler*> schedulers);

  size_t count() const { return schedulers_.size(); }
  void move(size_t scheduler, int64_t epoch, bool from_base) {
    schedulers_[scheduler]->move_to(epoch, from_base);
  }
  void step_one(size_t scheduler) { schedulers_[scheduler]->step(); }

  void save(const std::string& prefix, StateDict* state) const override;
  std::function<void()> load(const std::string& prefix, nn::internal::StateReader* reader) override;

 private:
  const std::vector<LRScheduler*> schedulers_;
};

// The first schedule up to epoch milestones[0], then the second one, and so on; each starts at its
// epoch 0 from its base rates.
class SequentialLR : public CombinedLR {
 public:
  // One milestone fewer than schedules, from 1 on and rising. Throws ValueError otherwise, and as
  // above.
  SequentialLR(Optimizer& optimizer, std::vector<LRScheduler*> schedulers,
               std::vector<int64_t> milestones);

 private:
  void move_to(int64_t epoch, bool from_base) override;
  const std::vector<int64_t> milestones_;
};

// All of them, one after the other at each step, so that their factors multiply. Making it changes
// no rate: each of them did when it was made.
// If one of them throws in a step, those before it have moved on.
class ChainedScheduler : public CombinedLR {
 public:
  // Throws ValueError as above.
  explicit ChainedScheduler(std::vector<LRScheduler*> schedulers);

 private:
  void move_to(int64_t epoch, bool from_base) override;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_COMBINED_LR_H_
