// Encoder: from a table of houses to the numbers that a network takes, and from the network's numbers to
// prices. It is fitted on the rows for training alone, and travels in the checkpoint as text.
//
//   absl::StatusOr<Encoder> encoder = Encoder::fit(train, "Sale_Price", /*log_price=*/true);
//   absl::StatusOr<Tensor> x = encoder->features(test), prices = encoder->prices_in(test);
//   Tensor y = encoder->targets(*prices);
//   Tensor dollars = encoder->prices(model(*x).mean(1));
//
// A column of numbers is standardised, after ln(1 + x) if it is of numbers from 0 on with a long
// tail; what is beyond 3 standard deviations counts as 3. A missing number counts as the mean; if
// one is missing among the rows for training, a second number tells so. A category becomes its
// place among all categories of all columns; one that is missing, or that the rows for training do
// not have, becomes the place behind the last.
#ifndef LAMINA_APPS_ESTATE_VALUE_ENCODER_H_
#define LAMINA_APPS_ESTATE_VALUE_ENCODER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

struct NumberColumn {
  std::string name;
  bool log;      // of 1 + x
  bool flagged;  // a second number is 1 where this one is missing
  double mean, std;
};

struct CategoryColumn {
  std::string name;
  std::vector<std::string> categories;
};

class Encoder {
 public:
  // Columns other than the target are features. Errors begin with the table's source: no such target, a
  // target of texts, or with prices that are missing or have no logarithm; a number beyond 1e100; a
  // column of numbers that differ, but by less than 1e-100; no feature; no row.
  static absl::StatusOr<Encoder> fit(const nn::data::Table& train, const std::string& target,
                                     bool log_price);

  // float32 (rows, width()): numbers, then the places of the categories. The table may have further columns,
  // and them in any order. NotFound for a column that is missing, InvalidArgument for one of the other kind.
  absl::StatusOr<Tensor> features(const nn::data::Table& table) const;
  // The prices as the table has them: float64 (rows).
  absl::StatusOr<Tensor> prices_in(const nn::data::Table& table) const;

  // What the network learns, and back: (ln price or price, less the mean) / std; float64.
  Tensor targets(const Tensor& prices) const;
  Tensor prices(const Tensor& targets) const;

  const std::string& target() const { return target_; }
  bool log_price() const { return log_price_; }
  double target_std() const { return target_std_; }
  const std::vector<NumberColumn>& number_columns() const { return numbers_; }
  const std::vector<CategoryColumn>& category_columns() const { return categories_; }
  int64_t width() const { return number_width() + category_width(); }
  int64_t number_width() const;
  int64_t category_width() const { return static_cast<int64_t>(categories_.size()); }
  int64_t category_count() const;  // of all columns
  // The types with which a file of such houses is to be read.
  std::map<std::string, nn::data::ColumnType> column_types() const;

  // One line for the target, and one for each column.
  std::string text() const;
  static absl::StatusOr<Encoder> parse(absl::string_view text);

 private:
  Encoder() = default;
  std::string target_;
  bool log_price_ = false;
  double target_mean_ = 0, target_std_ = 1;
  std::vector<NumberColumn> numbers_;
  std::vector<CategoryColumn> categories_;
};

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_ENCODER_H_
