#include "lamina/apps/checkpoint/command_line.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lamina::apps::checkpoint {
namespace {

const Command kCommand = {"copy",
                          "FROM TO",
                          2,
                          2,
                          "",
                          "",
                          {{"to", "FORMAT", "of the copy"}, {"drop_empty", "", "leave out"}},
                          nullptr};

TEST(CommandLine, TakesFlagsAnywhereAndInEverySpelling) {
  const std::vector<std::vector<std::string>> same = {{"a", "b", "--to=x", "--drop_empty"},
                                                      {"--drop-empty", "a", "--to", "x", "b"},
                                                      {"-drop_empty", "--to", "x", "--", "a", "b"}};
  for (const auto& words : same) {
    const auto arguments = parse(kCommand, words);
    ASSERT_TRUE(arguments.ok()) << arguments.status();
    EXPECT_EQ(arguments->words, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(arguments->flags.at("to"), "x");
    EXPECT_TRUE(arguments->has("drop_empty"));
  }
  const auto dashes = parse(kCommand, {"--", "-a", "--b"});
  ASSERT_TRUE(dashes.ok()) << dashes.status();
  EXPECT_EQ(dashes->words, (std::vector<std::string>{"-a", "--b"}));
  EXPECT_FALSE(dashes->has("drop_empty"));
}

TEST(CommandLine, SaysWhatIsWrong) {
  const auto expect_error = [](const std::vector<std::string>& words, const std::string& text) {
    EXPECT_EQ(parse(kCommand, words).status(),
              absl::InvalidArgumentError("copy: " + text + "; see `copy --help`"));
  };
  expect_error({"a"}, "expected FROM TO, got 1 argument");
  expect_error({"a", "b", "c"}, "expected FROM TO, got 3 arguments");
  expect_error({"--drop_emty"}, "unknown flag '--drop_emty'; did you mean '--drop_empty'?");
  expect_error({"--frobnicate=3"}, "unknown flag '--frobnicate=3'");
  expect_error({"a", "b", "--to"}, "expected a value for --to");
  expect_error({"a", "b", "--drop_empty=1"}, "expected no value for --drop_empty");
}

}  // namespace
}  // namespace lamina::apps::checkpoint
