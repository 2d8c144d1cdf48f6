#include "lamina/apps/estate_value/encoder.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::estate_value {
namespace {

using nn::data::Column;
using nn::data::Table;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

Column numbers(const std::string& name, const std::vector<double>& values) {
  return {name, tensor(values, {static_cast<int64_t>(values.size())}), {}};
}

// Of the categories "a", "b" and "c", -1 for a missing one.
Column letters(const std::string& name, const std::vector<int64_t>& codes) {
  return {name, tensor(codes, {static_cast<int64_t>(codes.size())}), {"a", "b", "c"}};
}

Table table(std::vector<Column> columns) {
  Table made;
  made.source = "houses.csv";
  made.rows = columns[0].values.size(0);
  made.columns = std::move(columns);
  return made;
}

Encoder fitted(const Table& train, bool log_price = false) {
  const absl::StatusOr<Encoder> encoder = Encoder::fit(train, "price", log_price);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  return *encoder;
}

std::string error_of(const Table& train, const std::string& target = "price",
                     bool log_price = false) {
  return std::string(Encoder::fit(train, target, log_price).status().message());
}

TEST(Encoder, StandardisesByTheRowsForTrainingOnly) {
  // Mean 2, standard deviation 1; prices: mean 20, standard deviation 10.
  const Encoder encoder = fitted(table({numbers("rooms", {1, 3}), numbers("price", {10, 30})}));
  const Table test = table({numbers("rooms", {2, 4, 1.5}), numbers("price", {20, 50, 0})});
  EXPECT_CLOSE(encoder.features(test)->data(), std::vector<double>{0, 2, -0.5}, 1e-6);
  EXPECT_CLOSE(encoder.targets(*encoder.prices_in(test)).data(), std::vector<double>{0, 3, -2},
               1e-12);
  EXPECT_CLOSE(encoder.prices(tensor({0.0, 3.0, -2.0})).data(), std::vector<double>{20, 50, 0},
               1e-12);
}

TEST(Encoder, LearnsLogarithmsOfPrices) {
  // ln: 0 and 2, so mean 1 and standard deviation 1.
  const Encoder encoder =
      fitted(table({numbers("rooms", {1, 3}), numbers("price", {1, std::exp(2.0)})}), true);
  EXPECT_CLOSE(encoder.targets(tensor({std::exp(1.0), std::exp(3.0)})).data(),
               std::vector<double>{0, 2}, 1e-12);
  EXPECT_CLOSE(encoder.prices(tensor({0.0, 2.0})).data(),
               std::vector<double>{2.718281828459045, 20.085536923187668}, 1e-12);
}

TEST(Encoder, TakesTheLogarithmOfALongTail) {
  // ln(1 + x) is 0, 0, 2.7725887, 5.5451774: mean 2.0794415, standard deviation 2.2989091.
  const Table train =
      table({numbers("porch", {0, 0, 15, 255}), numbers("below_0", {0, 0, -15, -255}),
             numbers("even", {0, 1, 2, 3}), numbers("price", {1, 2, 3, 4})});
  const Encoder encoder = fitted(train);
  EXPECT_TRUE(encoder.number_columns()[0].log);
  EXPECT_FALSE(encoder.number_columns()[1].log);
  EXPECT_FALSE(encoder.number_columns()[2].log);
  EXPECT_NEAR(encoder.number_columns()[0].mean, 2.079441542, 1e-9);
  EXPECT_NEAR(encoder.number_columns()[0].std, 2.298909122, 1e-9);
  EXPECT_CLOSE(encoder.features(train)->select(1, 0).contiguous().data(),
               std::vector<double>{-0.9045340, -0.9045340, 0.3015113, 1.5075567}, 1e-6);
}

TEST(Encoder, BoundsWhatIsFarOutside) {
  const Encoder encoder = fitted(table({numbers("rooms", {1, 3}), numbers("price", {10, 30})}));
  EXPECT_CLOSE(encoder.features(table({numbers("rooms", {1000, -1000})}))->data(),
               std::vector<double>{3, -3});
}

TEST(Encoder, FlagsMissingNumbersIfThereWereSomeToLearnFrom) {
  const Encoder encoder = fitted(table({numbers("flagged", {1, kMissing, 3}),
                                        numbers("whole", {1, 3, 2}), numbers("price", {1, 2, 3})}));
  EXPECT_EQ(encoder.number_width(), 3);
  const Table test = table({numbers("flagged", {2, kMissing}), numbers("whole", {2, kMissing})});
  EXPECT_CLOSE(encoder.features(test)->data(), std::vector<double>{0, 0, 0, 0, 1, 0});
}

TEST(Encoder, CategoriesThatAreNewOrMissingHaveThePlaceBehindTheLast) {
  // Column x has a and c, column y has b: 3 places.
  const Encoder encoder = fitted(
      table({letters("x", {0, 2, 2}), letters("y", {1, 1, -1}), numbers("price", {1, 2, 3})}));
  EXPECT_EQ(encoder.category_count(), 3);
  const Table test = table({letters("y", {1, 2, -1}), letters("x", {2, 1, 0})});
  EXPECT_CLOSE(encoder.features(test)->data(), std::vector<double>{1, 2, 3, 3, 0, 3});
}

TEST(Encoder, SurvivesAsText) {
  Column odd = letters("tab\there, \"quoted\"\n", {0, 1, 2});
  odd.categories = {"", "line\nend", "caf\u00e9"};
  const Table train =
      table({odd, numbers("x", {0.1, kMissing, 1e90}), numbers("price", {1, 2, 4})});
  const Encoder encoder = fitted(train, true);
  const absl::StatusOr<Encoder> again = Encoder::parse(encoder.text());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->text(), encoder.text());
  EXPECT_EQ(again->category_columns()[0].categories, odd.categories);
  EXPECT_EQ(again->category_columns()[0].name, odd.name);
  EXPECT_EQ(again->features(train)->to_vector<float>(),
            encoder.features(train)->to_vector<float>());
}

TEST(Encoder, RefusesOtherText) {
  for (const char* text :
       {"", "target\tprice\t1\t0\t1\n", "number\tx\t0\t0\t0\t1\n", "target\tprice\t1\t0\n",
        "target\tprice\t2\t0\t1\nnumber\tx\t0\t0\t0\t1\n",
        "target\tprice\t1\t0\t1\nnumber\tx\t0\t0\t0\t0\n",  // a deviation of 0
        "target\tprice\t1\t0\t1\nnumber\tx\t0\t0\tnan\t1\n",
        "target\tprice\t1\t0\t1\nnumber\tx\\\t0\t0\t0\t1\n", "target\tprice\t1\t0\t1\ncolour\tx\n",
        "target\tprice\t1\t0\t1\ncategory\n"}) {
    EXPECT_FALSE(Encoder::parse(text).ok()) << text;
  }
}

TEST(Encoder, NamesTheColumnThatIsMissing) {
  const Encoder encoder =
      fitted(table({numbers("Gr_Liv_Area", {1, 3}), numbers("price", {10, 30})}));
  EXPECT_EQ(encoder.features(table({numbers("Gr_Liv_Aera", {1})})).status().message(),
            "houses.csv: expected a column 'Gr_Liv_Area', got none; the closest name is "
            "'Gr_Liv_Aera'");
  EXPECT_EQ(error_of(table({numbers("x", {1}), numbers("Price", {1})})),
            "houses.csv: expected a column 'price', got none; the closest name is 'Price'");
}

TEST(Encoder, RefusesColumnsOfTheOtherKind) {
  const Encoder encoder =
      fitted(table({numbers("n", {1, 3}), letters("l", {0, 1}), numbers("price", {10, 30})}));
  EXPECT_EQ(encoder.features(table({letters("n", {0}), letters("l", {0})})).status().message(),
            "houses.csv: column 'n': expected numbers, got texts such as 'a'");
  EXPECT_EQ(encoder.features(table({numbers("n", {0}), numbers("l", {0})})).status().message(),
            "houses.csv: column 'l': expected texts, got numbers");
}

TEST(Encoder, RefusesHousesWithoutAPrice) {
  const Column x = numbers("x", {1, 2});
  EXPECT_EQ(error_of(table({x, numbers("price", {1, kMissing})})),
            "houses.csv: column 'price': expected a price in every row, got a missing cell");
  EXPECT_THAT(error_of(table({x, numbers("price", {1, HUGE_VAL})})),
              HasSubstr("expected numbers within 1e+100 of 0, got inf"));
  EXPECT_EQ(error_of(table({x, numbers("price", {1, 0})}), "price", true),
            "houses.csv: column 'price': expected prices above 0, or --log_price=false, got 0");
  EXPECT_THAT(error_of(table({x, letters("price", {0, 1})})),
              HasSubstr("expected numbers, got texts such as 'a'"));
}

// Their squares are 0, though the numbers are not.
TEST(Encoder, NamesAColumnOfNumbersThatHardlyDiffer) {
  const Column tiny = numbers("tiny", {0, 1e-310, kMissing}), price = numbers("price", {1, 2, 3});
  EXPECT_THAT(error_of(table({tiny, price})),
              ::testing::StartsWith("houses.csv: column 'tiny': expected numbers that are equal or "
                                    "differ by at least 1e-100, got a difference of "));
  EXPECT_THAT(error_of(table({numbers("x", {1, 2}), numbers("price", {1e-200, 2e-200})})),
              HasSubstr("column 'price': expected numbers that are equal or differ by "));
  const Encoder encoder =
      fitted(table({numbers("x", {2e-100, 1e-100}), numbers("price", {1e-200, 2e-200})}),
             /*log_price=*/true);
  EXPECT_NEAR(encoder.number_columns()[0].std / 0.5e-100, 1, 1e-12);
}

TEST(Encoder, RefusesDataWithNothingToLearnFrom) {
  EXPECT_EQ(error_of(table({numbers("price", {1, 2})})),
            "houses.csv: expected columns beside 'price' to learn from, got none");
  EXPECT_EQ(error_of(table({numbers("x", {}), numbers("price", {})})),
            "houses.csv: expected rows to learn from, got none");
  EXPECT_EQ(error_of(table({numbers("x", {1, HUGE_VAL}), numbers("price", {1, 2})})),
            "houses.csv: column 'x': expected numbers within 1e+100 of 0, got inf");
}

}  // namespace
}  // namespace lamina::apps::estate_value
