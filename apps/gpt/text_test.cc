#include "lamina/apps/gpt/text.h"

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::gpt {
namespace {

using Ids = std::vector<int64_t>;

Vocabulary vocabulary_of(const std::string& text) {
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::of(text, "text");
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  return *std::move(vocabulary);
}

TEST(Vocabulary, NumbersCharactersByTheirCodePoints) {
  const Vocabulary vocabulary = vocabulary_of("a cab\n");
  EXPECT_EQ(vocabulary.size(), 5);
  EXPECT_EQ(vocabulary.characters(), "\n abc");
  EXPECT_EQ(*vocabulary.encode("bac \n", "text"), (Ids{3, 2, 4, 1, 0}));
  EXPECT_EQ(vocabulary.decode(Ids{3, 2, 4, 1, 0}), "bac \n");
  EXPECT_EQ(*vocabulary.find(U'c'), 4);
  EXPECT_EQ(vocabulary.find(U'd'), nullptr);
}

// U+0061, U+00E9, U+20AC and U+1F600 take one to four bytes.
TEST(Vocabulary, TakesACodePointForOneCharacter) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  const Vocabulary vocabulary = vocabulary_of(text);
  EXPECT_EQ(vocabulary.size(), 4);
  EXPECT_EQ(vocabulary.characters(), text);
  EXPECT_EQ(*vocabulary.encode(text, "text"), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(vocabulary.decode(Ids{3, 1}), "\xf0\x9f\x98\x80\xc3\xa9");
  EXPECT_EQ(*vocabulary.find(U'\u20ac'), 2);
}

TEST(Vocabulary, OfItsOwnCharactersIsTheSame) {
  const Vocabulary vocabulary = vocabulary_of("the \xe2\x82\xac cat\r\n");
  EXPECT_EQ(vocabulary_of(vocabulary.characters()).characters(), vocabulary.characters());
}

TEST(Vocabulary, SaysWhereACharacterIsThatItHasNot) {
  const Vocabulary vocabulary = vocabulary_of("abc\n");
  EXPECT_EQ(vocabulary.encode("abc\nab\xc3\xa9", "novel.txt").status().message(),
            "novel.txt: line 2, column 3: expected one of the 4 characters of the text that the "
            "model was trained on, got '\xc3\xa9' (U+00E9)");
  EXPECT_EQ(vocabulary.encode("a\tb", "flag --prompt").status().message(),
            "flag --prompt: line 1, column 2: expected one of the 4 characters of the text that "
            "the model was trained on, got U+0009");
}

// A column counts characters, not bytes.
TEST(Vocabulary, CountsColumnsInCharacters) {
  const Vocabulary vocabulary = vocabulary_of("\xe2\x82\xac\n");
  EXPECT_THAT(
      std::string(vocabulary.encode("\xe2\x82\xac\xe2\x82\xac?", "text").status().message()),
      ::testing::StartsWith("text: line 1, column 3: "));
}

TEST(Vocabulary, RefusesWhatIsNoText) {
  EXPECT_EQ(Vocabulary::of("", "a.txt").status(),
            absl::InvalidArgumentError("a.txt: expected a text, got an empty one"));
  const auto refused = [](const std::string& bytes, const std::string& what) {
    EXPECT_EQ(Vocabulary::of("ok" + bytes, "a.txt").status(),
              absl::InvalidArgumentError("a.txt: offset 2: expected UTF-8, got the byte " + what));
  };
  refused("\xff", "ff");
  refused("\x80", "80");              // goes on with nothing
  refused("\xc3", "c3");              // ends too soon
  refused("\xc3(", "c3");             // the same before another character
  refused("\xc0\xaf", "c0");          // a longer form of '/'
  refused("\xe0\x80\xaf", "e0");      // and another one
  refused("\xf0\x80\x80\xaf", "f0");  // and another one
  refused("\xed\xa0\x80", "ed");      // a surrogate
  refused("\xf4\x90\x80\x80", "f4");  // U+110000
  refused("\xf5\x80\x80\x80", "f5");
}

TEST(Vocabulary, RefusesIdsThatItHasNot) {
  EXPECT_THROWS(IndexError, "[Vocabulary] expected ids from 0 to 1, got 2",
                vocabulary_of("ab").decode(Ids{0, 2}));
  EXPECT_THROWS(IndexError, "got -1", vocabulary_of("ab").decode(Ids{-1}));
}

TEST(ReadText, GivesTheBytesOfAFile) {
  const std::string path = ::testing::TempDir() + "/text.txt";
  const std::string text("a\r\n\0b", 5);
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(*read_text(path), text);
}

TEST(ReadText, SaysWhatItCannotRead) {
  EXPECT_EQ(read_text("/nowhere/a.txt").status().message(),
            "/nowhere/a.txt: cannot open: No such file or directory");
  EXPECT_EQ(read_text("/").status().message(), "/: expected a text file, got a folder");
  EXPECT_EQ(read_text("/dev/null").status().message(),
            "/dev/null: expected a text file, got another kind");
}

}  // namespace
}  // namespace lamina::apps::gpt
