#include "circle.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "lamina/nn.h"
#include "lamina/serialization.h"
#include "lamina/serialization/checkpoint.pb.h"

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

// Lamina's protobuf is the one of our settings.proto.
TEST(CircleTest, LaminaSavesACheckpointThatOurProtobufReads) {
  const std::string path = testing::TempDir() + "/circle.ckpt";
  const lamina::NDArray weight = lamina::NDArray::from({1.0f, 2.0f});
  ASSERT_TRUE(lamina::save_checkpoint(path, {{"weight", weight}}).ok());
  const auto state = lamina::load_checkpoint(path);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->at(0).second->to_vector<float>(), (std::vector<float>{1, 2}));

  std::ifstream file(path, std::ios::binary);
  lamina::proto::Checkpoint checkpoint;
  ASSERT_TRUE(checkpoint.ParseFromIstream(&file));
  EXPECT_EQ(checkpoint.tensor(0).name(), "weight");
}

}  // namespace
}  // namespace downstream
