// Learning-rate schedules that go on from a file.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/training_state.h"

namespace lamina {
namespace {

using namespace nn::optim;

// Schedules of an optimizer; the last one is made of those before it, if there are any.
using Schedules = std::vector<std::unique_ptr<LRScheduler>>;
using Maker = std::function<Schedules(Optimizer& optimizer)>;

template <class S, class Options>
Maker maker(const Options& options) {
  return [options](Optimizer& optimizer) {
    Schedules schedules;
    schedules.push_back(std::make_unique<S>(optimizer, options));
    return schedules;
  };
}

Schedules warm_up_and_cosine(Optimizer& optimizer) {
  Schedules schedules;
  schedules.push_back(std::make_unique<LinearLR>(optimizer, LinearLROptions{.total_iters = 4}));
  schedules.push_back(
      std::make_unique<CosineAnnealingLR>(optimizer, CosineAnnealingLROptions{.T_max = 8}));
  return schedules;
}
Schedules sequential(Optimizer& optimizer) {
  Schedules schedules = warm_up_and_cosine(optimizer);
  const std::vector<LRScheduler*> parts = {schedules[0].get(), schedules[1].get()};
  schedules.push_back(std::make_unique<SequentialLR>(optimizer, parts, std::vector<int64_t>{4}));
  return schedules;
}
Schedules chained(Optimizer& optimizer) {
  Schedules schedules = warm_up_and_cosine(optimizer);
  const std::vector<LRScheduler*> parts = {schedules[0].get(), schedules[1].get()};
  schedules.push_back(std::make_unique<ChainedScheduler>(parts));
  return schedules;
}

// Two groups, a schedule, and a list of the rates and momenta that it has set.
struct Trial {
  explicit Trial(const Maker& make, double lr) : adamw({ones(2).requires_grad_()}, {.lr = lr}) {
    adamw.add_group({ones(3).requires_grad_()}, {.lr = lr / 3});
    schedules = make(adamw);
    state.add("schedule", *schedules.back());
    state.add("optimizer", adamw);
  }
  void step(int count) {
    for (int i = 0; i < count; ++i) {
      schedules.back()->step();
      for (const int64_t group : {0, 1}) {
        set.push_back(adamw.lr(group));
        set.push_back(adamw.momentum(group));
      }
    }
  }
  AdamW adamw;
  Schedules schedules;
  std::vector<double> set;
  TrainingState state;
};

TEST(ScheduleState, GoesThroughAFileBitForBit) {
  const std::vector<Maker> makers = {
      maker<StepLR>(StepLROptions{.step_size = 4}),
      maker<MultiStepLR>(MultiStepLROptions{.milestones = {3, 7}}),
      maker<ConstantLR>(ConstantLROptions{.total_iters = 8}),
      maker<LinearLR>(LinearLROptions{.total_iters = 8}),
      maker<ExponentialLR>(ExponentialLROptions{.gamma = 0.9}),
      maker<PolynomialLR>(PolynomialLROptions{.total_iters = 20, .power = 2}),
      maker<LambdaLR>(LRLambda([](int64_t epoch) { return 1. / static_cast<double>(epoch + 1); })),
      maker<CosineAnnealingLR>(CosineAnnealingLROptions{.T_max = 8}),
      maker<CosineAnnealingWarmRestarts>(CosineAnnealingWarmRestartsOptions{.T_0 = 3, .T_mult = 2}),
      maker<OneCycleLR>(OneCycleLROptions{.max_lr = 0.1, .total_steps = 20}),
      sequential,
      chained,
  };
  const std::string path = test::new_folder() + "/training.ckpt";
  for (const Maker& make : makers) {
    Trial unbroken(make, 0.02), resumed(make, 0.5);
    SCOPED_TRACE(unbroken.state.state_dict().begin()[1].first);
    unbroken.step(5);
    ASSERT_EQ(unbroken.state.save(path), absl::OkStatus());
    unbroken.set.clear();
    unbroken.step(7);
    ASSERT_EQ(resumed.state.load(path), absl::OkStatus());
    resumed.step(7);
    EXPECT_EQ(resumed.set, unbroken.set);
  }
}

// Two groups of which the rate falls after each epoch that is no better than the best before it but one.
TEST(ScheduleState, OfReduceLROnPlateauGoesThroughAFileBitForBit) {
  struct Plateau {
    explicit Plateau(double lr) : adamw({ones(2).requires_grad_()}, {.lr = lr}) {
      adamw.add_group({ones(3).requires_grad_()}, {.lr = lr / 3});
      schedule.emplace(adamw,
                       ReduceLROnPlateauOptions{.factor = 0.5, .patience = 1, .cooldown = 1});
      state.add("schedule", *schedule);
      state.add("optimizer", adamw);
    }
    std::vector<double> rates_after(const std::vector<double>& metrics) {
      std::vector<double> rates;
      for (const double metric : metrics) {
        schedule->step(metric);
        for (const double rate : schedule->last_lr()) rates.push_back(rate);
      }
      return rates;
    }
    AdamW adamw;
    std::optional<ReduceLROnPlateau> schedule;
    TrainingState state;
  };
  const std::string path = test::new_folder() + "/training.ckpt";
  // Left with a best of 2, one bad epoch, and the rates halved once.
  const std::vector<double> before = {3, 2, 2, 2, 2.5, 2.5}, after = {2.5, 1.5, 1.6, 1.7, 1.8, 1};
  Plateau unbroken(0.5), resumed(0.125);
  EXPECT_EQ(unbroken.rates_after(before).back(), 0.5 / 3 / 2);
  ASSERT_EQ(unbroken.state.save(path), absl::OkStatus());
  resumed.rates_after({1, 1});
  ASSERT_EQ(resumed.state.load(path), absl::OkStatus());
  const std::vector<double> rates = resumed.rates_after(after);
  EXPECT_EQ(rates, unbroken.rates_after(after));
  EXPECT_EQ(rates[0], 0.125);  // the second bad epoch in a row
}

}  // namespace
}  // namespace lamina
