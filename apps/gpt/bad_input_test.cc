// What the program says of bad flags, texts and checkpoints: one line, exit code 1, nothing written.

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"
#include "lamina/serialization.h"

namespace lamina::apps::gpt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Runs the program in folders of its own.
class Bad : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(here_); }
  Outcome gpt(const std::string& arguments) const {
    return run_in(here_, "apps/gpt/gpt", arguments);
  }
  void expect_error(const std::string& arguments, const std::string& text) const {
    const Outcome outcome = gpt(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments;
    EXPECT_EQ(outcome.err, "ERROR: " + text + "\n") << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
  std::string write(const std::string& name, const std::string& bytes) const {
    const std::string path = here_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  const std::string here_ = new_folder();
};
using BadFlag = Bad;
using BadText = Bad;
using BadCheckpoint = Bad;

// With a run in runs/gpt/001, of a text of a, b and line ends.
class WithARun : public Bad {
 protected:
  void SetUp() override {
    std::string text;
    while (text.size() < 200) text += "abba\n";
    write("ab.txt", text);
    const Outcome trained = gpt(
        "--text=ab.txt --layers=1 --heads=1 --width=4 --block=8 --steps=2 --warmup=1 --threads=1");
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
};

// ---- Flags

TEST_F(BadFlag, OutOfRange) {
  const auto illegal = [this](const std::string& flag, const std::string& value,
                              const std::string& expected, const std::string& command = "") {
    expect_error(
        command + " --" + flag + "=" + value,
        "Illegal value '" + value + "' specified for flag '" + flag + "'; expected " + expected);
  };
  for (const char* flag : {"layers", "heads", "width", "block", "batch_size"}) {
    illegal(flag, "0", "a whole number from 1 to 65536");
  }
  illegal("warmup", "-1", "a whole number from 0 to 1099511627776");
  illegal("dropout", "1", "a number from 0 to below 1");
  illegal("dropout", "-0.1", "a number from 0 to below 1");
  for (const char* value : {"0", "1.01", "nan", "-1", "x"}) {
    illegal("top_p", value, "a number above 0 and up to 1", "sample");
  }
  for (const char* value : {"-0.5", "inf", "nan"}) {
    illegal("temperature", value, "a finite number of at least 0", "sample");
  }
  illegal("top_k", "-2", "a whole number from 0 to 1099511627776", "sample");
}

TEST_F(BadFlag, ThatDoesNotFitAnother) {
  expect_error("--heads=3", "flag --heads: expected a number that divides --width=128, got 3");
  expect_error("--steps=100 --warmup=100",
               "flag --warmup: expected a number below --steps=100, got 100");
  expect_error("--steps=1000 --eval_every=300",
               "flag --eval_every: expected a number that divides --steps=1000, such as 250, got "
               "300");
  EXPECT_FALSE(fs::exists(here_ + "/runs/gpt/001"));
}

TEST_F(BadFlag, Unknown) {
  EXPECT_THAT(gpt("--layer=3").err, HasSubstr("did you mean '--layers'?"));
  EXPECT_THAT(gpt("--characters=abc").err, StartsWith("ERROR: unknown flag --characters"));
  EXPECT_THAT(gpt("samples").err, HasSubstr("did you mean 'sample'?"));
}

TEST_F(BadFlag, OutputThatCannotBeWritten) {
  const Outcome outcome = gpt("--output=/proc/gpt");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("ERROR: /proc/gpt: "));
  EXPECT_EQ(outcome.out, "");  // before training
}

// ---- Texts

TEST_F(BadText, Missing) {
  expect_error("--text=/nowhere/a.txt", "/nowhere/a.txt: cannot open: No such file or directory");
  expect_error("--text=/", "/: expected a text file, got a folder");
}

TEST_F(BadText, Empty) {
  const std::string path = write("text.txt", "");
  expect_error("--text=" + path, path + ": expected a text, got an empty one");
}

TEST_F(BadText, NotUtf8) {
  const std::string path = write("text.txt", std::string(700, 'a') + "\xe9t\xe9");
  expect_error("--text=" + path, path + ": offset 700: expected UTF-8, got the byte e9");
}

TEST_F(BadText, ShorterThanItsBlocks) {
  const std::string path = write("text.txt", std::string(649, 'a'));
  expect_error("--text=" + path,
               path +
                   ": expected a text of at least 650 characters, so that its last tenth is "
                   "more than --block=64, got 649");
}

TEST_F(WithARun, AndATextOfOtherCharacters) {
  const std::string path = write("text.txt", "abba\nab\xc3\xa9" + std::string(200, 'a'));
  expect_error("eval --text=" + path,
               path +
                   ": line 2, column 3: expected one of the 3 characters of the text that the "
                   "model was trained on, got '\xc3\xa9' (U+00E9)");
}

TEST_F(WithARun, AndATextTooShort) {
  const std::string path = write("text.txt", "abba\n");
  expect_error("eval --text=" + path,
               path +
                   ": expected a text of at least 90 characters, so that its last tenth is "
                   "more than --block=8, got 5");
}

TEST_F(WithARun, AndAPromptOfOtherCharacters) {
  expect_error("sample --prompt=abc",
               "flag --prompt: line 1, column 3: expected one of the 3 characters of the text "
               "that the model was trained on, got 'c' (U+0063)");
  expect_error("sample --prompt=\xff", "flag --prompt: offset 0: expected UTF-8, got the byte ff");
}

// ---- Checkpoints

TEST_F(BadCheckpoint, None) {
  expect_error("sample --checkpoint=/nowhere/a.ckpt",
               "/nowhere/a.ckpt: cannot open: No such file or directory");
  const Outcome outcome = gpt("eval");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("run `gpt train` first"));
}

TEST_F(WithARun, ThatHasOtherSettings) {
  const Outcome outcome = gpt("--resume --layers=2 --seed=5");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("--layers is 1 there, got 2; --seed is 1 there, got 5"));
}

TEST_F(WithARun, WhoseTextHasChanged) {
  const std::string path = here_ + "/ab.txt", before = read_file(path);
  write("ab.txt", before + "abba\n");
  const Outcome longer = gpt("--resume");
  EXPECT_EQ(longer.exit_code, 1);
  EXPECT_THAT(longer.err, HasSubstr("expected the data of its run"));
  std::string other_end = before;  // which is only predicted
  std::swap(other_end[other_end.size() - 2], other_end[other_end.size() - 3]);
  ASSERT_NE(other_end, before);
  write("ab.txt", other_end);
  EXPECT_THAT(gpt("--resume").err, HasSubstr("expected the data of its run"));
  write("ab.txt", "c" + before);
  EXPECT_THAT(gpt("--resume").err, HasSubstr("line 1, column 1: expected one of the 3"));
  write("ab.txt", before);
}

// 65536^2 weights of float32 would be 16 GiB, and 65536 layers more.
TEST_F(WithARun, WhoseSettingsTellOfALargerModel) {
  const std::string path = here_ + "/runs/gpt/001/step_000000000002.ckpt";
  const auto reader = CheckpointReader::open(path);
  const auto arrays = load_checkpoint(path);
  ASSERT_TRUE(reader.ok() && arrays.ok()) << reader.status() << arrays.status();
  for (const char* size : {"width", "layers", "block"}) {
    SaveOptions options;
    options.metadata = reader->metadata();
    options.metadata[size] = "65536";
    ASSERT_TRUE(save_checkpoint(here_ + "/huge.ckpt", *arrays, options).ok());
    const Outcome outcome = gpt("sample --checkpoint=huge.ckpt");
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, StartsWith("ERROR: " + here_ + "/huge.ckpt: expected a model of "));
    // (2 * 3 + 8) * 4 + 12 * 4^2 + 13 * 4 + 2 * 4
    EXPECT_THAT(outcome.err, HasSubstr(" elements, as its settings tell, got 308\n"));
  }
}

TEST_F(WithARun, ThatIsDamaged) {
  const std::string path = here_ + "/runs/gpt/001/step_000000000002.ckpt";
  const std::string bytes = read_file(path);
  const std::string copy = write("copy.ckpt", bytes.substr(0, bytes.size() / 2));
  const Outcome outcome = gpt("sample --checkpoint=" + copy);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("ERROR: " + copy + ": "));
}

}  // namespace
}  // namespace lamina::apps::gpt
