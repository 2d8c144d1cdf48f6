// Files that were damaged, by accident or at random: each is refused with one line, and none throws,
// crashes or takes memory beyond its own size.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::FileBuilder;
using ::testing::StartsWith;

constexpr int kBool = 1;
constexpr int kUint8 = 2;

class DamagedFile : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/damaged.ckpt";
  const NamedArrays small_ = {{"weight", test::noise({2, 3})},
                              {"bias", std::nullopt},
                              {"empty", test::noise({0, 2}, bool_)},
                              {"mask", test::noise({5}, bool_)}};

  std::string small_file() {
    EXPECT_EQ(save_checkpoint(path_, small_, {{{"epoch", "3"}}}), absl::OkStatus());
    return test::read_file(path_);
  }
  // Loads the file in whole, by entry and mapped; what loads must be what small_ holds, or not be there at
  // all.
  bool loads(const std::string& bytes) {
    test::write_file(path_, bytes);
    const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path_);
    if (reader.ok()) {
      for (const auto& [name, value] : small_) {
        const auto array = reader->read(name);
        if (array.ok()) {
          EXPECT_TRUE(test::is_same({{name, *array}}, {{name, value}})) << name;
        } else {
          check_text(array.status());
        }
      }
    }
    const absl::StatusOr<NamedArrays> state = load_checkpoint(path_);
    const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path_);
    EXPECT_EQ(mapped.ok(), reader.ok());
    if (mapped.ok()) {
      for (const auto& [name, value] : small_) {
        const auto array = mapped->get(name);
        if (array.ok()) {
          EXPECT_TRUE(test::is_same({{name, *array}}, {{name, value}})) << name;
        } else {
          check_text(array.status());
        }
      }
      EXPECT_EQ(mapped->verify(), state.status());
    }
    if (!state.ok()) {
      check_text(state.status());
      return false;
    }
    EXPECT_TRUE(test::is_same(*state, small_));
    return true;
  }
  void check_text(const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()), StartsWith(path_ + ": "));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
  }
};

TEST_F(DamagedFile, WithAnyBitFlippedIsRefused) {
  const std::string file = small_file();
  ASSERT_TRUE(loads(file));
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(loads(changed)) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

TEST_F(DamagedFile, CutAnywhereIsRefused) {
  const std::string file = small_file();
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(loads(file.substr(0, size))) << size;
}

TEST_F(DamagedFile, WithBytesAppendedOrCutOutIsRefused) {
  const std::string file = small_file();
  EXPECT_FALSE(loads(file + '\0'));
  EXPECT_FALSE(loads(file + file));
  for (size_t at = 0; at < file.size(); ++at) {
    EXPECT_FALSE(loads(file.substr(0, at) + file.substr(at + 1))) << at;
    EXPECT_FALSE(loads(file.substr(0, at) + '\0' + file.substr(at))) << at;
  }
}

// In half of the cases under checksums that are right, so that what is behind them is reached too.
TEST_F(DamagedFile, MutatedAtRandomIsRefusedOrLoads) {
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const auto mutate = [&](std::string* bytes) {
    constexpr unsigned char kInteresting[] = {0, 1, 2, 7, 8, 0x0a, 0x12, 0x1a, 0x7f, 0x80, 0xff};
    for (size_t n = 1 + below(4); n > 0 && !bytes->empty(); --n) {
      const size_t at = below(bytes->size());
      switch (below(5)) {
        case 0:
          (*bytes)[at] = static_cast<char>(random());
          break;
        case 1:
          (*bytes)[at] = static_cast<char>(kInteresting[below(sizeof(kInteresting))]);
          break;
        case 2:
          bytes->erase(at, 1 + below(8));
          break;
        case 3:
          bytes->insert(at, 1 + below(8), static_cast<char>(random()));
          break;
        case 4:
          bytes->insert(at, bytes->substr(below(bytes->size()), below(30)));
          break;
      }
    }
  };
  int loaded = 0;
  for (int i = 0; i < 3000; ++i) {
    FileBuilder file;
    file.bytes.clear();
    // One of the five messages, or the file as a whole.
    const int changed = i % 10 < 5 ? i % 10 + 1 : 0;
    file.change = [&](int number, std::string* body) {
      if (number == changed) mutate(body);
    };
    file.message(1, FileBuilder::good_header().SerializeAsString());
    for (const char* name : {"weight", "mask"}) {
      file.tensor(FileBuilder::tensor_of(name, name[0] == 'm' ? kBool : kUint8, {2, 3}));
      file.chunk(std::string("\1\0\0\1\1\1", 6));
    }
    std::string bytes = file.finish();
    if (changed == 0) mutate(&bytes);
    test::write_file(path_, bytes);
    const absl::StatusOr<NamedArrays> state = load_checkpoint(path_);
    loaded += state.ok();
    if (!state.ok()) check_text(state.status());
    EXPECT_FALSE(changed == 0 && bytes != file.bytes && state.ok()) << i;
  }
  EXPECT_GT(loaded, 0);  // another producer, say
  EXPECT_LT(loaded, 1500);
}

#ifndef __SANITIZE_THREAD__  // which takes memory of its own, and has no threads in a forked child

// In KiB, what this process has ever had in memory.
int64_t peak_memory() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// What f gives and the memory that it takes, in bytes, in a process of its own: a process has one peak.
template <class F>
std::pair<int, int64_t> in_child(const F& f) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    const int64_t before = peak_memory();
    const int result = f();
    const int64_t taken = (peak_memory() - before) << 10;
    _exit(write(ends[1], &taken, sizeof(taken)) == sizeof(taken) ? result : 255);
  }
  close(ends[1]);  // so that a child which crashes ends the read
  int status = 0;
  int64_t taken = -1;
  EXPECT_EQ(read(ends[0], &taken, sizeof(taken)), static_cast<ssize_t>(sizeof(taken)));
  EXPECT_EQ(waitpid(child, &status, 0), child);
  close(ends[0]);
  return {status, taken};
}

int64_t limit_for(const std::string& bytes) {
  return static_cast<int64_t>(2 * bytes.size() + (16 << 20));
}

void expect_memory_below(int64_t limit, int64_t taken) {
  EXPECT_GE(taken, 0);
#if LAMINA_CACHING_ALLOCATOR  // AddressSanitizer pads what is allocated and keeps what was freed
  EXPECT_LT(taken, limit);
#else
  static_cast<void>(limit);
#endif
}

TEST_F(DamagedFile, TakesLittleMemoryToRefuse) {
  const std::string file = small_file();
  const auto [failed, taken] = in_child([&] {
    reset_peak_memory_stats();
    const int64_t arrays_before = memory_stats().current;
    for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
      std::string changed = file;
      changed[bit / 8] ^= static_cast<char>(1 << bit % 8);
      loads(changed);
    }
    for (size_t size = 0; size < file.size(); ++size) loads(file.substr(0, size));
    // Arrays that a file of some hundred bytes has no room for.
    for (int shift : {10, 20, 30, 40, 50}) {
      FileBuilder builder;
      builder.tensor(FileBuilder::tensor_of("x", kUint8, {uint64_t{1} << shift})).chunk("abc");
      EXPECT_FALSE(loads(builder.finish()));
    }
    EXPECT_LT(memory_stats().peak - arrays_before, 8 << 10);
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(failed, 0);
  expect_memory_below(limit_for(file), taken);
}

// The smallest chunks that there are, so that whatever is kept of each counts most.
TEST_F(DamagedFile, TakesTwiceItsSizeAndSixteenMebibytesAtMost) {
  constexpr size_t kChunks = 300000;
  FileBuilder file;
  file.tensor(FileBuilder::tensor_of("x", kUint8, {kChunks})).chunk("a");
  const size_t first = file.bytes.size();
  file.chunk("a");
  const std::string chunk = file.bytes.substr(first);
  ASSERT_EQ(chunk.size(), 64u);  // so the next one is the same
  for (size_t i = 2; i < kChunks; ++i) file.bytes += chunk;
  file.bytes[file.bytes.size() - 1] ^= 1;
  const std::string bytes = file.finish();
  test::write_file(path_, bytes);
  const std::vector<std::function<absl::Status()>> ways = {
      [&] { return load_checkpoint(path_).status(); },
      [&] { return CheckpointReader::open(path_)->read("x").status(); },
      [&] { return MappedCheckpoint::open(path_)->get("x").status(); },
      [&] { return MappedCheckpoint::open(path_)->verify(); }};
  for (const auto& load : ways) {
    const auto [failed, taken] = in_child([&] { return absl::IsDataLoss(load()) ? 0 : 1; });
    EXPECT_EQ(failed, 0);
    expect_memory_below(limit_for(bytes), taken);
  }
}

// A list of entries is larger in memory than in the file: each has a name, a shape of any rank, and its place.
TEST_F(DamagedFile, TakesAFewHundredBytesForEachEntryAtMost) {
  constexpr int64_t kEntries = 100000, kBytesPerEntry = 320;
  FileBuilder file;
  for (int64_t i = 0; i < kEntries; ++i) {
    file.tensor(FileBuilder::tensor_of(std::to_string(i), kUint8, {0}));
  }
  std::string bytes = file.finish();
  bytes[100] ^= 1;  // in the record of an entry
  test::write_file(path_, bytes);
  const std::vector<std::function<absl::Status()>> ways = {
      [&] { return load_checkpoint(path_).status(); },
      [&] { return MappedCheckpoint::open(path_)->verify(); }};
  for (const auto& load : ways) {
    const auto [failed, taken] = in_child([&] { return absl::IsDataLoss(load()) ? 0 : 1; });
    EXPECT_EQ(failed, 0);
    expect_memory_below(limit_for(bytes) + kEntries * kBytesPerEntry, taken);
  }
}

#endif

}  // namespace
}  // namespace lamina
