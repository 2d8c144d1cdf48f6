#include "lamina/apps/estate_value/market.h"

#include <cmath>
#include <vector>

namespace lamina::apps::estate_value {

double price_without_noise(const House& house) {
  const auto [area, age, distance, stores, yard] = house;
  return 100 + 10 * std::pow(area, 0.95) - 0.5 * age * age + 2 * age - 25 * std::sqrt(distance) +
         6 * std::log1p(stores) + 30 * yard + 0.04 * area * std::log1p(stores) -
         4 * yard * std::sqrt(distance) - 0.1 * age * distance;
}

nn::data::Table synthetic_market(int64_t houses, uint64_t seed) {
  Generator generator(seed);
  const NDArray area = random::uniform({houses}, 50, 250, float64, generator);
  const NDArray age = random::uniform({houses}, 0, 50, float64, generator);
  const NDArray distance = random::uniform({houses}, 1, 25, float64, generator);
  const NDArray stores = random::integers(0, 11, {houses}, float64, generator);
  const NDArray yard = random::integers(0, 2, {houses}, float64, generator);
  const NDArray price = random::normal({houses}, 0, kNoise, float64, generator);
  auto* prices = price.data<double>();
  for (int64_t i = 0; i < houses; ++i) {
    prices[i] += price_without_noise({area.data<double>()[i], age.data<double>()[i],
                                      distance.data<double>()[i], stores.data<double>()[i],
                                      yard.data<double>()[i]});
  }
  nn::data::Table table;
  table.source = "synthetic market";
  table.rows = houses;
  table.columns = {{"area", area, {}},     {"age", age, {}},   {"distance", distance, {}},
                   {"stores", stores, {}}, {"yard", yard, {}}, {"price", price, {}}};
  return table;
}

}  // namespace lamina::apps::estate_value
