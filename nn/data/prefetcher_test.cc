// Prefetcher where memory is short; data_loader_workers_test.cc has the rest.
#include "lamina/nn/data/prefetcher.h"

#include <cstdlib>
#include <new>

#include "gtest/gtest.h"

namespace {
// How many allocations of this thread still succeed before one fails; negative: all.
thread_local int allocations_left = -1;
}  // namespace

void* operator new(size_t size) {
  if (allocations_left == 0) {
    allocations_left = -1;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) --allocations_left;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace lamina::nn::data::internal {
namespace {

Batch number(int64_t which) { return {tensor(which), tensor(which)}; }

TEST(Prefetcher, EndsItsWorkersWhereverMemoryEnds) {
  int failures = 0;
  for (bool is_made = false; !is_made;) {
    try {
      const std::function<Batch(int64_t)> make = number;
      allocations_left = failures;
      Prefetcher prefetcher(0, 8, 5, 8, make);
      allocations_left = -1;
      is_made = true;
      for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(prefetcher.take().x.item<int64_t>(), i);
    } catch (const std::bad_alloc&) {
      ++failures;
    }
  }
  EXPECT_GE(failures, 7);  // the slots, the workers, and each of five threads
}

}  // namespace
}  // namespace lamina::nn::data::internal
