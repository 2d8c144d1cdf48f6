#include "lamina/apps/program.h"

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "gtest/gtest.h"

using lamina::apps::Count;

ABSL_FLAG(Count, epochs, Count{10}, "how many");

namespace lamina::apps {
namespace {

std::string called;

absl::Status train(const Arguments& arguments) {
  called = "train " + std::to_string(absl::GetFlag(FLAGS_epochs).value);
  EXPECT_TRUE(arguments.words.empty());
  return absl::OkStatus();
}

absl::Status predict(const Arguments& arguments) {
  called = "predict";
  for (const std::string& word : arguments.words) called += " " + word;
  if (arguments.words[0] == "interrupted") return absl::CancelledError("interrupted");
  if (arguments.words[0] == "throws") throw std::runtime_error("thrown");
  if (arguments.words[0] == "list") {
    throw std::runtime_error("a.ckpt: got these problems:\n\tx: expected 1\n\ty: expected 2");
  }
  if (arguments.words[0] == "huge") throw std::bad_alloc();
  return absl::OkStatus();
}

class ProgramTest : public ::testing::Test {
 protected:
  // The exit code; the streams' text is in out_ and err_.
  int run(std::vector<std::string> arguments) {
    const Program program = {
        "digits",
        "Reads digits.",
        {{"train", "", 0, 0, "Trains a network.\n\nOn digits.", {"epochs"}, train},
         {"predict", "IMAGE...", 1, 2, "Tells digits.", {}, predict}}};
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    called = "";
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = run_program(program, static_cast<int>(argv.size()), argv.data());
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  void expect_error(const std::vector<std::string>& arguments, const std::string& text) {
    EXPECT_EQ(run(arguments), 1);
    EXPECT_EQ(err_, "ERROR: " + text + "\n");
    EXPECT_EQ(out_, "");
    EXPECT_EQ(called, "");
  }
  std::string out_, err_;
  const absl::FlagSaver saver_;
};

TEST_F(ProgramTest, RunsTheFirstCommandUnlessOneIsNamed) {
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(called, "train 10");
  EXPECT_EQ(run({"--epochs=3"}), 0);
  EXPECT_EQ(called, "train 3");
  EXPECT_EQ(run({"train", "--epochs=4"}), 0);
  EXPECT_EQ(called, "train 4");
  EXPECT_EQ(run({"predict", "a.png", "b.png"}), 0);
  EXPECT_EQ(called, "predict a.png b.png");
}

TEST_F(ProgramTest, SuggestsTheClosestCommand) {
  expect_error({"trainn"},
               "expected a command (train, predict), got 'trainn'; did you mean 'train'?");
  expect_error({"trian"},
               "expected a command (train, predict), got 'trian'; did you mean 'train'?");
  expect_error({"x.png"}, "expected a command (train, predict), got 'x.png'");
  expect_error({""}, "expected a command (train, predict), got ''");
  expect_error({"a\nb"}, "expected a command (train, predict), got 'a\\nb'");
}

TEST_F(ProgramTest, MakesOneLineOfAListOfProblems) {
  EXPECT_EQ(run({"predict", "list"}), 1);
  EXPECT_EQ(err_, "ERROR: a.ckpt: got these problems: x: expected 1; y: expected 2\n");
}

TEST_F(ProgramTest, RefusesOtherNumbersOfWordsAndFlagsOfOtherCommands) {
  expect_error({"train", "x"},
               "train: expected flags only, got the argument 'x'; see `digits train --help`");
  expect_error({"predict"}, "predict: expected IMAGE..., got none; see `digits predict --help`");
  expect_error({"predict", "a", "b", "c"},
               "predict: expected IMAGE..., got 'a' 'b' 'c'; see `digits predict --help`");
  expect_error({"predict", "a", "--epochs=3"}, "unknown flag --epochs=3, expected one of --help");
}

TEST_F(ProgramTest, ExplainsItselfAndEachCommand) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(out_, R"(Reads digits.

  digits train    Trains a network.
  digits predict  Tells digits.

Without a command: train. `digits COMMAND --help` tells about one.

digits train [--flag=value...]

Trains a network.

On digits.

  --epochs  how many (default: 10)
)");
  EXPECT_EQ(run({"predict", "--help"}), 0);
  EXPECT_EQ(out_, "digits predict IMAGE... [--flag=value...]\n\nTells digits.\n\n");
  EXPECT_EQ(called, "");
}

TEST_F(ProgramTest, TellsAnInterruptionFromAnErrorByItsExitCode) {
  EXPECT_EQ(run({"predict", "interrupted"}), 130);
  EXPECT_EQ(err_, "ERROR: interrupted\n");
  EXPECT_EQ(run({"predict", "throws"}), 1);
  EXPECT_EQ(err_, "ERROR: thrown\n");
  EXPECT_EQ(run({"predict", "huge"}), 1);
  EXPECT_EQ(err_, "ERROR: not enough memory\n");
}

}  // namespace
}  // namespace lamina::apps
