// The caching allocator under every tensor and graph node.
//
// Blocks are 64-byte aligned and come in size classes: multiples of 64 bytes up to 4 KiB, carved
// from slabs, and four steps per power of two above that. A freed block goes to a list of its class
// in the calling thread; large ones, and what a thread holds too much of, go to a list that all
// threads share. Blocks are reused and not returned to the system until empty_cache(). Under
// AddressSanitizer every block comes from the system, so that it sees each use after free.
#ifndef LAMINA_TENSOR_ALLOCATOR_H_
#define LAMINA_TENSOR_ALLOCATOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lamina {

// Returns cached blocks above 4 KiB that no tensor uses to the system. Blocks in other threads'
// lists stay.
void empty_cache();

// What the allocator holds, over all threads. A block counts with the size of its class, which is at
// most 64 bytes (above 4 KiB: a quarter) more than was asked for, the 64 bytes of an array's header
// included: an array of 1000 float32 has a block of 4096 bytes.
struct MemoryStats {
  int64_t current;      // bytes in use
  int64_t peak;         // the most there were; may miss up to 64 KiB per thread, of small blocks
  int64_t reserved;     // bytes taken from the system and not given back
  int64_t allocations;  // blocks handed out since the program began
};
MemoryStats memory_stats();
// The peak becomes what is in use now.
void reset_peak_memory_stats();

namespace internal {

inline constexpr size_t kAlignment = 64;
inline constexpr int kSmallClasses = 64;  // class c holds blocks of (c + 1) * 64 bytes

// A number that one thread writes and others read: no more than a load and a store.
class Tally {
 public:
  int64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t add(int64_t change) {  // the new value
    const int64_t value = get() + change;
    set(value);
    return value;
  }

 private:
  std::atomic<int64_t> value_;
};

// The calling thread's free lists of small blocks. Trivial on purpose: no guard on the fast path.
struct ThreadCache {
  void* head[kSmallClasses];
  uint32_t count[kSmallClasses];  // 0 until the thread's first block of the class, then 1 + the
                                  // blocks in the list
  Tally in_use;       // bytes of small blocks taken, less those given back, which may be others'
  Tally allocations;  // small blocks taken
  Tally sample_at;    // when in_use passes this, the peak is looked at; others may set it, too
};
inline thread_local ThreadCache thread_cache;
inline constexpr uint32_t kMaxCachedBlocks = 4096;

void* allocate_slow(size_t bytes);
void deallocate_slow(void* block, size_t bytes);
void sample_peak();

#if defined(__SANITIZE_ADDRESS__)
#define LAMINA_CACHING_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAMINA_CACHING_ALLOCATOR 0
#endif
#endif
#ifndef LAMINA_CACHING_ALLOCATOR
#define LAMINA_CACHING_ALLOCATOR 1
#endif

// A block of at least `bytes` bytes, 64-byte aligned, not initialised. Throws std::bad_alloc.
inline void* allocate(size_t bytes) {
#if LAMINA_CACHING_ALLOCATOR
  const size_t c = (bytes - 1) >> 6;  // bytes == 0 wraps around and takes the slow path
  if (c < kSmallClasses) {
    if (void* block = thread_cache.head[c]) {
      thread_cache.head[c] = *static_cast<void**>(block);
      --thread_cache.count[c];
      thread_cache.allocations.add(1);
      if (thread_cache.in_use.add(static_cast<int64_t>((c + 1) * kAlignment)) >
          thread_cache.sample_at.get()) {
        sample_peak();
      }
      return block;
    }
  }
#endif
  return allocate_slow(bytes);
}

// Gives back a block of allocate(bytes), on any thread.
inline void deallocate(void* block, size_t bytes) {
#if LAMINA_CACHING_ALLOCATOR
  const size_t c = (bytes - 1) >> 6;
  if (c < kSmallClasses && thread_cache.count[c] - 1 < kMaxCachedBlocks - 1) {
    // A count of 0 takes the slow path once: it makes sure that the lists are handed on when the
    // thread ends.
    *static_cast<void**>(block) = thread_cache.head[c];
    thread_cache.head[c] = block;
    ++thread_cache.count[c];
    thread_cache.in_use.add(-static_cast<int64_t>((c + 1) * kAlignment));
    return;
  }
#endif
  deallocate_slow(block, bytes);
}

}  // namespace internal
}  // namespace lamina

#endif  // LAMINA_TENSOR_ALLOCATOR_H_
