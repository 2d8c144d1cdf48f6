// CSV files: text of one row a line, cells between delimiters (RFC 4180, with what is found in the
// world), read into a Table whose columns have types.
//
//   auto houses = data::read_csv("ames.csv");
//   if (!houses.ok()) ...                      // "ames.csv:17:3: expected ..."
//   const auto price = houses->column("Sale_Price");
//
// A cell between quotes may hold delimiters, line ends and doubled quotes; a quote inside of any other
// cell is a character as others. Lines end with \n, \r\n or \r; those without a character are skipped. A
// byte-order mark of UTF-8 is too. Bytes are not converted.
//
// A column is of numbers if all of its cells are numbers or missing, else of categories, which are
// the texts. Numbers are decimal, with an exponent or not, or inf and infinity; spaces around them do
// not count. They are rounded to the nearest float64, and so integers beyond 2^53 may change. Spaces
// count in texts; whether there were quotes does not.
#ifndef LAMINA_NN_DATA_CSV_H_
#define LAMINA_NN_DATA_CSV_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lamina/nn/data/table.h"

namespace lamina::nn::data {

enum class ColumnType { kNumeric, kCategorical };

struct CsvOptions {
  char delimiter = ',';
  // The first row holds the columns' names; without one they are "0", "1", ...
  bool header = true;
  // The texts of missing cells: those of pandas 1.5's read_csv.
  std::vector<std::string> missing = {"",     "#N/A", "#N/A N/A", "#NA",     "-1.#IND", "-1.#QNAN",
                                      "-NaN", "-nan", "1.#IND",   "1.#QNAN", "<NA>",    "N/A",
                                      "NA",   "NULL", "NaN",      "n/a",     "nan",     "null"};
  // The types of these columns, whatever their cells are. A cell of a numeric one that is neither a
  // number nor missing is an error.
  std::map<std::string, ColumnType> types = {};
  // Leaves rows with errors out, counts them and keeps the first five errors in the table. A quote
  // that is never closed remains an error.
  bool skip_bad_rows = false;
  // Called after every 16 MiB and at the end, with the bytes read and the file's size. The file is
  // read again, from 0, if what began with numbers turns out to be a column of texts.
  std::function<void(int64_t bytes, int64_t size)> progress = nullptr;
};

// Errors are one line that begins with the path, mostly "path:line:column: ": where the cell begins,
// lines counted from 1 as an editor does, columns as cells of the row, from 1. They are: what is no
// regular file, no row, a row of another length, a quote never closed, text after a closing quote,
// a NUL byte, a number beyond float64, a name that comes twice, a name in `types` that the file does
// not have. Nothing that a file holds leads to an exception, or to memory that its size does not
// account for. ValueError for a delimiter that is a quote, a line end or NUL; what `progress` throws
// is passed on.
absl::StatusOr<Table> read_csv(const std::string& path, const CsvOptions& options = {});

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_CSV_H_
