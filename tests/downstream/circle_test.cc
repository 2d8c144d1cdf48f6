#include "circle.h"

#include <gtest/gtest.h>

#include "lamina/nn.h"

#ifndef EIGEN_OF_DOWNSTREAM
#error "Lamina was not built with this workspace's Eigen"
#endif

namespace downstream {
namespace {

TEST(CircleTest, TheLossFallsAndNearlyEveryPointIsOnItsSide) {
  Settings settings;
  settings.set_hidden(16);
  settings.set_epochs(60);
  settings.set_learning_rate(0.3);
  const Learned learned = learn_circle(settings);
  EXPECT_LT(learned.last_loss, learned.first_loss / 4);
  EXPECT_LT(learned.error, 0.05);
}

TEST(CircleTest, LaminaThrowsThroughOurFrames) {
  EXPECT_THROW(lamina::matmul(lamina::rand({2, 3}), lamina::rand({2, 3})), lamina::ShapeError);
}

}  // namespace
}  // namespace downstream
