// Runs the program: trains a tiny model, evaluates it, lets it write, and stops and resumes training.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"
#include "lamina/serialization.h"

namespace lamina::apps::gpt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTiny[] =
    " --text=cat.txt --layers=1 --heads=2 --width=16 --block=8 --batch_size=4 --warmup=5"
    " --learning_rate=0.01 --threads=1";

// 1,000 characters, of which 12 different ones; a letter or two tell the next one.
std::string cat_text() {
  std::string text;
  while (text.size() < 1000) text += "the cat sat on it.\n";
  return text.substr(0, 1000);
}

std::vector<std::string> checkpoints(const std::string& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".ckpt") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The number that stands behind `label`.
double number_after(const std::string& text, const std::string& label) {
  const size_t at = text.find(label);
  EXPECT_NE(at, std::string::npos) << label << " in " << text;
  return at == std::string::npos ? NAN : std::atof(text.c_str() + at + label.size());
}

// A folder with cat.txt.
class GptProgram : public ::testing::Test {
 protected:
  void SetUp() override { std::ofstream(here_ + "/cat.txt") << cat_text(); }
  void TearDown() override { fs::remove_all(here_); }
  Outcome gpt(const std::string& arguments) const {
    return run_in(here_, "apps/gpt/gpt", arguments);
  }
  Outcome diff(const std::string& a, const std::string& b) const {
    return run_in(here_, "apps/checkpoint/checkpoint", "diff " + a + " " + b);
  }
  const std::string here_ = new_folder();
};

TEST_F(GptProgram, LearnsATextEvaluatesAndWrites) {
  const Outcome trained = gpt(std::string("--steps=300 --eval_every=100") + kTiny);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.out, HasSubstr("900 characters to learn, the last 100 to validate; 12 "
                                     "different ones\n"));
  EXPECT_THAT(trained.out, HasSubstr("epoch 3/3: "));
  // Whoever knows nothing has log 12 = 2.48.
  const double loss = number_after(trained.out, "the last tenth of the text: ");
  EXPECT_LT(loss, 0.6);
  EXPECT_THAT(trained.out, HasSubstr("the cat sat on it.\nthe cat"));  // the sample
  EXPECT_EQ(checkpoints(here_ + "/runs/gpt/001").back(), "step_000000000300.ckpt");
  const std::string report = read_file(here_ + "/runs/gpt/001/report.html");
  for (const char* part :
       {"learning_rate", "12 different ones", "perplexity", "<svg", "the cat sat on it."}) {
    EXPECT_THAT(report, HasSubstr(part));
  }

  const Outcome evaluated = gpt("eval");
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(number_after(evaluated.out, "characters: "), loss);  // all printed digits
  EXPECT_NEAR(number_after(evaluated.out, "nats per character, "), loss / std::log(2), 1e-3);
  EXPECT_NEAR(number_after(evaluated.out, "perplexity "), std::exp(loss), 0.01);

  EXPECT_EQ(gpt("eval --text=cat.txt").out, evaluated.out);

  const std::string words = "sample --prompt='the cat' --length=40 --seed=3";
  const Outcome cached = gpt(words), uncached = gpt(words + " --nocache");
  EXPECT_EQ(cached.exit_code, 0) << cached.err;
  EXPECT_THAT(cached.out, StartsWith("the cat"));
  EXPECT_EQ(cached.out.size(), 7u + 40 + 1);  // and the end of the line
  EXPECT_EQ(cached.out, uncached.out);
  EXPECT_THAT(cached.err, ::testing::ContainsRegex(
                              "\\.ckpt\n40 characters in [0-9.]+ s, [0-9,]+ per second with the "
                              "cache\n$"));
  EXPECT_THAT(uncached.err, HasSubstr("per second without a cache"));
  const Outcome greedy = gpt("sample --prompt='the c' --length=20 --temperature=0");
  EXPECT_THAT(greedy.out, StartsWith("the cat sat on it"));
  EXPECT_EQ(gpt("sample --length=20 --temperature=2 --top_k=1 --top_p=0.5 --prompt='the c'").out,
            greedy.out);
  // A prompt may have line ends, in both forms of a flag.
  for (const std::string between : {"=", " "}) {
    const Outcome lines =
        gpt("sample --prompt" + between + "'on it.\nthe c' --length=6 --temperature=0");
    EXPECT_EQ(lines.out, "on it.\nthe cat sat\n") << lines.err;
  }
}

TEST_F(GptProgram, TellsTheSettingsThatItChose) {
  const std::string words =
      " --text=./cat.txt --layers=1 --heads=1 --width=4 --block=8 --batch_size=4 --steps=50 "
      "--eval_every=50 --dropout=0.12345678 --threads=1";
  ASSERT_EQ(gpt(words).exit_code, 0);
  const auto reader = CheckpointReader::open(here_ + "/runs/gpt/001/step_000000000050.ckpt");
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::map<std::string, std::string> settings = reader->metadata();
  EXPECT_EQ(settings["warmup"], "5");  // a tenth of the steps
  EXPECT_EQ(settings["dropout"], "0.12345678");
  EXPECT_EQ(settings["text"], here_ + "/cat.txt");
  EXPECT_EQ(gpt("--resume --warmup=5 --text=cat.txt").exit_code, 0);
  EXPECT_THAT(gpt("--resume --warmup=6").err, HasSubstr("--warmup is 5 there, got 6"));
}

// Of 684,769 characters, each of one byte.
TEST_F(GptProgram, ComesWithANovel) {
  const Outcome trained = gpt("--layers=1 --heads=1 --width=4 --block=32 --steps=2 --threads=1");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.out, HasSubstr("Pride and Prejudice: 616,293 characters to learn, the last "
                                     "68,476 to validate; 75 different ones\n"));
  EXPECT_THAT(gpt("eval").out,
              HasSubstr("Pride and Prejudice, the last 68,476 of 684,769 characters: "));
}

TEST_F(GptProgram, GivesTheSameModelAtAnyNumberOfThreads) {
  const std::string words = std::string("--steps=20 --eval_every=10 --dropout=0.1") + kTiny;
  ASSERT_EQ(gpt(words + " --output=a").exit_code, 0);
  ASSERT_EQ(gpt(words + " --output=b --threads=3").exit_code, 0);
  const std::string last = "/step_000000000020.ckpt";
  const Outcome same = diff("a" + last, "b" + last);
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
}

TEST_F(GptProgram, EndsWithTheSameBitsWhenItIsStoppedAndResumed) {
  const std::string words = std::string("--steps=2000 --eval_every=100 --dropout=0.1") + kTiny;
  const std::string folder = here_ + "/broken";
  ASSERT_EQ(gpt(words + " --output=unbroken").exit_code, 0);

  const Outcome interrupted =
      interrupt_in(here_, "apps/gpt/gpt", words + " --output=broken",
                   [&](const std::string&) { return !checkpoints(folder).empty(); });
  ASSERT_EQ(interrupted.exit_code, 130) << interrupted.err;
  EXPECT_THAT(interrupted.err, HasSubstr("--resume"));
  const std::string last = "/step_000000002000.ckpt";
  ASSERT_NE("/" + checkpoints(folder).back(), last);
  EXPECT_FALSE(fs::exists(folder + "/report.html"));

  const Outcome resumed = gpt("--resume --output=broken --threads=1");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("going on from "));
  EXPECT_TRUE(fs::exists(folder + "/report.html"));
  const Outcome same = diff("unbroken" + last, "broken" + last);
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
}

TEST_F(GptProgram, SaysWhatEachCommandTakes) {
  EXPECT_THAT(gpt("--help").out, HasSubstr("sample"));
  EXPECT_THAT(gpt("train --help").out, HasSubstr("--learning_rate"));
  EXPECT_THAT(gpt("eval --help").out, HasSubstr("--checkpoint"));
  const Outcome help = gpt("sample --help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--top_p"));
  EXPECT_THAT(gpt("predict --help").out, HasSubstr("--top_p"));
}

}  // namespace
}  // namespace lamina::apps::gpt
