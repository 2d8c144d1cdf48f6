#include "lamina/apps/estate_value/price_metrics.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace lamina::apps::estate_value {
namespace {

// price = exp(output), or 100 + 10 output.
Encoder of_logarithms() {
  return *Encoder::parse("target\tprice\t1\t0\t1\nnumber\tx\t0\t0\t0\t1\n");
}
Encoder of_prices() {
  return *Encoder::parse("target\tprice\t0\t100\t10\nnumber\tx\t0\t0\t0\t1\n");
}

TEST(Scores, AreInTheUnitsOfThePrices) {
  // Predicted 110, 90, 130; true 100, 100, 160: errors 10, -10, -30; from the mean, 120: -20, -20, 40.
  const Scores scores = score(of_prices(), tensor({1.0, -1.0, 3.0}), tensor({100.0, 100.0, 160.0}));
  EXPECT_NEAR(scores.mae, 50.0 / 3, 1e-9);
  EXPECT_NEAR(scores.rmse, 19.148542155, 1e-8);  // sqrt(1100 / 3)
  EXPECT_NEAR(scores.r2, 1 - 1100.0 / 2400, 1e-12);
  EXPECT_NEAR(scores.standardised_mse, 11.0 / 3, 1e-9);
  EXPECT_NEAR(scores.standardised_r2, 1 - 1100.0 / 2400, 1e-12);
}

TEST(Scores, OfLogarithmsAreBesideThoseOfPrices) {
  // Logarithms: predicted 0, 1, 3, true 0, 2, 4, of which the mean is 2. Prices: predicted 1, 2.718 and
  // 20.086, true 1, 7.389 and 54.598.
  const Scores scores = score(of_logarithms(), tensor({0.0, 1.0, 3.0}),
                              tensor({1.0, 7.3890560989306504, 54.598150033144236}));
  EXPECT_NEAR(scores.standardised_r2, 1 - 2.0 / 8, 1e-9);
  EXPECT_NEAR(scores.mae, (4.6707742705 + 34.5126131100) / 3, 1e-8);
}

TEST(PriceMetric, TakesTheMeanOfTheNetworksAndAddsUpOverBatches) {
  const Encoder encoder = of_prices();
  PriceMetric mae(encoder, std::make_unique<nn::train::MeanAbsoluteError>());
  EXPECT_EQ(mae.name(), "mae");
  EXPECT_FALSE(mae.higher_is_better());
  // Means 1 and 2 of the networks: prices 110 and 120 for 100 and 150.
  mae.update(tensor({{0.f, 2.f}, {1.f, 3.f}}), tensor({{0.f}, {5.f}}));
  EXPECT_NEAR(mae.value(), 20, 1e-9);
  mae.update(tensor({{0.f, 0.f}}), tensor({{1.f}}));  // 100 for 110
  EXPECT_NEAR(mae.value(), 50.0 / 3, 1e-9);
  const std::vector<double> sums = mae.sums();
  mae.reset();
  mae.set_sums(sums);
  EXPECT_NEAR(mae.value(), 50.0 / 3, 1e-9);
}

}  // namespace
}  // namespace lamina::apps::estate_value
