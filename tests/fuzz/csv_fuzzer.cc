// The reader of CSV files, by the options that the first byte of the input chooses, which is not part of the file.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "lamina/nn/data/csv.h"
#include "lamina/tests/fuzz/fuzzing.h"

namespace {

using lamina::fuzz::require;
using lamina::nn::data::Column;
using lamina::nn::data::ColumnType;
using lamina::nn::data::CsvOptions;
using lamina::nn::data::read_csv;
using lamina::nn::data::Table;

CsvOptions options_of(uint8_t bits) {
  CsvOptions options;
  if (bits & 1) options.delimiter = ';';
  options.header = (bits & 2) == 0;
  options.skip_bad_rows = (bits & 4) != 0;
  if (bits & 8) options.types = {{"x", ColumnType::kNumeric}, {"y", ColumnType::kCategorical}};
  if (bits & 16) options.missing = {"", "-1", "?"};
  return options;
}

void check(const Column& column, int64_t rows) {
  require(column.values.shape() == lamina::Shape({rows}), "a value for each row");
  if (!column.is_categorical()) {
    require(column.values.dtype() == lamina::float64 && column.categories.empty(), "numbers");
    return;
  }
  const auto categories = static_cast<int64_t>(column.categories.size());
  std::vector<char> is_used(column.categories.size());
  for (int64_t code : column.values.data().span<int64_t>()) {
    require(code >= -1 && code < categories, "codes of categories");
    if (code >= 0) is_used[static_cast<size_t>(code)] = 1;
  }
  for (size_t i = 0; i < column.categories.size(); ++i) {
    require(is_used[i] != 0, "categories that some row has");
    require(i == 0 || column.categories[i - 1] < column.categories[i], "categories in order");
  }
}

// Cells that, written out and read again, are the same.
void check_written_again(const Table& table, lamina::fuzz::MemoryFile& file) {
  std::string text;
  const auto add_quoted = [&text](const std::string& cell) {
    text += '"';
    for (char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    text += '"';
  };
  for (size_t c = 0; c < table.columns.size(); ++c) {
    if (c > 0) text += ',';
    add_quoted(table.columns[c].name);
  }
  CsvOptions options;
  options.missing = {"missing \x01"};
  for (int64_t row = 0; row < table.rows; ++row) {
    text += "\r\n";
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (c > 0) text += ',';
      const Column& column = table.columns[c];
      if (column.is_categorical()) {
        options.types[column.name] = ColumnType::kCategorical;
        const auto code = column.values.data().at<int64_t>({row});
        add_quoted(code < 0 ? options.missing[0] : column.categories[static_cast<size_t>(code)]);
      } else {
        const auto number = column.values.data().at<double>({row});
        char digits[32];
        std::snprintf(digits, sizeof(digits), "%.17g", number);
        text += std::isnan(number) ? options.missing[0] : digits;
      }
    }
  }
  file.set(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  const auto again = read_csv(file.path(), options);
  require(again.ok(), "a table that can be written and read");
  require(again->rows == table.rows && again->columns.size() == table.columns.size(), "its shape");
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const Column& a = table.columns[c];
    const Column& b = again->columns[c];
    require(a.name == b.name && a.categories == b.categories, "its names and categories");
    require(lamina::fuzz::same(a.values.data(), b.values.data()), "its values");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static auto& file = *new lamina::fuzz::MemoryFile;
  file.set(data + 1, size - 1);
  const auto table = read_csv(file.path(), options_of(data[0]));
  ++(table.ok() ? lamina::fuzz::accepted : lamina::fuzz::refused);
  if (!table.ok()) {
    const std::string error(table.status().message());
    require(error.rfind(file.path() + ":", 0) == 0, "the path first");
    require(error.find('\n') == std::string::npos, "an error of one line");
    return 0;
  }
  require(table->rows > 0 && table->rows < static_cast<int64_t>(size), "a line for each row");
  require(table->skipped_rows == 0 || (data[0] & 4) != 0, "no rows left out unasked");
  for (const Column& column : table->columns) check(column, table->rows);
  check_written_again(*table, file);
  return 0;
}

// Mostly inserts or doubles what CSV is made of.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  static constexpr const char* kPieces[] = {",",  "\"", "\"\"", "\n",  "\r\n",  "\r", "1",   "-1.5",
                                            "NA", "a",  ";",    "x,y", "1e999", ",,", "inf", "0.1"};
  if (seed % 2 == 0 || size < 2) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t at = 1 + seed / 64 % (size - 1);
  if (seed / 2 % 4 == 0) {
    const size_t end = bytes.find('\n', at);
    bytes.insert(at, bytes.substr(at, end == std::string::npos ? end : end - at + 1));
  } else {
    bytes.insert(at, kPieces[seed / 4 % 16]);
  }
  return lamina::fuzz::give(bytes, data, max_size);
}
