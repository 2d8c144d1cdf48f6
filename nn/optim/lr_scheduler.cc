#include "lamina/nn/optim/lr_scheduler.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::optim {
namespace {

bool is_rate(double rate) { return rate >= 0 && std::isfinite(rate); }

Tensor saved(const std::vector<double>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}

}  // namespace

LRScheduler::LRScheduler(const char* name, Optimizer& optimizer)
    : LRScheduler(name, optimizer, internal::lrs_of(optimizer)) {
  for (size_t group = 0; group < optimizer.initial_lrs_.size(); ++group) {
    const std::optional<double>& initial = optimizer.initial_lrs_[group];
    if (initial) base_lrs_[group] = *initial;
  }
}

LRScheduler::LRScheduler(const char* name, Optimizer& optimizer, std::vector<double> base_lrs)
    : name_(name),
      optimizer_(optimizer),
      base_lrs_(std::move(base_lrs)),
      last_lr_(internal::lrs_of(optimizer)) {}

void LRScheduler::begin() {
  move_to(0, false);  // may throw
  optimizer_.initial_lrs_.assign(base_lrs_.begin(), base_lrs_.end());
}

void LRScheduler::set_position(int64_t epoch) {
  last_epoch_ = epoch;
  last_lr_ = internal::lrs_of(optimizer_);
}

double LRScheduler::next_lr(int64_t /*epoch*/, int64_t /*group*/, double lr) const { return lr; }
std::optional<double> LRScheduler::next_momentum(int64_t /*epoch*/, int64_t /*group*/) const {
  return std::nullopt;
}

void LRScheduler::move_to(int64_t epoch, bool from_base) {
  internal::check_group_count(name_, base_lrs_.size(), optimizer_);
  const int64_t groups = optimizer_.group_count();
  std::vector<double> rates;
  for (int64_t group = 0; group < groups; ++group) {
    const double rate = next_lr(epoch, group, from_base ? base_lr(group) : optimizer_.lr(group));
    if (!is_rate(rate)) {
      fail<ValueError>(name_, "expected a finite rate of at least 0, got ", rate, " for group ",
                       group, " at epoch ", epoch);
    }
    rates.push_back(rate);
  }
  for (int64_t group = 0; group < groups; ++group) {  // before the rates, as it may throw
    const std::optional<double> momentum = next_momentum(epoch, group);
    if (momentum) optimizer_.set_momentum(group, *momentum);
  }
  for (int64_t group = 0; group < groups; ++group) {
    optimizer_.set_lr(group, rates[static_cast<size_t>(group)]);
  }
  last_epoch_ = epoch;
  last_lr_ = std::move(rates);
}

// ---- State

StateDict LRScheduler::state_dict() const {
  StateDict state;
  save("", &state);
  return state;
}

void LRScheduler::load_state_dict(const StateDict& state) {
  nn::internal::StateReader reader(state);
  const std::function<void()> take_over = load("", &reader);
  reader.finish(name_);
  take_over();
}

void LRScheduler::save(const std::string& prefix, StateDict* state) const {
  state->set(prefix + name_, std::nullopt);
  state->set(prefix + "last_epoch", nn::internal::saved(last_epoch_));
  state->set(prefix + "base_lrs", saved(base_lrs_));
  state->set(prefix + "last_lr", saved(last_lr_));
}

std::function<void()> LRScheduler::load(const std::string& prefix,
                                        nn::internal::StateReader* reader) {
  reader->marker(prefix, name_);
  const int64_t epoch = reader->count(prefix + "last_epoch");
  const auto rates = [&](const char* key) {
    std::vector<double> values = reader->numbers(prefix + key).value_or(base_lrs_);
    if (values.size() != base_lrs_.size()) {
      reader->note(prefix + key, absl::StrCat("expected a rate for each of ", base_lrs_.size(),
                                              " groups, got ", values.size()));
    }
    for (const double rate : values) {
      if (is_rate(rate)) continue;
      reader->note(prefix + key, absl::StrCat("expected finite numbers of at least 0, got ", rate));
      break;
    }
    return values;
  };
  return [this, epoch, base = rates("base_lrs"), last = rates("last_lr")] {
    last_epoch_ = epoch;
    base_lrs_ = base;
    last_lr_ = last;
  };
}

namespace internal {

std::vector<double> lrs_of(const Optimizer& optimizer) {
  std::vector<double> lrs;
  for (int64_t group = 0; group < optimizer.group_count(); ++group) {
    lrs.push_back(optimizer.lr(group));
  }
  return lrs;
}

void check_group_count(const char* op, size_t when_made, const Optimizer& optimizer) {
  if (optimizer.group_count() == static_cast<int64_t>(when_made)) return;
  fail<RuntimeError>(op,
                     "expected as many groups as the optimizer had when the schedule was made, ",
                     when_made, ", got ", optimizer.group_count());
}

// ---- Settings

void check_setting(const char* op, const char* setting, int64_t value, int64_t least) {
  if (value >= least) return;
  fail<ValueError>(op, setting, ": expected at least ", least, ", got ", value);
}

void check_setting(const char* op, const char* setting, double value, bool is_good,
                   const char* expected) {
  if (!is_good) fail<ValueError>(op, setting, ": expected ", expected, ", got ", value);
}

void check_not_negative(const char* op, const char* setting, double value) {
  check_setting(op, setting, value, value >= 0 && std::isfinite(value),
                "a finite number of at least 0");
}

void check_milestones(const char* op, const std::vector<int64_t>& milestones) {
  int64_t before = 0;
  for (const int64_t milestone : milestones) {
    if (milestone <= before) {
      fail<ValueError>(op, "milestones: expected rising epochs from 1 on, got ", milestone,
                       before == 0 ? std::string() : absl::StrCat(" after ", before));
    }
    before = milestone;
  }
}

std::vector<double> for_groups(const char* op, const char* setting, const PerGroup& values,
                               const Optimizer& optimizer) {
  const auto groups = static_cast<size_t>(optimizer.group_count());
  if (values.values.size() == 1) return std::vector<double>(groups, values.values[0]);
  if (values.values.size() != groups) {
    fail<ValueError>(op, setting, ": expected one number, or one for each of ", groups,
                     " groups, got ", values.values.size());
  }
  return values.values;
}

}  // namespace internal

}  // namespace lamina::nn::optim
