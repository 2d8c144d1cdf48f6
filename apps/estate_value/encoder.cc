#include "lamina/apps/estate_value/encoder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace lamina::apps::estate_value {
namespace {

using nn::data::Column;
using nn::data::Table;

// Beyond it, places among them would not be exact in float32, nor the network of a useful size.
constexpr int64_t kMostCategories = 100000;

// Beyond so many standard deviations a number counts as so many: a mistyped one, or one from far outside the
// rows for training, would take the network where it has learnt nothing.
constexpr double kLimit = 3;

// The squares of larger numbers might be infinite.
constexpr double kLargest = 1e100;

// The squares of smaller differences might all be 0, and so the standard deviation.
constexpr double kLeastDifference = 1e-100;

// From this skewness on a column has a long tail.
constexpr double kLongTail = 1;

std::string in_quotes(absl::string_view name) {
  return absl::StrCat("'", absl::Utf8SafeCEscape(name), "'");
}

absl::Status column_error(const Table& table, absl::string_view column, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(table.source, ": column ", in_quotes(column), ": ", what));
}

// E (x - mean)^3 / std^3; 0 if all are the same.
double skewness(const std::vector<double>& values) {
  double mean = 0, second = 0, third = 0;
  for (const double x : values) mean += x / static_cast<double>(values.size());
  for (const double x : values) {
    second += std::pow(x - mean, 2) / static_cast<double>(values.size());
    third += std::pow(x - mean, 3) / static_cast<double>(values.size());
  }
  return second > 0 ? third / std::pow(second, 1.5) : 0;
}

// Mean and standard deviation of numbers, 0 and 1 if there are none.
std::pair<double, double> mean_and_std(const std::vector<double>& values) {
  if (values.empty()) return {0, 1};
  const auto fitted =
      nn::data::Standardizer::fit(tensor(values, {static_cast<int64_t>(values.size()), 1}));
  return {fitted.mean().item<double>(), fitted.std().item<double>()};
}

absl::Status check_size(const Table& table, const Column& column,
                        const std::vector<double>& values) {
  for (const double value : values) {
    if (std::abs(value) > kLargest) {  // not so for a missing one
      return column_error(table, column.name,
                          absl::StrCat("expected numbers within ", kLargest, " of 0, got ", value));
    }
  }
  return absl::OkStatus();
}

// For what is to be divided by its standard deviation.
absl::Status check_spread(const Table& table, absl::string_view column,
                          const std::vector<double>& values) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const double value : values) {  // these pass over a missing one
    low = std::fmin(low, value);
    high = std::fmax(high, value);
  }
  if (low >= high || high - low >= kLeastDifference) return absl::OkStatus();
  return column_error(table, column,
                      absl::StrCat("expected numbers that are equal or differ by at least ",
                                   kLeastDifference, ", got a difference of ", high - low));
}

NumberColumn fit_numbers(const std::string& name, const std::vector<double>& cells) {
  NumberColumn column{name, false, false, 0, 1};
  std::vector<double> values, logs;
  for (const double cell : cells) {
    if (std::isnan(cell)) {
      column.flagged = true;
    } else {
      values.push_back(cell);
      logs.push_back(std::log1p(cell));
    }
  }
  const double skew = skewness(values);
  column.log = !values.empty() && *std::min_element(values.begin(), values.end()) >= 0 &&
               skew > kLongTail && std::abs(skewness(logs)) < skew;
  std::tie(column.mean, column.std) = mean_and_std(column.log ? logs : values);
  return column;
}

// The categories that a row has; read_csv of a larger file may know others.
CategoryColumn fit_categories(const Column& column) {
  std::vector<bool> is_there(column.categories.size());
  for (const int64_t code : column.values.to_vector<int64_t>()) {
    if (code >= 0) is_there[static_cast<size_t>(code)] = true;
  }
  CategoryColumn fitted{column.name, {}};
  for (size_t i = 0; i < is_there.size(); ++i) {
    if (is_there[i]) fitted.categories.push_back(column.categories[i]);
  }
  return fitted;
}

// The column of this name, of this kind.
absl::StatusOr<const Column*> find(const Table& table, const std::string& name,
                                   bool is_categorical) {
  absl::StatusOr<const Column*> column = table.column(name);
  if (!column.ok() || (*column)->is_categorical() == is_categorical) return column;
  if (is_categorical) return column_error(table, name, "expected texts, got numbers");
  std::string example;
  for (const std::string& text : (*column)->categories) {
    double number;
    if (absl::SimpleAtod(text, &number)) continue;
    example = absl::StrCat(" such as ", in_quotes(text));
    break;
  }
  return column_error(table, name, absl::StrCat("expected numbers, got texts", example));
}

}  // namespace

absl::StatusOr<Encoder> Encoder::fit(const Table& train, const std::string& target,
                                     bool log_price) {
  Encoder encoder;
  encoder.target_ = target;
  encoder.log_price_ = log_price;
  if (train.rows == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(train.source, ": expected rows to learn from, got none"));
  }
  const absl::StatusOr<Tensor> prices = encoder.prices_in(train);
  if (!prices.ok()) return prices.status();
  std::vector<double> values = prices->to_vector<double>();
  if (log_price) {
    for (double& value : values) value = std::log(value);
  }
  absl::Status status = check_spread(train, target, values);
  if (!status.ok()) return status;
  std::tie(encoder.target_mean_, encoder.target_std_) = mean_and_std(values);

  for (const Column& column : train.columns) {
    if (column.name == target) continue;
    if (column.is_categorical()) {
      encoder.categories_.push_back(fit_categories(column));
      if (encoder.category_count() > kMostCategories) {
        return column_error(train, column.name,
                            absl::StrCat("expected at most ", kMostCategories,
                                         " categories in this column and those before it, got ",
                                         encoder.category_count()));
      }
      continue;
    }
    const std::vector<double> cells = column.values.to_vector<double>();
    status = check_size(train, column, cells);
    if (status.ok()) status = check_spread(train, column.name, cells);
    if (!status.ok()) return status;
    encoder.numbers_.push_back(fit_numbers(column.name, cells));
  }
  if (encoder.width() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(train.source, ": expected columns beside ",
                                                   in_quotes(target), " to learn from, got none"));
  }
  return encoder;
}

absl::StatusOr<Tensor> Encoder::features(const Table& table) const {
  const int64_t columns = width();
  Tensor features = zeros({table.rows, columns});
  auto* to = features.data().data<float>();
  int64_t place = 0;  // the column of `features` that is next
  for (const NumberColumn& number : numbers_) {
    const absl::StatusOr<const Column*> column = find(table, number.name, false);
    if (!column.ok()) return column.status();
    const std::vector<double> cells = (*column)->values.to_vector<double>();
    const absl::Status status = check_size(table, **column, cells);
    if (!status.ok()) return status;
    for (int64_t i = 0; i < table.rows; ++i) {
      const double cell = cells[static_cast<size_t>(i)];
      float* at = to + i * columns + place;
      if (std::isnan(cell)) {
        if (number.flagged) at[1] = 1;
        continue;
      }
      // A column that was of numbers from 0 on may have others now.
      const double x = number.log ? std::log1p(std::max(cell, 0.0)) : cell;
      at[0] = static_cast<float>(std::clamp((x - number.mean) / number.std, -kLimit, kLimit));
    }
    place += number.flagged ? 2 : 1;
  }
  const int64_t behind_the_last = category_count();
  int64_t first = 0;
  for (const CategoryColumn& category : categories_) {
    const absl::StatusOr<const Column*> column = find(table, category.name, true);
    if (!column.ok()) return column.status();
    const std::vector<int64_t> codes =
        nn::data::recode(**column, category.categories).values.to_vector<int64_t>();
    for (int64_t i = 0; i < table.rows; ++i) {
      const int64_t code = codes[static_cast<size_t>(i)];
      to[i * columns + place] = static_cast<float>(code < 0 ? behind_the_last : first + code);
    }
    first += static_cast<int64_t>(category.categories.size());
    ++place;
  }
  return features;
}

absl::StatusOr<Tensor> Encoder::prices_in(const Table& table) const {
  const absl::StatusOr<const Column*> column = find(table, target_, false);
  if (!column.ok()) return column.status();
  const std::vector<double> prices = (*column)->values.to_vector<double>();
  const absl::Status status = check_size(table, **column, prices);
  if (!status.ok()) return status;
  for (const double price : prices) {
    if (std::isnan(price)) {
      return column_error(table, target_, "expected a price in every row, got a missing cell");
    }
    if (log_price_ && price <= 0) {
      return column_error(
          table, target_,
          absl::StrCat("expected prices above 0, or --log_price=false, got ", price));
    }
  }
  return (*column)->values;
}

Tensor Encoder::targets(const Tensor& prices) const {
  const Tensor values = prices.to(float64);
  return ((log_price_ ? values.log() : values) - target_mean_) / target_std_;
}

Tensor Encoder::prices(const Tensor& targets) const {
  const Tensor values = targets.to(float64) * target_std_ + target_mean_;
  return log_price_ ? values.exp() : values;
}

int64_t Encoder::number_width() const {
  int64_t width = 0;
  for (const NumberColumn& column : numbers_) width += column.flagged ? 2 : 1;
  return width;
}

int64_t Encoder::category_count() const {
  size_t count = 0;
  for (const CategoryColumn& column : categories_) count += column.categories.size();
  return static_cast<int64_t>(count);
}

std::map<std::string, nn::data::ColumnType> Encoder::column_types() const {
  std::map<std::string, nn::data::ColumnType> types;
  for (const NumberColumn& column : numbers_) types[column.name] = nn::data::ColumnType::kNumeric;
  for (const CategoryColumn& column : categories_) {
    types[column.name] = nn::data::ColumnType::kCategorical;
  }
  return types;
}

// ---- As text: fields between tabs; names and categories are escaped as in C, so that none has a tab or a
// line end.

std::string Encoder::text() const {
  std::string text = absl::StrFormat("target\t%s\t%d\t%.17g\t%.17g\n", absl::CEscape(target_),
                                     log_price_ ? 1 : 0, target_mean_, target_std_);
  for (const NumberColumn& column : numbers_) {
    absl::StrAppendFormat(&text, "number\t%s\t%d\t%d\t%.17g\t%.17g\n", absl::CEscape(column.name),
                          column.log ? 1 : 0, column.flagged ? 1 : 0, column.mean, column.std);
  }
  for (const CategoryColumn& column : categories_) {
    absl::StrAppend(&text, "category\t", absl::CEscape(column.name));
    for (const std::string& category : column.categories) {
      absl::StrAppend(&text, "\t", absl::CEscape(category));
    }
    text += '\n';
  }
  return text;
}

namespace {

bool parse_bool(absl::string_view text, bool* value) {
  *value = text == "1";
  return *value || text == "0";
}

// Mean and deviation; std is a divisor.
bool parse_scale(absl::string_view mean_text, absl::string_view std_text, double* mean,
                 double* std) {
  return absl::SimpleAtod(mean_text, mean) && absl::SimpleAtod(std_text, std) &&
         std::isfinite(*mean) && std::isfinite(*std) && *std > 0;
}

}  // namespace

absl::StatusOr<Encoder> Encoder::parse(absl::string_view text) {
  Encoder encoder;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ++number;
    std::vector<std::string> fields;
    bool good = true;
    for (const absl::string_view field : absl::StrSplit(line, '\t')) {
      fields.emplace_back();
      good = good && absl::CUnescape(field, &fields.back());
    }
    const std::string kind = fields[0];
    if (good && number == 1) {
      good = kind == "target" && fields.size() == 5 && parse_bool(fields[2], &encoder.log_price_) &&
             parse_scale(fields[3], fields[4], &encoder.target_mean_, &encoder.target_std_);
      if (good) encoder.target_ = fields[1];
    } else if (good && kind == "number") {
      NumberColumn column{};
      good = fields.size() == 6 && parse_bool(fields[2], &column.log) &&
             parse_bool(fields[3], &column.flagged) &&
             parse_scale(fields[4], fields[5], &column.mean, &column.std);
      if (good) column.name = fields[1];
      encoder.numbers_.push_back(column);
    } else {
      good = good && kind == "category" && fields.size() >= 2;
      if (good) encoder.categories_.push_back({fields[1], {fields.begin() + 2, fields.end()}});
    }
    if (!good) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected a column of houses in line ", number, ", got ", in_quotes(line)));
    }
  }
  if (number < 2) return absl::InvalidArgumentError("expected columns of houses, got none");
  return encoder;
}

}  // namespace lamina::apps::estate_value
