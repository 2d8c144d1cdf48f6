// Files above 2 and above 4 GiB, written and read without as much memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpoint_writer.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

int64_t peak_memory() {  // in bytes, so far
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

// Zeros that take no memory until they are written to.
NDArray many_zeros(int64_t size) {
  const auto bytes = static_cast<size_t>(size);
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  EXPECT_NE(pages, MAP_FAILED);
  return NDArray::from_blob(pages, {size}, uint8, [bytes](void* data) { munmap(data, bytes); });
}

class HugeFile : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Above, HugeFile, ::testing::Values(2, 4),
                         [](const auto& info) { return std::to_string(info.param) + "GiB"; });

// protobuf does not write it, which went unnoticed.
TEST(HugeText, IsRefused) {
  const std::string path = test::new_folder() + "/huge.ckpt";
  const std::string text((size_t{1} << 31) + 1, 'x');
  EXPECT_EQ(save_checkpoint(path, {{text, std::nullopt}}).message(),
            path + ": entry '" + std::string(100, 'x') +
                "...': expected a name for a record of at most 1048576 bytes, got 2147483649");
  EXPECT_EQ(save_checkpoint(path, {}, {{{"k", text}}}).message(),
            path + ": expected metadata for a header of at most 1048576 bytes, got 2147483650");
  EXPECT_EQ(save_safetensors(path, {}, {{{"k", text}}}).message(),
            path +
                ": expected names and metadata for a header of at most 100000000 bytes, got "
                "2147483650");
}

TEST_P(HugeFile, IsSavedVerifiedAndRead) {
  const int64_t size = (int64_t{GetParam()} << 30) + 12345, middle = size / 2;
  const std::string path = test::new_folder() + "/huge.ckpt";
  const NDArray first = test::noise({1000}), last = test::noise({500, 2}, int64);
  const int64_t before = peak_memory();
  {
    NDArray large = many_zeros(size);
    for (int64_t at : {int64_t{0}, middle, size - 1}) large.data<uint8_t>()[at] = 7;
    absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_EQ(writer->add("first", first), absl::OkStatus());
    ASSERT_EQ(writer->add("large", large), absl::OkStatus());
    ASSERT_EQ(writer->add("last", last), absl::OkStatus());
    ASSERT_EQ(writer->finish(), absl::OkStatus());
  }
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_GT(info.st_size, int64_t{GetParam()} << 30);

  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const auto& [name, array] : {std::make_pair("first", first), std::make_pair("last", last)}) {
    const auto read = reader->read(name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(test::is_same({{name, *read}}, {{name, array}}));
  }
  {
    const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    ASSERT_EQ(mapped->verify(), absl::OkStatus());  // of the file, every byte
    const auto large = mapped->get("large");
    ASSERT_TRUE(large.ok()) << large.status();
    ASSERT_EQ((*large)->shape(), Shape{size});
    const uint8_t* const elements = (*large)->data<uint8_t>();
    for (int64_t at : {int64_t{0}, middle, size - 1}) {
      EXPECT_EQ(elements[at], 7) << at;
      EXPECT_EQ(elements[at == 0 ? 1 : at - 1], 0) << at;
    }
  }
  const int64_t peak = peak_memory() - before;
  std::printf("a file of %lld bytes, with %lld bytes of memory beyond those before\n",
              static_cast<long long>(info.st_size), static_cast<long long>(peak));
  EXPECT_LE(peak, 64 << 20);  // two chunks as the writer makes them

  // A flipped bit near the end is found too.
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(pwrite(file, "\1", 1, info.st_size - 12345), 1);
  close(file);
  EXPECT_EQ(MappedCheckpoint::open(path)->verify().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(unlink(path.c_str()), 0);
}

}  // namespace
}  // namespace lamina
