#include "lamina/tensor/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
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

// One parallel_for: chunks are taken from a counter, so a slow thread takes fewer.
struct Job {
  absl::FunctionRef<void(int64_t, int64_t)> body;
  int64_t begin, end, chunk;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;  // written by the thread that set `failed`

  void run() {
    const int64_t chunks = (end - begin + chunk - 1) / chunk;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      const int64_t first = begin + i * chunk;
      try {
        body(first, std::min(end, first + chunk));
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
  }
};

thread_local bool inside_parallel_for = false;

class Pool {
 public:
  // Leaked on purpose: threads may still run when static objects are destroyed.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    std::lock_guard<std::mutex> busy(busy_);
    stop_workers();
    threads_.store(threads, std::memory_order_relaxed);
  }

  // False if another thread has the pool.
  bool run(Job& job) {
    std::unique_lock<std::mutex> busy(busy_, std::try_to_lock);
    if (!busy.owns_lock()) return false;
    if (workers_.empty()) start_workers();
    pending_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    job_ = &job;
    epoch_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      wake_.notify_all();
    }
    inside_parallel_for = true;
    job.run();
    inside_parallel_for = false;
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

  Pool() : threads_(std::max(1u, std::thread::hardware_concurrency())) {}

  void start_workers() {
    stop_ = false;
    const uint64_t epoch = epoch_.load();
    for (int i = 1; i < threads(); ++i) workers_.emplace_back([this, epoch] { work(epoch); });
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
    inside_parallel_for = true;
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
  if (threads < 1) fail<ValueError>("set_num_threads", "expected at least 1 thread, got ", threads);
  if (inside_parallel_for) {
    fail<RuntimeError>("set_num_threads", "expected a call outside parallel_for, got one inside");
  }
  Pool::instance().resize(threads);
}

int get_num_threads() { return Pool::instance().threads(); }

void parallel_for(int64_t begin, int64_t end, int64_t grain,
                  absl::FunctionRef<void(int64_t, int64_t)> body) {
  if (grain < 1) fail<ValueError>("parallel_for", "expected a grain of at least 1, got ", grain);
  if (begin >= end) return;
  if (end - begin > grain && !inside_parallel_for) {
    Pool& pool = Pool::instance();
    const int threads = pool.threads();
    if (threads > 1) {
      // At most four ranges per thread, each of whole grains.
      const int64_t grains = (end - begin + grain - 1) / grain;
      const int64_t per_chunk = (grains + 4 * threads - 1) / (4 * threads);
      Job job{body, begin, end, per_chunk * grain, {}, {}, {}};
      if (pool.run(job)) {
        if (job.failed) std::rethrow_exception(job.error);
        return;
      }
    }
  }
  body(begin, end);
}

}  // namespace lamina
