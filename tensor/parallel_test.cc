#include "lamina/tensor/parallel.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lamina/tensor/error.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

class ParallelTest : public ::testing::Test {
 protected:
  ~ParallelTest() override { set_num_threads(initial_); }

 private:
  const int initial_ = get_num_threads();
};

TEST_F(ParallelTest, CoversEveryRangeOnceAtMultiplesOfTheGrain) {
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(get_num_threads(), threads);
    for (int64_t begin : {0, 7, -100}) {
      for (int64_t n : {0, 1, 2, 9, 10, 11, 100, 1001}) {
        for (int64_t grain : {1, 3, 10, 5000}) {
          std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
          std::atomic<int> bad{0};
          parallel_for(begin, begin + n, grain, [&](int64_t first, int64_t last) {
            bad +=
                first >= last || first < begin || last > begin + n || (first - begin) % grain != 0;
            bad += last != begin + n && (last - begin) % grain != 0;
            for (int64_t i = first; i < last; ++i) ++visits[static_cast<size_t>(i - begin)];
          });
          EXPECT_EQ(bad, 0) << threads << " threads, " << n << " by " << grain;
          EXPECT_TRUE(
              std::all_of(visits.begin(), visits.end(), [](const auto& v) { return v == 1; }))
              << threads << " threads, " << n << " by " << grain;
        }
      }
    }
  }
}

TEST_F(ParallelTest, AnEmptyOrReversedRangeCallsNothing) {
  parallel_for(3, 3, 1, [](int64_t, int64_t) { FAIL(); });
  parallel_for(3, -3, 1, [](int64_t, int64_t) { FAIL(); });
  parallel_for(std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), 1,
               [](int64_t, int64_t) { FAIL(); });
}

TEST_F(ParallelTest, OneGrainRunsInTheCaller) {
  set_num_threads(4);
  const std::thread::id caller = std::this_thread::get_id();
  int calls = 0;
  parallel_for(0, 100, 100, [&](int64_t first, int64_t last) {
    ++calls;
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(first, 0);
    EXPECT_EQ(last, 100);
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(ParallelTest, RunsOnSeveralThreadsAtOnce) {
  set_num_threads(2);
  std::atomic<int> arrived{0};
  parallel_for(
      0, 2, 1,
      [&](int64_t, int64_t) {  // each waits for the other: one thread alone would never end
        ++arrived;
        while (arrived < 2) std::this_thread::yield();
      });
  EXPECT_EQ(arrived, 2);
}

TEST_F(ParallelTest, NestedCallsRunInlineAndCoverTheirRange) {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  std::atomic<int> foreign{0};
  parallel_for(0, 10, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const std::thread::id outer = std::this_thread::get_id();
      parallel_for(0, 100, 1, [&](int64_t a, int64_t b) {
        foreign += std::this_thread::get_id() != outer;
        for (int64_t j = a; j < b; ++j) sum += j;
      });
    }
  });
  EXPECT_EQ(sum, 10 * 4950);
  EXPECT_EQ(foreign, 0);
}

TEST_F(ParallelTest, AnExceptionOfABodyReachesTheCaller) {
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (int64_t thrower : {0, 50, 99}) {
      EXPECT_THROWS(std::runtime_error, "from the body",
                    parallel_for(0, 100, 1, [&](int64_t first, int64_t last) {
                      if (first <= thrower && thrower < last)
                        throw std::runtime_error("from the body");
                    }));
    }
    // Every body throws: one exception comes out, and the pool works on.
    EXPECT_THROWS(ValueError, "all", parallel_for(0, 100, 1, [](int64_t, int64_t) {
                    fail<ValueError>("body", "all");
                  }));
    std::atomic<int64_t> count{0};
    parallel_for(0, 100, 1, [&](int64_t first, int64_t last) { count += last - first; });
    EXPECT_EQ(count, 100);
  }
}

TEST_F(ParallelTest, AnExceptionOfANestedCallReachesTheCaller) {
  set_num_threads(2);
  EXPECT_THROWS(ValueError, "[inner] deep", parallel_for(0, 8, 1, [](int64_t, int64_t) {
                  parallel_for(0, 8, 1,
                               [](int64_t, int64_t) { fail<ValueError>("inner", "deep"); });
                }));
}

TEST_F(ParallelTest, SeveralCallersAtOnceEachGetTheirWholeRange) {
  set_num_threads(2);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        std::atomic<int64_t> sum{0};
        parallel_for(0, 64, 1, [&](int64_t first, int64_t last) {
          for (int64_t i = first; i < last; ++i) sum += i;
        });
        wrong += sum != 2016;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ParallelTest, WritesOfTheBodiesAreSeenAfterwards) {
  set_num_threads(3);
  std::vector<int64_t> out(10000);
  for (int64_t round = 0; round < 200; ++round) {
    parallel_for(0, 10000, 100, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) out[static_cast<size_t>(i)] = i + round;
    });
    int64_t wrong = 0;
    for (int64_t i = 0; i < 10000; ++i) wrong += out[static_cast<size_t>(i)] != i + round;
    ASSERT_EQ(wrong, 0) << "round " << round;
  }
}

TEST_F(ParallelTest, WorkersThatWentToSleepAreWoken) {
  set_num_threads(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int64_t> count{0};
    parallel_for(0, 1000, 1, [&](int64_t first, int64_t last) { count += last - first; });
    EXPECT_EQ(count, 1000);
  }
}

TEST_F(ParallelTest, TheNumberOfThreadsMayChangeWhileOthersCompute) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread other([&] {
    while (!stop) {
      std::atomic<int64_t> count{0};
      parallel_for(0, 100, 1, [&](int64_t first, int64_t last) { count += last - first; });
      wrong += count != 100;
    }
  });
  for (int i = 0; i < 50; ++i) set_num_threads(1 + i % 4);
  stop = true;
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ParallelTest, SetNumThreadsRefusesLessThanOneAndMoreThanItsArithmeticHolds) {
  const int before = get_num_threads();
  EXPECT_THROWS(ValueError, "[set_num_threads] expected 1 to 1024 threads, got 0",
                set_num_threads(0));
  EXPECT_THROWS(ValueError, "got 1025", set_num_threads(1025));
  EXPECT_THROWS(ValueError, "got 1073741824", set_num_threads(1 << 30));
  EXPECT_THROWS(ValueError, "got -2147483648", set_num_threads(std::numeric_limits<int>::min()));
  EXPECT_EQ(get_num_threads(), before);
}

TEST_F(ParallelTest, SetNumThreadsIsRefusedInsideAParallelFor) {
  set_num_threads(2);
  EXPECT_THROWS(RuntimeError,
                "[set_num_threads] expected a call outside parallel_for, got one inside",
                parallel_for(0, 10, 1, [](int64_t, int64_t) { set_num_threads(1); }));
  EXPECT_EQ(get_num_threads(), 2);
}

TEST_F(ParallelTest, SetNumThreadsIsRefusedInsideAParallelForThatRunsInline) {
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    EXPECT_THROWS(RuntimeError, "[set_num_threads] expected a call outside parallel_for",
                  parallel_for(0, 10, 10, [](int64_t, int64_t) { set_num_threads(3); }));
    EXPECT_EQ(get_num_threads(), threads);
  }
  set_num_threads(2);  // after the exception it is allowed again
}

TEST_F(ParallelTest, ABodyThatRunsInlineMayUseThePool) {
  set_num_threads(2);
  std::atomic<int> arrived{0};
  parallel_for(0, 1, 1, [&](int64_t, int64_t) {
    parallel_for(0, 2, 1, [&](int64_t, int64_t) {  // each waits for the other
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
  });
  EXPECT_EQ(arrived, 2);
}

TEST_F(ParallelTest, RangesAndGrainsAsLargeAsTheyCanBeAreCoveredOnce) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(),
                    kMax = std::numeric_limits<int64_t>::max();
  for (int threads : {1, 2, 3, 100}) {
    set_num_threads(threads);
    for (const auto& [begin, end] : {std::pair(kMin, kMax),
                                     {int64_t{0}, kMax},
                                     {kMin, int64_t{0}},
                                     {kMax - 5, kMax},
                                     {kMin, kMin + 5},
                                     {int64_t{-1}, kMax}}) {
      for (int64_t grain : {int64_t{1}, int64_t{3}, int64_t{1} << 62, kMax - 1, kMax}) {
        SCOPED_TRACE(absl::StrCat(threads, " threads, ", begin, " to ", end, " by ", grain));
        std::mutex mutex;
        std::vector<std::pair<int64_t, int64_t>> ranges;
        parallel_for(begin, end, grain, [&](int64_t first, int64_t last) {
          const std::lock_guard<std::mutex> lock(mutex);
          ranges.emplace_back(first, last);
        });
        std::sort(ranges.begin(), ranges.end());
        ASSERT_FALSE(ranges.empty());
        EXPECT_EQ(ranges.back().second, end);
        for (size_t i = 0; i < ranges.size(); ++i) {
          EXPECT_LT(ranges[i].first, ranges[i].second);
          EXPECT_EQ(ranges[i].first, i == 0 ? begin : ranges[i - 1].second);
        }
      }
    }
  }
}

TEST_F(ParallelTest, ThreadsThatTheSystemDoesNotGiveAreAnErrorAndTheRestWorksOn) {
  set_num_threads(1);
  pthread_attr_t before, huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  // A stack that no address space has room for.
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 48), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  EXPECT_THROWS(RuntimeError,
                "[set_num_threads] expected to run 3 threads, the system lets us have 1",
                set_num_threads(3));
  EXPECT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(get_num_threads(), 1);
  int64_t count = 0;
  parallel_for(0, 100, 1, [&](int64_t first, int64_t last) { count += last - first; });
  EXPECT_EQ(count, 100);
  set_num_threads(3);
  EXPECT_EQ(get_num_threads(), 3);
}

TEST_F(ParallelTest, AForkedChildDoesNotWaitForThreadsThatItDoesNotHave) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan does not let a forked child start threads";
#endif
  set_num_threads(3);
  const auto covers_its_range = [] {
    std::atomic<int64_t> count{0};
    parallel_for(0, 1000, 1, [&](int64_t first, int64_t last) { count += last - first; });
    return count == 1000 && get_num_threads() == 3;
  };
  EXPECT_TRUE(covers_its_range());  // the parent's threads run
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(30);  // ends a child that hangs
    _exit(covers_its_range() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(covers_its_range());
}

TEST_F(ParallelTest, AGrainBelowOneIsRefused) {
  EXPECT_THROWS(ValueError, "[parallel_for] expected a grain of at least 1, got 0",
                parallel_for(0, 10, 0, [](int64_t, int64_t) {}));
}

}  // namespace
}  // namespace lamina
