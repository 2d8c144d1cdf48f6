// A run from its begin to its use: interrupted, resumed, evaluated, and asked about images.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"
#include "lamina/nn/data/idx_testing.h"
#include "lamina/serialization.h"

namespace lamina::apps::mnist {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kProgram[] = "apps/mnist/mnist";
constexpr int kTrain = 600, kTest = 50;

// A bar in the row of the label, shifted a little from image to image.
std::string image(int number) {
  std::string pixels(784, '\0');
  const int label = number % 10;
  for (int x = 4; x < 20; ++x)
    pixels[static_cast<size_t>(28 * (2 * label + 4) + x + number / 10 % 5)] = '\xff';
  return pixels;
}

// Four files of such images.
std::string data() {
  static const std::string folder = [] {
    const std::string made = new_folder();
    const struct {
      const char* start;
      int count;
    } parts[] = {{"/train", kTrain}, {"/t10k", kTest}};
    for (const auto& [start, count] : parts) {
      std::string images, labels;
      for (int i = 0; i < count; ++i) {
        images += image(i);
        labels += static_cast<char>(i % 10);
      }
      const auto n = static_cast<uint32_t>(count);
      nn::data::write_file(made + start + "-images-idx3-ubyte",
                           nn::data::idx_header({n, 28, 28}) + images);
      nn::data::write_file(made + start + "-labels-idx1-ubyte", nn::data::idx_header({n}) + labels);
    }
    return made;
  }();
  return folder;
}

Outcome train_in(const std::string& here, const std::string& flags) {
  return run_in(here, kProgram, "--data_dir=" + data() + " " + flags);
}

TEST(Eval, TellsWhatTrainingTold) {
  const std::string here = new_folder();
  const Outcome trained = train_in(here, "--model=cnn --width=4 --epochs=3 --batch_size=20");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Outcome outcome = run_in(here, kProgram, "eval --data_dir=" + data());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              StartsWith(here + "/runs/mnist/001/step_000000000090.ckpt: cnn, test loss "));
  const std::string error = trained.out.substr(trained.out.find(" epochs: ") + 9);
  EXPECT_THAT(outcome.out, HasSubstr("error " + error.substr(0, error.find('\n'))));
}

TEST(Predict, TellsTheBarsApart) {
  const std::string here = new_folder();
  ASSERT_EQ(train_in(here, "--model=linear --epochs=20 --batch_size=20").exit_code, 0);
  std::string inverted = image(3);
  for (char& pixel : inverted) pixel = static_cast<char>(~pixel);
  nn::data::write_file(here + "/seven.pgm", "P5 28 28 255\n" + image(7));
  nn::data::write_file(here + "/one.pgm", "P5 28 28 255\n" + image(21));
  nn::data::write_file(here + "/three.pgm", "P5 28 28 255\n" + inverted);
  const Outcome outcome = run_in(here, kProgram, "predict seven.pgm one.pgm");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, MatchesRegex("seven.pgm: 7 \\(.*\\), else .*\none.pgm: 1 \\(.*\n"));
  const std::string checkpoint = here + "/runs/mnist/001/step_000000000600.ckpt";
  EXPECT_EQ(outcome.err, checkpoint + "\n");  // which the command line does not tell
  EXPECT_EQ(run_in(here, kProgram, "predict one.pgm --checkpoint=" + checkpoint).err, "");
  EXPECT_THAT(run_in(here, kProgram, "predict --invert three.pgm").out,
              StartsWith("three.pgm: 3 ("));
}

TEST(Predict, WarnsOfABlankImage) {
  const std::string here = new_folder();
  ASSERT_EQ(train_in(here, "--model=linear --epochs=1").exit_code, 0);
  nn::data::write_file(here + "/blank.pgm", "P5 28 28 255\n" + std::string(28 * 28, '\0'));
  const Outcome outcome = run_in(here, kProgram, "predict blank.pgm --checkpoint=runs/mnist/001");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(
      outcome.err,
      "warning: blank.pgm: all pixels are of one shade of gray; what is transparent counts as "
      "black\n");
}

TEST(Predict, RefusesWhatIsNoImageOfADigit) {
  const std::string here = new_folder();
  ASSERT_EQ(train_in(here, "--model=linear --epochs=1").exit_code, 0);
  nn::data::write_file(here + "/wide.pgm", "P5 29 28 255\n" + std::string(29 * 28, '\0'));
  nn::data::write_file(here + "/good.pgm", "P5 28 28 255\n" + image(7));
  nn::data::write_file(here + "/text.png", "not an image");
  Outcome outcome = run_in(here, kProgram, "predict good.pgm wide.pgm");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "ERROR: wide.pgm: expected an image of 28 x 28 pixels, got 29 x 28\n");
  outcome = run_in(here, kProgram, "predict text.png");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("ERROR: " + here + "/text.png: "));
  EXPECT_EQ(run_in(here, kProgram, "predict missing.png").exit_code, 1);
}

TEST(Eval, RefusesACheckpointOfAnotherModel) {
  const std::string here = new_folder();
  Outcome outcome = run_in(here, kProgram, "eval --data_dir=" + data());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "ERROR: " + here +
                             "/runs/mnist: expected a checkpoint, got none; run `mnist train` "
                             "first, or name one with --checkpoint\n");
  ASSERT_EQ(train_in(here, "--model=linear --epochs=1").exit_code, 0);
  outcome = run_in(here, kProgram, "eval --model=cnn --data_dir=" + data());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("--model is linear there, got cnn"));

  // Its settings say linear, its weights are another network's.
  const std::string path = here + "/other.ckpt";
  SaveOptions options;
  options.metadata = {{"app", "mnist"}, {"model", "linear"}, {"dataset", "mnist"},
                      {"hidden", ""},   {"width", ""},       {"data_dir", ""}};
  ASSERT_TRUE(
      save_checkpoint(path, {{"model.linear1.weight", NDArray::zeros({300, 784})}}, options).ok());
  outcome = run_in(here, kProgram, "eval --checkpoint=" + path);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("ERROR: " + path + ": "));
  EXPECT_THAT(outcome.err, HasSubstr("linear1.weight"));

  nn::data::write_file(path, "no checkpoint");
  EXPECT_THAT(run_in(here, kProgram, "eval --checkpoint=" + path).err,
              StartsWith("ERROR: " + path + ": "));
}

TEST(Eval, IsOnTheDataOfTheRunWhereverItIsCalled) {
  const std::string here = new_folder(), there = new_folder();
  std::filesystem::copy(data(), here + "/digits");
  ASSERT_EQ(run_in(here, kProgram, "--data_dir=digits/ --epochs=1").exit_code, 0);
  const std::string checkpoint = " --checkpoint=" + here + "/runs/mnist/001/step_000000000006.ckpt";
  const Outcome outcome = run_in(there, kProgram, "eval" + checkpoint);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(" of 50 images)"));
  EXPECT_EQ(run_in(there, kProgram, "eval --data_dir=" + data() + checkpoint).out, outcome.out);
  EXPECT_EQ(run_in(here, kProgram, "--resume --data_dir=digits").exit_code, 0);
  EXPECT_THAT(run_in(here, kProgram, "--resume --data_dir=" + data()).err,
              HasSubstr("--data_dir is " + here + "/digits there, got " + data()));
}

// 65536^2 weights of float32 would be 16 GiB.
TEST(Eval, MakesNoNetworkThatItsFileHasNoRoomFor) {
  const std::string path = new_folder() + "/huge.ckpt";
  const auto error = [&](const std::string& model, const std::string& hidden,
                         const std::string& width) {
    SaveOptions options;
    options.metadata = {{"app", "mnist"},   {"model", model}, {"dataset", "mnist"},
                        {"hidden", hidden}, {"width", width}, {"data_dir", ""}};
    EXPECT_TRUE(save_checkpoint(path, {{"model.weight", NDArray::zeros({10, 784})}}, options).ok());
    const Outcome outcome = run_in(new_folder(), kProgram, "eval --checkpoint=" + path);
    EXPECT_EQ(outcome.exit_code, 1);
    return outcome.err;
  };
  // 784 * 65536 + 65536^2 + 65536 * 10
  EXPECT_EQ(error("multi_layer", "65536,65536", ""),
            "ERROR: " + path +
                ": expected a model of 4,347,002,880 elements, as its settings tell, got 7,840\n");
  EXPECT_THAT(error("cnn", "", "65536"), HasSubstr("as its settings tell, got 7,840\n"));
  EXPECT_THAT(error("linear", "5", ""), HasSubstr("flag --hidden: expected with --model=multi"));
}

TEST(Train, TestsOnTrainingImagesThatItHoldsOut) {
  const std::string here = new_folder();
  const Outcome outcome = train_in(here, "--model=linear --epochs=1 --batch_size=20 --holdout=100");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\nheld-out error after 1 epoch: "));
  EXPECT_THAT(outcome.out, HasSubstr(" of 100 images)"));
  // The other 500 of 600 are 25 batches.
  EXPECT_TRUE(std::filesystem::exists(here + "/runs/mnist/001/step_000000000025.ckpt"));
}

TEST(Train, ResumedWithAnotherTestLabelIsRefused) {
  const std::string here = new_folder(), own = here + "/own";
  std::filesystem::copy(data(), own);
  const std::string line = "--model=linear --epochs=1 --data_dir=" + own;
  ASSERT_EQ(run_in(here, kProgram, line).exit_code, 0);
  const std::string path = own + "/t10k-labels-idx1-ubyte";
  std::string labels = read_file(path);
  labels.back() = '\7';  // of image 49
  nn::data::write_file(path, labels);
  const Outcome outcome = run_in(here, kProgram, "--resume --data_dir=" + own);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(": expected the data of its run, with the checksum "));
  EXPECT_THAT(outcome.err, HasSubstr(", got others in " + own + ", with "));
}

TEST(Train, InterruptedAndResumedEndsWithTheWeightsOfAnUnbrokenRun) {
  const std::string line =
      "--data_dir=" + data() + " --model=mlp_resnet --epochs=30 --batch_size=20 --augment";
  const std::string whole = new_folder();
  ASSERT_EQ(run_in(whole, kProgram, line).exit_code, 0);
  // In the middle of an epoch of 30 steps. Where the signal falls is chance, so it may take several times.
  std::string broken;
  int64_t step = 0;
  for (int i = 0; i < 5 && step % 30 == 0; ++i) {
    broken = new_folder();
    const std::string run = broken + "/runs/mnist/001", second = run + "/step_000000000060.ckpt";
    ASSERT_EQ(interrupt_in(broken, kProgram, line,
                           [&](const std::string&) { return std::filesystem::exists(second); })
                  .exit_code,
              130);
    const std::string newest = checkpoints_in(run).back();
    step = std::stoll(newest.substr(newest.rfind('_') + 1));
  }
  ASSERT_NE(step % 30, 0);
  const std::string resume = "--resume --data_dir=" + data();
  const Outcome resumed = run_in(broken, kProgram, resume + " --workers=1");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("going on from " + broken + "/runs/mnist/001/step_"));
  const Outcome again = run_in(broken, kProgram, resume);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out,
              HasSubstr("nothing is left to train after " + broken + "/runs/mnist/001/"));

  const std::string last = "/runs/mnist/001/step_000000000900.ckpt";
  const absl::StatusOr<NamedArrays> expected = load_checkpoint(whole + last),
                                    got = load_checkpoint(broken + last);
  ASSERT_TRUE(expected.ok() && got.ok()) << expected.status() << got.status();
  ASSERT_EQ(expected->size(), got->size());
  int weights = 0;
  for (size_t i = 0; i < expected->size(); ++i) {
    const auto& [name, array] = (*expected)[i];
    EXPECT_EQ((*got)[i].first, name);
    if (name.find("model.") != 0 || !array) continue;
    ++weights;
    EXPECT_EQ((*got)[i].second->to_vector<double>(), array->to_vector<double>()) << name;
  }
  EXPECT_GT(weights, 30);
}

TEST(Train, ResumesWithTheSettingsOfTheRunOnly) {
  const std::string here = new_folder();
  EXPECT_EQ(train_in(here, "--resume").exit_code, 1);
  ASSERT_EQ(train_in(here, "--model=linear --epochs=1").exit_code, 0);
  const Outcome outcome = train_in(here, "--resume --seed=2 --batch_size=7");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("--batch_size is 100 there, got 7; --seed is 1 there, got 2"));
  const Outcome again = train_in(here, "--output=runs/mnist/001");
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("expected a folder without checkpoints, or --resume to go on"));
  EXPECT_EQ(train_in(here, "--resume").exit_code, 0);  // nothing is left to do
}

TEST(Train, ResumesWithTheSizesOfTheModelOfTheRun) {
  const std::string here = new_folder();
  ASSERT_EQ(train_in(here, "--model=multi_layer --hidden=8,9 --epochs=1").exit_code, 0);
  const Outcome same = train_in(here, "--resume --hidden=8,9");
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(train_in(here, "--resume --hidden=8").err, HasSubstr("--hidden is 8,9 there, got 8"));
  EXPECT_THAT(train_in(here, "--resume --width=8").err,
              HasSubstr("--width is not set there, got 8"));
}

// The checkpoint and the report say what they were.
TEST(Train, TellsTheSettingsThatItChose) {
  const std::string here = new_folder();
  ASSERT_EQ(train_in(here, "--model=cnn --epochs=1").exit_code, 0);
  const auto reader = CheckpointReader::open(here + "/runs/mnist/001/step_000000000006.ckpt");
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::map<std::string, std::string> settings = reader->metadata();
  EXPECT_EQ(settings["learning_rate"], "0.01");
  EXPECT_EQ(settings["width"], "16");
  EXPECT_EQ(settings["hidden"], "");
  const std::string page = read_file(here + "/runs/mnist/001/report.html");
  EXPECT_THAT(page, HasSubstr("<title>MNIST</title>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>learning_rate</td><td>0.01</td></tr>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>width</td><td>16</td></tr>"));
  EXPECT_THAT(page, Not(HasSubstr("<td></td>")));
  ASSERT_EQ(train_in(here, "--dataset=fashion --model=linear --epochs=1").exit_code, 0);
  EXPECT_THAT(read_file(here + "/runs/mnist/002/report.html"),
              HasSubstr("<title>Fashion-MNIST</title>"));
}

}  // namespace
}  // namespace lamina::apps::mnist
