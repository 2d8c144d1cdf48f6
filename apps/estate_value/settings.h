// The flags that a model and its data are made from, and what they are by default, which depends on the
// data.
#ifndef LAMINA_APPS_ESTATE_VALUE_SETTINGS_H_
#define LAMINA_APPS_ESTATE_VALUE_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/estate_value/house_model.h"
#include "lamina/apps/flags.h"

ABSL_DECLARE_FLAG(std::string, csv);

namespace lamina::apps::estate_value {

enum class Source { kAmes, kSynthetic };
bool AbslParseFlag(absl::string_view text, Source* source, std::string* error);
std::string AbslUnparseFlag(Source source);

using Networks = Whole<1, 100>;

inline constexpr char kApp[] = "estate_value";

// The names of the flags, by what they are about.
const std::vector<std::string>& data_flags();
const std::vector<std::string>& training_flags();
// And all of them, which a checkpoint tells about its run.
const std::vector<std::string>& run_settings();

struct DataSettings {
  Source source;
  std::string csv;     // the path of a file in place of the source; "": none
  std::string target;  // the column of prices
  bool log_price;
  uint64_t seed;
  bool skip_bad_rows = false;  // of the file
};

struct TrainingSettings {
  HouseModelOptions model;
  double weight_decay, learning_rate;
  int64_t epochs, batch_size;
  uint64_t seed;
};

// Gives the flags that are not set the values that suit the data, by default the sales in Ames.
// InvalidArgument for --csv without --target or with --data, and for --target or --skip_bad_rows without
// --csv.
absl::Status fill_in_defaults();

// DataLoss if the settings of a checkpoint left one of these unset.
absl::Status check_filled_in(const std::string& checkpoint);

// What the flags say, once they are filled in.
DataSettings data_settings();
TrainingSettings training_settings();

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_SETTINGS_H_
