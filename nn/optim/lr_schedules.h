// Schedules by formula: the rate of an epoch. Each sets the rates of epoch 0 when it is made.
#ifndef LAMINA_NN_OPTIM_LR_SCHEDULES_H_
#define LAMINA_NN_OPTIM_LR_SCHEDULES_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "lamina/nn/optim/lr_scheduler.h"

namespace lamina::nn::optim {

struct StepLROptions {
  int64_t step_size = 0;  // in epochs; at least 1, to be given
  double gamma = 0.1;     // at least 0
};

// lr *= gamma every step_size epochs.
class StepLR : public LRScheduler {
 public:
  // These constructors throw ValueError for settings out of range.
  StepLR(Optimizer& optimizer, const StepLROptions& options);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const StepLROptions options_;
};

struct MultiStepLROptions {
  std::vector<int64_t> milestones = {};  // epochs, from 1 on, rising
  double gamma = 0.1;                    // at least 0
};

// lr *= gamma at each milestone.
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const MultiStepLROptions options_;
};

struct ConstantLROptions {
  double factor = 1. / 3;   // above 0, up to 1
  int64_t total_iters = 5;  // in epochs; at least 1
};

// lr *= factor at first, which epoch total_iters undoes.
class ConstantLR : public LRScheduler {
 public:
  explicit ConstantLR(Optimizer& optimizer, const ConstantLROptions& options = {});

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const ConstantLROptions options_;
};

struct LinearLROptions {
  double start_factor = 1. / 3;  // above 0, up to 1
  double end_factor = 1;         // from 0 to 1
  int64_t total_iters = 5;       // in epochs; at least 1
};

// A warm-up: lr = base (start_factor + (end_factor - start_factor) epoch / total_iters), and
// base end_factor from epoch total_iters on.
class LinearLR : public LRScheduler {
 public:
  explicit LinearLR(Optimizer& optimizer, const LinearLROptions& options = {});

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const LinearLROptions options_;
};

struct ExponentialLROptions {
  double gamma = std::numeric_limits<double>::quiet_NaN();  // at least 0, to be given
};

// lr *= gamma every epoch.
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const ExponentialLROptions options_;
};

struct PolynomialLROptions {
  int64_t total_iters = 5;  // in epochs; at least 1
  double power = 1;         // at least 0
};

// lr = base (1 - epoch / total_iters)^power, and 0 from epoch total_iters on.
class PolynomialLR : public LRScheduler {
 public:
  explicit PolynomialLR(Optimizer& optimizer, const PolynomialLROptions& options = {});

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const PolynomialLROptions options_;
};

// The factor of an epoch. It is no part of the schedule's state.
using LRLambda = std::function<double(int64_t epoch)>;

// lr = base lr_lambda(epoch), whatever it was.
class LambdaLR : public LRScheduler {
 public:
  // One function for all groups, or one for each. Throw ValueError for another number, or an empty
  // one.
  LambdaLR(Optimizer& optimizer, const LRLambda& lr_lambda);
  LambdaLR(Optimizer& optimizer, std::vector<LRLambda> lr_lambdas);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const std::vector<LRLambda> lr_lambdas_;
};

struct CosineAnnealingLROptions {
  int64_t T_max = 0;   // half a period in epochs; at least 1, to be given
  double eta_min = 0;  // the lowest rate; at least 0
};

// lr = eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2: down to eta_min at epoch T_max,
// and up again after it. It is computed from the rate before, so that schedules act together.
//
// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016.
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, const CosineAnnealingLROptions& options);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const CosineAnnealingLROptions options_;
};

struct CosineAnnealingWarmRestartsOptions {
  int64_t T_0 = 0;     // the epochs of the first run; at least 1, to be given
  int64_t T_mult = 1;  // each run is that many times as long as the one before; at least 1
  double eta_min = 0;  // the lowest rate; at least 0
};

// lr = eta_min + (base - eta_min) (1 + cos(pi t / T)) / 2, whatever it was; t counts the epochs of
// the run, of length T, from 0: it falls to eta_min and starts anew from base.
//
// Loshchilov and Hutter, as above.
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  CosineAnnealingWarmRestarts(Optimizer& optimizer,
                              const CosineAnnealingWarmRestartsOptions& options);

 private:
  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  const CosineAnnealingWarmRestartsOptions options_;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_LR_SCHEDULES_H_
