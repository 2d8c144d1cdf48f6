// How numbers, texts and shapes look in the program's output, as text and as JSON.
#ifndef LAMINA_APPS_CHECKPOINT_OUTPUT_H_
#define LAMINA_APPS_CHECKPOINT_OUTPUT_H_

#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "lamina/nn.h"
#include "lamina/serialization/json.h"
#include "lamina/serialization/text.h"

namespace lamina::apps::checkpoint {

// The text of a file on one line of a terminal, with escapes for what does not print.
inline std::string printable(absl::string_view text) { return absl::Utf8SafeCEscape(text); }

// "1 entry", "1,234 entries"
inline std::string count_of_entries(int64_t count) {
  return absl::StrCat(nn::with_commas(count), count == 1 ? " entry" : " entries");
}

// A value of an element: whole where the dtype is, else with six digits.
inline std::string number_text(long double value, DType dtype) {
  if (!is_floating(dtype)) return absl::StrCat(static_cast<int64_t>(value));
  return absl::StrFormat("%g", static_cast<double>(value));
}

// A number with all its digits; JSON has no others than finite ones, so that those become texts: "inf",
// "-inf", "nan".
inline std::string json_number(double value) {
  const std::string text = absl::StrFormat("%.17g", value);
  return std::isfinite(value) ? text : absl::StrCat("\"", text, "\"");
}
inline std::string json_number(long double value, DType dtype) {
  if (!is_floating(dtype)) return number_text(value, dtype);
  return json_number(static_cast<double>(value));
}

// Escaped as in C if it is no UTF-8, which the name of a file may be.
inline std::string json_text(absl::string_view text) {
  return serialization::to_json(serialization::is_utf8(text) ? std::string(text)
                                                             : absl::CEscape(text));
}
inline std::string json_shape(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}
inline std::string json_dtype(const std::optional<DType>& dtype) {
  return dtype.has_value() ? absl::StrCat("\"", lamina::name_of(*dtype), "\"") : "null";
}
inline std::string json_texts(const std::map<std::string, std::string>& texts) {
  return absl::StrCat("{",
                      absl::StrJoin(texts, ", ",
                                    [](std::string* out, const auto& text) {
                                      absl::StrAppend(out, json_text(text.first), ": ",
                                                      json_text(text.second));
                                    }),
                      "}");
}

inline void report(const absl::Status& error) { std::cerr << error.message() << std::endl; }

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_OUTPUT_H_
