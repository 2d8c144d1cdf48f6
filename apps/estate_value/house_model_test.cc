#include "lamina/apps/estate_value/house_model.h"

#include <string>

#include "gtest/gtest.h"

namespace lamina::apps::estate_value {
namespace {

// Two numbers, one of which may be missing, and two columns of 3 and 2 categories.
Encoder encoder() {
  return *Encoder::parse(
      "target\tprice\t0\t0\t1\n"
      "number\tarea\t0\t0\t0\t1\n"
      "number\tage\t0\t1\t0\t1\n"
      "category\tzone\ta\tb\tc\n"
      "category\tstreet\td\te\n");
}

void expect_parameters(const Encoder& encoder, const HouseModelOptions& options, int64_t count) {
  EXPECT_EQ(parameters_by_size(encoder, options), count);
  EXPECT_EQ(HouseModel(encoder, options).parameter_count(), count);
}

TEST(HouseModel, TellsItsParametersBeforeItIsMade) {
  // 3 numbers and 5 places: 9 from the inputs to the output, (8 + 1) 4, (4 + 1) 7, 7 + 1.
  expect_parameters(encoder(), {Categories::kOneHot, {4, 7}, 0.5, 1}, 9 + 36 + 35 + 8);
  expect_parameters(encoder(), {Categories::kOneHot, {4, 7}, 0, 3}, 3 * (9 + 36 + 35 + 8));
  // 3 numbers and 2 times 6: 16, (15 + 1) 4, 4 + 1; and 6 for each of 5 categories and what is
  // unknown.
  expect_parameters(encoder(), {Categories::kEmbedding, {4}, 0, 1}, 16 + 64 + 5 + 36);
  // One number, no category.
  const Encoder number = *Encoder::parse("target\tp\t0\t0\t1\nnumber\tx\t0\t0\t0\t1\n");
  expect_parameters(number, {Categories::kEmbedding, {4}, 0, 1}, 2 + 8 + 5);
}

TEST(HouseModel, PredictsTheMeanOfItsNetworksInEvalMode) {
  HouseModel model(encoder(), {Categories::kEmbedding, {4}, 0.5, 3});
  const Tensor x = tensor({{1.f, 2.f, 0.f, 0.f, 4.f}, {-1.f, 0.f, 1.f, 5.f, 3.f}});
  const Tensor predictions = model.predictions(x);
  EXPECT_TRUE(model.is_training());
  model.eval();
  const std::vector<double> outputs = model(x).to(float64).to_vector<double>();  // (2, 3)
  ASSERT_EQ(predictions.shape(), Shape{2});
  EXPECT_NEAR(predictions.select(0, 0).item<double>(), (outputs[0] + outputs[1] + outputs[2]) / 3,
              1e-12);
  EXPECT_NEAR(predictions.select(0, 1).item<double>(), (outputs[3] + outputs[4] + outputs[5]) / 3,
              1e-12);
  EXPECT_EQ(model.predictions(x.narrow(0, 0, 0)).shape(), Shape{0});
}

}  // namespace
}  // namespace lamina::apps::estate_value
