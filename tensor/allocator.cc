#include "lamina/tensor/allocator.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

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
  std::vector<ThreadCache*> threads;  // that may hold small blocks, and live
  int64_t in_use = 0;                 // bytes: of large blocks, and of threads that ended
  int64_t allocations = 0;            // likewise
  int64_t peak = 0;
};
Shared& shared() {
  static Shared& instance = *new Shared;
  return instance;
}
std::atomic<int64_t> reserved{0};

// The functions whose names end in _locked need the mutex.

int64_t current_locked(const Shared& s) {
  int64_t bytes = s.in_use;
  for (const ThreadCache* thread : s.threads) bytes += thread->in_use.get();
  return bytes;
}

// Between two of these no thread takes more than kSampleBytes in small blocks, so no more can be
// missed of the peak.
void sample_peak_locked(Shared& s) {
  constexpr int64_t kSampleBytes = 64 << 10;
  s.peak = std::max(s.peak, current_locked(s));
  for (ThreadCache* thread : s.threads) {
    thread->sample_at.set(thread->in_use.get() + kSampleBytes);
  }
}

void empty_cache_locked(Shared& s) {
  for (int c = 0; c < kLargeClasses; ++c) {
    const int64_t top = int64_t{1} << (c / 4 + 12);
    while (void* block = s.large[c].pop()) {
      std::free(block);
      reserved.fetch_sub(top + (c % 4 + 1) * (top / 4), std::memory_order_relaxed);
    }
  }
}

// Class and size of a block above 4 KiB: 4 steps per power of two, so at most a quarter is unused.
[[maybe_unused]] int large_class(size_t bytes, size_t* size) {  // unused under AddressSanitizer
  const int top =
      63 - __builtin_clzll(bytes - 1);  // 2^top <= bytes - 1 < 2^(top + 1), and top >= 12
  const size_t step = size_t{1} << (top - 2);
  const size_t steps = (bytes - 1 - (size_t{1} << top)) / step + 1;  // 1 to 4 above 2^top
  *size = (size_t{1} << top) + steps * step;
  return (top - 12) * 4 + static_cast<int>(steps) - 1;
}

// Null if there is none.
void* try_system_allocate(size_t bytes) {
#ifdef __linux__
  // Large blocks ask for huge pages: to touch new memory for the first time then takes one page fault
  // where it took 512. Where the system has no huge pages the advice is ignored, and so is its failure.
  constexpr size_t kHugePage = size_t{2} << 20;
  if (bytes >= kHugePage) {
    void* block = nullptr;
    if (posix_memalign(&block, kHugePage, bytes) != 0) return nullptr;
    madvise(block, bytes, MADV_HUGEPAGE);
    return block;
  }
#endif
  return std::aligned_alloc(kAlignment, bytes);
}

void* system_allocate_locked(Shared& s, size_t bytes) {
  void* block = try_system_allocate(bytes);
  if (block == nullptr) {
    empty_cache_locked(s);
    block = try_system_allocate(bytes);
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
    s.threads.erase(std::find(s.threads.begin(), s.threads.end(), &thread_cache));
    s.in_use += thread_cache.in_use.get();
    s.allocations += thread_cache.allocations.get();
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
void register_class_locked(Shared& s, int c) {
  static thread_local ThreadExit at_exit;
  (void)at_exit;
  static thread_local bool known = false;
  if (!known) s.threads.push_back(&thread_cache);
  known = true;
  if (thread_cache.count[c] == 0) thread_cache.count[c] = 1;
}

// A new block of `size` bytes.
void* carve_locked(Shared& s, size_t size) {
  if (s.slab_left < size) {
    // What is left of the old slab becomes one block of the class that it fits.
    if (s.slab_left >= kAlignment) s.small[s.slab_left / kAlignment - 1].push(s.slab);
    s.slab_left = 0;
    s.slab = static_cast<char*>(system_allocate_locked(s, kSlabBytes));
    s.slab_left = kSlabBytes;
  }
  void* block = s.slab;
  s.slab += size;
  s.slab_left -= size;
  return block;
}

void* allocate_small(int c) {
  constexpr int kBatch = 32;  // blocks moved from the shared list at a time
  const size_t size = (c + 1) * kAlignment;
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  void* block = s.small[c].pop();
  if (block == nullptr) block = carve_locked(s, size);
  if (thread_ended) {
    ++s.allocations;
    s.in_use += static_cast<int64_t>(size);
  } else {
    register_class_locked(s, c);
    for (int i = 1; i < kBatch; ++i) {
      void* further = s.small[c].pop();
      if (further == nullptr) break;
      *static_cast<void**>(further) = thread_cache.head[c];
      thread_cache.head[c] = further;
      ++thread_cache.count[c];
    }
    thread_cache.allocations.add(1);
    thread_cache.in_use.add(static_cast<int64_t>(size));
  }
  sample_peak_locked(s);
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
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  void* block = s.large[c].pop();
  if (block == nullptr) block = system_allocate_locked(s, size);
  ++s.allocations;
  s.in_use += static_cast<int64_t>(size);
  sample_peak_locked(s);
  return block;
}

void deallocate_slow(void* block, size_t bytes) {
  if (bytes == 0) bytes = 1;
  Shared& s = shared();
  if (bytes > kSmallLimit) {
    size_t size;
    const int c = large_class(bytes, &size);
    std::lock_guard<std::mutex> lock(s.mutex);
    s.large[c].push(block);
    s.in_use -= static_cast<int64_t>(size);
    return;
  }
  const int c = static_cast<int>((bytes - 1) >> 6);
  const int64_t size = (c + 1) * static_cast<int64_t>(kAlignment);
  std::unique_lock<std::mutex> lock(s.mutex);
  if (!thread_ended) {
    register_class_locked(s, c);
    thread_cache.in_use.add(-size);
    *static_cast<void**>(block) = thread_cache.head[c];
    thread_cache.head[c] = block;
    ++thread_cache.count[c];
    if (thread_cache.count[c] <= kMaxCachedBlocks) return;
    // Too many here: half of them go to the other threads.
    while (thread_cache.count[c] > kMaxCachedBlocks / 2) {
      void* extra = thread_cache.head[c];
      thread_cache.head[c] = *static_cast<void**>(extra);
      --thread_cache.count[c];
      s.small[c].push(extra);
    }
    return;
  }
  s.small[c].push(block);
  s.in_use -= size;
}

void sample_peak() {
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  sample_peak_locked(s);
}

#else  // every block is the system's

void* allocate_slow(size_t bytes) {
  if (bytes > (size_t{1} << 62)) throw std::bad_alloc();
  const size_t size = (bytes + kAlignment) / kAlignment * kAlignment;
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  void* block = system_allocate_locked(s, size);
  ++s.allocations;
  s.in_use += static_cast<int64_t>(size);
  sample_peak_locked(s);
  return block;
}
void deallocate_slow(void* block, size_t bytes) {
  const auto size = static_cast<int64_t>((bytes + kAlignment) / kAlignment * kAlignment);
  std::free(block);
  Shared& s = shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.in_use -= size;
  reserved.fetch_sub(size, std::memory_order_relaxed);
}
void sample_peak() {}

#endif  // LAMINA_CACHING_ALLOCATOR

}  // namespace internal

void empty_cache() {
  internal::Shared& s = internal::shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  internal::empty_cache_locked(s);
}

MemoryStats memory_stats() {
  internal::Shared& s = internal::shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  internal::sample_peak_locked(s);
  int64_t allocations = s.allocations;
  for (const internal::ThreadCache* thread : s.threads) allocations += thread->allocations.get();
  return {internal::current_locked(s), s.peak, internal::reserved.load(std::memory_order_relaxed),
          allocations};
}

void reset_peak_memory_stats() {
  internal::Shared& s = internal::shared();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.peak = 0;
  internal::sample_peak_locked(s);
}

}  // namespace lamina
