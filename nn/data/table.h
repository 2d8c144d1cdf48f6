// Table: named columns of one length, each of numbers or of categories; read_csv (csv.h) reads one.
#ifndef LAMINA_NN_DATA_TABLE_H_
#define LAMINA_NN_DATA_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lamina/autograd.h"

namespace lamina::nn::data {

struct Column {
  std::string name;
  // Of numbers: float64 (rows), NaN where one is missing. Of categories: their codes, int64 (rows),
  // which are positions in `categories`, -1 where one is missing.
  Tensor values;
  // Each once, in the order of their bytes, as Python sorts them; none for numbers.
  std::vector<std::string> categories;

  bool is_categorical() const { return values.dtype() == int64; }
};

struct Table {
  std::string source;  // what errors begin with: the file's path
  std::vector<Column> columns;
  int64_t rows = 0;
  // What read_csv left out at the caller's wish: how many rows, and the first few errors.
  int64_t skipped_rows = 0;
  std::vector<std::string> first_errors;

  // The column of this name, good as long as the table. NotFound names the closest one:
  // "ames.csv: expected a column 'SalePrice', got none; the closest name is 'Sale_Price'".
  absl::StatusOr<const Column*> column(absl::string_view name) const;
  // The rows at these indices, in this order, as a table with the same categories. IndexError for an
  // index that is not in [0, rows).
  Table select(absl::Span<const int64_t> indices) const;
};

// float32 (rows, categories) with a 1 at each row's category; all 0 where it is missing. DTypeError
// for a column of numbers, IndexError for a code that is neither a category's nor -1.
Tensor one_hot(const Column& column);

// The same cells by other categories, such as those of the table that a model was trained on: those
// which are not among them become missing. Errors as of one_hot().
Column recode(const Column& column, std::vector<std::string> categories);

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_TABLE_H_
