#include "lamina/apps/estate_value/house_data.h"

#include <cmath>
#include <cstddef>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lamina/apps/estate_value/market.h"
#include "lamina/apps/fetched_file.h"
#include "lamina/apps/flags.h"
#include "lamina/serialization/text.h"

namespace lamina::apps::estate_value {
namespace {

using nn::data::Table;
using serialization::in_quotes;

constexpr int64_t kTrainHouses = 2000, kTestHouses = 500;
constexpr int64_t kLeastRows = 5;
constexpr int64_t kNumbersPerStrayText = 9;

// Texts such as NAN and 0x10, which read_csv() takes for no numbers, are none.
bool is_number(const std::string& cell) {
  double value;
  return cell.find_first_not_of("0123456789+-.eE ") == std::string::npos &&
         absl::SimpleAtod(cell, &value) && std::isfinite(value);
}

// A cell such as "12,5" makes a column of numbers one of categories, which is hardly meant if it is rare.
void warn_of_stray_texts(const Table& table, const std::string& target) {
  for (const nn::data::Column& column : table.columns) {
    // Texts in the target are an error anyway.
    if (!column.is_categorical() || column.name == target) continue;
    std::vector<int64_t> rows(column.categories.size());
    for (const int64_t code : column.values.to_vector<int64_t>()) {
      if (code >= 0) ++rows[static_cast<size_t>(code)];  // below 0: missing
    }
    int64_t numbers = 0, texts = 0;
    std::string example;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (is_number(column.categories[i])) {
        numbers += rows[i];
      } else {
        texts += rows[i];
        example = column.categories[i];
      }
    }
    if (texts == 0 || numbers < kNumbersPerStrayText * texts) continue;
    std::cerr << "warning: " << table.source << ": column " << in_quotes(column.name) << ": "
              << nn::with_commas(numbers) << " numbers and " << nn::with_commas(texts)
              << (texts == 1 ? " text, " : " texts, such as ") << in_quotes(example)
              << ": all are taken as categories" << std::endl;
  }
}

absl::StatusOr<Table> read_users_file(const DataSettings& settings) {
  nn::data::CsvOptions options;
  options.skip_bad_rows = settings.skip_bad_rows;
  absl::StatusOr<Table> table = nn::data::read_csv(user_path(settings.csv), options);
  if (table.ok() && table->skipped_rows > 0) {
    std::cerr << "warning: bad rows left out: " << nn::with_commas(table->skipped_rows)
              << ", the first: " << table->first_errors[0] << std::endl;
  }
  if (table.ok()) warn_of_stray_texts(*table, settings.target);
  return table;
}

}  // namespace

absl::StatusOr<Table> load_all_houses(const DataSettings& settings) {
  if (!settings.csv.empty()) return read_users_file(settings);
  if (settings.source == Source::kSynthetic) {
    return synthetic_market(kTrainHouses + kTestHouses, settings.seed);
  }
  const absl::StatusOr<std::string> path =
      fetched_file("lamina/apps/estate_value/data/ames.csv", "--csv=FILE --target=COLUMN");
  if (!path.ok()) return path.status();
  return nn::data::read_csv(*path);
}

absl::StatusOr<HouseData> load_houses(const DataSettings& settings) {
  const absl::StatusOr<Table> all = load_all_houses(settings);
  if (!all.ok()) return all.status();
  if (all->rows < kLeastRows) {
    return absl::InvalidArgumentError(
        absl::StrCat(all->source, ": expected at least ", kLeastRows, " houses, got ", all->rows));
  }
  const bool is_synthetic = settings.csv.empty() && settings.source == Source::kSynthetic;
  const int64_t held_out = is_synthetic ? kTestHouses : all->rows / 5;
  Generator generator(settings.seed);
  const std::vector<int64_t> order = random::permutation(all->rows, generator).to_vector<int64_t>();
  const auto rows = absl::MakeConstSpan(order);
  const auto train = static_cast<size_t>(all->rows - held_out);
  return HouseData{all->select(rows.first(train)), all->select(rows.subspan(train))};
}

absl::StatusOr<Table> read_houses(const std::string& path, const Encoder& encoder) {
  nn::data::CsvOptions options;
  options.types = encoder.column_types();  // all categories of a few houses may be numbers
  return nn::data::read_csv(path, options);
}

absl::StatusOr<Table> read_cells(const Table& houses) {
  nn::data::CsvOptions options;
  options.missing = {};
  for (const nn::data::Column& column : houses.columns) {
    options.types[column.name] = nn::data::ColumnType::kCategorical;
  }
  return nn::data::read_csv(houses.source, options);
}

std::vector<int64_t> folds_of(int64_t rows, int64_t folds, uint64_t seed) {
  Generator generator(seed);
  const std::vector<int64_t> order = random::permutation(rows, generator).to_vector<int64_t>();
  std::vector<int64_t> fold(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    fold[static_cast<size_t>(order[i])] = static_cast<int64_t>(i) % folds;
  }
  return fold;
}

}  // namespace lamina::apps::estate_value
