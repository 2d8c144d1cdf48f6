// Where houses come from: the synthetic market, the sales in Ames, or a CSV file; and which of them are held
// out.
#ifndef LAMINA_APPS_ESTATE_VALUE_HOUSE_DATA_H_
#define LAMINA_APPS_ESTATE_VALUE_HOUSE_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

struct HouseData {
  nn::data::Table train, test;
};

// 2,000 and 500 houses of the synthetic market; else four fifths and a fifth of the file's rows, at random.
// InvalidArgument for fewer than 5 rows.
absl::StatusOr<HouseData> load_houses(const DataSettings& settings);

// All of them. Warns, on standard error, of bad rows that are left out of a file, and of columns that
// would be numbers but for a few texts.
absl::StatusOr<nn::data::Table> load_all_houses(const DataSettings& settings);

// Reads a file of houses such as the encoder was fitted on. NotFound for a column that it lacks, with the
// closest name.
absl::StatusOr<nn::data::Table> read_houses(const std::string& path, const Encoder& encoder);

// The file of a table once more, in which every cell is a category: its text.
absl::StatusOr<nn::data::Table> read_cells(const nn::data::Table& houses);

// The fold of each row, from 0: a permutation by the seed, dealt out in turn, so that their sizes differ by
// one at most.
std::vector<int64_t> folds_of(int64_t rows, int64_t folds, uint64_t seed);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_HOUSE_DATA_H_
