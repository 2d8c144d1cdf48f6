#include "lamina/apps/trained_model.h"

#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "gtest/gtest.h"
#include "lamina/apps/run_folder.h"
#include "lamina/serialization.h"

using lamina::apps::Count;

ABSL_FLAG(Count, width, Count{10}, "");

namespace lamina::apps {
namespace {

class TrainedModel : public ::testing::Test {
 protected:
  // With a model of 2 + 6 elements and an optimizer.
  void SetUp() override {
    SaveOptions options;
    options.metadata = {{"app", "digits"}, {"width", "3"}};
    const NamedArrays state = {{"model.bias", NDArray::zeros({2})},
                               {"model.weight", NDArray::zeros({2, 3})},
                               {"model.switched_off", std::nullopt},
                               {"optimizer.momentum", NDArray::zeros({1000})}};
    ASSERT_TRUE(save_checkpoint(path_, state, options).ok());
    absl::SetFlag(&FLAGS_checkpoint, path_);
  }
  const std::string path_ = ::testing::TempDir() + "/a.ckpt";
  const absl::FlagSaver saver_;
};

TEST_F(TrainedModel, IsOpenedWithItsSettings) {
  EXPECT_EQ(*open_checkpoint("digits", {"width"}, Arguments()), path_);
  EXPECT_EQ(absl::GetFlag(FLAGS_width).value, 3);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(open_checkpoint("prices", {"width"}, Arguments()).status()));
  absl::SetFlag(&FLAGS_checkpoint, "/nowhere/a.ckpt");
  EXPECT_TRUE(absl::IsNotFound(open_checkpoint("digits", {"width"}, Arguments()).status()));
}

TEST_F(TrainedModel, IsNotMadeIfItsFileIsTooSmallForIt) {
  EXPECT_TRUE(check_size(path_, 8).ok());
  EXPECT_EQ(
      check_size(path_, 4294967296),
      absl::DataLossError(path_ + ": expected a model of 4,294,967,296 elements, as its settings "
                                  "tell, got 8"));
}

TEST_F(TrainedModel, IsLoadedInEvalMode) {
  nn::LinearOptions options;
  nn::Linear other(3, 1, options), same(3, 2, options);
  EXPECT_TRUE(absl::IsFailedPrecondition(load_trained(path_, other)));
  ASSERT_TRUE(save_checkpoint(path_, {{"model.bias", NDArray::zeros({2})},
                                      {"model.weight", NDArray::zeros({2, 3})}})
                  .ok());
  ASSERT_TRUE(load_trained(path_, same).ok());
  EXPECT_FALSE(same.is_training());
  EXPECT_EQ(same.weight.abs().sum().item<double>(), 0);
}

}  // namespace
}  // namespace lamina::apps
