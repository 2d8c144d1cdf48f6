#include "lamina/nn/optim/reduce_lr_on_plateau.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "lamina/nn/state_reader.h"

namespace lamina::nn::optim {
namespace {

constexpr char kName[] = "ReduceLROnPlateau";
using Options = ReduceLROnPlateauOptions;

}  // namespace

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const Options& options)
    : optimizer_(optimizer),
      options_(options),
      min_lrs_(internal::for_groups(kName, "min_lr", options.min_lr, optimizer)),
      best_(options.mode == Options::Mode::kMin ? std::numeric_limits<double>::infinity()
                                                : -std::numeric_limits<double>::infinity()) {
  internal::check_setting(kName, "factor", options.factor,
                          options.factor >= 0 && options.factor < 1, "a number from 0 to below 1");
  internal::check_setting(kName, "patience", options.patience, 0);
  internal::check_not_negative(kName, "threshold", options.threshold);
  internal::check_setting(kName, "cooldown", options.cooldown, 0);
  internal::check_not_negative(kName, "eps", options.eps);
  for (const double min_lr : min_lrs_) internal::check_not_negative(kName, "min_lr", min_lr);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double by = options_.threshold;
  const bool is_relative = options_.threshold_mode == Options::ThresholdMode::kRel;
  if (options_.mode == Options::Mode::kMin) {
    return metric < (is_relative ? best_ * (1 - by) : best_ - by);
  }
  return metric > (is_relative ? best_ * (1 + by) : best_ + by);
}

void ReduceLROnPlateau::step(double metric) {
  internal::check_group_count(kName, min_lrs_.size(), optimizer_);
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ <= options_.patience) return;
  for (int64_t group = 0; group < optimizer_.group_count(); ++group) {
    const double old = optimizer_.lr(group);
    const double lower = std::max(old * options_.factor, min_lrs_[static_cast<size_t>(group)]);
    if (old - lower > options_.eps) optimizer_.set_lr(group, lower);
  }
  cooldown_counter_ = options_.cooldown;
  num_bad_epochs_ = 0;
}

std::vector<double> ReduceLROnPlateau::last_lr() const { return internal::lrs_of(optimizer_); }

// ---- State

StateDict ReduceLROnPlateau::state_dict() const {
  StateDict state;
  state.set(kName, std::nullopt);
  state.set("last_epoch", nn::internal::saved(last_epoch_));
  state.set("best", nn::internal::saved(best_));
  state.set("num_bad_epochs", nn::internal::saved(num_bad_epochs_));
  state.set("cooldown_counter", nn::internal::saved(cooldown_counter_));
  return state;
}

void ReduceLROnPlateau::load_state_dict(const StateDict& state) {
  nn::internal::StateReader reader(state);
  reader.marker("", kName);
  const std::optional<double> best = reader.number("best");
  if (best && std::isnan(*best)) reader.note("best", "expected a number, got nan");
  const int64_t last_epoch = reader.count("last_epoch"), bad = reader.count("num_bad_epochs"),
                cooldown = reader.count("cooldown_counter");
  reader.finish(kName);
  best_ = *best;
  last_epoch_ = last_epoch;
  num_bad_epochs_ = bad;
  cooldown_counter_ = cooldown;
}

}  // namespace lamina::nn::optim
