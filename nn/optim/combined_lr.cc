#include "lamina/nn/optim/combined_lr.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lamina::nn::optim {

CombinedLR::CombinedLR(const char* name, Optimizer& optimizer, std::vector<LRScheduler*> schedulers)
    : LRScheduler(name, optimizer), schedulers_(std::move(schedulers)) {
  if (schedulers_.empty()) fail<ValueError>(name, "expected at least one schedule, got none");
  for (size_t i = 0; i < schedulers_.size(); ++i) {
    if (schedulers_[i] == nullptr) fail<ValueError>(name, "expected schedules, got null at ", i);
    if (&schedulers_[i]->optimizer() != &optimizer) {
      fail<ValueError>(name, "expected schedules of one optimizer, got schedule ", i, " (",
                       schedulers_[i]->name(), ") of another");
    }
    const auto here = schedulers_.begin() + static_cast<std::ptrdiff_t>(i);
    const auto same = std::find(schedulers_.begin(), here, *here);
    if (same != here) {
      fail<ValueError>(name, "expected different schedules, got one as ",
                       same - schedulers_.begin(), " and as ", i);
    }
  }
}

void CombinedLR::save(const std::string& prefix, StateDict* state) const {
  LRScheduler::save(prefix, state);
  for (size_t i = 0; i < schedulers_.size(); ++i) {
    schedulers_[i]->save(absl::StrCat(prefix, "schedulers.", i, "."), state);
  }
}

std::function<void()> CombinedLR::load(const std::string& prefix,
                                       nn::internal::StateReader* reader) {
  std::vector<std::function<void()>> all = {LRScheduler::load(prefix, reader)};
  for (size_t i = 0; i < schedulers_.size(); ++i) {
    all.push_back(schedulers_[i]->load(absl::StrCat(prefix, "schedulers.", i, "."), reader));
  }
  return [all = std::move(all)] {
    for (const std::function<void()>& take_over : all) take_over();
  };
}

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<LRScheduler*> schedulers,
                           std::vector<int64_t> milestones)
    : CombinedLR("SequentialLR", optimizer, std::move(schedulers)),
      milestones_(std::move(milestones)) {
  if (milestones_.size() + 1 != count()) {
    fail<ValueError>(name(), "expected one milestone fewer than schedules, got ",
                     milestones_.size(), " and ", count());
  }
  internal::check_milestones(name(), milestones_);
  // The schedules have set rates of their epoch 0, one upon the other.
  for (int64_t group = 0; group < optimizer.group_count(); ++group) {
    optimizer.set_lr(group, base_lr(group));
  }
  begin();
}

void SequentialLR::move_to(int64_t epoch, bool from_base) {
  const auto next = std::upper_bound(milestones_.begin(), milestones_.end(), epoch);
  const auto now = static_cast<size_t>(next - milestones_.begin());
  if (epoch == 0) {
    move(0, 0, from_base);
  } else if (now > 0 && milestones_[now - 1] == epoch) {
    move(now, 0, true);
  } else {
    step_one(now);
  }
  set_position(epoch);
}

namespace {
Optimizer& optimizer_of(const std::vector<LRScheduler*>& schedulers) {
  if (schedulers.empty() || schedulers[0] == nullptr) {
    fail<ValueError>("ChainedScheduler", "expected at least one schedule, got ",
                     schedulers.empty() ? "none" : "null");
  }
  return schedulers[0]->optimizer();
}
}  // namespace

ChainedScheduler::ChainedScheduler(std::vector<LRScheduler*> schedulers)
    : CombinedLR("ChainedScheduler", optimizer_of(schedulers), schedulers) {}

void ChainedScheduler::move_to(int64_t epoch, bool from_base) {
  for (size_t i = 0; i < count(); ++i) {
    if (epoch == 0) {
      move(i, 0, from_base && i == 0);
    } else {
      step_one(i);
    }
  }
  set_position(epoch);
}

}  // namespace lamina::nn::optim
