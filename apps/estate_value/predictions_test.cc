#include "lamina/apps/estate_value/predictions.h"

#include <cmath>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::estate_value {
namespace {

nn::data::Table houses() {
  nn::data::Table table;
  table.rows = 3;
  table.columns = {
      {"area", tensor({0.1, 215000.0, std::nan("")}), {}},
      {"street, no", tensor(std::vector<int64_t>{1, -1, 0}, {3}), {"a \"b\"", "Main"}}};
  return table;
}

TEST(Predictions, AreAColumnBehindTheHouses) {
  EXPECT_EQ(csv_with_prices(houses(), "predicted_price", {1.005, 2e6, -3}),
            "area,\"street, no\",predicted_price\n"
            "0.1,Main,1.00\n"
            "215000,,2000000.00\n"
            ",\"a \"\"b\"\"\",-3.00\n");
}

TEST(Predictions, KeepEveryDigitOfNumbers) {
  nn::data::Table table;
  table.rows = 2;
  table.columns = {{"x", tensor({-93.619754, 1.0 / 3}), {}}};
  EXPECT_EQ(csv_with_prices(table, "p", {0, 0}), "x,p\n-93.619754,0.00\n0.3333333333333333,0.00\n");
}

TEST(Predictions, LeaveWholeNumbersWithoutExponents) {
  nn::data::Table table;
  table.rows = 6;
  table.columns = {{"x", tensor({2e6, 1.5e6, -3e14, 0.0, 1e15, 2000000.5}), {}}};
  EXPECT_EQ(csv_with_prices(table, "p", {0, 0, 0, 0, 0, 0}),
            "x,p\n2000000,0.00\n1500000,0.00\n-300000000000000,0.00\n0,0.00\n1e+15,0.00\n"
            "2000000.5,0.00\n");
}

TEST(Predictions, HaveANameOfTheirOwn) {
  nn::data::Table table = houses();
  table.columns[0].name = "p";
  table.columns[1].name = "p_2";
  EXPECT_EQ(csv_with_prices(table, "p", {1, 2, 3}).substr(0, 10), "p,p_2,p_3\n");
}

TEST(Predictions, NeedAPriceForEachHouse) {
  EXPECT_THROWS(ShapeError, "[csv_with_prices] expected 3 prices, got 1",
                csv_with_prices(houses(), "p", {1}));
}

}  // namespace
}  // namespace lamina::apps::estate_value
