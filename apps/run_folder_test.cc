#include "lamina/apps/run_folder.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "gtest/gtest.h"
#include "lamina/serialization.h"

using lamina::apps::Count;
using lamina::apps::Positive;

ABSL_FLAG(Count, epochs, Count{10}, "");
ABSL_FLAG(std::string, model, "linear", "");
ABSL_FLAG(std::optional<Count>, width, std::nullopt, "");
ABSL_FLAG(Positive, rate, Positive{1}, "");

namespace lamina::apps {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFlags = {"epochs", "model"};

class RunFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(here_);
    fs::create_directories(here_);
    setenv("BUILD_WORKING_DIRECTORY", here_.c_str(), 1);
  }
  void save(const std::string& path, const std::string& app = "digits") const {
    fs::create_directories((here_ / path).parent_path());
    SaveOptions options;
    options.metadata = settings_of(app, kFlags);
    ASSERT_TRUE(save_checkpoint(here_ / path, NamedArrays{}, options).ok());
  }
  std::string at(const std::string& path) const { return here_ / path; }

  const fs::path here_ = fs::path(::testing::TempDir()) / "here";
  const absl::FlagSaver saver_;
};

TEST_F(RunFolder, IsTheNextNumber) {
  EXPECT_EQ(*new_run_folder("digits"), at("runs/digits/001"));
  EXPECT_EQ(*new_run_folder("digits"), at("runs/digits/002"));
  fs::create_directories(at("runs/digits/0017"));
  fs::create_directories(at("runs/digits/041"));
  EXPECT_EQ(*new_run_folder("digits"), at("runs/digits/042"));
  EXPECT_EQ(*new_run_folder("prices"), at("runs/prices/001"));
}

TEST_F(RunFolder, IsNotSharedByProgramsThatStartTogether) {
  constexpr size_t kPrograms = 16;
  std::vector<std::string> folders(kPrograms);
  std::vector<std::thread> programs;
  for (std::string& folder : folders) {
    programs.emplace_back([&folder] { folder = new_run_folder("digits").value_or("none"); });
  }
  for (std::thread& program : programs) program.join();
  EXPECT_EQ(std::set<std::string>(folders.begin(), folders.end()).size(), kPrograms);
  EXPECT_TRUE(fs::is_directory(at("runs/digits/016")));
}

TEST_F(RunFolder, OfTheFlagIsTakenUnlessItHasCheckpoints) {
  absl::SetFlag(&FLAGS_output, "a/b");
  EXPECT_EQ(*new_run_folder("digits"), at("a/b"));
  EXPECT_EQ(*new_run_folder("digits"), at("a/b"));
  save("a/b/step_000000000003.ckpt");
  EXPECT_EQ(new_run_folder("digits").status(),
            absl::FailedPreconditionError(
                "flag --output: expected a folder without checkpoints, or --resume to go on, got " +
                at("a/b/step_000000000003.ckpt")));
}

TEST_F(RunFolder, OfTheFlagIsNotTakenFromAReport) {
  save("site/report.html");
  absl::SetFlag(&FLAGS_output, "site");
  EXPECT_EQ(new_run_folder("digits").status(),
            absl::FailedPreconditionError(
                "flag --output: expected a folder without a report, got one with " +
                at("site/report.html")));
}

TEST_F(RunFolder, HasNoOtherCheckpointsThanItsOwn) {
  save("a/step_best.ckpt");
  save("a/step_3.ckpt");
  absl::SetFlag(&FLAGS_output, "a");
  EXPECT_TRUE(absl::IsNotFound(checkpoint_to_resume("digits").status()));
  EXPECT_EQ(*new_run_folder("digits"), at("a"));
}

TEST_F(RunFolder, ThatCannotBeWrittenToIsToldAtOnce) {
  absl::SetFlag(&FLAGS_output, "/proc/digits");
  EXPECT_EQ(new_run_folder("digits").status().message().find("/proc/digits: cannot make"), 0u);
  save("file");
  absl::SetFlag(&FLAGS_output, "file");
  EXPECT_EQ(new_run_folder("digits").status().message().find(at("file")), 0u);
  fs::create_symlink(at("nowhere"), at("link"));
  absl::SetFlag(&FLAGS_output, "link");
  EXPECT_EQ(new_run_folder("digits").status().message().find(at("link")), 0u);
}

TEST_F(RunFolder, IsFoundAgainByItsNewestCheckpoint) {
  EXPECT_EQ(newest_checkpoint("digits").status(),
            absl::NotFoundError(at("runs/digits") +
                                ": expected a checkpoint, got none; run `digits train` first, or "
                                "name one with --checkpoint"));
  EXPECT_TRUE(absl::IsNotFound(checkpoint_to_resume("digits").status()));
  save("runs/digits/001/step_000000000900.ckpt");
  save("runs/digits/009/step_000000000001.ckpt");
  save("runs/digits/009/step_000000000002.ckpt");
  fs::create_directories(at("runs/digits/010"));
  EXPECT_EQ(*newest_checkpoint("digits"), at("runs/digits/009/step_000000000002.ckpt"));
  EXPECT_EQ(*checkpoint_to_resume("digits"), at("runs/digits/009/step_000000000002.ckpt"));
  fs::resize_file(at("runs/digits/009/step_000000000002.ckpt"), 10);
  EXPECT_EQ(*checkpoint_to_resume("digits"), at("runs/digits/009/step_000000000001.ckpt"));
  fs::resize_file(at("runs/digits/009/step_000000000001.ckpt"), 10);
  EXPECT_TRUE(absl::IsDataLoss(checkpoint_to_resume("digits").status()));

  absl::SetFlag(&FLAGS_checkpoint, "runs/digits/001");
  EXPECT_EQ(*newest_checkpoint("digits"), at("runs/digits/001/step_000000000900.ckpt"));
  absl::SetFlag(&FLAGS_checkpoint, "any.ckpt");
  EXPECT_EQ(*newest_checkpoint("digits"), at("any.ckpt"));
}

TEST_F(RunFolder, SettingsComeBackFromTheCheckpoint) {
  absl::SetFlag(&FLAGS_model, "cnn");
  absl::SetFlag(&FLAGS_epochs, Count{3});
  save("a.ckpt");
  absl::SetFlag(&FLAGS_model, "linear");
  absl::SetFlag(&FLAGS_epochs, Count{5});
  Arguments given;
  given.given = {"epochs"};
  EXPECT_FALSE(adopt_settings(at("a.ckpt"), "digits", kFlags, given).ok());
  absl::SetFlag(&FLAGS_epochs, Count{3});
  ASSERT_TRUE(adopt_settings(at("a.ckpt"), "digits", kFlags, given).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_model), "cnn");
}

TEST_F(RunFolder, SettingsThatDifferAreAllNamed) {
  save("a.ckpt");
  absl::SetFlag(&FLAGS_model, "cnn");
  absl::SetFlag(&FLAGS_epochs, Count{5});
  Arguments given;
  given.given = {"epochs", "model"};
  EXPECT_EQ(adopt_settings(at("a.ckpt"), "digits", kFlags, given),
            absl::FailedPreconditionError(
                at("a.ckpt") + ": --epochs is 10 there, got 5; --model is linear there, got cnn"));
  EXPECT_EQ(adopt_settings(at("a.ckpt"), "prices", kFlags, given),
            absl::FailedPreconditionError(at("a.ckpt") +
                                          ": expected a checkpoint of prices, got one of digits"));
  EXPECT_EQ(adopt_settings(at("a.ckpt"), "digits", {"output"}, given),
            absl::FailedPreconditionError(at("a.ckpt") + ": it does not tell --output"));
  EXPECT_TRUE(absl::IsNotFound(adopt_settings(at("b.ckpt"), "digits", kFlags, given)));
}

TEST_F(RunFolder, SettingsThatAreNotSetAreSaidToBeSo) {
  SaveOptions options;
  options.metadata = {{"app", "digits"}, {"width", ""}};
  ASSERT_TRUE(save_checkpoint(at("a.ckpt"), NamedArrays{}, options).ok());
  absl::SetFlag(&FLAGS_width, Count{7});
  Arguments given;
  given.given = {"width"};
  EXPECT_EQ(adopt_settings(at("a.ckpt"), "digits", {"width"}, given).message(),
            at("a.ckpt") + ": --width is not set there, got 7");
  ASSERT_TRUE(adopt_settings(at("a.ckpt"), "digits", {"width"}, Arguments()).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_width).has_value());
}

TEST_F(RunFolder, SettingsAreComparedAsNumbers) {
  SaveOptions options;
  options.metadata = {{"app", "digits"}, {"rate", "0.0001"}};
  ASSERT_TRUE(save_checkpoint(at("a.ckpt"), NamedArrays{}, options).ok());
  Arguments given;
  given.given = {"rate"};
  absl::SetFlag(&FLAGS_rate, Positive{1e-4});
  EXPECT_TRUE(adopt_settings(at("a.ckpt"), "digits", {"rate"}, given).ok());
  absl::SetFlag(&FLAGS_rate, Positive{0.5});
  EXPECT_EQ(adopt_settings(at("a.ckpt"), "digits", {"rate"}, given).message(),
            at("a.ckpt") + ": --rate is 0.0001 there, got 0.5");
  EXPECT_EQ(absl::GetFlag(FLAGS_rate).value, 0.5);
}

TEST_F(RunFolder, SettingsAreShownIfTheyAreSet) {
  using Rows = std::vector<std::vector<std::string>>;
  EXPECT_EQ(settings_rows("digits", {"epochs", "model", "width"}),
            (Rows{{"app", "digits"}, {"epochs", "10"}, {"model", "linear"}}));
  absl::SetFlag(&FLAGS_width, Count{7});
  EXPECT_EQ(settings_rows("digits", {"width"}), (Rows{{"app", "digits"}, {"width", "7"}}));
}

}  // namespace
}  // namespace lamina::apps
