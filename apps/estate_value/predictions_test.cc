#include "lamina/apps/estate_value/predictions.h"

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::estate_value {
namespace {

nn::data::Table cells() {
  nn::data::Table table;
  table.rows = 3;
  table.columns = {
      {"area", tensor(std::vector<int64_t>{2, 1, 0}, {3}), {"", "007", "1.50"}},
      {"street, no", tensor(std::vector<int64_t>{1, 2, 0}, {3}), {"a \"b\"", "Main", "NA"}}};
  return table;
}

TEST(Predictions, AreAColumnBehindTheCellsAsTheyCame) {
  EXPECT_EQ(csv_with_prices(cells(), "predicted_price", {1000.126, 2e6, -300}),
            "area,\"street, no\",predicted_price\n"
            "1.50,Main,1000.13\n"
            "007,NA,2000000.00\n"
            ",\"a \"\"b\"\"\",-300.00\n");
}

TEST(Predictions, OfSmallPricesHaveSixDigits) {
  EXPECT_EQ(csv_with_prices(cells(), "p", {0.00123456789, 1.8312349, 1e98}),
            "area,\"street, no\",p\n"
            "1.50,Main,0.00123457\n"
            "007,NA,1.83123\n"
            ",\"a \"\"b\"\"\",1e+98\n");
}

TEST(Predictions, HaveANameOfTheirOwn) {
  nn::data::Table table = cells();
  table.columns[0].name = "p";
  table.columns[1].name = "p_2";
  EXPECT_EQ(csv_with_prices(table, "p", {1, 2, 3}).substr(0, 10), "p,p_2,p_3\n");
}

TEST(Predictions, NeedAPriceForEachHouse) {
  EXPECT_THROWS(ShapeError, "[csv_with_prices] expected 3 prices, got 1",
                csv_with_prices(cells(), "p", {1}));
}

}  // namespace
}  // namespace lamina::apps::estate_value
