// Chunks are verified on all threads: what comes of it, and which error, is the same with any number.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::FileBuilder;

constexpr int kBool = 1;
constexpr int kUint8 = 2;

class WithThreads : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_num_threads(GetParam()); }
  void TearDown() override { set_num_threads(threads_); }

  // The error of loading these bytes, which all ways of reading agree on.
  std::string error_of(const std::string& bytes) {
    test::write_file(path_, bytes);
    const std::string error(load_checkpoint(path_).status().message());
    const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path_);
    EXPECT_TRUE(mapped.ok()) << mapped.status();
    EXPECT_EQ(mapped->verify().message(), error);
    EXPECT_EQ(mapped->get("x").status().message(), error);
    EXPECT_EQ(CheckpointReader::open(path_)->read("x").status().message(), error);
    return error;
  }
  std::string at_offset(size_t offset, const std::string& what) const {
    return path_ + ": entry 'x': offset " + std::to_string(offset) + ": expected " + what;
  }

  const std::string path_ = test::new_folder() + "/model.ckpt";
  const int threads_ = get_num_threads();
};
INSTANTIATE_TEST_SUITE_P(And, WithThreads, ::testing::Values(1, 2, 7),
                         ::testing::PrintToStringParamName());

std::string counted(int64_t size, int64_t from) {
  std::string bytes;
  for (int64_t i = from; i < from + size; ++i) bytes.push_back(static_cast<char>(i * i >> 5));
  return bytes;
}

TEST_P(WithThreads, ManyChunksMakeTheArray) {
  // More than are verified at a time, and enough bytes for several threads.
  constexpr int64_t kChunks = 2500, kBytes = 300;
  FileBuilder file;
  file.tensor(FileBuilder::tensor_of("x", kUint8, {kChunks * kBytes}));
  for (int64_t i = 0; i < kChunks; ++i) file.chunk(counted(kBytes, i * kBytes));
  test::write_file(path_, file.finish());
  const std::string expected = counted(kChunks * kBytes, 0);
  NDArray x = NDArray::empty({kChunks * kBytes}, uint8);
  expected.copy(x.raw_data(), expected.size());
  const absl::StatusOr<NamedArrays> state = load_checkpoint(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(test::is_same(*state, {{"x", x}}));
  const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path_);
  ASSERT_EQ(mapped->verify(), absl::OkStatus());
  EXPECT_TRUE(test::is_same({{"x", *mapped->get("x")}}, {{"x", x}}));
}

TEST_P(WithThreads, TheFirstErrorOfTheFileIsReported) {
  constexpr int64_t kChunks = 40, kBytes = 40000;
  const std::string wrong_sum =
      "a chunk with its checksum at the end, got another checksum or none";
  // `is_cut`: with less in it than its shape says, which shows before the chunks have been read.
  const auto file_with = [&](const std::vector<int64_t>& damaged, bool is_cut, size_t* offset) {
    FileBuilder file;
    file.tensor(FileBuilder::tensor_of("x", kUint8, {kChunks * kBytes}));
    for (int64_t i = 0; i < kChunks - is_cut; ++i) {
      if (!damaged.empty() && i == damaged[0]) *offset = file.bytes.size();
      file.chunk(counted(kBytes, i));
      for (int64_t d : damaged) {
        if (i == d) file.bytes[file.bytes.size() - 1000] ^= 1;
      }
    }
    file.bytes += FileBuilder::field(100, std::string(kBytes, '\0'));  // the room that is missing
    return file.finish();
  };
  size_t offset = 0;
  for (const std::vector<int64_t>& damaged :
       std::vector<std::vector<int64_t>>{{0, 39}, {1, 2}, {17, 18, 19, 38}, {38, 39}}) {
    for (bool is_cut : {false, true}) {
      const std::string bytes = file_with(damaged, is_cut, &offset);
      EXPECT_EQ(error_of(bytes), at_offset(offset, wrong_sum));
    }
  }
  EXPECT_NE(
      error_of(file_with({}, true, &offset)).find("expected a chunk with the next of 40000 bytes"),
      std::string::npos);
}

TEST_P(WithThreads, BoolsOfLaterChunksAreLookedAt) {
  for (size_t wrong : {0, 4, 7, 19}) {
    FileBuilder file;
    file.tensor(FileBuilder::tensor_of("x", kBool, {20, 50001}));
    size_t data = 0;
    for (size_t i = 0; i < 20; ++i) {
      std::string bools(50001, '\1');
      if (i >= wrong) bools[50000] = '\2';
      file.chunk(bools);
      if (i == wrong) data = file.bytes.size() - 6 - bools.size();
    }
    EXPECT_EQ(error_of(file.finish()), at_offset(data, "bools of 0 and 1, got other bytes"));
  }
}

// get() takes from the file what verify() has seen.
TEST_P(WithThreads, WhatWasVerifiedIsNotReadAgain) {
  const NDArray x = NDArray::full({100}, 0x55, uint8);
  ASSERT_EQ(save_checkpoint(path_, {{"x", x}}), absl::OkStatus());
  const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path_);
  ASSERT_EQ(mapped->verify(), absl::OkStatus());
  const std::string bytes = test::read_file(path_);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(bytes.find(std::string(100, 0x55))));
  file << 'y' << std::flush;
  const auto array = mapped->get("x");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ((*array)->at<uint8_t>({0}), 'y');
  EXPECT_FALSE(mapped->verify().ok());
}

}  // namespace
}  // namespace lamina
