#include "lamina/apps/estate_value/settings.h"

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"

using lamina::apps::Count;
using lamina::apps::Fraction;
using lamina::apps::NotNegative;
using lamina::apps::Positive;
using lamina::apps::Seed;
using lamina::apps::Widths;
using lamina::apps::estate_value::Categories;
using lamina::apps::estate_value::Networks;
using lamina::apps::estate_value::Source;

ABSL_FLAG(
    std::optional<Source>, data, std::nullopt,
    "ames (2,930 sales in Ames, Iowa) or synthetic (2,000 houses to train on and 500 to test, "
    "at prices of a formula) (default: ames)");
ABSL_FLAG(std::string, csv, "", "a file of houses in place of --data, with --target");
ABSL_FLAG(std::string, target, "", "the column of --csv that has the prices");
ABSL_FLAG(bool, skip_bad_rows, false,
          "leave out rows of --csv that cannot be read, and say how many");
ABSL_FLAG(std::optional<bool>, log_price, std::nullopt,
          "learn the logarithm of the price (default: false for synthetic, else true)");
ABSL_FLAG(Seed, data_seed, Seed{1},
          "of the synthetic market, or of which houses `train` holds out");
ABSL_FLAG(Categories, categories, Categories::kEmbedding,
          "what stands for a category: onehot (a 1 among zeros) or embedding (numbers that are "
          "learnt)");
ABSL_FLAG(std::optional<Widths>, hidden, std::nullopt,
          "widths of the hidden layers (default: 64,64 for synthetic, else 256,128)");
ABSL_FLAG(std::optional<Fraction>, dropout, std::nullopt,
          "of the hidden layers (default: 0 for synthetic, else 0.4)");
ABSL_FLAG(std::optional<Networks>, networks, std::nullopt,
          "how many are trained, whose mean is the answer (default: 1 for synthetic, else 5)");
ABSL_FLAG(std::optional<NotNegative>, weight_decay, std::nullopt,
          "of AdamW (default: 0.0001 for synthetic, else 0.3)");
ABSL_FLAG(std::optional<Positive>, learning_rate, std::nullopt,
          "of AdamW at its highest (default: 0.005 for synthetic, else 0.003)");
ABSL_FLAG(std::optional<Count>, epochs, std::nullopt,
          "passes over the houses (default: 200 for synthetic, else 60)");
ABSL_FLAG(Count, batch_size, Count{64}, "houses per step");
ABSL_FLAG(Seed, seed, Seed{1}, "of weights, shuffling and dropout");

namespace lamina::apps::estate_value {
namespace {

constexpr Choice<Source> kSources[] = {{Source::kAmes, "ames"}, {Source::kSynthetic, "synthetic"}};

}  // namespace

bool AbslParseFlag(absl::string_view text, Source* source, std::string* error) {
  if (parse_choice(text, kSources, source, error)) return true;
  *error += "; a file of your own is --csv=FILE --target=COLUMN";
  return false;
}

std::string AbslUnparseFlag(Source source) { return name_of_choice(kSources, source); }

const std::vector<std::string>& data_flags() {
  static const auto* names =
      new std::vector<std::string>{"data", "csv", "target", "log_price", "data_seed"};
  return *names;
}

const std::vector<std::string>& training_flags() {
  static const auto* names = new std::vector<std::string>{
      "categories",    "hidden", "dropout",    "networks", "weight_decay",
      "learning_rate", "epochs", "batch_size", "seed"};
  return *names;
}

const std::vector<std::string>& run_settings() {
  static const auto* names = new std::vector<std::string>([] {
    std::vector<std::string> all = data_flags();
    all.insert(all.end(), training_flags().begin(), training_flags().end());
    return all;
  }());
  return *names;
}

absl::Status fill_in_defaults() {
  const std::string csv = absl::GetFlag(FLAGS_csv), target = absl::GetFlag(FLAGS_target);
  if (!csv.empty() && target.empty()) {
    return absl::InvalidArgumentError(
        "flag --target: expected the column with the prices, beside --csv, got none");
  }
  if (csv.empty() && !target.empty()) {
    return absl::InvalidArgumentError(
        "flag --target: expected with --csv=FILE only, got none; the prices of --data are known");
  }
  if (csv.empty() && absl::GetFlag(FLAGS_skip_bad_rows)) {
    return absl::InvalidArgumentError(
        "flag --skip_bad_rows: expected with --csv=FILE only, got none");
  }
  if (!csv.empty() && absl::GetFlag(FLAGS_data)) {
    return absl::InvalidArgumentError("expected --data or --csv, got both");
  }
  if (csv.empty()) fill_in(&FLAGS_data, Source::kAmes);
  const bool is_synthetic = absl::GetFlag(FLAGS_data) == Source::kSynthetic;
  fill_in(&FLAGS_log_price, !is_synthetic);
  fill_in(&FLAGS_hidden, is_synthetic ? Widths{{64, 64}} : Widths{{256, 128}});
  fill_in(&FLAGS_dropout, is_synthetic ? Fraction{0} : Fraction{0.4});
  fill_in(&FLAGS_networks, is_synthetic ? Networks{1} : Networks{5});
  fill_in(&FLAGS_weight_decay, is_synthetic ? NotNegative{1e-4} : NotNegative{0.3});
  fill_in(&FLAGS_learning_rate, is_synthetic ? Positive{0.005} : Positive{0.003});
  fill_in(&FLAGS_epochs, is_synthetic ? Count{200} : Count{60});
  return absl::OkStatus();
}

absl::Status check_filled_in(const std::string& checkpoint) {
  for (const char* name :
       {"log_price", "hidden", "dropout", "networks", "weight_decay", "learning_rate", "epochs"}) {
    if (!absl::FindCommandLineFlag(name)->CurrentValue().empty()) continue;
    return absl::DataLossError(absl::StrCat(checkpoint, ": expected a value of --", name,
                                            " among its settings, got none"));
  }
  return absl::OkStatus();
}

DataSettings data_settings() {
  DataSettings settings;
  settings.csv = absl::GetFlag(FLAGS_csv);
  settings.source = absl::GetFlag(FLAGS_data).value_or(Source::kAmes);
  settings.target = !settings.csv.empty()                   ? absl::GetFlag(FLAGS_target)
                    : settings.source == Source::kSynthetic ? "price"
                                                            : "Sale_Price";
  settings.skip_bad_rows = absl::GetFlag(FLAGS_skip_bad_rows);
  settings.log_price = *absl::GetFlag(FLAGS_log_price);
  settings.seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_data_seed).value);
  return settings;
}

TrainingSettings training_settings() {
  TrainingSettings settings;
  settings.model.categories = absl::GetFlag(FLAGS_categories);
  settings.model.hidden = absl::GetFlag(FLAGS_hidden)->values;
  settings.model.dropout = absl::GetFlag(FLAGS_dropout)->value;
  settings.model.networks = absl::GetFlag(FLAGS_networks)->value;
  settings.weight_decay = absl::GetFlag(FLAGS_weight_decay)->value;
  settings.learning_rate = absl::GetFlag(FLAGS_learning_rate)->value;
  settings.epochs = absl::GetFlag(FLAGS_epochs)->value;
  settings.batch_size = absl::GetFlag(FLAGS_batch_size).value;
  settings.seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value);
  return settings;
}

}  // namespace lamina::apps::estate_value
