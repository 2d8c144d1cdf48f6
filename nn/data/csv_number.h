// Numbers in text, to the nearest float64.
#ifndef LAMINA_NN_DATA_CSV_NUMBER_H_
#define LAMINA_NN_DATA_CSV_NUMBER_H_

#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/string_view.h"

namespace lamina::nn::data {

// Reads the decimal number that begins at `text`, which ends with a byte that is no part of one, and
// gives where it ends. Null if there is none, or if it is not exact by one division: 2^53 and
// 10^22 are float64's, so that their quotient is rounded once. Source: Clinger, "How to Read Floating
// Point Numbers Accurately" (1990).
inline const char* read_short_decimal(const char* text, double* value) {
  static constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const auto digit = [](char c) { return static_cast<unsigned>(c) - '0'; };
  const bool negative = *text == '-';
  if (negative || *text == '+') ++text;
  uint64_t all = 0;
  const char* const whole = text;
  for (; digit(*text) < 10; ++text) all = all * 10 + digit(*text);
  int64_t digits = text - whole;
  int64_t decimals = 0;
  if (*text == '.') {
    const char* const point = text++;
    for (; digit(*text) < 10; ++text) all = all * 10 + digit(*text);
    decimals = text - point - 1;
    digits += decimals;
  }
  // 18 digits fit into 64 bits, whatever they are.
  if (digits == 0 || digits > 18 || all > uint64_t{1} << 53) return nullptr;
  const double magnitude = static_cast<double>(all) / kPowersOfTen[decimals];
  *value = negative ? -magnitude : magnitude;
  return text;
}

enum class NumberText { kNone, kOutOfRange, kNumber };

// The number that `text` is, all of it but spaces around: decimal, with an exponent or not, or inf or
// infinity in any case, with a sign or not. Too small for float64 is 0 or its least number.
inline NumberText parse_number(absl::string_view text, double* value) {
  text = absl::StripAsciiWhitespace(text);
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return NumberText::kNone;
  }
  const char* const end = text.data() + text.size();
#if defined(__cpp_lib_to_chars)
  // Faster, but silent about which end of the range is exceeded.
  const std::from_chars_result fast = std::from_chars(text.data(), end, *value);
  if (fast.ec == std::errc() && fast.ptr == end && !std::isnan(*value)) return NumberText::kNumber;
#endif
  if (text.find_first_of("xX") != text.npos) return NumberText::kNone;  // hexadecimal
  const absl::from_chars_result result = absl::from_chars(text.data(), end, *value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument || std::isnan(*value)) {
    return NumberText::kNone;
  }
  return result.ec == std::errc::result_out_of_range && std::abs(*value) > 1
             ? NumberText::kOutOfRange
             : NumberText::kNumber;
}

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_CSV_NUMBER_H_
