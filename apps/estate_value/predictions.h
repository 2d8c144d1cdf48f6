// Predictions as CSV: the houses as they came, with a column of prices behind the others.
#ifndef LAMINA_APPS_ESTATE_VALUE_PREDICTIONS_H_
#define LAMINA_APPS_ESTATE_VALUE_PREDICTIONS_H_

#include <string>
#include <vector>

#include "lamina/nn.h"

namespace lamina::apps::estate_value {

// CSV by RFC 4180 with the columns of `cells`, which read_cells() read, and one more. Prices have two
// decimals, or six digits if they are small. `name` gets "_2", "_3", ... at its end while there is a
// column of this name. Throws ShapeError unless there is a price for each row.
std::string csv_with_prices(const nn::data::Table& cells, std::string name,
                            const std::vector<double>& prices);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_PREDICTIONS_H_
