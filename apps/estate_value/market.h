// A synthetic market: houses drawn at random, at prices that follow a formula, with noise. So the best
// error that a model can have is known.
#ifndef LAMINA_APPS_ESTATE_VALUE_MARKET_H_
#define LAMINA_APPS_ESTATE_VALUE_MARKET_H_

#include <cstdint>

#include "lamina/nn.h"

namespace lamina::apps::estate_value {

struct House {
  double area;      // m2, A
  double age;       // years, H
  double distance;  // km to the centre, D
  double stores;    // whole, within walking distance, S
  double yard;      // 0 or 1, Y
};

// 100 + 10 A^0.95 - 0.5 H^2 + 2 H - 25 sqrt(D) + 6 ln(1 + S) + 30 Y + 0.04 A ln(1 + S) - 4 Y sqrt(D) - 0.1 H D
double price_without_noise(const House& house);

// The standard deviation of the normal noise that a price has.
inline constexpr double kNoise = 10;

// A table with the columns area, age, distance, stores, yard and price. Independent and uniform: A in 50 to
// 250, H in 0 to 50, D in 1 to 25, S in 0, ..., 10, Y in 0, 1. The same seed gives the same houses.
nn::data::Table synthetic_market(int64_t houses, uint64_t seed);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_MARKET_H_
