#include "lamina/apps/warmup_cosine.h"

#include "gtest/gtest.h"

namespace lamina::apps {
namespace {

TEST(WarmupCosine, RisesThenFallsByACosine) {
  const auto rate = [](int64_t step) { return warmup_cosine(step, 3, 11, 0.1); };
  EXPECT_DOUBLE_EQ(rate(0), 0.25);
  EXPECT_DOUBLE_EQ(rate(1), 0.5);
  EXPECT_DOUBLE_EQ(rate(2), 0.75);
  EXPECT_DOUBLE_EQ(rate(3), 1);
  // cos(pi / 4) = sqrt(1 / 2)
  EXPECT_NEAR(rate(5), 0.1 + 0.45 * (1 + 0.70710678118654752), 1e-15);
  EXPECT_DOUBLE_EQ(rate(7), 0.55);
  EXPECT_DOUBLE_EQ(rate(11), 0.1);
  EXPECT_DOUBLE_EQ(rate(12), 0.1);
}

TEST(WarmupCosine, BeginsHighestWithoutAWarmUp) {
  EXPECT_DOUBLE_EQ(warmup_cosine(0, 0, 10, 0.1), 1);
  EXPECT_DOUBLE_EQ(warmup_cosine(5, 0, 10, 0.1), 0.55);
}

// A twentieth of 50 steps.
TEST(WarmupCosine, TakesAWarmUpOfPartsOfAStep) {
  const auto rate = [](int64_t step) { return warmup_cosine(step, 2.5, 50, 0); };
  EXPECT_DOUBLE_EQ(rate(0), 1 / 3.5);
  EXPECT_DOUBLE_EQ(rate(2), 3 / 3.5);
  // (1 + cos(pi x)) / 2 at x = 0.5 / 47.5 and at 23.5 / 47.5
  EXPECT_NEAR(rate(3), 0.99972662867, 1e-11);
  EXPECT_NEAR(rate(26), 0.50826697238, 1e-11);
  EXPECT_NEAR(rate(50), 0, 1e-15);
  EXPECT_NEAR(rate(51), 0, 1e-15);
}

TEST(WarmupCosine, OfOneStepIsHighestThere) {
  EXPECT_DOUBLE_EQ(warmup_cosine(0, 1, 1, 0), 0.5);
  EXPECT_DOUBLE_EQ(warmup_cosine(1, 1, 1, 0), 1);
}

}  // namespace
}  // namespace lamina::apps
