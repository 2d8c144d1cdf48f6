// JSON as the headers of files have it, read strictly and without belief. It reads what its caller expects
// next and builds nothing, so that values nest no deeper than the caller's own calls.
#ifndef LAMINA_SERIALIZATION_JSON_H_
#define LAMINA_SERIALIZATION_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lamina::serialization {

// Reads a text from the front. Each method skips white space and reads one value, or gives DataLoss
// "offset 12: expected ..., got ...", after which there is no going on. Source: RFC 8259.
class JsonReader {
 public:
  // The text, which has to live on, begins at `offset` of the file.
  explicit JsonReader(absl::string_view text, int64_t offset = 0) : text_(text), offset_(offset) {}

  // An object: `value` is called after each key, to read what belongs to it. Keys may repeat.
  absl::Status object(absl::FunctionRef<absl::Status(const std::string& key)> value);
  // An array: `element` is called to read each one.
  absl::Status array(absl::FunctionRef<absl::Status()> element);
  // In UTF-8, escapes resolved.
  absl::StatusOr<std::string> string();
  // A number of digits only, below 2^64.
  absl::StatusOr<uint64_t> integer();
  // The end of the text.
  absl::Status end();

 private:
  absl::Status bad(absl::string_view expected) const;
  void skip_space();
  bool next_is(char c);  // and then reads it
  absl::Status expect(char c);
  absl::Status list(char open, char close, absl::FunctionRef<absl::Status()> element);
  absl::Status escape(std::string* to);
  bool hex(uint32_t* unit);

  absl::string_view text_;
  int64_t offset_;
  size_t at_ = 0;
};

// The text as a JSON string, in quotes. It must be UTF-8.
std::string to_json(absl::string_view text);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_JSON_H_
