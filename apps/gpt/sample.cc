// gpt sample: text that the model makes up, as it comes.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/gpt/commands.h"
#include "lamina/apps/gpt/generation.h"
#include "lamina/apps/gpt/settings.h"
#include "lamina/apps/trained_model.h"

namespace lamina::apps::gpt {

// A number above 0 and up to 1.
struct TopP {
  double value;
};

bool AbslParseFlag(absl::string_view text, TopP* flag, std::string* error) {
  *error = "expected a number above 0 and up to 1";
  return absl::SimpleAtod(text, &flag->value) && flag->value > 0 && flag->value <= 1;
}

std::string AbslUnparseFlag(const TopP& flag) { return internal::exact_text(flag.value); }

}  // namespace lamina::apps::gpt

using lamina::apps::Count;
using lamina::apps::CountOrZero;
using lamina::apps::NotNegative;
using lamina::apps::Text;
using lamina::apps::gpt::TopP;

ABSL_FLAG(Text, prompt, Text{}, "how the text begins (default: at the beginning of a line)");
ABSL_FLAG(Count, length, Count{500}, "how many characters to add");
ABSL_FLAG(NotNegative, temperature, NotNegative{0.8},
          "below 1 likely characters come more often than the model thinks, above it less often; 0 "
          "takes the likeliest each time");
ABSL_FLAG(CountOrZero, top_k, CountOrZero{0},
          "draw from this many likeliest characters; 0: from all");
ABSL_FLAG(TopP, top_p, TopP{1},
          "draw from the likeliest characters that have this probability together");
ABSL_FLAG(bool, cache, true,
          "keep what was computed for earlier characters; --nocache computes it anew for each, to "
          "compare the speed");

namespace lamina::apps::gpt {

absl::Status sample(const Arguments& arguments) {
  const absl::StatusOr<Loaded> loaded = load_checkpointed(arguments);
  if (!loaded.ok()) return loaded.status();
  const std::string prompt = absl::GetFlag(FLAGS_prompt).value;
  const absl::StatusOr<std::vector<int64_t>> ids =
      loaded->vocabulary.encode(prompt, "flag --prompt");
  if (!ids.ok()) return ids.status();
  SamplingOptions options;
  options.temperature = absl::GetFlag(FLAGS_temperature).value;
  options.top_k = absl::GetFlag(FLAGS_top_k).value;
  options.top_p = absl::GetFlag(FLAGS_top_p).value;
  const int64_t length = absl::GetFlag(FLAGS_length).value;
  const bool is_cached = absl::GetFlag(FLAGS_cache);

  tell_checkpoint(arguments, loaded->path);
  std::cout << prompt << std::flush;
  const auto start = std::chrono::steady_clock::now();
  generate(*loaded->model, loaded->vocabulary, *ids, length, options,
           static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value), is_cached,
           [](absl::string_view character) {
             std::cout << character << std::flush;
             return std::cout.good();  // if not, run_program() tells
           });
  if (!std::cout) return absl::OkStatus();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << std::endl;
  std::cerr << absl::StrFormat(
      "%s characters in %.2f s, %s per second %s cache\n", nn::with_commas(length), seconds.count(),
      nn::with_commas(static_cast<int64_t>(static_cast<double>(length) / seconds.count())),
      is_cached ? "with the" : "without a");
  return absl::OkStatus();
}

}  // namespace lamina::apps::gpt
