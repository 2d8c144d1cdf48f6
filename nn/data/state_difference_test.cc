#include "lamina/nn/data/state_difference.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace lamina::nn::data::internal {
namespace {

TEST(StateDifference, IsNoneBetweenTheSameValues) {
  EXPECT_EQ(state_difference(std::nullopt, std::nullopt), "");
  EXPECT_EQ(state_difference(tensor(int64_t{5}), tensor(int64_t{5})), "");
  EXPECT_EQ(state_difference(tensor({1., 2.}, {2}), tensor({1., 2.}, {2})), "");
}

TEST(StateDifference, SaysWhatWasWantedAndWhatCame) {
  EXPECT_EQ(state_difference(tensor(int64_t{5}), tensor(int64_t{6})), "expected 5, got 6");
  EXPECT_EQ(state_difference(tensor(int64_t{5}), std::nullopt), "expected int64 5, got no value");
  EXPECT_EQ(state_difference(std::nullopt, tensor({1., 2.}, {2})),
            "expected no value, got float64 (2,)");
  EXPECT_EQ(state_difference(tensor(int64_t{5}), tensor({0.5}, {1})),
            "expected int64 5, got float64 0.5");
  EXPECT_EQ(state_difference(tensor({1., 2.}, {2}), tensor({1., 3.}, {2})),
            "expected other values of float64 (2,)");
  EXPECT_EQ(state_difference(tensor({1., 2.}, {2}), tensor({1., 2., 3.}, {3})),
            "expected float64 (2,), got float64 (3,)");
}

}  // namespace
}  // namespace lamina::nn::data::internal
