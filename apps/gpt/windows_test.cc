#include "lamina/apps/gpt/windows.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::gpt {
namespace {

using ::testing::ElementsAre;

TEST(Windows, HoldWhatFollowsEachCharacter) {
  const Windows windows(arange(7), 3, 1);
  ASSERT_EQ(windows.size(), 4);
  EXPECT_THAT(windows.get(0).x.to_vector<int64_t>(), ElementsAre(0, 1, 2));
  EXPECT_THAT(windows.get(0).y.to_vector<int64_t>(), ElementsAre(1, 2, 3));
  EXPECT_THAT(windows.get(3).x.to_vector<int64_t>(), ElementsAre(3, 4, 5));
  EXPECT_THAT(windows.get(3).y.to_vector<int64_t>(), ElementsAre(4, 5, 6));
}

TEST(Windows, SideBySidePredictEachCharacterOnce) {
  const Windows windows(arange(9), 3, 3);  // 1 to 8 are to predict, of which 7 and 8 fill no block
  ASSERT_EQ(windows.size(), 2);
  EXPECT_THAT(windows.get(0).y.to_vector<int64_t>(), ElementsAre(1, 2, 3));
  EXPECT_THAT(windows.get(1).y.to_vector<int64_t>(), ElementsAre(4, 5, 6));
  EXPECT_EQ(Windows(arange(10), 3, 3).size(), 3);
}

TEST(Windows, NeedMoreThanABlock) {
  EXPECT_EQ(Windows(arange(4), 3, 1).size(), 1);
  EXPECT_THROWS(ShapeError, "[Windows] expected ids (n) with n above 3, got (3,)",
                Windows(arange(3), 3, 1));
  EXPECT_THROWS(ShapeError, "got (2, 4)", Windows(zeros({2, 4}, int64), 3, 1));
}

// Of two tokens: after 0 either comes with probability 1/2, after 1 another 1 with 3/4.
class Bigrams : public nn::Layer {
 public:
  Tensor forward(const Tensor& ids) override {
    longest = std::max(longest, ids.size(1));
    was_training = was_training || is_training();
    const Tensor second = ids.to(float64) * std::log(3.0);
    return stack({zeros_like(second), second}, 2);
  }
  int64_t longest = 0;
  bool was_training = false;
};

TEST(MeanLoss, IsThatOfEachCharacterButTheFirst) {
  Bigrams model;
  const Tensor ids = tensor(std::vector<int64_t>{0, 1, 1, 0, 1, 1}, {6});
  // 0 1 and 0 1: log 2; 1 1 and 1 1: log 4/3; 1 0: log 4.
  const double expected = (2 * std::log(2.0) + 2 * std::log(4.0 / 3) + std::log(4.0)) / 5;
  for (const int64_t block : {1, 2, 3, 5, 8}) {  // they divide the five targets, or not
    model.longest = 0;
    EXPECT_NEAR(mean_loss(model, ids, block), expected, 1e-12) << block;
    EXPECT_EQ(model.longest, std::min<int64_t>(5, block));
  }
  EXPECT_FALSE(model.was_training);
  EXPECT_TRUE(model.is_training());
}

// A batch is of 64 windows; these are 70 of 2, and one of 1.
TEST(MeanLoss, GoesThroughSeveralBatches) {
  Bigrams model;
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 142; ++i) ids.push_back(i % 2);
  // 71 times 0 1, and 70 times 1 0.
  EXPECT_NEAR(mean_loss(model, tensor(ids, {142}), 2),
              (71 * std::log(2.0) + 70 * std::log(4.0)) / 141, 1e-12);
}

}  // namespace
}  // namespace lamina::apps::gpt
