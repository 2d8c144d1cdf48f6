#include "lamina/serialization/json.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace lamina::serialization {
namespace {

absl::StatusOr<std::string> string_of(absl::string_view text) {
  JsonReader json(text);
  absl::StatusOr<std::string> value = json.string();
  if (value.ok() && !json.end().ok()) return absl::DataLossError("more than a string");
  return value;
}

absl::StatusOr<uint64_t> integer_of(absl::string_view text) { return JsonReader(text).integer(); }

TEST(JsonReader, ReadsAnObjectOfArraysWithAnySpace) {
  for (const char* text :
       {R"({"a":[1,22],"b":[],"a":[0]})", " {\n\"a\" :\t[ 1 , 22 ]\r, \"b\":[ ] ,\"a\":[0] } \n"}) {
    JsonReader json(text);
    std::vector<std::string> keys;
    std::vector<uint64_t> numbers;
    const absl::Status status = json.object([&](const std::string& key) {
      keys.push_back(key);
      return json.array([&] {
        const absl::StatusOr<uint64_t> number = json.integer();
        if (number.ok()) numbers.push_back(*number);
        return number.status();
      });
    });
    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_EQ(json.end(), absl::OkStatus());
    EXPECT_EQ(keys, (std::vector<std::string>{"a", "b", "a"}));
    EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 22, 0}));
  }
}

TEST(JsonReader, ResolvesEveryEscape) {
  EXPECT_EQ(*string_of(R"("")"), "");
  EXPECT_EQ(*string_of(R"("größe")"), "größe");
  EXPECT_EQ(*string_of(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(*string_of(R"("a\u0000b")"), std::string("a\0b", 3));
  EXPECT_EQ(*string_of(R"("\u007f\u0080\u07ff\u0800\uFFFF")"), "\x7f\u0080\u07ff\u0800\uffff");
  EXPECT_EQ(*string_of(R"("\ud7ff\ue000")"), "\ud7ff\ue000");
  EXPECT_EQ(*string_of(R"("\ud83d\ude00\uDBFF\uDFFF")"), "\U0001F600\U0010ffff");
}

TEST(JsonReader, RefusesWhatIsNoString) {
  for (const std::string& text : {std::string(),
                                  std::string("a"),
                                  std::string("\""),
                                  std::string("\"a"),
                                  std::string("\"a\n\""),
                                  std::string("\"\0\"", 3),
                                  std::string("\"\\"),
                                  std::string("\"\\\""),
                                  std::string("\"\\x41\""),
                                  std::string("\"\\u12\""),
                                  std::string("\"\\u12g4\""),
                                  std::string("\"\\u123"),
                                  std::string("\"\\ud800\""),
                                  std::string("\"\\ud800a\""),
                                  std::string("\"\\ud800\\n\""),
                                  std::string("\"\\ud800\\ud800\""),
                                  std::string("\"\\udc00\\ud800\""),
                                  std::string("\"\xff\""),
                                  std::string("\"\xc3\""),
                                  std::string("\"\xed\xa0\x80\"")}) {
    EXPECT_EQ(string_of(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(JsonReader, ReadsWholeNumbersUpToTheLargest) {
  EXPECT_EQ(*integer_of("0"), 0u);
  EXPECT_EQ(*integer_of(" 10,"), 10u);
  EXPECT_EQ(*integer_of("18446744073709551615"), ~uint64_t{0});
  for (const char* text : {"", "-1", "+1", "01", "00", "1.0", "1e3", "1E3", ".5", "a", "\"1\"",
                           "18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_EQ(integer_of(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(JsonReader, SaysWhereAndWhatItExpected) {
  EXPECT_EQ(JsonReader(" [1]", 8).object([](const std::string&) { return absl::OkStatus(); }),
            absl::DataLossError("offset 9: expected '{', got '['"));
  const auto number = [](JsonReader& json) { return json.integer().status(); };
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"[1", "offset 2: expected ',' or ']', got the end of the header"},
           {"[1 2]", "offset 3: expected ',' or ']', got '2'"},
           {"[1,]", "offset 3: expected a number of digits only, got ']'"},
           {"[,1]", "offset 1: expected a number of digits only, got ','"},
           {"[-1]", "offset 1: expected a number of digits only, got '-'"},
           {"[1.5]", "offset 2: expected a number of digits only, got '.'"},
           {"[01]", "offset 2: expected a number without a 0 in front, got '1'"},
           {"[99999999999999999999]", "offset 20: expected a number below 2^64, got '9'"}}) {
    JsonReader json(text);
    EXPECT_EQ(json.array([&] { return number(json); }), absl::DataLossError(what)) << text;
  }
  JsonReader object("{\"a\" 1}");
  EXPECT_EQ(object.object([&](const std::string&) { return number(object); }),
            absl::DataLossError("offset 5: expected ':', got '1'"));
  EXPECT_EQ(string_of("\"ab\xff\"").status().message(),
            "offset 1: expected a string in UTF-8, got 'a'");
  JsonReader rest("1 x");
  EXPECT_EQ(*rest.integer(), 1u);
  EXPECT_EQ(rest.end().message(), "offset 2: expected the end, got 'x'");
}

TEST(ToJson, EscapesWhatItMust) {
  EXPECT_EQ(to_json("a/größe\x7f"), "\"a/größe\x7f\"");
  EXPECT_EQ(to_json("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(to_json(absl::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
}

}  // namespace
}  // namespace lamina::serialization
