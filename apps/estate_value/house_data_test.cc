#include "lamina/apps/estate_value/house_data.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::apps::estate_value {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/houses.csv";
  nn::data::write_file(path, text);
  return path;
}

DataSettings csv_settings(const std::string& path) {
  return {Source::kAmes, path, "price", false, 1};
}

std::vector<double> values(const nn::data::Table& table, const std::string& column) {
  return (*table.column(column))->values.to_vector<double>();
}

TEST(HouseData, AFifthOfAFileIsHeldOutAndEachRowIsInOnePart) {
  std::string text = "x,price\n";
  for (int i = 0; i < 23; ++i) text += std::to_string(i) + ",1\n";
  const absl::StatusOr<HouseData> data = load_houses(csv_settings(file(text)));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.rows, 19);
  EXPECT_EQ(data->test.rows, 4);
  std::vector<double> all = values(data->train, "x");
  for (const double x : values(data->test, "x")) all.push_back(x);
  std::sort(all.begin(), all.end());
  for (int i = 0; i < 23; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i);
}

TEST(HouseData, BadRowsOfAFileAreLeftOutAtTheUsersWish) {
  DataSettings settings = csv_settings(file("x,price\n1,10\n2\n3,30\n4,1e999\n5,50\n6,60\n7,70\n"));
  EXPECT_EQ(load_all_houses(settings).status().message(),
            settings.csv + ":3:2: expected a row of 2 cells, got 1");
  settings.skip_bad_rows = true;
  ::testing::internal::CaptureStderr();
  const absl::StatusOr<nn::data::Table> houses = load_all_houses(settings);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "warning: bad rows left out: 2, the first: " + settings.csv +
                ":3:2: expected a row of 2 cells, got 1\n");
  ASSERT_TRUE(houses.ok()) << houses.status();
  EXPECT_EQ(values(*houses, "x"), (std::vector<double>{1, 3, 5, 6, 7}));
  EXPECT_EQ(values(*houses, "price"), (std::vector<double>{10, 30, 50, 60, 70}));
}

TEST(HouseData, AStrayTextAmongNumbersIsWarnedOf) {
  const auto warning_of = [](const std::string& area) {
    std::string text = "area,street,price\n";
    for (int i = 0; i < 9; ++i) text += std::to_string(100 + i) + ",a,1\n";
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(load_all_houses(csv_settings(file(text + area + ",,1\n"))).ok());
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(warning_of("\"12,5\""),
              ::testing::EndsWith("/houses.csv: column 'area': 9 numbers and 1 text, "
                                  "'12,5': all are taken as categories\n"));
  EXPECT_THAT(warning_of("NAN"), HasSubstr("9 numbers and 1 text, 'NAN'"));
  EXPECT_THAT(warning_of("0x10"), HasSubstr("9 numbers and 1 text, '0x10'"));
  EXPECT_EQ(warning_of("12.5"), "");
  EXPECT_EQ(warning_of(""), "");         // a missing number
  EXPECT_EQ(warning_of("a,,1\nb"), "");  // two texts: as categories may be
}

TEST(HouseData, TheMarketHasTwoThousandHousesToTrainOnAndFiveHundredToTest) {
  const absl::StatusOr<HouseData> data = load_houses({Source::kSynthetic, "", "price", false, 1});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.rows, 2000);
  EXPECT_EQ(data->test.rows, 500);
}

TEST(HouseData, SaysSoIfThereAreTooFewHouses) {
  const std::string path = file("x,price\n1,2\n3,4\n");
  EXPECT_EQ(load_houses(csv_settings(path)).status().message(),
            path + ": expected at least 5 houses, got 2");
}

TEST(HouseData, FoldsAreOfOneSizeAndFollowTheSeed) {
  const std::vector<int64_t> fold = folds_of(23, 5, 9);
  std::map<int64_t, int> count;
  for (const int64_t each : fold) ++count[each];
  EXPECT_EQ(count, (std::map<int64_t, int>{{0, 5}, {1, 5}, {2, 5}, {3, 4}, {4, 4}}));
  EXPECT_EQ(fold, folds_of(23, 5, 9));
  EXPECT_NE(fold, folds_of(23, 5, 10));
}

TEST(HouseData, CategoriesThatAreAllNumbersAreReadAsCategories) {
  const absl::StatusOr<nn::data::Table> train =
      nn::data::read_csv(file("zone,price\n7,1\nA1,2\n9,3\n"));
  const absl::StatusOr<Encoder> encoder = Encoder::fit(*train, "price", false);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const absl::StatusOr<nn::data::Table> houses = read_houses(file("zone\n9\n7\n8\n"), *encoder);
  ASSERT_TRUE(houses.ok()) << houses.status();
  // In the order of their bytes: 7, 9, A1.
  EXPECT_EQ(encoder->features(*houses)->to_vector<float>(), (std::vector<float>{1, 0, 3}));
}

TEST(HouseData, ATextAmongNumbersIsNamedWithItsPlace) {
  const absl::StatusOr<nn::data::Table> train =
      nn::data::read_csv(file("x,y,price\n7,1,1\n8,1,2\n"));
  const absl::StatusOr<Encoder> encoder = Encoder::fit(*train, "price", false);
  const std::string path = file("x,y\n1,2\n3,many\n");
  EXPECT_THAT(std::string(read_houses(path, *encoder).status().message()),
              HasSubstr(path + ":3:2: "));
  EXPECT_THAT(std::string(read_houses(file("x,why\n1,2\n"), *encoder).status().message()),
              HasSubstr("expected a column 'y', got none; the closest name is 'x'"));
}

}  // namespace
}  // namespace lamina::apps::estate_value
