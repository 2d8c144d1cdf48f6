// A file that Python's csv module wrote, cell by cell as pandas reads it (csv_golden.py).
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/csv.h"

namespace lamina::nn::data {
namespace {

// As in golden.txt.
std::string cell_text(const Column& column, int64_t row) {
  if (column.is_categorical()) {
    const auto code = column.values.data().at<int64_t>({row});
    if (code < 0) return "missing";
    const std::string& text = column.categories.at(static_cast<size_t>(code));
    return "text " + absl::BytesToHexString(text);
  }
  return std::isnan(column.values.data().at<double>({row})) ? "missing" : "number";
}

TEST(CsvGolden, HasTheCellsThatPandasReads) {
  const absl::StatusOr<Table> table = read_csv("nn/data/testdata/golden.csv");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows, 300);
  std::ifstream golden("nn/data/testdata/golden.txt");
  std::string line;
  for (const Column& column : table->columns) {
    ASSERT_TRUE(std::getline(golden, line));
    EXPECT_EQ(line, "column " + absl::BytesToHexString(column.name));
    for (int64_t row = 0; row < table->rows; ++row) {
      ASSERT_TRUE(std::getline(golden, line));
      const std::string cell = cell_text(column, row);
      if (cell == "number") {
        ASSERT_EQ(line.substr(0, 7), "number ") << column.name << ", row " << row;
        EXPECT_EQ(column.values.data().at<double>({row}), std::strtod(line.c_str() + 7, nullptr))
            << column.name << ", row " << row;
      } else {
        EXPECT_EQ(cell, line) << column.name << ", row " << row;
      }
    }
  }
  EXPECT_FALSE(std::getline(golden, line)) << "more columns: " << line;
}

}  // namespace
}  // namespace lamina::nn::data
