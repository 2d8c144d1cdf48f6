#include "lamina/apps/report/report.h"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::report {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Report, IsWrittenAsItIs) {
  Report report("title");
  report.add_text("section", "text");
  const std::string path = ::testing::TempDir() + "/report.html";
  ASSERT_TRUE(report.write(path).ok());
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), report.html());
}

TEST(Report, SaysWhereItCannotBeWritten) {
  const std::string path = ::testing::TempDir() + "/missing/report.html";
  EXPECT_THAT(std::string(Report("title").write(path).message()), StartsWith(path));
  EXPECT_EQ(Report::check_path(path), Report("title").write(path));
}

TEST(Report, ACheckOfThePathLeavesWhatIsThere) {
  const std::string path = ::testing::TempDir() + "/kept.html";
  EXPECT_TRUE(Report::check_path(path).ok());
  EXPECT_FALSE(std::ifstream(path).good());
  ASSERT_TRUE(Report("title").write(path).ok());
  EXPECT_TRUE(Report::check_path(path).ok());
  EXPECT_TRUE(std::ifstream(path).good());
}

// A limit of the file's size stands in for a full disk. The page is larger, and so is what is written at a
// time.
TEST(Report, OnAFullDiskNamesThePathAndLeavesWhatWasThere) {
  const std::string path = ::testing::TempDir() + "/full.html";
  Report small("small"), large("large");
  large.add_text("section", std::string(1 << 20, 'x'));
  ASSERT_TRUE(small.write(path).ok());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{1000}, rlim_t{1 << 20}}) {
    rlimit limit = old;
    limit.rlim_cur = bytes;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const absl::Status status = large.write(path);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_EQ(status.message(), path + ": cannot write " + path + ".saving: File too large");
    std::ifstream in(path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), small.html());
    EXPECT_FALSE(std::ifstream(path + ".saving").good());
  }
  EXPECT_TRUE(large.write(path).ok());
}

TEST(Report, IntoADeviceIsRefused) {
  EXPECT_EQ(Report("title").write("/dev/full").message(),
            "/dev/full: expected a regular file, got another kind");
}

TEST(Report, ShowsPicturesOfTheLargestNumbers) {
  const double most = std::numeric_limits<double>::max();
  Report numbers("title"), bytes("title");
  numbers.add_images("range", tensor({-most, 0., most, test::kInf}, {1, 2, 2}));
  bytes.add_images("range", tensor({0., 128., 255., 255.}, {1, 2, 2}).to(uint8));
  EXPECT_EQ(numbers.html(), bytes.html());  // 127.5 is rounded up
}

TEST(Report, ShowsPicturesThatHaveNoContrastOrNoNumbers) {
  Report numbers("title"), bytes("title");
  numbers.add_images("flat", ones({2, 3, 3}));
  bytes.add_images("flat", zeros({2, 3, 3}, uint8));
  // From 1 to 6; 255 (2 - 1) / 5 = 51.
  numbers.add_images("odd", tensor({std::nan(""), 1., 2., 3., 6., std::nan("")}, {1, 2, 3}));
  bytes.add_images("odd", tensor({0., 0., 51., 102., 255., 0.}, {1, 2, 3}).to(uint8));
  numbers.add_images("no numbers", full({1, 2, 2}, std::nan("")));
  bytes.add_images("no numbers", zeros({1, 2, 2}, uint8));
  numbers.add_images("none", zeros({0, 3, 3}));
  bytes.add_images("none", zeros({0, 3, 3}, uint8));
  EXPECT_EQ(numbers.html(), bytes.html());
  EXPECT_THAT(numbers.html(), HasSubstr("<h2>none</h2>"));
}

TEST(Report, RefusesWhatItCannotShow) {
  Report report("title");
  EXPECT_THROWS(ValueError, "[Report] expected rows of 2 cells, got one of 1",
                report.add_table("t", {"a", "b"}, {{"c"}}));
  EXPECT_THROWS(ShapeError,
                "[Report] expected pictures (n, h, w) or (n, 3, h, w), got (1, 2, 3, 4)",
                report.add_images("t", zeros({1, 2, 3, 4})));
  EXPECT_THROWS(DTypeError, "[Report] expected floating pictures or uint8, got int64",
                report.add_images("t", zeros({1, 3, 4}, int64)));
  EXPECT_THROWS(ValueError, "[Report] expected a caption for each of 2 pictures, got 1",
                report.add_images("t", zeros({2, 3, 4}), {"a"}));
}

}  // namespace
}  // namespace lamina::apps::report
