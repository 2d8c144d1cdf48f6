#include "circle.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "lamina/serialization.h"
#include "lamina/serialization/checkpoint.pb.h"

#ifndef EIGEN_OF_DOWNSTREAM
#error "Lamina was not built with this workspace's Eigen"
#endif

namespace downstream {
namespace {

Settings good_settings() {
  Settings settings;
  settings.set_hidden(16);
  settings.set_epochs(60);
  settings.set_learning_rate(0.3);
  return settings;
}

TEST(CircleTest, LearnsSavesAndIsAsGoodAfterLoading) {
  const Settings settings = good_settings();
  const std::string path = testing::TempDir() + "/learned.ckpt";
  const auto learned = learn_circle(settings, path);
  ASSERT_TRUE(learned.ok()) << learned.status();
  EXPECT_LT(learned->last_loss, learned->first_loss / 4);
  EXPECT_LT(learned->error, 0.05);
  const auto loaded = error_of_circle(settings, path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(*loaded, learned->error);

  Settings others = settings;
  others.set_hidden(8);
  EXPECT_EQ(error_of_circle(others, path).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error_of_circle(settings, path + ".not").status().code(), absl::StatusCode::kNotFound);
}

TEST(CircleTest, LaminaThrowsThroughOurFrames) {
  EXPECT_THROW(lamina::matmul(lamina::rand({2, 3}), lamina::rand({2, 3})), lamina::ShapeError);
}

// Lamina's protobuf is the one of our settings.proto, which has a message of Lamina's in one of ours.
TEST(CircleTest, LaminaSavesACheckpointThatOurProtobufReads) {
  const std::string path = testing::TempDir() + "/circle.ckpt";
  const lamina::NDArray weight = lamina::NDArray::from({1.0f, 2.0f});
  ASSERT_TRUE(lamina::save_checkpoint(path, {{"weight", weight}}, {{{"epoch", "3"}}}).ok());
  const auto state = lamina::load_checkpoint(path);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->at(0).second->to_vector<float>(), (std::vector<float>{1, 2}));

  std::ifstream file(path, std::ios::binary);
  lamina::proto::Checkpoint checkpoint;
  ASSERT_TRUE(checkpoint.ParseFromIstream(&file));
  EXPECT_EQ(checkpoint.tensor(0).name(), "weight");
  Report report;
  *report.mutable_settings() = good_settings();
  *report.mutable_checkpoint() = checkpoint.header();
  Report parsed;
  ASSERT_TRUE(parsed.ParseFromString(report.SerializeAsString()));
  EXPECT_EQ(parsed.checkpoint().metadata().at("epoch"), "3");
}

}  // namespace
}  // namespace downstream
