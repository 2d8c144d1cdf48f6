// A column while read_csv reads it.
#ifndef LAMINA_NN_DATA_CSV_COLUMN_H_
#define LAMINA_NN_DATA_CSV_COLUMN_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/data/table.h"

namespace lamina::nn::data {

struct CsvColumn {
  enum Kind {
    kNumbers,
    kTexts,
    kMixed,  // numbers came before texts: its cells are dropped until the file is read again
  };
  std::string name;
  Kind kind = kNumbers;
  bool is_forced = false;  // to be what it is
  // The first number beyond float64: an error, unless texts follow.
  std::string error;
  int64_t error_line = 0;

  // Forgets all cells. A mixed column is one of texts from now on.
  void restart(const absl::flat_hash_set<std::string>& missing);
  void reserve(size_t rows);
  void truncate(size_t rows);
  void add_number(double number) {
    numbers_.push_back(number);
    has_number_ = true;
  }
  void add_missing_number() { numbers_.push_back(std::numeric_limits<double>::quiet_NaN()); }
  // A row with a number that is not kept: so no later one can make this a column of texts but a mixed one.
  void add_bad_number() {
    add_missing_number();
    has_number_ = true;
  }
  void add_text(absl::string_view text);
  // A text after `rows` cells that are numbers or missing.
  void turn_into_texts(size_t rows);
  // The column, whose cells are then gone from here.
  Column finish();

 private:
  std::vector<double> numbers_;
  bool has_number_ = false;  // not only missing ones
  std::vector<int64_t> codes_;
  absl::flat_hash_map<std::string, int64_t> code_of_;  // in the order of arrival; -1 if missing
  int64_t categories_ = 0;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_CSV_COLUMN_H_
