#include "lamina/tensor/parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lamina/tensor/error.h"

namespace lamina {
namespace {

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// From `begin` to `end`, which may be further apart than an int64_t tells.
uint64_t distance(int64_t begin, int64_t end) {
  return static_cast<uint64_t>(end) - static_cast<uint64_t>(begin);
}
uint64_t divided_up(uint64_t n, uint64_t by) { return n / by + (n % by != 0); }

// One parallel_for: chunks are taken from a counter, so a slow thread takes fewer.
struct Job {
  absl::FunctionRef<void(int64_t, int64_t)> body;
  int64_t begin, end;
  uint64_t chunk;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;  // written by the thread that set `failed`

  void run() {
    const uint64_t chunks = divided_up(distance(begin, end), chunk);
    for (uint64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      const uint64_t first = static_cast<uint64_t>(begin) + i * chunk;
      const int64_t last = i + 1 < chunks ? static_cast<int64_t>(first + chunk) : end;
      try {
        body(static_cast<int64_t>(first), last);
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
  }
};

constexpr int kMaxThreads = 1024;

// Loops run inline: the thread is in a body of a job that the pool shares out, or an InlineLoops
// lives.
thread_local bool is_sharing = false;
thread_local int bodies = 0;  // how many bodies this thread is inside of, inline ones too
struct InsideBody {
  InsideBody() { ++bodies; }
  ~InsideBody() { --bodies; }
};

class Pool {
 public:
  // Leaked on purpose: threads may still run when static objects are destroyed.
  static Pool& instance() {
    static const bool made = [] {
      current_ = new Pool(static_cast<int>(
          std::min<unsigned>(kMaxThreads, std::max(1u, std::thread::hardware_concurrency()))));
      // A forked child has none of the threads, and perhaps locked mutexes: it gets another pool.
      pthread_atfork(nullptr, nullptr, [] { current_ = new Pool(current_->threads()); });
      return true;
    }();
    static_cast<void>(made);
    return *current_;
  }

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    std::lock_guard<std::mutex> busy(busy_);
    stop_workers();
    threads_.store(threads, std::memory_order_relaxed);
    start_workers();
    if (this->threads() < threads) {
      fail<RuntimeError>("set_num_threads", "expected to run ", threads,
                         " threads, the system lets us have ", this->threads());
    }
  }

  // False if another thread has the pool.
  bool run(Job& job) {
    std::unique_lock<std::mutex> busy(busy_, std::try_to_lock);
    if (!busy.owns_lock()) return false;
    if (workers_.empty() && threads() > 1) start_workers();
    pending_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    job_ = &job;
    epoch_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      wake_.notify_all();
    }
    is_sharing = true;
    {
      const InsideBody inside;
      job.run();
    }
    is_sharing = false;
    // Each worker passes through every job, if only to see that nothing is left of it.
    for (int spins = 0; pending_.load(std::memory_order_acquire) > 0; ++spins) {
      if (spins < kSpins)
        pause();
      else
        std::this_thread::yield();
    }
    return true;
  }

 private:
  static constexpr int kSpins = 4000;  // some 40 microseconds

  explicit Pool(int threads) : threads_(threads) {}

  // If the system has not as many threads for us, we go on with those that started.
  void start_workers() {
    stop_ = false;
    const uint64_t epoch = epoch_.load();
    try {
      for (int i = 1; i < threads(); ++i) workers_.emplace_back([this, epoch] { work(epoch); });
    } catch (const std::system_error&) {
      threads_.store(static_cast<int>(workers_.size()) + 1, std::memory_order_relaxed);
    }
  }

  void stop_workers() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_.store(true);
      wake_.notify_all();
    }
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  void work(uint64_t seen) {
    is_sharing = true;
    bodies = 1;
    for (;;) {
      for (int spins = 0; spins < kSpins && epoch_.load(std::memory_order_acquire) == seen;
           ++spins) {
        if (stop_.load(std::memory_order_relaxed)) return;
        pause();
      }
      if (epoch_.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock,
                   [&] { return stop_.load() || epoch_.load(std::memory_order_seq_cst) != seen; });
        sleepers_.fetch_sub(1, std::memory_order_relaxed);
        if (stop_.load()) return;
      }
      ++seen;
      job_->run();
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  static inline Pool* current_ = nullptr;
  std::atomic<int> threads_;
  std::vector<std::thread> workers_;
  std::mutex busy_;  // held by the thread whose job the workers run
  Job* job_ = nullptr;
  std::atomic<uint64_t> epoch_{0};  // the number of jobs so far
  std::atomic<int> pending_{0};     // workers that have not passed through the job
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace

void set_num_threads(int threads) {
  if (threads < 1 || threads > kMaxThreads) {
    fail<ValueError>("set_num_threads", "expected 1 to ", kMaxThreads, " threads, got ", threads);
  }
  if (bodies > 0) {
    fail<RuntimeError>("set_num_threads", "expected a call outside parallel_for, got one inside");
  }
  Pool::instance().resize(threads);
}

namespace internal {

// inline_loops.h
bool exchange_inline_loops(bool inline_loops) { return std::exchange(is_sharing, inline_loops); }

}  // namespace internal

int get_num_threads() { return Pool::instance().threads(); }

void parallel_for(int64_t begin, int64_t end, int64_t grain,
                  absl::FunctionRef<void(int64_t, int64_t)> body) {
  if (grain < 1) fail<ValueError>("parallel_for", "expected a grain of at least 1, got ", grain);
  if (begin >= end) return;
  const uint64_t n = distance(begin, end), step = static_cast<uint64_t>(grain);
  if (n > step && !is_sharing) {
    Pool& pool = Pool::instance();
    const int threads = pool.threads();
    if (threads > 1) {
      // At most four ranges per thread, each of whole grains.
      const uint64_t grains = divided_up(n, step);
      const uint64_t per_chunk = divided_up(grains, 4 * static_cast<uint64_t>(threads));
      Job job{body, begin, end, per_chunk * step, {}, {}, {}};
      if (pool.run(job)) {
        if (job.failed) std::rethrow_exception(job.error);
        return;
      }
    }
  }
  const InsideBody inside;
  body(begin, end);
}

}  // namespace lamina
