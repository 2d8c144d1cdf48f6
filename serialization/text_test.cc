#include "lamina/serialization/text.h"

#include <string>

#include "gtest/gtest.h"

namespace lamina::serialization {
namespace {

// The smallest and largest character of each length, and those beside the surrogates.
TEST(IsUtf8, AcceptsEveryLength) {
  for (const std::string& text :
       {std::string(), std::string("\0", 1), std::string("layer1.weight"), std::string("\x7f"),
        std::string("\u0080\u07ff"), std::string("\u0800\uffff"), std::string("\ud7ff\ue000"),
        std::string("\U00010000\U0010ffff")}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

// From Kuhn's "UTF-8 decoder capability and stress test": 3, 4 and 5.
TEST(IsUtf8, RefusesWhatIsMalformedOverlongOrNoCharacter) {
  for (const char* text : {"\x80",
                           "\xbf",
                           "a\x80",
                           "\xc3",
                           "\xc3(",
                           "\xe2\x82",
                           "\xe2(\xa1",
                           "\xf0\x9f\x98",
                           "\xfe",
                           "\xff",
                           "\xf8\x88\x80\x80\x80",
                           "\xc0\x80",
                           "\xc1\xbf",
                           "\xe0\x80\x80",
                           "\xe0\x9f\xbf",
                           "\xf0\x80\x80\x80",
                           "\xf0\x8f\xbf\xbf",
                           "\xed\xa0\x80",
                           "\xed\xbf\xbf",
                           "\xf4\x90\x80\x80",
                           "\xf7\xbf\xbf\xbf"}) {
    EXPECT_FALSE(is_utf8(text)) << in_quotes(text);
  }
}

TEST(InQuotes, IsOneShortLine) {
  EXPECT_EQ(in_quotes("layer1.größe"), "'layer1.größe'");
  EXPECT_EQ(in_quotes("a\n'b'\x01"), "'a\\n\\'b\\'\\001'");
  EXPECT_EQ(in_quotes("größe\xff"), "'gr\\303\\266\\303\\237e\\377'");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(100, 'x') + "'");
  EXPECT_EQ(in_quotes(std::string(101, 'x')), "'" + std::string(100, 'x') + "...'");
  EXPECT_EQ(in_quotes(std::string(98, 'x') + "€"), "'" + std::string(98, 'x') + "...'");
}

}  // namespace
}  // namespace lamina::serialization
