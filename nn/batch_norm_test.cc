// What the comparison with PyTorch (tests/differential) leaves open of batch and instance norm.
#include "lamina/nn/batch_norm.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/autograd.h"
#include "lamina/nn/clone.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(BatchNorm1d, ByHand) {
  BatchNorm1d layer(2, {.eps = 0});
  layer.weight.set_data(NDArray::from({1.f, 2.f}, {2}));
  layer.bias.set_data(NDArray::from({0.f, 5.f}, {2}));
  // Channel 0: mean 2, variance 1. Channel 1: mean 30, variance 400, 800 over n - 1.
  const Tensor y = layer(tensor({{1.f, 10.f}, {3.f, 50.f}}));
  EXPECT_THAT(y.to_vector<float>(), Pointwise(FloatNear(1e-6f), {-1.f, 3.f, 1.f, 7.f}));
  EXPECT_THAT(layer.running_mean.to_vector<float>(), Pointwise(FloatNear(1e-6f), {0.2f, 3.f}));
  EXPECT_THAT(layer.running_var.to_vector<float>(), Pointwise(FloatNear(1e-5f), {1.1f, 80.9f}));
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 1);
}

TEST(BatchNorm1d, MayKeepTheBiasedVariance) {
  BatchNorm1d layer(1, {.biased_running_var = true});
  layer(tensor({{10.f}, {50.f}}));
  EXPECT_NEAR(layer.running_var.item<float>(), 0.9 + 40, 1e-5);
}

TEST(BatchNorm1d, WithoutMomentumAveragesAllBatches) {
  BatchNorm1d layer(1, {.momentum = std::nullopt});
  layer(tensor({{0.f}, {2.f}}));    // mean 1, variance 2
  layer(tensor({{3.f}, {7.f}}));    // mean 5, variance 8
  layer(tensor({{10.f}, {14.f}}));  // mean 12, variance 8
  EXPECT_NEAR(layer.running_mean.item<float>(), 6, 1e-5);
  EXPECT_NEAR(layer.running_var.item<float>(), 6, 1e-5);
}

TEST(BatchNorm1d, InEvalModeUsesTheRunningStatisticsAndLeavesThem) {
  BatchNorm1d layer(1, {.eps = 0});
  layer.running_mean = tensor({3.f}, {1});
  layer.running_var = tensor({4.f}, {1});
  layer.eval();
  EXPECT_THAT(layer(tensor({{5.f}, {-1.f}})).to_vector<float>(), ElementsAre(1, -2));
  EXPECT_THAT(layer(tensor({{5.f}})).to_vector<float>(), ElementsAre(1));
  EXPECT_EQ(layer.running_mean.item<float>(), 3);
  EXPECT_EQ(layer.running_var.item<float>(), 4);
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 0);
}

TEST(BatchNorm1d, RecordsNothingOfItsStatistics) {
  BatchNorm1d layer(2);
  const Tensor x = randn({4, 2}).requires_grad_();
  const Tensor y = layer(x), z = layer(x);
  EXPECT_FALSE(layer.running_mean.requires_grad());
  EXPECT_FALSE(layer.running_var.requires_grad());
  (y.sum() + z.sum()).backward();  // nothing that it needs was written to
  EXPECT_TRUE(x.grad().defined());
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 2);
}

TEST(BatchNorm1d, StartsAgain) {
  BatchNorm1d layer(2);
  layer(randn({4, 2}));
  layer.weight.set_data(NDArray::zeros(2));
  layer.reset_parameters();
  EXPECT_THAT(layer.weight.to_vector<float>(), Each(1));
  EXPECT_THAT(layer.running_mean.to_vector<float>(), Each(0));
  EXPECT_THAT(layer.running_var.to_vector<float>(), Each(1));
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 0);
}

TEST(BatchNorm1d, OfManyFarFromZeroIsAccurate) {
  // 4,096 and 4,098 in turn: mean 4,097, variance 1.
  std::vector<float> values;
  for (int i = 0; i < 20000; ++i) values.push_back(4096.f + 2.f * static_cast<float>(i % 2));
  BatchNorm1d layer(1, {.eps = 0, .momentum = 1, .biased_running_var = true});
  const Tensor y = layer(tensor(values, {20000, 1}));
  for (int64_t i = 0; i < 20000; i += 777) EXPECT_NEAR(y[i].item<float>(), i % 2 ? 1 : -1, 1e-5);
  EXPECT_EQ(layer.running_mean.item<float>(), 4097);
  EXPECT_NEAR(layer.running_var.item<float>(), 1, 1e-6);
}

TEST(BatchNorm1d, OfNoSamplesLeavesItsStatistics) {
  BatchNorm1d layer(2);
  EXPECT_EQ(layer(ones({0, 2})).shape(), (Shape{0, 2}));
  EXPECT_THAT(layer.running_mean.to_vector<float>(), Each(0));
  EXPECT_THAT(layer.running_var.to_vector<float>(), Each(1));
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 0);
}

TEST(BatchNorm1d, ACopyHasStatisticsOfItsOwn) {
  BatchNorm1d layer(1);
  BatchNorm1d copy = clone(layer);
  layer(tensor({{0.f}, {2.f}}));
  EXPECT_EQ(copy.running_mean.item<float>(), 0);
  EXPECT_EQ(copy.num_batches_tracked.item<int64_t>(), 0);
}

TEST(BatchNorm1d, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "[BatchNorm1d] expected num_features of at least 0, got -1",
                BatchNorm1d(-1));
  EXPECT_THROWS(ValueError, "[BatchNorm1d] expected an eps of at least 0, got -1",
                BatchNorm1d(1, {.eps = -1}));
  EXPECT_THROWS(ValueError, "[BatchNorm1d] expected a momentum in [0, 1], got 2",
                BatchNorm1d(1, {.momentum = 2}));
  EXPECT_THROWS(DTypeError, "[BatchNorm1d] expected a floating dtype, got int64",
                BatchNorm1d(1, {.dtype = int64}));
  EXPECT_THROWS(ShapeError,
                "[BatchNorm1d] expected x (n, channels) or (n, channels, length) with 3 channels, "
                "got shape (2, 3, 4, 5)",
                BatchNorm1d(3)(ones({2, 3, 4, 5})));
  EXPECT_THROWS(ShapeError, "with 3 channels, got shape (2, 4)", BatchNorm1d(3)(ones({2, 4})));
  EXPECT_THROWS(
      ValueError,
      "[BatchNorm1d] expected more than 1 value per channel when training, got shape (1, 3)",
      BatchNorm1d(3)(ones({1, 3})));
  EXPECT_THROWS(DTypeError, "[BatchNorm1d] expected a weight of x's dtype float64, got float32",
                BatchNorm1d(3)(ones({2, 3}, float64)));
}

TEST(BatchNorm1d, AfterAnErrorHasCountedNothing) {
  BatchNorm1d layer(3);
  EXPECT_THROW(layer(ones({1, 3})), ValueError);
  EXPECT_EQ(layer.num_batches_tracked.item<int64_t>(), 0);
}

TEST(BatchNorm2d, RefusesOtherThanImages) {
  EXPECT_THROWS(ShapeError,
                "[BatchNorm2d] expected x (n, channels, h, w) with 3 channels, got shape (3, 4, 5)",
                BatchNorm2d(3)(ones({3, 4, 5})));
}

TEST(InstanceNorm2d, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "[InstanceNorm2d] expected num_features of at least 0, got -1",
                InstanceNorm2d(-1));
  EXPECT_THROWS(ValueError, "[InstanceNorm2d] expected an eps of at least 0, got nan",
                InstanceNorm2d(1, {.eps = NAN}));
  EXPECT_THROWS(ValueError, "[InstanceNorm2d] expected a momentum in [0, 1], got -0.5",
                InstanceNorm2d(1, {.momentum = -0.5}));
  EXPECT_THROWS(DTypeError, "[InstanceNorm2d] expected a floating dtype, got int64",
                InstanceNorm2d(1, {.dtype = int64}));
  EXPECT_THROWS(ShapeError,
                "[InstanceNorm2d] expected x (n, channels, h, w) or (channels, h, w) with 3 "
                "channels, got shape (2, 4, 5, 5)",
                InstanceNorm2d(3)(ones({2, 4, 5, 5})));
  EXPECT_THROWS(ValueError,
                "[InstanceNorm2d] expected more than 1 value per channel of each image, got shape "
                "(2, 3, 1, 1)",
                InstanceNorm2d(3)(ones({2, 3, 1, 1})));
  EXPECT_THROWS(
      ValueError, "[instance_norm] expected running statistics, or use_input_stats",
      functional::instance_norm(ones({1, 1, 2, 2}), {}, {}, {}, {}, {.use_input_stats = false}));
  EXPECT_THROWS(ShapeError,
                "[instance_norm] expected weight, bias and running statistics of shape (2,), got "
                "(1,)",
                functional::instance_norm(ones({1, 2, 2}), {}, {}, ones(1)));
}

}  // namespace
}  // namespace lamina::nn
