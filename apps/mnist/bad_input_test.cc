// What the program says of bad flags and files: one line, exit code 1, nothing written.

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::apps::mnist {
namespace {

using nn::data::idx_header;
using nn::data::write_file;

Outcome run_program(const std::string& arguments) { return run("apps/mnist/mnist", arguments); }

void expect_error(const std::string& arguments, const std::string& text) {
  const Outcome outcome = run_program(arguments);
  EXPECT_EQ(outcome.exit_code, 1) << arguments;
  EXPECT_EQ(outcome.err, "ERROR: " + text + "\n") << arguments;
  EXPECT_EQ(outcome.out, "") << arguments;
}

TEST(BadFlag, UnknownModel) {
  expect_error("--model=conv",
               "Illegal value 'conv' specified for flag 'model'; "
               "expected one of linear, two_layer, multi_layer, mlp_resnet, cnn, "
               "patch_transformer");
}

TEST(BadFlag, NumberOutOfRange) {
  for (const char* flag : {"epochs", "batch_size"}) {
    for (const char* value : {"0", "-3", "1e3", "x"}) {
      expect_error(std::string("--") + flag + "=" + value,
                   std::string("Illegal value '") + value + "' specified for flag '" + flag +
                       "'; expected a whole number from 1 to 1099511627776");
    }
  }
  for (const char* value : {"0", "-1", "1025"}) {
    expect_error(std::string("--threads ") + value,
                 std::string("Illegal value '") + value +
                     "' specified for flag 'threads'; expected a whole number from 1 to 1024");
  }
  expect_error("--seed=-1",
               "Illegal value '-1' specified for flag 'seed'; "
               "expected a whole number from 0 to 9223372036854775807");
  for (const char* value : {"0", "-0.1", "nan", "inf", "1e999"}) {
    expect_error(std::string("--learning_rate=") + value,
                 std::string("Illegal value '") + value +
                     "' specified for flag 'learning_rate'; expected a finite number above 0");
  }
}

TEST(BadFlag, MoreThreadsThanTheSystemGives) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than the limit";
#endif
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  rlimit small = before;
  small.rlim_cur = 2'000'000'000;  // the stacks of 1024 threads take 8 GB; inherited by the program
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  const Outcome outcome = run_program("--threads=1024");
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(
      outcome.err.find("ERROR: flag --threads: [set_num_threads] expected to run 1024 threads"), 0u)
      << outcome.err;
}

TEST(BadFlag, OutputThatCannotBeWrittenTo) {
  const Outcome outcome = run_program("--output=/proc/digits");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");  // before training
  EXPECT_EQ(outcome.err.find("ERROR: /proc/digits: cannot make the output folder"), 0)
      << outcome.err;
}

TEST(BadFlag, Hidden) {
  for (const char* value : {"512,,256", "x", "0", "65537"}) {
    expect_error(std::string("--model=multi_layer --hidden=") + value,
                 std::string("Illegal value '") + value +
                     "' specified for flag 'hidden'; "
                     "expected whole numbers from 1 to 65536, separated by commas");
  }
  expect_error("--hidden=512",
               "flag --hidden: expected with --model=multi_layer only, got --model=two_layer");
}

TEST(BadFlag, MoreHeldOutThanThereIs) {
  expect_error("--holdout=60000",
               "Illegal value '60000' specified for flag 'holdout'; "
               "expected a whole number from 0 to 59999");
}

TEST(BadFlag, UnknownOrNoFlagAtAll) {
  expect_error("--epoch=3", "unknown flag --epoch=3; did you mean '--epochs'?");
  expect_error("linear", "expected a command (train, eval, predict), got 'linear'");
  expect_error("evl", "expected a command (train, eval, predict), got 'evl'; did you mean 'eval'?");
}

// Two training images and one to test, of one color.
class BadFile : public ::testing::Test {
 protected:
  const std::string folder_ = ::testing::TempDir() + "mnist";

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string images(int count) { return std::string(count * 784, '\0'); }

  void SetUp() override {
    mkdir(folder_.c_str(), 0700);
    write_file(path("train-images-idx3-ubyte"), idx_header({2, 28, 28}) + images(2));
    write_file(path("train-labels-idx1-ubyte"), idx_header({2}) + "\x01\x02");
    write_file(path("t10k-images-idx3-ubyte"), idx_header({1, 28, 28}) + images(1));
    write_file(path("t10k-labels-idx1-ubyte"), idx_header({1}) + "\x03");
  }
  // What is said with the files as they are now, and that there are as many as before.
  void expect_file_error(const std::string& name, const std::string& what) {
    const std::set<std::string> before = files();
    expect_error("--data_dir='" + folder_ + "'", path(name) + ": " + what);
    EXPECT_EQ(files(), before);
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    DIR* folder = opendir(folder_.c_str());
    while (const dirent* entry = readdir(folder)) names.insert(entry->d_name);
    closedir(folder);
    return names;
  }
};

TEST_F(BadFile, GoodFilesFirst) {
  EXPECT_EQ(run_program("--epochs=1 --data_dir='" + folder_ + "'").exit_code, 0);
}

TEST_F(BadFile, Missing) {
  unlink(path("t10k-images-idx3-ubyte").c_str());
  expect_file_error("t10k-images-idx3-ubyte", "cannot open: No such file or directory");
}

TEST_F(BadFile, MissingFolder) {
  expect_error("--data_dir=/nowhere",
               "/nowhere/train-images-idx3-ubyte: cannot open: No such file or directory");
}

TEST_F(BadFile, AFileInThePlaceOfTheFolder) {
  expect_error(
      "--data_dir='" + path("train-labels-idx1-ubyte") + "'",
      path("train-labels-idx1-ubyte") + "/train-images-idx3-ubyte: cannot open: Not a directory");
}

TEST_F(BadFile, UnreadableFolder) {
  const std::string loop = path("loop");  // not even root can read it
  ASSERT_EQ(symlink(loop.c_str(), loop.c_str()), 0);
  expect_error("--data_dir='" + loop + "'",
               loop + "/train-images-idx3-ubyte: cannot open: Too many levels of symbolic links");
}

TEST_F(BadFile, Truncated) {
  write_file(path("train-images-idx3-ubyte"), idx_header({2, 28, 28}) + images(1));
  expect_file_error("train-images-idx3-ubyte",
                    "offset 16: expected the 1568 bytes of shape (2, 28, 28), got 784");
}

TEST_F(BadFile, Empty) {
  write_file(path("train-labels-idx1-ubyte"), "");
  expect_file_error("train-labels-idx1-ubyte",
                    "offset 0: expected a magic number, 4 bytes, got 0, where the file ends");
}

TEST_F(BadFile, WrongMagicNumber) {
  write_file(path("t10k-images-idx3-ubyte"), "PK\x03\x04 an archive");
  expect_file_error("t10k-images-idx3-ubyte",
                    "offset 0: expected the magic number 00 00 08 and a rank, got 50 4b 03 04");
}

TEST_F(BadFile, GzipCutShort) {
  write_file(path("t10k-images-idx3-ubyte"), "\x1f\x8b\x08\x08 compressed");
  expect_file_error("t10k-images-idx3-ubyte",
                    "offset 15: expected more gzip data, got the file's end");
}

TEST_F(BadFile, WrongCount) {
  write_file(path("train-labels-idx1-ubyte"), idx_header({3}) + "\x01\x02\x03");
  expect_file_error("train-labels-idx1-ubyte",
                    "offset 4: expected 2 labels, one for each image in " +
                        path("train-images-idx3-ubyte") + ", got 3");
}

TEST_F(BadFile, LabelAboveNine) {
  write_file(path("train-labels-idx1-ubyte"), idx_header({2}) + "\x09\x0a");
  expect_file_error("train-labels-idx1-ubyte",
                    "offset 9: expected a label from 0 to 9 for sample 1, got 10");
}

}  // namespace
}  // namespace lamina::apps::mnist
