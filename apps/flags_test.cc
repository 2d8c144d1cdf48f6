#include "lamina/apps/flags.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace lamina::apps {
namespace {

enum class Color { kRed, kGreen, kBlue };
constexpr Choice<Color> kColors[] = {
    {Color::kGreen, "green"}, {Color::kBlue, "blue"}, {Color::kRed, "red"}};
enum class Side { kLeft, kRight };
constexpr Choice<Side> kSides[] = {{Side::kLeft, "left"}, {Side::kRight, "right"}};

bool AbslParseFlag(absl::string_view text, Color* color, std::string* error) {
  return parse_choice(text, kColors, color, error);
}
std::string AbslUnparseFlag(Color color) { return name_of_choice(kColors, color); }

}  // namespace
}  // namespace lamina::apps

using lamina::apps::Color;
using lamina::apps::Count;
using lamina::apps::Fraction;
using lamina::apps::NotNegative;
using lamina::apps::Positive;
using lamina::apps::Text;
using lamina::apps::Widths;

ABSL_FLAG(Count, count, Count{10}, "how many");
ABSL_FLAG(std::optional<Positive>, rate, std::nullopt, "how fast");
ABSL_FLAG(Widths, widths, (Widths{{3, 4}}), "how wide");
ABSL_FLAG(bool, loud, false, "whether");
ABSL_FLAG(std::optional<bool>, log_price, std::nullopt, "whether");
ABSL_FLAG(std::string, file, "", "where");
ABSL_FLAG(
    bool, verbose, true,
    "a note of a hundred columns and more, for which there is no room on one line of text, goes "
    "on in the next");
// What the tests of types of flags have besides.
ABSL_FLAG(NotNegative, decay, NotNegative{0}, "");
ABSL_FLAG(Fraction, dropout, Fraction{0}, "");
ABSL_FLAG(Color, color, Color::kBlue, "");
ABSL_FLAG(Text, prompt, Text{}, "");

namespace lamina::apps {
namespace {

const std::vector<std::string> kNames = {"count", "rate", "widths", "loud", "file"};
const std::vector<std::string> kTypes = {"log_price", "rate",  "decay",
                                         "dropout",   "color", "prompt"};

class Flags : public ::testing::Test {
 protected:
  static absl::StatusOr<Arguments> parse(const std::vector<std::string>& arguments) {
    return parse_flags(arguments, kNames);
  }
  static void expect_error(const std::vector<std::string>& arguments, const std::string& text) {
    EXPECT_EQ(parse(arguments).status().message(), text);
  }
  const absl::FlagSaver saver_;
};

TEST_F(Flags, KeepTheirDefaultsWithoutArguments) {
  const absl::StatusOr<Arguments> parsed = parse({});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_count).value, 10);
  EXPECT_FALSE(absl::GetFlag(FLAGS_rate).has_value());
  EXPECT_FALSE(parsed->help);
  EXPECT_TRUE(parsed->words.empty());
  EXPECT_TRUE(parsed->given.empty());
}

TEST_F(Flags, TakeValuesAfterAnEqualsSignOrASpace) {
  EXPECT_TRUE(parse({"--count=3", "--rate", "1e-3", "-widths=512,256", "--file", "--x"}).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_count).value, 3);
  EXPECT_EQ(absl::GetFlag(FLAGS_rate)->value, 1e-3);
  EXPECT_EQ(absl::GetFlag(FLAGS_widths).values, (std::vector<int64_t>{512, 256}));
  EXPECT_EQ(absl::GetFlag(FLAGS_file), "--x");
}

// A checkpoint keeps the text, from which a resumed run takes the number.
TEST_F(Flags, TellTheirNumbersExactly) {
  for (const char* flag : {"rate", "decay", "dropout"}) {
    for (const char* text : {"0.1", "0.12345678", "0.30000000000000004", "1e-300"}) {
      ASSERT_TRUE(parse_flags({absl::StrCat("--", flag, "=", text)}, kTypes).ok());
      EXPECT_EQ(absl::FindCommandLineFlag(flag)->CurrentValue(), text) << flag;
    }
  }
}

TEST_F(Flags, OfFractionsAndOfWhatIsNotNegativeBeginAtZero) {
  EXPECT_TRUE(parse_flags({"--decay=0", "--dropout=0"}, kTypes).ok());
  EXPECT_TRUE(parse_flags({"--decay=1e300", "--dropout=0.999"}, kTypes).ok());
  for (const char* value : {"-0.1", "inf", "nan", "1e999", "x"}) {
    EXPECT_EQ(parse_flags({"--decay", value}, kTypes).status().message(),
              absl::StrCat("Illegal value '", value, "' specified for flag 'decay'; ",
                           "expected a finite number of at least 0"));
  }
  for (const char* value : {"-0.1", "1", "nan", "x"}) {
    EXPECT_EQ(parse_flags({"--dropout", value}, kTypes).status().message(),
              absl::StrCat("Illegal value '", value, "' specified for flag 'dropout'; ",
                           "expected a number from 0 to below 1"));
  }
}

TEST_F(Flags, OfEnumsTakeTheNamesOfTheirValues) {
  ASSERT_TRUE(parse_flags({"--color=red"}, kTypes).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_color), Color::kRed);
  EXPECT_EQ(absl::FindCommandLineFlag("color")->CurrentValue(), "red");
  Color color = Color::kBlue;
  std::string error;
  EXPECT_FALSE(parse_choice("re", kColors, &color, &error));
  EXPECT_EQ(error, "expected one of green, blue, red");
  EXPECT_EQ(color, Color::kBlue);
  Side side = Side::kLeft;
  EXPECT_FALSE(parse_choice("", kSides, &side, &error));
  EXPECT_EQ(error, "expected left or right");
}

TEST_F(Flags, OfBoolNeedNoValue) {
  EXPECT_TRUE(parse({"--loud"}).ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_loud));
  EXPECT_TRUE(parse({"--noloud"}).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_loud));
  EXPECT_TRUE(parse({"--loud=true"}).ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_loud));
}

TEST_F(Flags, OfOptionalBoolNeedNoValueEither) {
  EXPECT_TRUE(parse_flags({"--log_price"}, kTypes).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_log_price), true);
  EXPECT_TRUE(parse_flags({"--nolog_price"}, kTypes).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_log_price), false);
  EXPECT_EQ(parse_flags({"--log_price=maybe"}, kTypes).status().message(),
            "Illegal value 'maybe' specified for flag 'log_price'; expected true or false");
}

TEST_F(Flags, StopAtHelp) {
  const absl::StatusOr<Arguments> parsed = parse({"--help", "--nonsense"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->help);
}

TEST_F(Flags, AreToldApartFromWords) {
  const absl::StatusOr<Arguments> parsed =
      parse({"a.png", "--count=3", "--noloud", "-", "--", "--count", "b.png"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->words, (std::vector<std::string>{"a.png", "-", "--count", "b.png"}));
  EXPECT_EQ(parsed->given, (std::set<std::string>{"count", "loud"}));
}

TEST_F(Flags, RefuseWhatTheProgramDoesNotHave) {
  const std::string rest = ", expected one of --count, --rate, --widths, --loud, --file, --help";
  expect_error({"--cuont=3"}, "unknown flag --cuont=3; did you mean '--count'?");
  expect_error({"--nolud"}, "unknown flag --nolud; did you mean '--loud'?");
  expect_error({"--nocount"}, "unknown flag --nocount; did you mean '--count'?");
  expect_error({"--noloud=1"}, "unknown flag --noloud=1; did you mean '--loud'?");
  expect_error({"--flagfile=/dev/null"}, "unknown flag --flagfile=/dev/null" + rest);
}

TEST_F(Flags, RefuseAMissingValue) {
  expect_error({"--count"}, "flag --count: expected a value, got none");
  expect_error({"--count="}, "flag --count: expected a value, got none");
  expect_error({"--count", "--loud"}, "flag --count: expected a value, got none");
  expect_error({"--rate="}, "flag --rate: expected a value, got none");
}

TEST_F(Flags, RefuseValuesThatTheirTypeRefuses) {
  for (const char* value : {"0", "-1", "1.5", "ten", "99999999999999999999"}) {
    expect_error({"--count", value}, std::string("Illegal value '") + value +
                                         "' specified for flag 'count'; "
                                         "expected a whole number from 1 to 1099511627776");
  }
  for (const char* value : {"0", "-0.1", "nan", "inf", "fast"}) {
    expect_error({"--rate", value}, std::string("Illegal value '") + value +
                                        "' specified for flag 'rate'; "
                                        "expected a finite number above 0");
  }
  for (const char* value : {"512,", ",", "0", "5;6", "3,-1", "65537"}) {
    expect_error({"--widths", value},
                 std::string("Illegal value '") + value +
                     "' specified for flag 'widths'; "
                     "expected whole numbers from 1 to 65536, separated by commas");
  }
  expect_error({"--loud=maybe"},
               "Illegal value 'maybe' specified for flag 'loud'; expected true or false");
}

// An error that repeats it would not be one line.
TEST_F(Flags, RefuseALineBreak) {
  expect_error({"--file=a\nb"}, "expected arguments of printable characters, got '--file=a\\nb'");
  expect_error({"--file", "a\nb"}, "expected arguments of printable characters, got 'a\\nb'");
  expect_error({"--count", "1\n2"}, "expected arguments of printable characters, got '1\\n2'");
  expect_error({"--fi\nle=a"}, "expected arguments of printable characters, got '--fi\\nle=a'");
  expect_error({"a\nb"}, "expected arguments of printable characters, got 'a\\nb'");
}

TEST_F(Flags, OfTextsMayHaveLineBreaks) {
  ASSERT_TRUE(parse_flags({"--prompt=a\nb"}, kTypes).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_prompt).value, "a\nb");
  ASSERT_TRUE(parse_flags({"--prompt", "\tc\n"}, kTypes).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_prompt).value, "\tc\n");
}

TEST_F(Flags, ThatAreNotSetAreFilledIn) {
  fill_in(&FLAGS_rate, Positive{0.5});
  EXPECT_EQ(absl::GetFlag(FLAGS_rate)->value, 0.5);
  fill_in(&FLAGS_rate, Positive{0.25});
  EXPECT_EQ(absl::GetFlag(FLAGS_rate)->value, 0.5);
}

TEST_F(Flags, AreExplainedWithTheirDefaults) {
  EXPECT_EQ(flags_help(kNames), R"(  --count  how many (default: 10)
  --rate  how fast
  --widths  how wide (default: 3,4)
  --loud  whether (default: false)
  --file  where
)");
}

TEST_F(Flags, AreExplainedInLinesOfAHundredColumnsAtMost) {
  EXPECT_EQ(
      flags_help({"verbose"}),
      R"(  --verbose  a note of a hundred columns and more, for which there is no room on one line of text,
      goes on in the next (default: true)
)");
}

TEST(UserPath, IsRelativeToWhereBazelRunWasCalled) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(user_path("data"), "data");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(user_path("data"), "/home/me/data");
  EXPECT_EQ(user_path("/data"), "/data");
  EXPECT_EQ(user_path(""), "");
  setenv("BUILD_WORKING_DIRECTORY", "", 1);
  EXPECT_EQ(user_path("data"), "data");
}

TEST_F(Flags, OfPathsAreMadeAbsoluteForOtherFolders) {
  const auto absolute = [](const std::string& path) {
    absl::SetFlag(&FLAGS_file, path);
    make_absolute(&FLAGS_file);
    return absl::GetFlag(FLAGS_file);
  };
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(absolute("data"), "/home/me/data");
  EXPECT_EQ(absolute("./a/../data/"), "/home/me/data");
  EXPECT_EQ(absolute("../data//b.csv"), "/home/data/b.csv");
  EXPECT_EQ(absolute("/data/./b.csv"), "/data/b.csv");
  EXPECT_EQ(absolute("/"), "/");
  EXPECT_EQ(absolute(""), "");
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(absolute("data"), std::filesystem::current_path().string() + "/data");
}

}  // namespace
}  // namespace lamina::apps
