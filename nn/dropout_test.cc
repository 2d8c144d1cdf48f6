#include "lamina/nn/dropout.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/autograd.h"
#include "lamina/tensor.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;

TEST(Dropout, DropsAShareOfPAndScalesTheRest) {
  manual_seed(1);
  constexpr int64_t kCount = 200000;
  for (const DType dtype : {float32, float64}) {
    for (const double p : {0.1, 0.5, 0.75}) {
      const std::vector<double> y = Dropout(p)(full(kCount, 3, dtype)).to_vector<double>();
      int64_t dropped = 0;
      for (const double v : y) {
        dropped += v == 0;
        EXPECT_NEAR(v, v == 0 ? 0 : 3 / (1 - p), 1e-6);
      }
      // Five standard deviations of a binomial count.
      EXPECT_NEAR(dropped, kCount * p, 5 * std::sqrt(kCount * p * (1 - p))) << p;
    }
  }
}

// Neighbours are dropped independently: a share of p^2 of the pairs.
TEST(Dropout, DropsNeighboursIndependently) {
  manual_seed(2);
  constexpr int64_t kPairs = 100000;
  const std::vector<float> y = Dropout(0.3)(ones(2 * kPairs)).to_vector<float>();
  int64_t both = 0;
  for (size_t i = 0; i < y.size(); i += 2) both += y[i] == 0 && y[i + 1] == 0;
  EXPECT_NEAR(both, kPairs * 0.09, 5 * std::sqrt(kPairs * 0.09 * 0.91));
}

TEST(Dropout, PassesTheGradientWhereItPassedTheValue) {
  manual_seed(3);
  Tensor x = (rand(1000) + 1).detach().requires_grad_();
  const Tensor y = Dropout(0.5)(x);
  y.sum().backward();
  const std::vector<float> values = y.to_vector<float>(), gradient = x.grad().to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(gradient[i], values[i] == 0 ? 0 : 2);
}

TEST(Dropout, OfOneGivesZerosAndOfNoneTheInput) {
  const Tensor x = rand({3, 4}).requires_grad_();
  const Tensor y = Dropout(1)(x);
  EXPECT_THAT(y.to_vector<float>(), Each(0));
  y.sum().backward();
  EXPECT_THAT(x.grad().to_vector<float>(), Each(0));
  EXPECT_THAT(Dropout(0)(x).to_vector<float>(), ElementsAreArray(x.to_vector<float>()));
}

TEST(Dropout, InEvalModeIsTheInputAndDrawsNothing) {
  manual_seed(4);
  Dropout layer(0.9);
  layer.eval();
  const uint64_t before = default_generator().state().position;
  const Tensor x = rand({3, 4}).detach();
  const uint64_t drawn = default_generator().state().position;
  EXPECT_GT(drawn, before);
  EXPECT_THAT(layer(x).to_vector<float>(), ElementsAreArray(x.to_vector<float>()));
  EXPECT_EQ(default_generator().state().position, drawn);
}

TEST(Dropout, GivesTheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    manual_seed(5);
    results.push_back(Dropout(0.3)(ones({300, 1001})).to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Dropout, IsRepeatedByCheckpoint) {
  Dropout layer(0.5);
  Tensor x = ones(1000).requires_grad_();
  const Tensor y =
      checkpoint([&](absl::Span<const Tensor> in) { return layer(in[0]) * in[0]; }, {x});
  const std::vector<float> values = y.to_vector<float>();
  y.sum().backward();  // d(2 x^2) = 4 where it was not dropped
  const std::vector<float> gradient = x.grad().to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(gradient[i], 2 * values[i]);
}

TEST(Dropout2d, DropsWholeChannels) {
  manual_seed(6);
  for (const Shape& shape : {Shape{200, 50, 2, 3}, Shape{200, 50, 6}}) {
    const std::vector<float> y = Dropout2d(0.2)(ones(shape)).to_vector<float>();
    int64_t dropped = 0;
    for (size_t channel = 0; channel < 10000; ++channel) {
      for (size_t i = 1; i < 6; ++i) EXPECT_EQ(y[channel * 6 + i], y[channel * 6]);
      dropped += y[channel * 6] == 0;
    }
    EXPECT_NEAR(dropped, 2000, 5 * std::sqrt(10000 * 0.2 * 0.8));
  }
}

TEST(Dropout, RefusesWhatItCannotDo) {
  EXPECT_THROWS(ValueError, "[Dropout] expected p in [0, 1], got -0.1", Dropout(-0.1));
  EXPECT_THROWS(ValueError, "[Dropout] expected p in [0, 1], got 1.5", Dropout(1.5));
  EXPECT_THROWS(ValueError, "[Dropout2d] expected p in [0, 1], got nan", Dropout2d{test::kNan});
  EXPECT_THROWS(ValueError, "[dropout] expected p in [0, 1], got 2",
                functional::dropout(ones(2), 2));
  EXPECT_THROWS(DTypeError, "[dropout] expected a floating dtype, got int64",
                Dropout()(ones(2, int64)));
  EXPECT_THROWS(
      ShapeError,
      "[dropout2d] expected x (n, channels, h, w) or (n, channels, length), got shape (2, 3)",
      Dropout2d()(ones({2, 3})));
  EXPECT_THROWS(ValueError, "[dropout_mask] expected a probability from 0 to 1, got 2",
                random::dropout_mask(3, 2));
}

}  // namespace
}  // namespace lamina::nn
