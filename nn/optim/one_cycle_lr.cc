#include "lamina/nn/optim/one_cycle_lr.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::nn::optim {
namespace {

constexpr char kName[] = "OneCycleLR";

}  // namespace

OneCycleLR::Settings OneCycleLR::checked(const Optimizer& optimizer,
                                         const OneCycleLROptions& options) {
  using internal::check_setting;
  Settings s = {options, {}, {}, {}, {}};
  OneCycleLROptions& o = s.options;
  if (o.total_steps == 0) {
    if (o.epochs == 0 && o.steps_per_epoch == 0) {
      fail<ValueError>(kName, "expected total_steps, or epochs and steps_per_epoch, got neither");
    }
    check_setting(kName, "epochs", o.epochs, 1);
    check_setting(kName, "steps_per_epoch", o.steps_per_epoch, 1);
    if (__builtin_mul_overflow(o.epochs, o.steps_per_epoch, &o.total_steps)) {
      fail<ValueError>(kName, "expected epochs times steps_per_epoch to be an int64, got ",
                       o.epochs, " and ", o.steps_per_epoch);
    }
  }
  check_setting(kName, "total_steps", o.total_steps, 1);
  const double highest_start = o.three_phase ? 0.5 : 1;
  check_setting(
      kName, "pct_start", o.pct_start, o.pct_start >= 0 && o.pct_start <= highest_start,
      o.three_phase ? "a number from 0 to 0.5, for three phases" : "a number from 0 to 1");
  const auto check_divisor = [](const char* setting, double value) {
    check_setting(kName, setting, value, value > 0 && std::isfinite(value),
                  "a finite number above 0");
  };
  check_divisor("div_factor", o.div_factor);
  check_divisor("final_div_factor", o.final_div_factor);

  s.max_lrs = internal::for_groups(kName, "max_lr", o.max_lr, optimizer);
  for (const double lr : s.max_lrs) {
    internal::check_not_negative(kName, "max_lr", lr);
    s.base_lrs.push_back(lr / o.div_factor);
  }
  if (!o.cycle_momentum) return s;
  s.base_momenta = internal::for_groups(kName, "base_momentum", o.base_momentum, optimizer);
  s.max_momenta = internal::for_groups(kName, "max_momentum", o.max_momentum, optimizer);
  const auto check_momentum = [](const char* setting, double value) {
    check_setting(kName, setting, value, value >= 0 && value < 1, "a number from 0 to below 1");
  };
  for (const double momentum : s.base_momenta) check_momentum("base_momentum", momentum);
  for (const double momentum : s.max_momenta) check_momentum("max_momentum", momentum);
  optimizer.momentum();  // throws if it has none
  return s;
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options)
    : OneCycleLR(optimizer, checked(optimizer, options)) {}

OneCycleLR::OneCycleLR(Optimizer& optimizer, Settings settings)
    : LRScheduler(kName, optimizer, settings.base_lrs), settings_(std::move(settings)) {
  const OneCycleLROptions& o = settings_.options;
  const auto total = static_cast<double>(o.total_steps);
  phases_.push_back({o.pct_start * total - 1, 0, 1});
  if (o.three_phase) {
    phases_.push_back({2 * o.pct_start * total - 2, 1, 0});
    phases_.push_back({total - 1, 0, 2});
  } else {
    phases_.push_back({total - 1, 1, 2});
  }
  begin();
}

double OneCycleLR::next_lr(int64_t epoch, int64_t group, double /*lr*/) const {
  const OneCycleLROptions& o = settings_.options;
  if (epoch > o.total_steps) {
    fail<RuntimeError>(kName, "expected at most total_steps = ", o.total_steps, " steps, got step ",
                       epoch);
  }
  const double first = base_lr(group);
  return anneal(epoch,
                {first, settings_.max_lrs[static_cast<size_t>(group)], first / o.final_div_factor});
}

std::optional<double> OneCycleLR::next_momentum(int64_t epoch, int64_t group) const {
  if (!settings_.options.cycle_momentum) return std::nullopt;
  const double highest = settings_.max_momenta[static_cast<size_t>(group)];
  return anneal(epoch, {highest, settings_.base_momenta[static_cast<size_t>(group)], highest});
}

double OneCycleLR::anneal(int64_t step, const double (&values)[3]) const {
  const auto now = static_cast<double>(step);
  double start = 0;
  auto phase = phases_.begin();
  for (; phase + 1 != phases_.end() && now > phase->end_step; ++phase) start = phase->end_step;
  const double length = phase->end_step - start;
  const double part = length > 0 ? std::min(1., (now - start) / length) : 1;
  const double from = values[phase->from], to = values[phase->to];
  if (part == 1) return to;  // exactly
  if (settings_.options.anneal_strategy == OneCycleLROptions::Anneal::kLinear)
    return (to - from) * part + from;
  return to + (from - to) / 2 * (1 + std::cos(internal::kPi * part));
}

}  // namespace lamina::nn::optim
