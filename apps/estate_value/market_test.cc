#include "lamina/apps/estate_value/market.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lamina::apps::estate_value {
namespace {

using ::testing::ElementsAre;

std::vector<double> values(const nn::data::Table& table, const std::string& column) {
  return (*table.column(column))->values.to_vector<double>();
}

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double each : x) sum += each;
  return sum / static_cast<double>(x.size());
}

double deviation(const std::vector<double>& x) {
  double sum = 0;
  const double middle = mean(x);
  for (const double each : x) sum += std::pow(each - middle, 2);
  return std::sqrt(sum / static_cast<double>(x.size()));
}

TEST(Market, PricesAreThoseOfTheFormulaByHand) {
  // 100^0.95 = 79.432823: 100 + 794.32823 - 25
  EXPECT_NEAR(price_without_noise({100, 0, 1, 0, 0}), 869.32823, 1e-5);
  // 200^0.95 = 153.4541, ln 4 = 1.3862944, sqrt(4) = 2:
  // 100 + 1534.540998 - 50 + 20 - 50 + 8.317766 + 30 + 11.090355 - 8 - 4
  EXPECT_NEAR(price_without_noise({200, 10, 4, 3, 1}), 1591.949119, 1e-5);
  // 50^0.95 = 41.117008, ln 11 = 2.3978953, sqrt(25) = 5:
  // 100 + 411.170080 - 1250 + 100 - 125 + 14.387372 + 30 + 4.795791 - 20 - 125
  EXPECT_NEAR(price_without_noise({50, 50, 25, 10, 1}), -859.646758, 1e-5);
}

TEST(Market, HousesAreUniformWithinTheirBounds) {
  constexpr int64_t kHouses = 20000;
  const nn::data::Table market = synthetic_market(kHouses, 3);
  EXPECT_EQ(market.rows, kHouses);
  const struct {
    const char* column;
    double low, high;
  } uniform[] = {{"area", 50, 250}, {"age", 0, 50}, {"distance", 1, 25}};
  for (const auto& [column, low, high] : uniform) {
    const std::vector<double> x = values(market, column);
    EXPECT_GE(*std::min_element(x.begin(), x.end()), low) << column;
    EXPECT_LT(*std::max_element(x.begin(), x.end()), high) << column;
    // A uniform number has the deviation (high - low) / sqrt(12), its mean that over sqrt(n).
    const double sigma = (high - low) / std::sqrt(12.0);
    EXPECT_NEAR(mean(x), (low + high) / 2, 5 * sigma / std::sqrt(1.0 * kHouses)) << column;
    EXPECT_NEAR(deviation(x), sigma, 0.02 * sigma) << column;
  }
  const std::vector<double> stores = values(market, "stores"), yards = values(market, "yard");
  EXPECT_THAT(std::set<double>(stores.begin(), stores.end()),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_NEAR(mean(stores), 5, 0.12);  // five times sqrt(10 / 20000)
  EXPECT_THAT(std::set<double>(yards.begin(), yards.end()), ElementsAre(0, 1));
  EXPECT_NEAR(mean(yards), 0.5, 0.018);
}

TEST(Market, NoiseIsNormalWithADeviationOfTen) {
  constexpr int64_t kHouses = 20000;
  const nn::data::Table market = synthetic_market(kHouses, 4);
  std::vector<double> noise = values(market, "price");
  int within = 0;
  const auto area = values(market, "area"), age = values(market, "age"),
             distance = values(market, "distance"), stores = values(market, "stores"),
             yard = values(market, "yard");
  for (size_t i = 0; i < noise.size(); ++i) {
    noise[i] -= price_without_noise({area[i], age[i], distance[i], stores[i], yard[i]});
    within += std::abs(noise[i]) < 10 ? 1 : 0;
  }
  EXPECT_NEAR(mean(noise), 0, 0.36);        // five times 10 / sqrt(20000)
  EXPECT_NEAR(deviation(noise), 10, 0.25);  // five times 10 / sqrt(40000)
  EXPECT_NEAR(within / 20000.0, 0.6827, 0.017);
}

TEST(Market, TheSeedDecides) {
  EXPECT_EQ(values(synthetic_market(50, 1), "price"), values(synthetic_market(50, 1), "price"));
  EXPECT_NE(values(synthetic_market(50, 1), "price"), values(synthetic_market(50, 2), "price"));
}

}  // namespace
}  // namespace lamina::apps::estate_value
