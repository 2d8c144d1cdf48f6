#include "lamina/nn/data/mnist.h"

#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::nn::data {
namespace {

// Three images of one gray each, 0, 51 and 255, and two of 102.
class LoadMnist : public ::testing::Test {
 protected:
  const std::string folder_ = ::testing::TempDir();

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string gray(char value) { return std::string(28 * 28, value); }

  void SetUp() override {
    write_file(path("train-images-idx3-ubyte"),
               idx_header({3, 28, 28}) + gray(0) + gray(51) + gray('\xff'));
    write_file(path("train-labels-idx1-ubyte"), idx_header({3}) + std::string("\x07\x00\x09", 3));
    write_file(path("t10k-images-idx3-ubyte"), idx_header({2, 28, 28}) + gray(102) + gray(102));
    write_file(path("t10k-labels-idx1-ubyte"), idx_header({2}) + "\x01\x02");
  }
  void expect_error(const std::string& name, const std::string& what) {
    const absl::StatusOr<Mnist> mnist = load_mnist(folder_);
    ASSERT_FALSE(mnist.ok());
    EXPECT_EQ(mnist.status().message(), path(name) + ": " + what);
  }
};

TEST_F(LoadMnist, GivesRowsOfPixelsFromZeroToOneAndLabels) {
  const absl::StatusOr<Mnist> mnist = load_mnist(folder_);
  ASSERT_TRUE(mnist.ok()) << mnist.status();
  EXPECT_EQ(mnist->train.images.dtype(), float32);
  EXPECT_EQ(mnist->train.images.shape(), Shape({3, 784}));
  EXPECT_EQ(mnist->train.images.select(1, 0).to_vector<float>(), (std::vector<float>{0, 0.2f, 1}));
  EXPECT_EQ(mnist->train.images.select(1, 783).to_vector<float>(),
            (std::vector<float>{0, 0.2f, 1}));
  EXPECT_EQ(mnist->train.labels.dtype(), int64);
  EXPECT_EQ(mnist->train.labels.to_vector<int64_t>(), (std::vector<int64_t>{7, 0, 9}));
  EXPECT_EQ(mnist->test.images.shape(), Shape({2, 784}));
  EXPECT_EQ(mnist->test.labels.to_vector<int64_t>(), (std::vector<int64_t>{1, 2}));
}

TEST_F(LoadMnist, KeepsTheOrderOfPixels) {
  std::string image = gray(0);
  image[28 + 3] = '\xff';  // row 1, column 3
  write_file(path("t10k-images-idx3-ubyte"), idx_header({2, 28, 28}) + gray(0) + image);
  const Tensor images = load_mnist(folder_)->test.images;
  EXPECT_EQ(images.sum().item<float>(), 1);
  EXPECT_EQ(images.select(0, 1).select(0, 28 + 3).item<float>(), 1);
}

TEST_F(LoadMnist, TakesCompressedFilesForThoseThatAreNotThere) {
  // What gzip -n makes of the labels 3 and 4.
  const std::string packed(
      "\037\213\010\000\000\000\000\000\002\003\143\140\340\140\144\140\140\140\142\146"
      "\001\000\303\073\334\271\012\000\000\000",
      30);
  write_file(path("t10k-labels-idx1-ubyte.gz"), packed);
  unlink(path("t10k-labels-idx1-ubyte").c_str());
  write_file(path("train-labels-idx1-ubyte.gz"), "not looked at");
  const absl::StatusOr<Mnist> mnist = load_mnist(folder_);
  unlink(path("t10k-labels-idx1-ubyte.gz").c_str());
  unlink(path("train-labels-idx1-ubyte.gz").c_str());
  ASSERT_TRUE(mnist.ok()) << mnist.status();
  EXPECT_EQ(mnist->test.labels.to_vector<int64_t>(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(mnist->train.labels.to_vector<int64_t>(), (std::vector<int64_t>{7, 0, 9}));
}

TEST_F(LoadMnist, RefusesAMissingFile) {
  unlink(path("t10k-labels-idx1-ubyte").c_str());
  expect_error("t10k-labels-idx1-ubyte", "cannot open: No such file or directory");
}

TEST_F(LoadMnist, RefusesATruncatedFile) {
  write_file(path("train-images-idx3-ubyte"), idx_header({3, 28, 28}) + gray(0));
  expect_error("train-images-idx3-ubyte",
               "offset 16: expected the 2352 bytes of shape (3, 28, 28), got 784");
}

TEST_F(LoadMnist, RefusesImagesAndLabelsInEachOthersPlace) {
  write_file(path("train-images-idx3-ubyte"), idx_header({3}) + "\x01\x02\x03");
  expect_error("train-images-idx3-ubyte", "offset 3: expected images, of rank 3, got rank 1");
  SetUp();
  write_file(path("train-labels-idx1-ubyte"), idx_header({1, 28, 28}) + gray(0));
  expect_error("train-labels-idx1-ubyte", "offset 3: expected labels, of rank 1, got rank 3");
}

TEST_F(LoadMnist, RefusesImagesOfAnotherSize) {
  write_file(path("train-images-idx3-ubyte"), idx_header({1, 2, 28}) + std::string(56, '\0'));
  expect_error("train-images-idx3-ubyte", "offset 8: expected images of 28 x 28, got 2 x 28");
}

TEST_F(LoadMnist, RefusesFilesWithoutSamples) {
  write_file(path("train-images-idx3-ubyte"), idx_header({0, 28, 28}));
  expect_error("train-images-idx3-ubyte", "offset 4: expected at least one image, got 0");
}

TEST_F(LoadMnist, RefusesAnotherNumberOfLabelsThanImages) {
  write_file(path("train-labels-idx1-ubyte"), idx_header({2}) + "\x01\x02");
  expect_error("train-labels-idx1-ubyte", "offset 4: expected 3 labels, one for each image in " +
                                              path("train-images-idx3-ubyte") + ", got 2");
}

TEST_F(LoadMnist, RefusesALabelAboveNine) {
  write_file(path("t10k-labels-idx1-ubyte"), idx_header({2}) + "\x01\x0a");
  expect_error("t10k-labels-idx1-ubyte",
               "offset 9: expected a label from 0 to 9 for sample 1, got 10");
}

}  // namespace
}  // namespace lamina::nn::data
