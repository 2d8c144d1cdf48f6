#include "lamina/tensor/allocator.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

namespace lamina {
namespace internal {
namespace {

constexpr size_t kSmallLimit = kSmallClasses * kAlignment;
constexpr size_t kSlabBytes = 256 << 10;
constexpr int kLargeClasses = 4 * 52;

struct List {
  void* head = nullptr;

  void push(void* block) {
    *static_cast<void**>(block) = head;
    head = block;
  }
  void* pop() {
    void* block = head;
    if (block != nullptr) head = *static_cast<void**>(block);
    return block;
  }
};

// What all threads share. Leaked on purpose: tensors of static storage duration outlive any
// destructor of ours.
struct Shared {
  std::mutex mutex;
  List small[kSmallClasses];
  List large[kLargeClasses];
  char* slab = nullptr;
  size_t slab_left = 0;
};
Shared& shared() {
  static Shared& instance = *new Shared;
  return instance;
}
std::atomic<int64_t> reserved{0};

// Class and size of a block above 4 KiB: 4 steps per power of two, so at most a quarter is unused.
[[maybe_unused]] int large_class(size_t bytes, size_t* size) {  // unused under AddressSanitizer
  const int top =
      63 - __builtin_clzll(bytes - 1);  // 2^top <= bytes - 1 < 2^(top + 1), and top >= 12
  const size_t step = size_t{1} << (top - 2);
  const size_t steps = (bytes - 1 - (size_t{1} << top)) / step + 1;  // 1 to 4 above 2^top
  *size = (size_t{1} << top) + steps * step;
  return (top - 12) * 4 + static_cast<int>(steps) - 1;
}

void* system_allocate(size_t bytes) {
  void* block = std::aligned_alloc(kAlignment, bytes);
  if (block == nullptr) {
    empty_cache();
    block = std::aligned_alloc(kAlignment, bytes);
    if (block == nullptr) throw std::bad_alloc();
  }
  reserved.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  return block;
}

#if LAMINA_CACHING_ALLOCATOR

thread_local bool thread_ended = false;  // blocks freed after that go to the shared lists

// Hands the thread's blocks to all threads when it ends.
struct ThreadExit {
  ~ThreadExit() {
    thread_ended = true;
    Shared& s = shared();
    std::lock_guard<std::mutex> lock(s.mutex);
    for (int c = 0; c < kSmallClasses; ++c) {
      while (void* block = thread_cache.head[c]) {
        thread_cache.head[c] = *static_cast<void**>(block);
        s.small[c].push(block);
      }
      thread_cache.count[c] = 0;
    }
  }
};
// From now on the blocks of class c are handed on when the thread ends.
void register_class(int c) {
  static thread_local ThreadExit at_exit;
  (void)at_exit;
  if (thread_cache.count[c] == 0) thread_cache.count[c] = 1;
}

void* allocate_small(int c) {
  constexpr int kBatch = 32;  // blocks moved from the shared list or a slab at a time
  const size_t size = (c + 1) * kAlignment;
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  if (!thread_ended) {
    register_class(c);
    for (int i = 0; i < kBatch; ++i) {
      void* block = s.small[c].pop();
      if (block == nullptr) break;
      *static_cast<void**>(block) = thread_cache.head[c];
      thread_cache.head[c] = block;
      ++thread_cache.count[c];
    }
    if (void* block = thread_cache.head[c]) {
      thread_cache.head[c] = *static_cast<void**>(block);
      --thread_cache.count[c];
      return block;
    }
  } else if (void* block = s.small[c].pop()) {
    return block;
  }
  if (s.slab_left < size) {
    // What is left of the old slab becomes one block of the class that it fits.
    if (s.slab_left >= kAlignment) s.small[s.slab_left / kAlignment - 1].push(s.slab);
    s.slab_left = 0;
    s.slab = static_cast<char*>(std::aligned_alloc(kAlignment, kSlabBytes));
    if (s.slab == nullptr) throw std::bad_alloc();
    reserved.fetch_add(kSlabBytes, std::memory_order_relaxed);
    s.slab_left = kSlabBytes;
  }
  void* block = s.slab;
  s.slab += size;
  s.slab_left -= size;
  return block;
}

#endif  // LAMINA_CACHING_ALLOCATOR

}  // namespace

#if LAMINA_CACHING_ALLOCATOR

void* allocate_slow(size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes > (size_t{1} << 62)) throw std::bad_alloc();
  if (bytes <= kSmallLimit) return allocate_small(static_cast<int>((bytes - 1) >> 6));
  size_t size;
  const int c = large_class(bytes, &size);
  {
    Shared& s = shared();
    std::lock_guard<std::mutex> lock(s.mutex);
    if (void* block = s.large[c].pop()) return block;
  }
  return system_allocate(size);
}

void deallocate_slow(void* block, size_t bytes) {
  if (bytes == 0) bytes = 1;
  Shared& s = shared();
  if (bytes > kSmallLimit) {
    size_t size;
    const int c = large_class(bytes, &size);
    std::lock_guard<std::mutex> lock(s.mutex);
    s.large[c].push(block);
    return;
  }
  const int c = static_cast<int>((bytes - 1) >> 6);
  if (!thread_ended) {
    register_class(c);
    *static_cast<void**>(block) = thread_cache.head[c];
    thread_cache.head[c] = block;
    ++thread_cache.count[c];
    if (thread_cache.count[c] <= kMaxCachedBlocks) return;
    // Too many here: half of them go to the other threads.
    std::lock_guard<std::mutex> lock(s.mutex);
    while (thread_cache.count[c] > kMaxCachedBlocks / 2) {
      void* extra = thread_cache.head[c];
      thread_cache.head[c] = *static_cast<void**>(extra);
      --thread_cache.count[c];
      s.small[c].push(extra);
    }
    return;
  }
  std::lock_guard<std::mutex> lock(s.mutex);
  s.small[c].push(block);
}

#else  // every block is the system's

void* allocate_slow(size_t bytes) {
  return system_allocate((bytes + kAlignment) / kAlignment * kAlignment);
}
void deallocate_slow(void* block, size_t bytes) {
  std::free(block);
  reserved.fetch_sub(static_cast<int64_t>((bytes + kAlignment) / kAlignment * kAlignment),
                     std::memory_order_relaxed);
}

#endif  // LAMINA_CACHING_ALLOCATOR

}  // namespace internal

void empty_cache() {
  internal::Shared& s = internal::shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  for (int c = 0; c < internal::kLargeClasses; ++c) {
    const int64_t top = int64_t{1} << (c / 4 + 12);
    while (void* block = s.large[c].pop()) {
      std::free(block);
      internal::reserved.fetch_sub(top + (c % 4 + 1) * (top / 4), std::memory_order_relaxed);
    }
  }
}

MemoryStats memory_stats() { return {internal::reserved.load(std::memory_order_relaxed)}; }

}  // namespace lamina
