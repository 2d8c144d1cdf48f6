#include "lamina/serialization/model_file.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/training_state.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ModelFile : public ::testing::Test {
 protected:
  ModelFile() {
    model_.weight.set_data(NDArray::from<float>({{1, 2}, {3, 4}}));
    model_.bias.set_data(NDArray::from<float>({5, 6}));
  }
  // Expects a load to be refused with these words after the path, and to change nothing.
  void expect_no_load(nn::Module& model, absl::StatusCode code, const std::string& text) {
    const NamedArrays before = model.state_dict().clone().arrays();
    const absl::Status status = load_model(path_, model);
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(status.message()), StartsWith(path_ + ": "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_TRUE(test::is_same(model.state_dict().arrays(), before));
  }

  const std::string path_ = test::new_folder() + "/model.ckpt";
  nn::Linear model_{2, 2}, other_{2, 2};
};

TEST_F(ModelFile, GivesAnotherModelTheSameValues) {
  ASSERT_EQ(save_model(path_, model_, {{{"epoch", "3"}}}), absl::OkStatus());
  ASSERT_EQ(load_model(path_, other_), absl::OkStatus());
  EXPECT_EQ(other_.weight.get().to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(other_.bias.get().to_vector<float>(), (std::vector<float>{5, 6}));
  EXPECT_THAT(test::read_file(path_), HasSubstr("epoch"));

  const absl::StatusOr<NamedArrays> arrays = load_checkpoint(path_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].first, "weight");
  EXPECT_EQ((*arrays)[1].first, "bias");
}

TEST_F(ModelFile, ListsAllThatDoesNotFit) {
  ASSERT_EQ(save_model(path_, model_), absl::OkStatus());
  nn::Linear wide(3, 2);
  expect_no_load(wide, absl::StatusCode::kFailedPrecondition,
                 "size mismatch for weight: copying a param with shape (2, 2)");
  nn::Sequential deep{nn::Linear(2, 2)};
  expect_no_load(deep, absl::StatusCode::kFailedPrecondition, "\"0.weight\", \"0.bias\"");
  expect_no_load(deep, absl::StatusCode::kFailedPrecondition, "\"weight\", \"bias\"");
}

TEST_F(ModelFile, MayHaveMoreOrLessThanTheModelIfNotStrict) {
  ASSERT_EQ(save_checkpoint(path_, {{"bias", NDArray::from<float>({7, 8})},
                                    {"more", NDArray::from<float>({9})}}),
            absl::OkStatus());
  expect_no_load(model_, absl::StatusCode::kFailedPrecondition, "Missing key(s)");
  ASSERT_EQ(load_model(path_, model_, false), absl::OkStatus());
  EXPECT_EQ(model_.weight.get().to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(model_.bias.get().to_vector<float>(), (std::vector<float>{7, 8}));
}

TEST_F(ModelFile, MayBeThatOfATraining) {
  TrainingState state;
  state.add("model", model_);
  state.add("generator", default_generator());
  ASSERT_EQ(state.save(path_), absl::OkStatus());
  expect_no_load(other_, absl::StatusCode::kFailedPrecondition, "Missing key(s)");
  ASSERT_EQ(load_model(path_, other_, true, "model."), absl::OkStatus());
  EXPECT_TRUE(test::is_same(other_.state_dict().arrays(), model_.state_dict().arrays()));
}

TEST_F(ModelFile, ThatIsDamagedOrNoneIsTold) {
  expect_no_load(other_, absl::StatusCode::kNotFound, "No such file");
  test::write_file(path_, "nonsense");
  expect_no_load(other_, absl::StatusCode::kInvalidArgument, "expected a checkpoint");
  ASSERT_EQ(save_model(path_, model_), absl::OkStatus());
  std::string bytes = test::read_file(path_);
  bytes[bytes.size() / 2] ^= 1;
  test::write_file(path_, bytes);
  expect_no_load(other_, absl::StatusCode::kDataLoss, "");
  EXPECT_EQ(save_model(path_ + "/in/a/file", model_).code(),
            save_checkpoint(path_ + "/in/a/file", {}).code());
}

}  // namespace
}  // namespace lamina
