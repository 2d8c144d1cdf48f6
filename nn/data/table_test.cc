#include "lamina/nn/data/table.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class E, class F>
void expect_error(const F& f, const std::string& text) {
  try {
    f();
    ADD_FAILURE() << "no error, expected " << text;
  } catch (const E& error) {
    EXPECT_EQ(std::string(error.what()), text);
  }
}

Table houses() {
  Table table;
  table.source = "houses.csv";
  table.rows = 4;
  table.columns = {{"Lot_Area", NDArray::from({5.0, kNaN, 7.0, 8.0}, {4}), {}},
                   {"Roof", NDArray::from<int64_t>({1, -1, 0, 1}, {4}), {"Flat", "Gable"}},
                   {"Sale_Price", NDArray::from({1.0, 2.0, 3.0, 4.0}, {4}), {}}};
  return table;
}

TEST(Table, GivesColumnsByName) {
  const Table table = houses();
  const absl::StatusOr<const Column*> roof = table.column("Roof");
  ASSERT_TRUE(roof.ok());
  EXPECT_EQ(*roof, &table.columns[1]);
}

TEST(Table, SuggestsTheClosestNameForOneThatItDoesNotHave) {
  const auto error = [](const char* name) { return houses().column(name).status(); };
  EXPECT_EQ(
      error("SalePrice").message(),
      "houses.csv: expected a column 'SalePrice', got none; the closest name is 'Sale_Price'");
  EXPECT_EQ(error("lotarea").message(),
            "houses.csv: expected a column 'lotarea', got none; the closest name is 'Lot_Area'");
  EXPECT_EQ(error("Root").message(),
            "houses.csv: expected a column 'Root', got none; the closest name is 'Roof'");
  EXPECT_EQ(error("Root").code(), absl::StatusCode::kNotFound);
  Table empty;
  empty.source = "empty.csv";
  EXPECT_EQ(empty.column("x").status().message(), "empty.csv: expected a column 'x', got none");
}

TEST(Table, SelectsRowsInTheOrderGiven) {
  const Table selected = houses().select({3, 0, 3});
  EXPECT_EQ(selected.rows, 3);
  EXPECT_EQ(selected.source, "houses.csv");
  EXPECT_THAT(selected.columns[0].values.data().to_vector<double>(), ElementsAre(8, 5, 8));
  EXPECT_THAT(selected.columns[1].values.data().to_vector<int64_t>(), ElementsAre(1, 1, 1));
  EXPECT_THAT(selected.columns[1].categories, ElementsAre("Flat", "Gable"));
  EXPECT_EQ(houses().select({}).rows, 0);
}

TEST(Table, RefusesRowsThatItDoesNotHave) {
  expect_error<IndexError>(
      [] {
        (void)houses().select({0, 4});
      },
      "[select] expected rows in [0, 4), got 4");
  expect_error<IndexError>([] { (void)houses().select({-1}); },
                           "[select] expected rows in [0, 4), got -1");
}

TEST(OneHot, HasAOneAtEachCategoryAndNoneWhereItIsMissing) {
  const Tensor hot = one_hot(houses().columns[1]);
  EXPECT_EQ(hot.dtype(), float32);
  EXPECT_EQ(hot.shape(), Shape({4, 2}));
  EXPECT_THAT(hot.data().to_vector<float>(), ElementsAre(0, 1, 0, 0, 1, 0, 0, 1));
}

TEST(OneHot, RefusesNumbers) {
  expect_error<DTypeError>([] { (void)one_hot(houses().columns[0]); },
                           "[one_hot] expected a column of categories, got 'Lot_Area' of numbers");
}

TEST(Recode, GivesTheSameCellsByOtherCategories) {
  const Column recoded = recode(houses().columns[1], {"Hip", "Gable", "Shed"});
  EXPECT_EQ(recoded.name, "Roof");
  EXPECT_THAT(recoded.values.data().to_vector<int64_t>(), ElementsAre(1, -1, -1, 1));
  EXPECT_THAT(recoded.categories, ElementsAre("Hip", "Gable", "Shed"));
  EXPECT_EQ(one_hot(recoded).shape(), Shape({4, 3}));
}

TEST(Recode, OfACodeThatIsNoCategorysIsRefusedWithItsRow) {
  const std::vector<std::string> categories = {"Flat", "Gable"};
  const auto roof = [&](int64_t code) {
    return Column{"Roof", NDArray::from<int64_t>({1, -1, code}, {3}), categories};
  };
  expect_error<IndexError>(
      [&] { (void)recode(roof(2), categories); },
      "[recode] expected codes of the 2 categories of 'Roof', or -1, got 2 in row 2");
  expect_error<IndexError>(
      [&] { (void)recode(roof(-2), categories); },
      "[recode] expected codes of the 2 categories of 'Roof', or -1, got -2 in row 2");
  expect_error<IndexError>(
      [&] { (void)one_hot(roof(7)); },
      "[one_hot] expected codes of the 2 categories of 'Roof', or -1, got 7 in row 2");
  expect_error<IndexError>(
      [&] { (void)one_hot(roof(-2)); },
      "[one_hot] expected codes of the 2 categories of 'Roof', or -1, got -2 in row 2");
}

}  // namespace
}  // namespace lamina::nn::data
