#include "lamina/serialization/json.h"

#include "absl/strings/str_cat.h"
#include "lamina/serialization/text.h"

namespace lamina::serialization {
namespace {

// Escapes of one letter, and what they stand for.
constexpr absl::string_view kLetters = "\"\\/bfnrt";
constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(uint32_t code, std::string* to) {
  const auto byte = [&](uint32_t bits) { to->push_back(static_cast<char>(bits)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xe0 | code >> 12);
    } else {
      byte(0xf0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3f));
    }
    byte(0x80 | (code >> 6 & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

}  // namespace

absl::Status JsonReader::bad(absl::string_view expected) const {
  return absl::DataLossError(absl::StrCat(
      "offset ", offset_ + static_cast<int64_t>(at_), ": expected ", expected, ", got ",
      at_ < text_.size() ? in_quotes(text_.substr(at_, 1)) : "the end of the header"));
}

void JsonReader::skip_space() {
  while (at_ < text_.size() && absl::string_view(" \t\n\r").find(text_[at_]) != text_.npos) ++at_;
}

bool JsonReader::next_is(char c) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

absl::Status JsonReader::expect(char c) {
  return next_is(c) ? absl::OkStatus() : bad(in_quotes(absl::string_view(&c, 1)));
}

absl::Status JsonReader::list(char open, char close, absl::FunctionRef<absl::Status()> element) {
  absl::Status status = expect(open);
  if (!status.ok() || next_is(close)) return status;
  do {
    status = element();
    if (!status.ok()) return status;
  } while (next_is(','));
  return next_is(close) ? absl::OkStatus()
                        : bad(absl::StrCat("',' or '", std::string(1, close), "'"));
}

absl::Status JsonReader::object(absl::FunctionRef<absl::Status(const std::string&)> value) {
  return list('{', '}', [&] {
    const absl::StatusOr<std::string> key = string();
    if (!key.ok()) return key.status();
    absl::Status status = expect(':');
    return status.ok() ? value(*key) : status;
  });
}

absl::Status JsonReader::array(absl::FunctionRef<absl::Status()> element) {
  return list('[', ']', element);
}

absl::StatusOr<std::string> JsonReader::string() {
  if (!next_is('"')) return bad("a string");
  std::string value;
  while (true) {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ++at_;
    }
    const absl::string_view plain = text_.substr(begin, at_ - begin);
    if (!is_utf8(plain)) {
      at_ = begin;
      return bad("a string in UTF-8");
    }
    value.append(plain.data(), plain.size());
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) {
      return bad("'\"' or a character of a string");
    }
    if (text_[at_++] == '"') return value;
    absl::Status status = escape(&value);
    if (!status.ok()) return status;
  }
}

// What follows a backslash.
absl::Status JsonReader::escape(std::string* to) {
  constexpr char kExpected[] = "an escape of a character";
  if (at_ == text_.size()) return bad(kExpected);
  const char letter = text_[at_];
  if (letter != 'u') {
    const size_t i = kLetters.find(letter);
    if (i == kLetters.npos) return bad(kExpected);
    to->push_back(kMeanings[i]);
    ++at_;
    return absl::OkStatus();
  }
  ++at_;
  uint32_t code = 0;
  if (!hex(&code)) return bad("four hexadecimal digits");
  if (code >> 11 == 0x1b) {  // a half of a pair; the first is below 0xdc00
    uint32_t low = 0;
    if (code >= 0xdc00 || text_.substr(at_, 2) != "\\u") return bad("a pair of surrogates");
    at_ += 2;
    if (!hex(&low) || low >> 10 != 0x37) return bad("a pair of surrogates");
    code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
  }
  append_utf8(code, to);
  return absl::OkStatus();
}

bool JsonReader::hex(uint32_t* unit) {
  constexpr absl::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  if (text_.size() - at_ < 4) return false;
  for (int i = 0; i < 4; ++i) {
    const size_t digit = kDigits.find(text_[at_ + i]);
    if (digit == kDigits.npos) return false;
    *unit = *unit << 4 | static_cast<uint32_t>(digit % 16);
  }
  at_ += 4;
  return true;
}

absl::StatusOr<uint64_t> JsonReader::integer() {
  skip_space();
  const size_t begin = at_;
  uint64_t value = 0;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
    if (at_ == begin + 1 && text_[begin] == '0') return bad("a number without a 0 in front");
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(text_[at_] - '0'), &value)) {
      return bad("a number below 2^64");
    }
  }
  const bool goes_on =
      at_ < text_.size() && absl::string_view(".eE").find(text_[at_]) != text_.npos;
  if (at_ == begin || goes_on) return bad("a number of digits only");
  return value;
}

absl::Status JsonReader::end() {
  skip_space();
  return at_ == text_.size() ? absl::OkStatus() : bad("the end");
}

std::string to_json(absl::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    const size_t i = kMeanings.find(c);
    if (c != '/' && i != kMeanings.npos) {
      json.push_back('\\');
      json.push_back(kLetters[i]);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&json, "\\u", absl::Hex(c, absl::kZeroPad4));
    } else {
      json.push_back(c);
    }
  }
  return json + '"';
}

}  // namespace lamina::serialization
