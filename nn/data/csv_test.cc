#include "lamina/nn/data/csv.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;
using Texts = std::vector<std::string>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class ReadCsv : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "/read.csv";

  Table read(const std::string& text, const CsvOptions& options = {}) {
    write_file(path_, text);
    absl::StatusOr<Table> table = read_csv(path_, options);
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *std::move(table) : Table{};
  }
  // The cells of a column: of categories, with "?" for a missing one.
  static Texts texts(const Column& column) {
    EXPECT_TRUE(column.is_categorical()) << column.name;
    if (!column.is_categorical()) return {};
    Texts cells;
    for (int64_t code : column.values.data().to_vector<int64_t>()) {
      cells.push_back(code < 0 ? "?" : column.categories.at(static_cast<size_t>(code)));
    }
    return cells;
  }
  static std::vector<double> numbers(const Column& column) {
    EXPECT_EQ(column.values.dtype(), float64) << column.name;
    EXPECT_TRUE(column.categories.empty());
    return column.values.data().to_vector<double>();
  }
};

TEST_F(ReadCsv, InfersNumbersAndCategories) {
  const Table table = read("area,zone,age\n50.5,b,1\n60,a,-2\n70.25,b,+3\n");
  EXPECT_EQ(table.rows, 3);
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.columns[0].name, "area");
  EXPECT_THAT(numbers(table.columns[0]), ElementsAre(50.5, 60, 70.25));
  EXPECT_EQ(table.columns[1].name, "zone");
  EXPECT_THAT(table.columns[1].categories, ElementsAre("a", "b"));
  EXPECT_THAT(table.columns[1].values.data().to_vector<int64_t>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(numbers(table.columns[2]), ElementsAre(1, -2, 3));
}

TEST_F(ReadCsv, GivesMissingCellsNaNAndCodeMinusOne) {
  const Table table = read("x,y\n1,a\nNA,\n,NaN\n2,None\n");
  const std::vector<double> x = numbers(table.columns[0]);
  EXPECT_EQ(x[0], 1);
  EXPECT_TRUE(std::isnan(x[1]));
  EXPECT_TRUE(std::isnan(x[2]));
  EXPECT_EQ(x[3], 2);
  EXPECT_THAT(texts(table.columns[1]), ElementsAre("a", "?", "?", "None"));
  EXPECT_THAT(table.columns[1].categories, ElementsAre("None", "a"));
}

TEST_F(ReadCsv, TakesAColumnWithoutACellForNumbers) {
  const Table table = read("x,y\n,1\nNA,2\n");
  EXPECT_TRUE(std::isnan(numbers(table.columns[0])[1]));
}

TEST_F(ReadCsv, TakesOtherTextsForMissingOnRequest) {
  const Table table = read("x,y\n-999,NA\n?,?\n-999.0,b\n", {.missing = {"?", "-999"}});
  const std::vector<double> x = numbers(table.columns[0]);
  EXPECT_TRUE(std::isnan(x[0]));
  EXPECT_TRUE(std::isnan(x[1]));
  EXPECT_EQ(x[2], -999);  // another text
  EXPECT_THAT(texts(table.columns[1]), ElementsAre("NA", "?", "b"));
  EXPECT_THAT(texts(read("x\na\n\"\"\n", {.missing = {}}).columns[0]), ElementsAre("a", ""));
}

TEST_F(ReadCsv, ReadsQuotesAsRfc4180) {
  const Table table = read(
      "\"a,b\",\"c \"\"d\"\"\"\r\n"
      "\"x, y\",\"1\"\r\n"
      "\"line\r\nbreak\",\"\"\r\n"
      "\"\"\"\",2\r\n"
      "5\" pipe,\"3\"");
  EXPECT_EQ(table.columns[0].name, "a,b");
  EXPECT_EQ(table.columns[1].name, "c \"d\"");
  EXPECT_THAT(texts(table.columns[0]), ElementsAre("x, y", "line\r\nbreak", "\"", "5\" pipe"));
  const std::vector<double> numbers_between_quotes = numbers(table.columns[1]);
  EXPECT_EQ(numbers_between_quotes[0], 1);
  EXPECT_TRUE(std::isnan(numbers_between_quotes[1]));
  EXPECT_EQ(numbers_between_quotes[3], 3);
}

TEST_F(ReadCsv, TakesEveryLineEndAndNoneAtTheEnd) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    for (const bool is_last_ended : {true, false}) {
      std::string text = "x,y|1,a||2,b|";  // with a line that is empty
      if (!is_last_ended) text.pop_back();
      const Table table = read(absl::StrReplaceAll(text, {{"|", end}}));
      EXPECT_THAT(numbers(table.columns[0]), ElementsAre(1, 2));
      EXPECT_THAT(texts(table.columns[1]), ElementsAre("a", "b"));
    }
  }
}

TEST_F(ReadCsv, SkipsAByteOrderMark) {
  EXPECT_EQ(read("\xef\xbb\xbfx,y\n1,2\n").columns[0].name, "x");
}

TEST_F(ReadCsv, TakesAnotherDelimiterAndNoHeader) {
  const Table table = read("1;a,b\n2;c\n", {.delimiter = ';', .header = false});
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.columns[0].name, "0");
  EXPECT_EQ(table.columns[1].name, "1");
  EXPECT_THAT(numbers(table.columns[0]), ElementsAre(1, 2));
  EXPECT_THAT(texts(table.columns[1]), ElementsAre("a,b", "c"));
}

// Of '.', '-', '+', digits and letters as well, which else are parts of numbers.
TEST_F(ReadCsv, TakesEveryDelimiterForOneAndNothingElse) {
  for (int byte = 1; byte < 256; ++byte) {
    const char d = static_cast<char>(byte);
    if (d == '"' || d == '\n' || d == '\r') continue;
    SCOPED_TRACE(byte);
    const char* const seven = d == '7' ? "5" : "7";
    const std::string delimiter(1, d);
    const std::string quoted = absl::StrCat("\"(", delimiter, ")\"");
    const std::string text = d == 'b' ? "c" : "b";
    const Table table = read(absl::StrCat(seven, delimiter, quoted, "\n", delimiter, text, "\n"),
                             {.delimiter = d, .header = false, .missing = {""}});
    ASSERT_EQ(table.columns.size(), 2u);
    const std::vector<double> x = numbers(table.columns[0]);
    EXPECT_EQ(x[0], d == '7' ? 5 : 7);
    EXPECT_TRUE(std::isnan(x[1]));
    EXPECT_THAT(texts(table.columns[1]), ElementsAre(absl::StrCat("(", delimiter, ")"), text));
  }
  for (const char* delimiter : {".", "-", "+", "1", "e"}) {
    const Table table = read(absl::StrReplaceAll("2|3\n|4\n5|\n", {{"|", delimiter}}),
                             {.delimiter = delimiter[0], .header = false});
    const std::vector<double> x = numbers(table.columns[0]), y = numbers(table.columns[1]);
    EXPECT_EQ(x[0], 2);
    EXPECT_EQ(y[0], 3);
    EXPECT_TRUE(std::isnan(x[1]));
    EXPECT_EQ(y[1], 4);
    EXPECT_EQ(x[2], 5);
    EXPECT_TRUE(std::isnan(y[2]));
  }
}

TEST_F(ReadCsv, ForcesTypes) {
  const Table table =
      read("zip,x\n07030,NA\n10001,5\n",
           {.types = {{"zip", ColumnType::kCategorical}, {"x", ColumnType::kNumeric}}});
  EXPECT_THAT(texts(table.columns[0]), ElementsAre("07030", "10001"));
  EXPECT_EQ(numbers(table.columns[1])[1], 5);
}

// Python's float(text) gives these.
TEST_F(ReadCsv, RoundsNumbersToTheNearestFloat64) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"0.1", 0x1.999999999999ap-4},
      {".5", 0.5},
      {"5.", 5},
      {"-93.619754", -0x1.767aa0cae642cp+6},
      {"1e5", 100000},
      {"1.5E-3", 0x1.89374bc6a7efap-10},
      {"9007199254740993", 0x1p+53},  // 2^53 + 1
      {"9007199254740995", 0x1.0000000000002p+53},
      {"0.30000000000000004", 0x1.3333333333334p-2},
      {"123456789012345678", 0x1.b69b4ba630f35p+56},
      {"1234567890123456789012", 0x1.0bb448ec2f608p+70},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
      {"4.9e-324", 0x0.0000000000001p-1022},
      {"1e-400", 0},
      {"-0", -0.0},
      {"  12 ", 12},
      {"inf", kInfinity},
      {"-Infinity", -kInfinity},
  };
  std::string text = "x\n";
  for (const auto& [number, value] : cases) absl::StrAppend(&text, number, "\n");
  const std::vector<double> x = numbers(read(text).columns[0]);
  ASSERT_EQ(x.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(x[i], cases[i].second) << cases[i].first;
    EXPECT_EQ(std::signbit(x[i]), std::signbit(cases[i].second)) << cases[i].first;
  }
}

TEST_F(ReadCsv, TakesWhatOnlyLooksLikeANumberForAText) {
  for (const char* text : {"1-2", "--1", "+-1", "1e", "0x10", "1.2.3", "1 2", "1_000", "e5", ".",
                           "-", "nan(1)", "infinite", "True", " NA", "1d"}) {
    SCOPED_TRACE(text);
    EXPECT_THAT(texts(read(absl::StrCat("x\n1\n", text, "\n")).columns[0]), ElementsAre("1", text));
  }
}

// Numbers that come before the first text are texts as they stand in the file. The file is far longer than
// what is read at once.
TEST_F(ReadCsv, ReadsNumbersAgainThatTurnOutToBeTexts) {
  constexpr int kRows = 100000;
  std::string text = "late,later,x\n";
  for (int i = 0; i < kRows; ++i) {
    absl::StrAppend(&text, i == 10 ? "a" : "01", ",", i == kRows - 1 ? "b" : "1e999", ",", i, "\n");
  }
  int64_t begun = 0;
  CsvOptions options;
  options.progress = [&](int64_t, int64_t) { ++begun; };
  const Table table = read(text, options);
  EXPECT_EQ(table.rows, kRows);
  EXPECT_THAT(table.columns[0].categories, ElementsAre("01", "a"));
  EXPECT_THAT(table.columns[1].categories, ElementsAre("1e999", "b"));
  EXPECT_EQ(table.columns[0].values.eq(1).sum().item<int64_t>(), 1);
  EXPECT_EQ(table.columns[0].values.select(0, 10).item<int64_t>(), 1);
  EXPECT_EQ(table.columns[1].values.select(0, kRows - 1).item<int64_t>(), 1);
  EXPECT_EQ(table.columns[2].values.sum().item<double>(), kRows * (kRows - 1.0) / 2);
  EXPECT_EQ(begun, 1);  // less than 16 MiB
}

// Rows end where blocks of the file do, at every distance.
TEST_F(ReadCsv, ReadsRowsThatLieAcrossBlocks) {
  for (int shift = 0; shift < 12; ++shift) {
    std::string text = absl::StrCat(std::string(1 + shift, 'h'), ",y\r\n");
    constexpr int kRows = 80000;  // of 10 bytes
    for (int i = 0; i < kRows; ++i) absl::StrAppend(&text, i % 7, ",\"\"\"\n\"\r\n");
    const Table table = read(text);
    ASSERT_EQ(table.rows, kRows);
    EXPECT_EQ(table.columns[0].values.sum().item<double>(), 11428 * 21 + 6);  // 0 + 1 + 2 + 3
    EXPECT_THAT(table.columns[1].categories, ElementsAre("\"\n"));
  }
}

TEST_F(ReadCsv, ReadsACellOfMegabytes) {
  const std::string cell(3 << 20, 'c');
  const Table table = read("x,y\n1,\"" + cell + "\"\n2,d\n");
  EXPECT_TRUE(table.columns[1].categories == Texts({cell, "d"}));
}

TEST_F(ReadCsv, TellsItsProgress) {
  std::string text = "x\n";
  while (text.size() < (40 << 20)) text += "0.123456789012345\n0.5\n";
  std::vector<int64_t> bytes;
  CsvOptions options;
  options.progress = [&](int64_t done, int64_t size) {
    bytes.push_back(done);
    EXPECT_EQ(size, static_cast<int64_t>(text.size()));
  };
  read(text, options);
  ASSERT_EQ(bytes.size(), 3u);
  EXPECT_NEAR(bytes[0], 16 << 20, 1 << 19);
  EXPECT_NEAR(bytes[1], 32 << 20, 1 << 19);
  EXPECT_EQ(bytes[2], static_cast<int64_t>(text.size()));
}

}  // namespace
}  // namespace lamina::nn::data
