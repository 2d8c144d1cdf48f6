#include "lamina/serialization/mapped_checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::FileBuilder;

constexpr DType kEveryDType[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};
constexpr int kUint8 = 2;

// The bytes that x shares with the file at `path`, as the system says.
int64_t mapped_bytes(const NDArray& x, const std::string& path) {
  const auto begin = reinterpret_cast<uintptr_t>(x.raw_data());
  const uintptr_t end = begin + static_cast<uintptr_t>(x.numel() * size_of(x.dtype()));
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return -1;
  std::ifstream maps("/proc/self/maps");
  uintptr_t shared = 0;
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0, inode = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*x %*s %lu", &from, &to, &inode) != 3) continue;
    if (inode != info.st_ino) continue;
    const uintptr_t first = std::max<uintptr_t>(begin, from), last = std::min<uintptr_t>(end, to);
    if (first < last) shared += last - first;
  }
  return static_cast<int64_t>(shared);
}

class Mapped : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/model.ckpt";

  MappedCheckpoint open() {
    absl::StatusOr<MappedCheckpoint> checkpoint = MappedCheckpoint::open(path_);
    if (!checkpoint.ok()) throw std::runtime_error(checkpoint.status().ToString());
    return *std::move(checkpoint);
  }
  MappedCheckpoint save_and_open(const NamedArrays& state) {
    EXPECT_EQ(save_checkpoint(path_, state, {{{"epoch", "3"}}}), absl::OkStatus());
    return open();
  }
  static NDArray get(const MappedCheckpoint& checkpoint, const std::string& name) {
    const auto array = checkpoint.get(name);
    if (!array.ok()) throw std::runtime_error(array.status().ToString());
    return array->value();
  }
};

TEST_F(Mapped, GivesEveryDTypeAndShape) {
  NamedArrays state = {{"none", std::nullopt}};
  for (DType dtype : kEveryDType) {
    for (const Shape& shape : {Shape{}, Shape{0, 4}, Shape{7}, Shape{3, 5}}) {
      state.emplace_back(std::string(name_of(dtype)) + shape.str(), test::noise(shape, dtype));
    }
  }
  const MappedCheckpoint checkpoint = save_and_open(state);
  ASSERT_EQ(checkpoint.entries().size(), state.size());
  EXPECT_EQ(checkpoint.metadata().at("epoch"), "3");
  NamedArrays mapped;
  for (const CheckpointEntry& entry : checkpoint.entries()) {
    const auto array = checkpoint.get(entry.name);
    ASSERT_TRUE(array.ok()) << array.status();
    mapped.emplace_back(entry.name, *array);
    if (array->has_value()) {
      EXPECT_EQ(mapped_bytes(**array, path_), (*array)->numel() * size_of((*array)->dtype()));
    }
  }
  EXPECT_TRUE(test::is_same(mapped, state));
  EXPECT_EQ(checkpoint.verify(), absl::OkStatus());
  const absl::Status missing = checkpoint.get("bias").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), path_ + ": expected one of its 33 entries, got 'bias'");
}

TEST_F(Mapped, CopiesNothingOfSeveralChunks) {
  NDArray large = NDArray::empty({3, 3 << 20, 2}, float32);  // 72 MiB: chunks of 32, 32 and 8
  for (int64_t i = 0; i < large.numel(); ++i) large.data<float>()[i] = static_cast<float>(i);
  const NamedArrays state = {{"a", test::noise({1})}, {"large", large}, {"z", test::noise({1})}};
  const MappedCheckpoint checkpoint = save_and_open(state);
  reset_peak_memory_stats();
  const int64_t before = memory_stats().current;
  for (const auto& [name, array] : state) {
    const NDArray mapped = get(checkpoint, name);
    EXPECT_TRUE(test::is_same({{name, mapped}}, {{name, array}}));
    EXPECT_EQ(mapped_bytes(mapped, path_), mapped.numel() * 4);
  }
  EXPECT_LT(memory_stats().peak - before, 64 << 10);
  EXPECT_EQ(checkpoint.verify(), absl::OkStatus());
}

TEST_F(Mapped, ArraysOutliveTheCheckpointAndItsFile) {
  const NDArray small = test::noise({1000}), large = NDArray::arange((8 << 20) + 7, int32);
  NDArray a, b;
  {
    const MappedCheckpoint checkpoint = save_and_open({{"small", small}, {"large", large}});
    a = get(checkpoint, "small");
    b = get(checkpoint, "large");
  }
  ASSERT_EQ(save_checkpoint(path_, {{"other", test::noise({3})}}), absl::OkStatus());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_TRUE(test::is_same({{"small", a}, {"large", b}}, {{"small", small}, {"large", large}}));
}

TEST_F(Mapped, WritesStayInTheProcess) {
  const NDArray x = test::noise({1000}), large = NDArray::arange((8 << 20) + 7, int32);
  const NamedArrays state = {{"x", x}, {"large", large}};
  const MappedCheckpoint checkpoint = save_and_open(state);
  NDArray first = get(checkpoint, "x");
  const NDArray second = get(checkpoint, "x");
  const uint32_t version = second.version();
  first.mul_(2);
  EXPECT_EQ(test::elements(second), test::elements(x * 2));
  EXPECT_GT(second.version(), version);
  get(checkpoint, "large").fill_(3);
  EXPECT_EQ(get(checkpoint, "large").at<int32_t>({-1}), 3);
  EXPECT_EQ(checkpoint.verify(), absl::OkStatus());
  EXPECT_TRUE(test::is_same(*load_checkpoint(path_), state));
}

TEST_F(Mapped, RefusesADamagedArrayAndGivesTheOthers) {
  const NDArray x = NDArray::full({1000}, 0x55, uint8), y = NDArray::full({500}, 0x77, uint8);
  const NDArray large = NDArray::full({(32 << 20) + 100}, 0x66, uint8);
  ASSERT_EQ(save_checkpoint(path_, {{"x", x}, {"large", large}, {"y", y}}), absl::OkStatus());
  std::string bytes = test::read_file(path_);
  bytes[bytes.find(std::string(1000, 0x55)) + 500] ^= 1;
  bytes[bytes.rfind(std::string(100, 0x66)) + 50] ^= 1;  // in the second chunk
  test::write_file(path_, bytes);
  const MappedCheckpoint checkpoint = open();
  EXPECT_TRUE(test::is_same({{"y", get(checkpoint, "y")}}, {{"y", y}}));
  for (int i = 0; i < 2; ++i) {
    for (const std::string name : {"x", "large"}) {
      const absl::Status status = checkpoint.get(name).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(status.message().find(path_ + ": entry '" + name + "': offset "), 0u) << status;
      EXPECT_NE(status.message().find("expected a chunk with its checksum at the end"),
                absl::string_view::npos)
          << status;
    }
  }
  EXPECT_EQ(checkpoint.verify(), checkpoint.get("x").status());
}

TEST_F(Mapped, VerifiesEveryByteOnRequest) {
  FileBuilder file;
  file.tensor(FileBuilder::tensor_of("x", kUint8, {4})).chunk("abcd");
  file.index.clear_entry();
  test::write_file(path_, file.finish());
  EXPECT_EQ(open().verify().message(),
            path_ + ": offset 35: expected nothing more before the index, got field 2");
}

TEST_F(Mapped, VerifyTellsItsProgress) {
  const int threads = get_num_threads();
  set_num_threads(1);  // the more threads, the more bytes between two calls
  const NDArray large = NDArray::full({(80 << 20) + 5}, 3, uint8);
  const MappedCheckpoint checkpoint =
      save_and_open({{"large", large}, {"empty", test::noise({0})}, {"x", test::noise({10})}});
  std::vector<int64_t> told;
  const auto caller = std::this_thread::get_id();
  EXPECT_EQ(checkpoint.verify([&](int64_t bytes) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_GT(bytes, 0);
    told.push_back(bytes);
  }),
            absl::OkStatus());
  set_num_threads(threads);
  EXPECT_GT(told.size(), 1u);
  EXPECT_EQ(std::accumulate(told.begin(), told.end(), int64_t{0}), (80 << 20) + 5 + 10 * 4);
}

TEST_F(Mapped, ThatWasMovedFromSaysSo) {
  MappedCheckpoint checkpoint = save_and_open({{"x", test::noise({10})}});
  const MappedCheckpoint taken = std::move(checkpoint);
  const auto moved = absl::FailedPreconditionError(
      "MappedCheckpoint: expected one with an open file, got one that was moved from");
  EXPECT_EQ(checkpoint.verify(), moved);
  EXPECT_EQ(checkpoint.get("x").status(), moved);
  EXPECT_TRUE(checkpoint.entries().empty());
  EXPECT_TRUE(checkpoint.metadata().empty());
  EXPECT_EQ(taken.verify(), absl::OkStatus());
}

// As other writers may place them.
TEST_F(Mapped, JoinsChunksWhereTheyFillPages) {
  const std::string megabyte = std::string(1 << 20, 'm'), page = std::string(64 << 10, 'p');
  struct Case {
    std::string first;
    size_t alignment;
    bool is_mapped;
  };
  for (const Case& c :
       {Case{megabyte, 64 << 10, true}, Case{megabyte, 64, false},
        Case{megabyte + std::string(64, '+'), 64 << 10, false}, Case{page, 64 << 10, false}}) {
    const std::string all = c.first + "end";
    FileBuilder file;
    file.tensor(FileBuilder::tensor_of("x", kUint8, {all.size()}));
    file.chunk(c.first, c.alignment).chunk("end", c.alignment);
    test::write_file(path_, file.finish());
    const NDArray x = get(open(), "x");
    EXPECT_EQ(std::string(x.raw_data(), all.size()), all);
    EXPECT_EQ(mapped_bytes(x, path_), c.is_mapped ? x.numel() : 0) << c.first.size();
  }
}

TEST_F(Mapped, ServesSeveralThreads) {
  NamedArrays state;
  for (int i = 0; i < 50; ++i) {
    state.emplace_back(std::to_string(i), test::noise({i + 1, 1000}, int32, i));
  }
  const MappedCheckpoint checkpoint = save_and_open(state);
  std::vector<NamedArrays> mapped(4);
  std::vector<std::thread> threads;
  for (NamedArrays& mine : mapped) {
    threads.emplace_back([&] {
      for (const CheckpointEntry& entry : checkpoint.entries()) {
        const auto array = checkpoint.get(entry.name);
        if (array.ok()) mine.emplace_back(entry.name, *array);
      }
    });
  }
  threads.emplace_back([&] { EXPECT_EQ(checkpoint.verify(), absl::OkStatus()); });
  for (std::thread& thread : threads) thread.join();
  for (const NamedArrays& mine : mapped) {
    EXPECT_TRUE(test::is_same(mine, state));
    for (size_t i = 0; i < mine.size(); ++i) {
      EXPECT_EQ(mine[i].second->storage(), mapped[0][i].second->storage());
    }
  }
}

TEST_F(Mapped, RefusesWhatIsNoCheckpoint) {
  EXPECT_EQ(MappedCheckpoint::open(path_).status().message(),
            path_ + ": cannot open: No such file or directory");
  test::write_file(path_, "");
  EXPECT_EQ(MappedCheckpoint::open(path_).status().message(),
            path_ + ": expected a checkpoint, got a file of 0 bytes");
}

}  // namespace
}  // namespace lamina
