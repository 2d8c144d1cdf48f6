#include "lamina/apps/predict_in_batches.h"

#include <vector>

#include "gtest/gtest.h"

namespace lamina::apps {
namespace {

// Twice its input; keeps the sizes of its batches.
class Double : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override {
    EXPECT_FALSE(is_training());
    sizes.push_back(x.size(0));
    return x * weight;
  }
  std::vector<int64_t> sizes;

 private:
  nn::Parameter weight{this, "weight", tensor({2.f})};
};

TEST(PredictInBatches, GivesAllSamplesInOrder) {
  Double model;
  const Tensor y = predict_in_batches(model, arange(2001, float32).reshape({2001, 1}));
  EXPECT_EQ(model.sizes, (std::vector<int64_t>{1000, 1000, 1}));
  EXPECT_TRUE(model.is_training());
  EXPECT_FALSE(y.requires_grad());
  ASSERT_EQ(y.shape(), (Shape{2001, 1}));
  for (const int64_t i : {0, 999, 1000, 2000}) {
    EXPECT_EQ(y.select(0, i).item<float>(), static_cast<float>(2 * i));
  }
}

TEST(PredictInBatches, LeavesAModelInEvalModeThere) {
  Double model;
  model.eval();
  EXPECT_EQ(predict_in_batches(model, ones({1, 1})).item<float>(), 2);
  EXPECT_FALSE(model.is_training());
}

}  // namespace
}  // namespace lamina::apps
