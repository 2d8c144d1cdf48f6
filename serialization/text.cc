#include "lamina/serialization/text.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lamina::serialization {

bool is_utf8(absl::string_view text) {
  constexpr uint32_t kLeastOfLength[] = {0, 0, 0x80, 0x800, 0x10000};
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const size_t length = first >> 5 == 0x6    ? 2
                          : first >> 4 == 0xe  ? 3
                          : first >> 3 == 0x1e ? 4
                                               : 0;
    if (length == 0 || text.size() - i < length) return false;
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3f);
    }
    if (code < kLeastOfLength[length] || code > 0x10ffff || code >> 11 == 0x1b) return false;
    i += length;
  }
  return true;
}

std::string in_quotes(absl::string_view text) {
  constexpr size_t kMost = 100;
  const bool utf8 = is_utf8(text);
  absl::string_view shown = text.substr(0, kMost);
  while (utf8 && !is_utf8(shown)) shown.remove_suffix(1);  // no half character
  return absl::StrCat("'", utf8 ? absl::Utf8SafeCEscape(shown) : absl::CEscape(shown),
                      shown.size() < text.size() ? "..." : "", "'");
}

}  // namespace lamina::serialization
