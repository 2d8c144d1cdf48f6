// Text as a model of characters sees it: numbers. A character is a code point of UTF-8 text.
#ifndef LAMINA_APPS_GPT_TEXT_H_
#define LAMINA_APPS_GPT_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lamina::apps::gpt {

// The bytes of a regular file. Errors begin with the path.
absl::StatusOr<std::string> read_text(const std::string& path);

// The characters that there are, in the order of their code points; each one's id is its place.
class Vocabulary {
 public:
  // Those of a text. InvalidArgument if it is empty, or no well-formed UTF-8 (RFC 3629): then with the
  // offset. Errors begin with `source`, which says where the text is from.
  static absl::StatusOr<Vocabulary> of(absl::string_view text, absl::string_view source);

  int64_t size() const { return static_cast<int64_t>(characters_.size()); }
  // All of them, a text of which the vocabulary is this one.
  std::string characters() const;
  // Null if the character is not there.
  const int64_t* find(char32_t character) const;

  // The ids of a text's characters. InvalidArgument for one that is not UTF-8, and for a character that is
  // not in the vocabulary: then with its line and column, which count from 1.
  absl::StatusOr<std::vector<int64_t>> encode(absl::string_view text,
                                              absl::string_view source) const;
  // The text of ids. Throws IndexError for one that there is not.
  std::string decode(absl::Span<const int64_t> ids) const;

 private:
  explicit Vocabulary(std::vector<char32_t> characters);

  std::vector<char32_t> characters_;
  absl::flat_hash_map<char32_t, int64_t> ids_;
};

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_TEXT_H_
