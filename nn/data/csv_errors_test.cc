// What read_csv refuses, with its texts, and what skip_bad_rows makes of it.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/csv.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;

class BadCsv : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "/bad.csv";

  // `error` comes after the path.
  void expect_error(const std::string& text, const std::string& error,
                    const CsvOptions& options = {}) {
    write_file(path_, text);
    const absl::StatusOr<Table> table = read_csv(path_, options);
    ASSERT_FALSE(table.ok()) << error;
    EXPECT_EQ(table.status().message(), path_ + error);
  }
};

TEST_F(BadCsv, IsNoFile) {
  EXPECT_EQ(read_csv("/none.csv").status().message(),
            "/none.csv: cannot open: No such file or directory");
  EXPECT_EQ(read_csv("/").status().message(), "/: expected a regular file, got a folder");
}

TEST_F(BadCsv, IsEmpty) {
  expect_error("", ":1:1: expected a header, got an empty file");
  expect_error("\xef\xbb\xbf\n\n", ":3:1: expected a header, got an empty file");
  expect_error("", ":1:1: expected a row, got an empty file", {.header = false});
}

TEST_F(BadCsv, HasAHeaderOnly) {
  expect_error("x,y", ":2:1: expected a row of 2 cells, got the file's end");
  expect_error("x,y\n\n", ":3:1: expected a row of 2 cells, got the file's end");
}

TEST_F(BadCsv, HasARowOfAnotherLength) {
  expect_error("x,y,z\n1,2,3\n4,5\n", ":3:3: expected a row of 3 cells, got 2");
  expect_error("x,y,z\n1,2,3\n\n4,5,6,7,8\n", ":4:4: expected a row of 3 cells, got 5");
  expect_error("x,y\n\"a\nb\",1\nc\n", ":4:2: expected a row of 2 cells, got 1");
}

TEST_F(BadCsv, HasAQuoteThatIsNeverClosed) {
  expect_error("x,y\n1,\"a\nb,c\n", ":2:2: expected a closing quote, got the file's end");
  expect_error("x,\"y\n1,2\n", ":1:2: expected a closing quote, got the file's end");
  expect_error("x,y\n1,\"a\"\"\n", ":2:2: expected a closing quote, got the file's end",
               {.skip_bad_rows = true});
}

TEST_F(BadCsv, HasTextAfterAClosingQuote) {
  expect_error("x,y\n1,\"a\"b\n",
               ":2:2: expected a delimiter or the line's end after the closing quote, got 'b'");
}

TEST_F(BadCsv, HasANulByte) {
  expect_error(std::string("x,y\n1,a\0b\n", 10), ":2:2: expected text, got a NUL byte");
  expect_error(std::string("x,y\n\"\0\",1\n", 10), ":2:1: expected text, got a NUL byte");
  expect_error(std::string("x\n1\n2\0", 6), ":3:1: expected text, got a NUL byte");
  expect_error(std::string("x,\0y\n1,2\n", 9), ":1:2: expected text, got a NUL byte");
}

TEST_F(BadCsv, HasANumberBeyondFloat64) {
  expect_error("x,y\n1,2\n3,-1e309\n",
               ":3:2: expected a number within float64's range in column 'y', got '-1e309'");
  // The first one in the file.
  expect_error("x,y\n1,1e999\n1e400,2\n",
               ":2:2: expected a number within float64's range in column 'y', got '1e999'");
}

TEST_F(BadCsv, HasATextInAColumnThatIsForcedToBeNumeric) {
  expect_error("x,age\n1,2\n\n3,\"four\tor five\"\n",
               ":4:2: expected a number in column 'age', got 'four\\tor five'",
               {.types = {{"age", ColumnType::kNumeric}}});
}

TEST_F(BadCsv, HasNamesThatAreTheSame) {
  expect_error("x,y,x\n1,2,3\n", ":1:3: expected names that differ, got 'x', which column 1 has");
}

TEST_F(BadCsv, HasNotTheColumnWhoseTypeIsForced) {
  expect_error("Sale_Price,Year\n1,2\n",
               ": expected a column 'SalePrice', got none; the closest name is 'Sale_Price'",
               {.types = {{"SalePrice", ColumnType::kNumeric}}});
}

TEST_F(BadCsv, EndsAnywhere) {
  const std::string text = "x,\"y\"\r\n1,\"a\"\"\r\nb\"\r\n\"2\",c\r\n";
  for (size_t length = 0; length < text.size(); ++length) {
    write_file(path_, text.substr(0, length));
    const absl::StatusOr<Table> table = read_csv(path_);  // does not throw
    if (!table.ok()) {
      EXPECT_EQ(table.status().message().find('\n'), absl::string_view::npos);
    }
  }
}

TEST_F(BadCsv, RowsThatAreSkippedLeaveNothingBehind) {
  // A shifted row does not make texts of numbers, and a category that only it has is none.
  write_file(path_,
             std::string("x,y\n1,a\nwrong\n2,b,c\n1e999,d\n\"3\"x,e\n4,\0\n5,f\n\n6,\n", 47));
  const absl::StatusOr<Table> table = read_csv(path_, {.skip_bad_rows = true});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows, 3);
  EXPECT_EQ(table->skipped_rows, 5);
  EXPECT_THAT(table->columns[0].values.data().to_vector<double>(), ElementsAre(1, 5, 6));
  EXPECT_THAT(table->columns[1].categories, ElementsAre("a", "f"));
  EXPECT_THAT(table->columns[1].values.data().to_vector<int64_t>(), ElementsAre(0, 1, -1));
  EXPECT_THAT(
      table->first_errors,
      ElementsAre(
          path_ + ":3:2: expected a row of 2 cells, got 1",
          path_ + ":4:3: expected a row of 2 cells, got 3",
          path_ + ":5:1: expected a number within float64's range in column 'x', got '1e999'",
          path_ + ":6:1: expected a delimiter or the line's end after the closing quote, got 'x'",
          path_ + ":7:2: expected text, got a NUL byte"));
}

TEST_F(BadCsv, RowsThatAreSkippedAreCountedOnceThoughTheFileIsReadAgain) {
  std::string text = "x,y\n1,1\n2\n";
  for (int i = 0; i < 100000; ++i) text += "3,4\n";
  text += "a,5\nb\n";
  write_file(path_, text);
  const absl::StatusOr<Table> table = read_csv(path_, {.skip_bad_rows = true});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows, 100002);
  EXPECT_EQ(table->skipped_rows, 2);
  EXPECT_THAT(table->columns[0].categories, ElementsAre("1", "3", "a"));
}

TEST_F(BadCsv, HasBadRowsOnly) {
  expect_error(
      "x,y\n1\n2\n",
      absl::StrCat(":4:1: expected a row of 2 cells, got the file's end after 2 bad rows; ", path_,
                   ":2:2: expected a row of 2 cells, got 1"),
      {.skip_bad_rows = true});
}

TEST_F(BadCsv, KeepsFiveErrorsOfMany) {
  std::string text = "x,y\n1,2\n";
  for (int i = 0; i < 100; ++i) text += "3\n";
  write_file(path_, text);
  const absl::StatusOr<Table> table = read_csv(path_, {.skip_bad_rows = true});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->skipped_rows, 100);
  EXPECT_EQ(table->first_errors.size(), 5u);
}

TEST_F(BadCsv, IsNotReadWithADelimiterThatMeansSomethingElse) {
  for (char c : {'"', '\n', '\r', '\0'}) {
    EXPECT_THROW((void)read_csv(path_, {.delimiter = c}), ValueError);
  }
}

}  // namespace
}  // namespace lamina::nn::data
