#include "lamina/nn/data/idx.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::nn::data {
namespace {

using ::testing::HasSubstr;

class ReadIdx : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "/file-idx";

  void expect_array(const std::string& file, const Shape& shape, const std::vector<int>& elements) {
    write_file(path_, file);
    const absl::StatusOr<NDArray> array = read_idx(path_);
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->dtype(), uint8);
    EXPECT_EQ(array->shape(), shape);
    EXPECT_EQ(array->to_vector<int>(), elements);
  }
  // `what` comes after the path.
  void expect_error(const std::string& file, const std::string& what) {
    write_file(path_, file);
    const absl::StatusOr<NDArray> array = read_idx(path_);
    ASSERT_FALSE(array.ok());
    EXPECT_EQ(array.status().message(), path_ + ": " + what);
  }
};

TEST_F(ReadIdx, ReadsAMatrixRowByRow) {
  expect_array(std::string("\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x01\x02\x03\x7f\x80\xff", 18), {2, 3},
               {1, 2, 3, 127, 128, 255});
}

TEST_F(ReadIdx, ReadsEveryRankUpToEight) {
  expect_array(idx_header({}) + "A", {}, {65});
  Shape shape;
  std::vector<uint64_t> extents;
  for (int rank = 1; rank <= 8; ++rank) {
    shape.insert(0, rank == 1 ? 2 : 1);
    extents.insert(extents.begin(), rank == 1 ? 2 : 1);
    expect_array(idx_header(extents) + "AB", shape, {65, 66});
  }
}

TEST_F(ReadIdx, ReadsExtentsOfTwoBytesBigEndian) {
  write_file(path_, idx_header({258}) + std::string(258, 'x'));
  EXPECT_EQ(read_idx(path_)->shape(), Shape({258}));
}

TEST_F(ReadIdx, ReadsAFileWithoutElements) {
  expect_array(idx_header({0}), {0}, {});
  expect_array(idx_header({3, 0, 28}), {3, 0, 28}, {});
}

TEST_F(ReadIdx, RefusesAMissingFile) {
  unlink(path_.c_str());
  EXPECT_EQ(read_idx(path_).status().message(), path_ + ": cannot open: No such file or directory");
  EXPECT_EQ(read_idx(path_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ReadIdx, RefusesAFolder) {
  EXPECT_EQ(read_idx("/").status().message(), "/: expected a regular file, got a folder");
}

TEST_F(ReadIdx, RefusesANamedPipeAndDoesNotWaitForIt) {
  const std::string pipe = ::testing::TempDir() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_idx(pipe).status().message(),
            pipe + ": expected a regular file, got another kind");
  unlink(pipe.c_str());
}

TEST_F(ReadIdx, RefusesAFileOfAnotherFormat) {
  expect_error("PNG...",
               "offset 0: expected the magic number 00 00 08 and a rank, got 50 4e 47 2e");
}

TEST_F(ReadIdx, RefusesElementsThatAreNotUnsignedBytes) {
  expect_error(std::string("\0\0\x0d\x01\0\0\0\0", 8),
               "offset 2: expected the element type 08 (unsigned byte), got 0d");
}

TEST_F(ReadIdx, RefusesARankAboveEight) {
  expect_error(std::string("\0\0\x08\x09", 4), "offset 3: expected a rank of at most 8, got 9");
  expect_error(std::string("\0\0\x08\xff", 4), "offset 3: expected a rank of at most 8, got 255");
}

TEST_F(ReadIdx, RefusesAFileThatEndsInItsHeader) {
  expect_error("", "offset 0: expected a magic number, 4 bytes, got 0, where the file ends");
  expect_error(std::string("\0\0\x08", 3),
               "offset 0: expected a magic number, 4 bytes, got 3, where the file ends");
  expect_error(idx_header({7, 28, 28}).substr(0, 9),
               "offset 4: expected 3 extents, 12 bytes, got 5, where the file ends");
}

TEST_F(ReadIdx, RefusesAFileThatEndsInItsElements) {
  expect_error(idx_header({2, 3}) + "ABCDE",
               "offset 12: expected the 6 bytes of shape (2, 3), got 5");
}

TEST_F(ReadIdx, RefusesBytesAfterTheElements) {
  expect_error(idx_header({2, 3}) + "ABCDEFG",
               "offset 12: expected the 6 bytes of shape (2, 3), got 7");
  expect_error(idx_header({0}) + "A", "offset 8: expected the 0 bytes of shape (0,), got 1");
}

// A header of 36 bytes can name 2^256 elements.
TEST_F(ReadIdx, RefusesAShapeThatNoFileCanFillWithoutMemoryForIt) {
  constexpr uint64_t kMost = 0xffffffff;
  expect_error(idx_header({kMost}) + "A",
               "offset 8: expected the 4294967295 bytes of shape (4294967295,), got 1");
  expect_error(
      idx_header({kMost, kMost}),
      "offset 4: expected a shape of less than 2^61 elements, got (4294967295, 4294967295)");
  expect_error(idx_header({0, kMost, kMost}),
               "offset 4: expected a shape of less than 2^61 elements, got "
               "(0, 4294967295, 4294967295)");
  write_file(path_, idx_header(std::vector<uint64_t>(8, kMost)));
  EXPECT_THAT(std::string(read_idx(path_).status().message()),
              HasSubstr("less than 2^61 elements"));
}

TEST_F(ReadIdx, AnswersEveryCutOfAFileWithOneLine) {
  const std::string file = idx_header({2, 2, 2}) + "ABCDEFGH";
  for (size_t length = 0; length < file.size(); ++length) {
    write_file(path_, file.substr(0, length));
    const absl::StatusOr<NDArray> array = read_idx(path_);
    ASSERT_FALSE(array.ok()) << length;
    EXPECT_EQ(array.status().message().find('\n'), absl::string_view::npos);
  }
}

TEST_F(ReadIdx, AnswersAChangeOfAnyByteOfAHeader) {
  const std::string file = idx_header({1, 2}) + "AB";
  for (size_t at = 0; at < file.size() - 2; ++at) {
    for (int value : {0, 1, 2, 3, 7, 8, 9, 13, 31, 127, 128, 255}) {
      std::string changed = file;
      changed[at] = static_cast<char>(value);
      write_file(path_, changed);
      const absl::StatusOr<NDArray> array = read_idx(path_);  // does not throw
      EXPECT_EQ(array.ok(), changed == file) << "byte " << at << " = " << value;
    }
  }
}

}  // namespace
}  // namespace lamina::nn::data
