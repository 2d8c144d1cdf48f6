// Text from files and callers: is it UTF-8, and how does it look in an error of one line?
#ifndef LAMINA_SERIALIZATION_TEXT_H_
#define LAMINA_SERIALIZATION_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lamina::serialization {

// Well-formed UTF-8, which protobuf's strings have to be: the shortest form, no surrogates, nothing
// above U+10FFFF. Source: RFC 3629.
bool is_utf8(absl::string_view text);

// 'layer1.weight', with escapes for what is no printable character, cut after 100 bytes.
std::string in_quotes(absl::string_view text);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_TEXT_H_
