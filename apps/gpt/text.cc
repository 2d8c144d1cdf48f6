#include "lamina/apps/gpt/text.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/tensor.h"

namespace lamina::apps::gpt {
namespace {

// The code point that `text` begins with, and its length in bytes, which is 0 if it is none.
std::pair<char32_t, size_t> first_character(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // c0 and c1 would begin longer forms of ASCII, what is above f4 is beyond U+10FFFF.
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {0, 0};
  char32_t point = lead & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {0, 0};
    point = point << 6 | (byte(i) & 0x3fU);
  }
  const bool is_shortest = length == 2 || point >= (length == 3 ? 0x800U : 0x10000U);
  const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
  return is_shortest && !is_surrogate && point <= 0x10ffff ? std::pair(point, length)
                                                           : std::pair(char32_t{0}, size_t{0});
}

void append_utf8(char32_t point, std::string* text) {
  const auto add = [&](unsigned value) { text->push_back(static_cast<char>(value)); };
  const auto rest = [&](int shift) { add(0x80U | (point >> shift & 0x3fU)); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xc0U | point >> 6);
    rest(0);
  } else if (point < 0x10000) {
    add(0xe0U | point >> 12);
    rest(6);
    rest(0);
  } else {
    add(0xf0U | point >> 18);
    rest(12);
    rest(6);
    rest(0);
  }
}

absl::StatusOr<std::vector<char32_t>> code_points(absl::string_view text,
                                                  absl::string_view source) {
  std::vector<char32_t> points;
  points.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto [point, length] = first_character(text.substr(i));
    if (length == 0) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: offset %d: expected UTF-8, got the byte %02x", source, i,
                          static_cast<unsigned char>(text[i])));
    }
    points.push_back(point);
    i += length;
  }
  return points;
}

// 'x' (U+0078); of what may not print, the number alone.
std::string name_of_character(char32_t point) {
  std::string number = absl::StrFormat("U+%04X", static_cast<uint32_t>(point));
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return number;
  std::string text;
  append_utf8(point, &text);
  return absl::StrCat("'", text, "' (", number, ")");
}

}  // namespace

absl::StatusOr<std::string> read_text(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::directory) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a text file, got a folder"));
  }
  if (!error && kind != std::filesystem::file_type::regular &&
      kind != std::filesystem::file_type::not_found) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected a text file, got another kind"));
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot open"));
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot read"));
  return text;
}

Vocabulary::Vocabulary(std::vector<char32_t> characters) : characters_(std::move(characters)) {
  for (size_t i = 0; i < characters_.size(); ++i) {
    ids_.emplace(characters_[i], static_cast<int64_t>(i));
  }
}

absl::StatusOr<Vocabulary> Vocabulary::of(absl::string_view text, absl::string_view source) {
  if (text.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": expected a text, got an empty one"));
  }
  absl::StatusOr<std::vector<char32_t>> points = code_points(text, source);
  if (!points.ok()) return points.status();
  std::sort(points->begin(), points->end());
  points->erase(std::unique(points->begin(), points->end()), points->end());
  return Vocabulary(*std::move(points));
}

std::string Vocabulary::characters() const {
  std::string text;
  for (const char32_t point : characters_) append_utf8(point, &text);
  return text;
}

const int64_t* Vocabulary::find(char32_t character) const {
  const auto it = ids_.find(character);
  return it == ids_.end() ? nullptr : &it->second;
}

absl::StatusOr<std::vector<int64_t>> Vocabulary::encode(absl::string_view text,
                                                        absl::string_view source) const {
  const absl::StatusOr<std::vector<char32_t>> points = code_points(text, source);
  if (!points.ok()) return points.status();
  std::vector<int64_t> ids;
  ids.reserve(points->size());
  int64_t line = 1, column = 1;
  for (const char32_t point : *points) {
    const int64_t* id = find(point);
    if (id == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          source, ": line ", line, ", column ", column, ": expected one of the ", size(),
          " characters of the text that the model was trained on, got ", name_of_character(point)));
    }
    ids.push_back(*id);
    column = point == '\n' ? 1 : column + 1;
    line += point == '\n' ? 1 : 0;
  }
  return ids;
}

std::string Vocabulary::decode(absl::Span<const int64_t> ids) const {
  std::string text;
  for (const int64_t id : ids) {
    if (id < 0 || id >= size()) {
      fail<IndexError>("Vocabulary", "expected ids from 0 to ", size() - 1, ", got ", id);
    }
    append_utf8(characters_[static_cast<size_t>(id)], &text);
  }
  return text;
}

}  // namespace lamina::apps::gpt
