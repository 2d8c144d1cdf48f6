// IDX files compressed by gzip, whole and damaged. zlib makes them here, and the tests know the offsets from
// RFC 1952: a header of 10 bytes, deflate's data, a checksum and the size, 4 bytes each.
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/idx.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::nn::data {
namespace {

// As gzip(1) compresses it.
std::string gzip(const std::string& bytes) {
  z_stream stream = {};
  constexpr int kGzip = 16;
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, kGzip + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<unsigned int>(bytes.size());
  stream.next_out = reinterpret_cast<unsigned char*>(&packed[0]);
  stream.avail_out = static_cast<unsigned int>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class ReadIdxGzip : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "/packed";  // not the name tells what it is

  // `what` comes after the path.
  void expect_error(const std::string& file, const std::string& what) {
    write_file(path_, file);
    const absl::StatusOr<NDArray> array = read_idx(path_);
    ASSERT_FALSE(array.ok()) << what;
    EXPECT_EQ(array.status().message(), path_ + ": " + what);
  }
};

TEST_F(ReadIdxGzip, ReadsWhatIsInTheFile) {
  const std::string elements = "ABCDEF";
  write_file(path_, gzip(idx_header({2, 3}) + elements));
  const absl::StatusOr<NDArray> array = read_idx(path_);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->shape(), Shape({2, 3}));
  EXPECT_EQ(array->to_vector<int>(), std::vector<int>(elements.begin(), elements.end()));
}

TEST_F(ReadIdxGzip, ReadsMoreThanFitsIntoItsBuffers) {
  std::string elements(1 << 20, '\0');
  uint32_t noise = 1;
  for (char& element : elements)
    element = static_cast<char>((noise = noise * 1664525 + 1013904223) >> 24);
  const std::string packed = gzip(idx_header({1024, 1024}) + elements);
  ASSERT_GT(packed.size(), elements.size());  // does not shrink
  write_file(path_, packed);
  const absl::StatusOr<NDArray> array = read_idx(path_);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(std::string(reinterpret_cast<char*>(array->data<uint8_t>()), elements.size()),
            elements);
}

TEST_F(ReadIdxGzip, ReadsAFileWithoutElements) {
  write_file(path_, gzip(idx_header({0, 28})));
  EXPECT_EQ(read_idx(path_)->shape(), Shape({0, 28}));
}

// As `cat a.gz b.gz` joins them; RFC 1952, 2.2.
TEST_F(ReadIdxGzip, ReadsMembersOneAfterTheOtherAsOne) {
  const std::string first = gzip(idx_header({2, 3}) + "ABCD");
  const std::string file = first + gzip("") + gzip("EF") + gzip("");
  write_file(path_, file);
  const absl::StatusOr<NDArray> array = read_idx(path_);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->to_vector<int>(), (std::vector<int>{'A', 'B', 'C', 'D', 'E', 'F'}));
  expect_error(file + gzip("G"), "offset 12: expected the 6 bytes of shape (2, 3), got more");
  expect_error(first, "offset 12: expected elements, 6 bytes, got 4, where the file ends");
  expect_error(first + "\x1f",
               absl::StrCat("offset ", first.size(),
                            ": expected the file's end after the gzip data, got 1 bytes more"));
  for (size_t length = first.size() + 2; length < first.size() + gzip("").size(); ++length) {
    expect_error(file.substr(0, length),
                 absl::StrCat("offset ", length, ": expected more gzip data, got the file's end"));
  }
}

// The second member begins at every place around the end of a block of the file.
TEST_F(ReadIdxGzip, ReadsMembersThatLieAcrossBlocks) {
  constexpr size_t kBlock = 64 << 10;
  std::string noise(kBlock, '\0');
  uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  std::vector<size_t> sizes;
  for (size_t count = kBlock - 64; count < kBlock; ++count) {
    const std::string elements = noise.substr(0, count);
    const std::string first = gzip(idx_header({static_cast<uint32_t>(count + 1)}) + elements);
    sizes.push_back(first.size());
    write_file(path_, first + gzip("Z"));
    const absl::StatusOr<NDArray> array = read_idx(path_);
    ASSERT_TRUE(array.ok()) << first.size() << " " << array.status();
    EXPECT_EQ(array->data<uint8_t>()[count], 'Z');
  }
  for (const size_t size : {kBlock - 2, kBlock - 1, kBlock, kBlock + 1}) {
    EXPECT_THAT(sizes, ::testing::Contains(size));
  }
}

TEST_F(ReadIdxGzip, RefusesAFileThatIsCutAnywhere) {
  const std::string file = gzip(idx_header({2, 3}) + "ABCDEF");
  for (size_t length = 2; length < file.size(); ++length) {
    expect_error(file.substr(0, length),
                 absl::StrCat("offset ", length, ": expected more gzip data, got the file's end"));
  }
}

TEST_F(ReadIdxGzip, RefusesDamagedData) {
  const std::string file = gzip(idx_header({2, 3}) + "ABCDEF");
  std::string changed = file;
  changed[file.size() - 8] ^= 1;
  expect_error(changed,
               absl::StrCat("offset ", file.size() - 4,
                            ": expected sound gzip data, got damaged ones (incorrect data check)"));
  changed = file;
  changed[file.size() - 1] ^= 1;
  expect_error(
      changed,
      absl::StrCat("offset ", file.size(),
                   ": expected sound gzip data, got damaged ones (incorrect length check)"));
  changed = file;
  changed[2] = 7;  // of the compression; the flags follow
  expect_error(changed,
               "offset 4: expected sound gzip data, got damaged ones (unknown compression method)");
}

TEST_F(ReadIdxGzip, AnswersAChangeOfAnyByte) {
  const std::string file = gzip(idx_header({2, 3}) + "ABCDEF");
  for (size_t at = 2; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = file;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      write_file(path_, changed);
      const absl::StatusOr<NDArray> array = read_idx(path_);  // does not throw
      if (array.ok()) {  // bytes 4 to 9 are the time and the system
        EXPECT_EQ(array->to_vector<int>(), (std::vector<int>{'A', 'B', 'C', 'D', 'E', 'F'})) << at;
      } else {
        EXPECT_TRUE(absl::StartsWith(array.status().message(), path_ + ": offset "));
      }
    }
  }
}

TEST_F(ReadIdxGzip, RefusesWhatFollows) {
  const std::string file = gzip(idx_header({2}) + "AB");
  expect_error(file + "rest",
               absl::StrCat("offset ", file.size(),
                            ": expected the file's end after the gzip data, got 4 bytes more"));
}

TEST_F(ReadIdxGzip, RefusesMoreOrFewerElementsThanTheHeaderSays) {
  expect_error(gzip(idx_header({2, 3}) + "ABCDE"),
               "offset 12: expected elements, 6 bytes, got 5, where the file ends");
  expect_error(gzip(idx_header({2, 3}) + "ABCDEFG"),
               "offset 12: expected the 6 bytes of shape (2, 3), got more");
}

// 64 MiB of zeros in 64 KiB: neither unpacked as a whole, nor believed.
TEST_F(ReadIdxGzip, RefusesABombWithoutMemoryForIt) {
  const std::string bomb = gzip(idx_header({2}) + std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), 80u << 10);
  expect_error(bomb, "offset 8: expected the 2 bytes of shape (2,), got more");
  const std::string liar = gzip(idx_header({0xffffffff}) + "A");
  expect_error(liar, absl::StrCat("offset 8: expected the 4294967295 bytes of shape (4294967295,), "
                                  "got a gzip file that can hold at most ",
                                  1032 * liar.size() - 8));
}

TEST_F(ReadIdxGzip, RefusesAnotherFormatInIt) {
  expect_error(gzip("PNG..."),
               "offset 0: expected the magic number 00 00 08 and a rank, got 50 4e 47 2e");
  expect_error(gzip("AB"),
               "offset 0: expected a magic number, 4 bytes, got 2, where the file ends");
}

}  // namespace
}  // namespace lamina::nn::data
