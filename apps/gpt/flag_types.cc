#include "lamina/apps/gpt/flag_types.h"

#include <cmath>

#include "absl/strings/numbers.h"

namespace lamina::apps::gpt {

bool AbslParseFlag(absl::string_view text, Temperature* flag, std::string* error) {
  *error = "expected a finite number of at least 0";
  return absl::SimpleAtod(text, &flag->value) && std::isfinite(flag->value) && flag->value >= 0;
}

bool AbslParseFlag(absl::string_view text, Dropout* flag, std::string* error) {
  *error = "expected a number from 0 to below 1";
  return absl::SimpleAtod(text, &flag->value) && flag->value >= 0 && flag->value < 1;
}

bool AbslParseFlag(absl::string_view text, TopP* flag, std::string* error) {
  *error = "expected a number above 0 and up to 1";
  return absl::SimpleAtod(text, &flag->value) && flag->value > 0 && flag->value <= 1;
}

std::string AbslUnparseFlag(const Temperature& flag) { return internal::exact_text(flag.value); }
std::string AbslUnparseFlag(const Dropout& flag) { return internal::exact_text(flag.value); }
std::string AbslUnparseFlag(const TopP& flag) { return internal::exact_text(flag.value); }

}  // namespace lamina::apps::gpt
