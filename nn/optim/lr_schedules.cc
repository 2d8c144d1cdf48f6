#include "lamina/nn/optim/lr_schedules.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::nn::optim {
namespace {

using internal::check_not_negative;
using internal::check_setting;
using internal::kPi;

}  // namespace

StepLR::StepLR(Optimizer& optimizer, const StepLROptions& options)
    : LRScheduler("StepLR", optimizer), options_(options) {
  check_setting(name(), "step_size", options.step_size, 1);
  check_not_negative(name(), "gamma", options.gamma);
  begin();
}
double StepLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  return epoch > 0 && epoch % options_.step_size == 0 ? lr * options_.gamma : lr;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options)
    : LRScheduler("MultiStepLR", optimizer), options_(options) {
  internal::check_milestones(name(), options.milestones);
  check_not_negative(name(), "gamma", options.gamma);
  begin();
}
double MultiStepLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  const std::vector<int64_t>& all = options_.milestones;
  return std::binary_search(all.begin(), all.end(), epoch) ? lr * options_.gamma : lr;
}

ConstantLR::ConstantLR(Optimizer& optimizer, const ConstantLROptions& options)
    : LRScheduler("ConstantLR", optimizer), options_(options) {
  check_setting(name(), "factor", options.factor, options.factor > 0 && options.factor <= 1,
                "a number above 0, up to 1");
  check_setting(name(), "total_iters", options.total_iters, 1);
  begin();
}
double ConstantLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  if (epoch == 0) return lr * options_.factor;
  return epoch == options_.total_iters ? lr * (1 / options_.factor) : lr;
}

LinearLR::LinearLR(Optimizer& optimizer, const LinearLROptions& options)
    : LRScheduler("LinearLR", optimizer), options_(options) {
  const double start = options.start_factor, end = options.end_factor;
  check_setting(name(), "start_factor", start, start > 0 && start <= 1,
                "a number above 0, up to 1");
  check_setting(name(), "end_factor", end, end >= 0 && end <= 1, "a number from 0 to 1");
  check_setting(name(), "total_iters", options.total_iters, 1);
  begin();
}
double LinearLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  const auto& [start, end, total] = options_;
  if (epoch == 0) return lr * start;
  if (epoch > total) return lr;
  const double before =
      static_cast<double>(total) * start + static_cast<double>(epoch - 1) * (end - start);
  return lr * std::max(0., 1 + (end - start) / before);  // rounding could take it below an end of 0
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options)
    : LRScheduler("ExponentialLR", optimizer), options_(options) {
  check_not_negative(name(), "gamma", options.gamma);
  begin();
}
double ExponentialLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  return epoch == 0 ? lr : lr * options_.gamma;
}

PolynomialLR::PolynomialLR(Optimizer& optimizer, const PolynomialLROptions& options)
    : LRScheduler("PolynomialLR", optimizer), options_(options) {
  check_setting(name(), "total_iters", options.total_iters, 1);
  check_not_negative(name(), "power", options.power);
  begin();
}
double PolynomialLR::next_lr(int64_t epoch, int64_t /*group*/, double lr) const {
  if (epoch == 0 || epoch > options_.total_iters) return lr;
  const auto total = static_cast<double>(options_.total_iters), now = static_cast<double>(epoch);
  return lr * std::pow((1 - now / total) / (1 - (now - 1) / total), options_.power);
}

LambdaLR::LambdaLR(Optimizer& optimizer, const LRLambda& lr_lambda)
    : LambdaLR(optimizer,
               std::vector<LRLambda>(static_cast<size_t>(optimizer.group_count()), lr_lambda)) {}
LambdaLR::LambdaLR(Optimizer& optimizer, std::vector<LRLambda> lr_lambdas)
    : LRScheduler("LambdaLR", optimizer), lr_lambdas_(std::move(lr_lambdas)) {
  if (static_cast<int64_t>(lr_lambdas_.size()) != optimizer.group_count()) {
    fail<ValueError>(name(), "lr_lambdas: expected one for each of ", optimizer.group_count(),
                     " groups, got ", lr_lambdas_.size());
  }
  for (const LRLambda& lr_lambda : lr_lambdas_) {
    if (!lr_lambda) fail<ValueError>(name(), "lr_lambda: expected a function, got an empty one");
  }
  begin();
}
double LambdaLR::next_lr(int64_t epoch, int64_t group, double /*lr*/) const {
  return base_lr(group) * lr_lambdas_[static_cast<size_t>(group)](epoch);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, const CosineAnnealingLROptions& options)
    : LRScheduler("CosineAnnealingLR", optimizer), options_(options) {
  check_setting(name(), "T_max", options.T_max, 1);
  check_not_negative(name(), "eta_min", options.eta_min);
  begin();
}
double CosineAnnealingLR::next_lr(int64_t epoch, int64_t group, double lr) const {
  const auto& [half_period, lowest] = options_;
  const auto height = [T = static_cast<double>(half_period)](int64_t at) {
    return 1 + std::cos(kPi * static_cast<double>(at) / T);
  };
  if (epoch == 0) return lr;
  const int64_t before = epoch - 1;
  if (before % half_period == 0 &&
      before / half_period % 2 == 1) {  // from the lowest rate, of which no multiple leads up
    return lr +
           (base_lr(group) - lowest) * (1 - std::cos(kPi / static_cast<double>(half_period))) / 2;
  }
  return height(epoch) / height(before) * (lr - lowest) + lowest;
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(
    Optimizer& optimizer, const CosineAnnealingWarmRestartsOptions& options)
    : LRScheduler("CosineAnnealingWarmRestarts", optimizer), options_(options) {
  check_setting(name(), "T_0", options.T_0, 1);
  check_setting(name(), "T_mult", options.T_mult, 1);
  check_not_negative(name(), "eta_min", options.eta_min);
  begin();
}
double CosineAnnealingWarmRestarts::next_lr(int64_t epoch, int64_t group, double /*lr*/) const {
  const auto& [first, times, lowest] = options_;
  double t = static_cast<double>(epoch), length = static_cast<double>(first);
  if (times == 1) t = std::fmod(t, length);
  for (; t >= length; length *= static_cast<double>(times)) t -= length;
  return lowest + (base_lr(group) - lowest) * (1 + std::cos(kPi * t / length)) / 2;
}

}  // namespace lamina::nn::optim
