#include "lamina/tensor/allocator.h"

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LAMINA_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LAMINA_SANITIZED 1
#endif

namespace lamina {
namespace {

using internal::allocate;
using internal::deallocate;

// Around every boundary between classes that matters: 0, 64, 4096 and the quarter steps above.
const size_t kSizes[] = {
    0,      1,      63,     64,     65,     127,     128,           129,       4031,
    4032,   4033,   4095,   4096,   4097,   5119,    5120,          5121,      6144,
    6145,   7168,   7169,   8191,   8192,   8193,    10240,         10241,     65536,
    65537,  100000, 262143, 262144, 262145, 1 << 20, (1 << 20) + 1, (5 << 18), (5 << 18) + 1,
    3 << 20};

TEST(AllocatorTest, BlocksOfEverySizeAreAlignedTo64Bytes) {
  for (size_t bytes : kSizes) {
    void* block = allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u) << bytes;
    deallocate(block, bytes);
  }
}

#ifdef __linux__
TEST(AllocatorTest, BlocksOf2MiBAndMoreBeginWhereAHugePageCan) {
  for (size_t bytes : {size_t{2} << 20, (size_t{2} << 20) + 1, size_t{9} << 20}) {
    void* block = allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % (2 << 20), 0u) << bytes;
    deallocate(block, bytes);
  }
}
#endif

TEST(AllocatorTest, BlocksThatLiveTogetherDoNotOverlap) {
  std::vector<std::pair<char*, size_t>> blocks;
  for (int round = 0; round < 3; ++round) {
    for (size_t bytes : kSizes) {
      char* block = static_cast<char*>(allocate(bytes));
      std::memset(block, static_cast<int>(blocks.size() & 0xff), bytes);
      blocks.emplace_back(block, bytes);
    }
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, bytes] = blocks[i];
    const char mark = static_cast<char>(i & 0xff);
    EXPECT_EQ(std::count(block, block + bytes, mark), static_cast<int64_t>(bytes))
        << "block " << i << " of " << bytes;
    deallocate(block, bytes);
  }
}

#if LAMINA_CACHING_ALLOCATOR

TEST(AllocatorTest, AFreedBlockIsTheNextOfItsClass) {
  for (const auto& [bytes, same_class] : {std::pair<size_t, size_t>{1, 64},
                                          {65, 128},
                                          {4033, 4096},
                                          {4097, 5120},
                                          {6145, 7168},
                                          {1000000, 1048576}}) {
    void* block = allocate(bytes);
    deallocate(block, bytes);
    void* again = allocate(same_class);
    EXPECT_EQ(again, block) << bytes << " and " << same_class;
    deallocate(again, same_class);
  }
}

TEST(AllocatorTest, NeighbouringClassesDoNotShareBlocks) {
  for (size_t bytes : {64, 128, 4096, 5120, 6144, 7168, 8192, 1 << 20}) {
    void* block = allocate(bytes);
    deallocate(block, bytes);
    void* larger = allocate(bytes + 1);
    EXPECT_NE(larger, block) << bytes;
    deallocate(larger, bytes + 1);
  }
}

TEST(AllocatorTest, LargeBlocksWasteAtMostAQuarter) {
  for (size_t bytes = (1 << 20) + 1; bytes < (4 << 20); bytes += 99991) {
    empty_cache();
    const int64_t before = memory_stats().reserved;
    void* block = allocate(bytes);
    const int64_t taken = memory_stats().reserved - before;
    EXPECT_GE(taken, static_cast<int64_t>(bytes));
    EXPECT_LE(taken, static_cast<int64_t>(bytes + bytes / 4 + 64));
    deallocate(block, bytes);
  }
}

TEST(AllocatorTest, LargeBlocksAreKeptUntilTheCacheIsEmptied) {
  empty_cache();
  const int64_t before = memory_stats().reserved;
  const size_t sizes[] = {4097, 100000, 5 << 20, 4097};
  std::vector<void*> blocks;
  for (size_t bytes : sizes) blocks.push_back(allocate(bytes));
  const int64_t in_use = memory_stats().reserved;
  EXPECT_GE(in_use - before, 4097 * 2 + 100000 + (5 << 20));
  for (size_t i = 0; i < blocks.size(); ++i) deallocate(blocks[i], sizes[i]);
  EXPECT_EQ(memory_stats().reserved, in_use);
  empty_cache();
  EXPECT_EQ(memory_stats().reserved, before);
  empty_cache();
  EXPECT_EQ(memory_stats().reserved, before);
}

TEST(AllocatorTest, ALargeBlockFreedByOneThreadServesAnother) {
  void* block = allocate(1 << 20);
  std::thread([&] { deallocate(block, 1 << 20); }).join();
  void* again = allocate(1 << 20);
  EXPECT_EQ(again, block);
  deallocate(again, 1 << 20);
}

TEST(AllocatorTest, SmallBlocksFreedByAThreadThatEndsServeAnother) {
  constexpr int kBlocks = 1000;
  std::vector<void*> blocks;
  for (int i = 0; i < kBlocks; ++i) blocks.push_back(allocate(640));
  const int64_t before = memory_stats().reserved;
  std::thread([&] {
    for (void* block : blocks) deallocate(block, 640);
  }).join();
  for (void*& block : blocks) block = allocate(640);
  EXPECT_EQ(memory_stats().reserved, before);
  for (void* block : blocks) deallocate(block, 640);
}

TEST(AllocatorTest, MoreBlocksThanAThreadKeepsServeAnotherWhileItLives) {
  constexpr int kBlocks = 3 * internal::kMaxCachedBlocks;
  std::vector<void*> blocks;
  for (int i = 0; i < kBlocks; ++i) blocks.push_back(allocate(64));
  const int64_t before = memory_stats().reserved;
  for (void* block : blocks) deallocate(block, 64);
  EXPECT_LE(internal::thread_cache.count[0], internal::kMaxCachedBlocks);
  std::thread([&] {
    std::vector<void*> theirs;
    for (int i = 0; i < kBlocks - static_cast<int>(internal::kMaxCachedBlocks); ++i)
      theirs.push_back(allocate(64));
    EXPECT_EQ(memory_stats().reserved, before);
    for (void* block : theirs) deallocate(block, 64);
  }).join();
}

// A thread that takes a batch from the shared list and frees what it used never had an empty list.
TEST(AllocatorTest, ThreadsThatEndLeaveNoBlocksBehind) {
  constexpr size_t kBytes = 3968;  // a class of its own for this test
  int64_t before = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 64; ++i) blocks.push_back(allocate(kBytes));
    if (round == 0) before = memory_stats().reserved;
    std::thread([&] {  // fills the shared list
      for (void* block : blocks) deallocate(block, kBytes);
    })
        .join();
    std::thread([] { deallocate(allocate(kBytes), kBytes); }).join();
  }
  EXPECT_EQ(memory_stats().reserved, before);
}

struct FreesAtThreadExit {
  void* block = nullptr;
  ~FreesAtThreadExit() {
    deallocate(block, 192);
    deallocate(allocate(256), 256);
  }
};

TEST(AllocatorTest, BlocksMayBeFreedWhileAThreadEnds) {
  const auto run = [] {
    std::thread([] {
      thread_local FreesAtThreadExit early;  // destroyed after what the allocator registered
      early.block = allocate(192);
      deallocate(allocate(192), 192);
    }).join();
  };
  run();
  run();
  const int64_t before = memory_stats().reserved;
  for (int i = 0; i < 2000; ++i) run();
  EXPECT_EQ(memory_stats().reserved, before);
}

// What changed; the peak is beyond what was in use.
MemoryStats since(const MemoryStats& before) {
  const MemoryStats now = memory_stats();
  return {now.current - before.current, now.peak - before.current, now.reserved - before.reserved,
          now.allocations - before.allocations};
}

TEST(MemoryStatsTest, CountsBlocksWithTheSizeOfTheirClass) {
  const MemoryStats before = memory_stats();
  const size_t sizes[] = {1, 64, 65, 4096, 4097, 1 << 20, (1 << 20) + 1};
  const int64_t classes[] = {64, 64, 128, 4096, 5120, 1 << 20, 5 << 18};
  std::vector<void*> blocks;
  int64_t expected = 0;
  for (int i = 0; i < 7; ++i) {
    blocks.push_back(allocate(sizes[i]));
    expected += classes[i];
    EXPECT_EQ(since(before).current, expected) << sizes[i];
    EXPECT_EQ(since(before).allocations, i + 1);
  }
  for (int i = 0; i < 7; ++i) {
    deallocate(blocks[static_cast<size_t>(i)], sizes[i]);
    expected -= classes[i];
    EXPECT_EQ(since(before).current, expected) << sizes[i];
  }
  EXPECT_EQ(since(before).allocations, 7);
}

TEST(MemoryStatsTest, ThePeakIsTheMostUntilItIsReset) {
  reset_peak_memory_stats();
  const MemoryStats before = memory_stats();
  EXPECT_EQ(before.peak, before.current);
  void* first = allocate(1 << 20);
  void* second = allocate(3 << 20);
  deallocate(second, 3 << 20);
  EXPECT_EQ(since(before).current, 1 << 20);
  EXPECT_EQ(since(before).peak, 4 << 20);
  reset_peak_memory_stats();
  EXPECT_EQ(since(before).peak, 1 << 20);
  deallocate(first, 1 << 20);
  EXPECT_EQ(since(before).peak, 1 << 20);
}

TEST(MemoryStatsTest, ThePeakOfSmallBlocksIsExactTo64KiB) {
  constexpr int kBlocks = 2000;  // taken in turns from two classes whose lists are full
  const auto take_and_give = [](size_t first, size_t second) {
    std::vector<void*> a, b;
    for (int i = 0; i < kBlocks; ++i) a.push_back(allocate(first));
    for (int i = 0; i < kBlocks; ++i) b.push_back(allocate(second));
    for (void* block : a) deallocate(block, first);
    for (void* block : b) deallocate(block, second);
  };
  take_and_give(256, 512);
  reset_peak_memory_stats();
  const MemoryStats before = memory_stats();
  take_and_give(256, 512);
  EXPECT_LE(since(before).peak, kBlocks * 768);
  EXPECT_GE(since(before).peak, kBlocks * 768 - (64 << 10));
  EXPECT_EQ(since(before).current, 0);
  EXPECT_EQ(since(before).allocations, 2 * kBlocks);
}

TEST(MemoryStatsTest, AddsUpOverThreadsThatLiveAndThatEnded) {
  const MemoryStats before = memory_stats();
  std::vector<void*> blocks;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) blocks.push_back(allocate(64));
    blocks.push_back(allocate(1 << 20));
    EXPECT_EQ(since(before).current, 6400 + (1 << 20));
  }).join();
  EXPECT_EQ(since(before).current, 6400 + (1 << 20));
  deallocate(blocks.back(), 1 << 20);
  blocks.pop_back();
  for (void* block : blocks) deallocate(block, 64);  // by another thread than took them
  EXPECT_EQ(since(before).current, 0);
  EXPECT_EQ(since(before).allocations, 101);
}

#if defined(__linux__) && !defined(LAMINA_SANITIZED)
// Fills the cache, limits the address space to what there is and a little, and takes 32 MiB in small
// blocks: they come from what the cache gives back.
[[noreturn]] void take_small_blocks_under_a_limit() {
  constexpr size_t kCached = size_t{256} << 20;
  deallocate(allocate(kCached), kCached);
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max =
      pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + (size_t{1} << 20);
  setrlimit(RLIMIT_AS, &limit);
  for (int i = 0; i < 8192; ++i) *static_cast<char*>(allocate(4096)) = 1;
  std::_Exit(memory_stats().current >= 8192 * 4096 ? 0 : 1);
}

TEST(AllocatorDeathTest, WhenASlabIsRefusedTheCacheIsEmptiedFirst) {
  EXPECT_EXIT(take_small_blocks_under_a_limit(), testing::ExitedWithCode(0), "");
}
#endif

#endif  // LAMINA_CACHING_ALLOCATOR

TEST(AllocatorTest, BlocksPassBetweenThreads) {
  std::mutex mutex;
  std::condition_variable ready;
  std::vector<std::pair<unsigned char*, size_t>> queue;
  bool done = false;
  std::atomic<int> wrong{0};
  std::vector<std::thread> consumers;
  for (int t = 0; t < 2; ++t) {
    consumers.emplace_back([&] {
      for (;;) {
        std::unique_lock<std::mutex> lock(mutex);
        ready.wait(lock, [&] { return done || !queue.empty(); });
        if (queue.empty()) return;
        const auto [block, bytes] = queue.back();
        queue.pop_back();
        lock.unlock();
        for (size_t i = 0; i < bytes; ++i) wrong += block[i] != bytes % 251;
        deallocate(block, bytes);
      }
    });
  }
  std::vector<std::thread> producers;
  for (int t = 0; t < 2; ++t) {
    producers.emplace_back([&, t] {
      for (size_t i = 0; i < 2000; ++i) {
        const size_t bytes = 1 + (i * 37 + static_cast<size_t>(t)) % 6000;
        auto* block = static_cast<unsigned char*>(allocate(bytes));
        std::memset(block, static_cast<int>(bytes % 251), bytes);
        std::lock_guard<std::mutex> lock(mutex);
        queue.emplace_back(block, bytes);
        ready.notify_one();
      }
    });
  }
  for (std::thread& thread : producers) thread.join();
  {
    std::lock_guard<std::mutex> lock(mutex);
    done = true;
    ready.notify_all();
  }
  for (std::thread& thread : consumers) thread.join();
  EXPECT_EQ(wrong, 0);
}

#ifndef LAMINA_SANITIZED  // they end the program instead of giving nothing
TEST(AllocatorTest, MoreThanThereIsThrowsBadAlloc) {
  EXPECT_THROW(allocate(size_t{1} << 61), std::bad_alloc);
  EXPECT_THROW(allocate(~size_t{0}), std::bad_alloc);
  void* block = allocate(100);  // and the allocator goes on
  EXPECT_NE(block, nullptr);
  deallocate(block, 100);
}
#endif

}  // namespace
}  // namespace lamina
