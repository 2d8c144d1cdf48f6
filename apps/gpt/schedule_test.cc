#include "lamina/apps/gpt/schedule.h"

#include "gtest/gtest.h"

namespace lamina::apps::gpt {
namespace {

TEST(RateOfStep, RisesThenFallsByACosine) {
  constexpr int64_t kWarmup = 3, kSteps = 11;
  EXPECT_DOUBLE_EQ(rate_of_step(0, kWarmup, kSteps), 0.25);
  EXPECT_DOUBLE_EQ(rate_of_step(1, kWarmup, kSteps), 0.5);
  EXPECT_DOUBLE_EQ(rate_of_step(2, kWarmup, kSteps), 0.75);
  EXPECT_DOUBLE_EQ(rate_of_step(3, kWarmup, kSteps), 1);
  // cos(pi / 4) = sqrt(1 / 2)
  EXPECT_NEAR(rate_of_step(5, kWarmup, kSteps), 0.1 + 0.45 * (1 + 0.70710678118654752), 1e-15);
  EXPECT_DOUBLE_EQ(rate_of_step(7, kWarmup, kSteps), 0.55);
  EXPECT_DOUBLE_EQ(rate_of_step(11, kWarmup, kSteps), 0.1);
  EXPECT_DOUBLE_EQ(rate_of_step(12, kWarmup, kSteps), 0.1);
}

TEST(RateOfStep, BeginsHighestWithoutAWarmUp) {
  EXPECT_DOUBLE_EQ(rate_of_step(0, 0, 10), 1);
  EXPECT_DOUBLE_EQ(rate_of_step(5, 0, 10), 0.55);
}

}  // namespace
}  // namespace lamina::apps::gpt
