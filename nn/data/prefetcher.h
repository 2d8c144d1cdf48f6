// Prefetcher: batches made ahead of the one who takes them, by threads of its own, in order.
#ifndef LAMINA_NN_DATA_PREFETCHER_H_
#define LAMINA_NN_DATA_PREFETCHER_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lamina/nn/data/dataset.h"

namespace lamina::nn::data::internal {

// One thread takes; which worker makes a batch is up to chance. Workers keep out of the pool of
// parallel_for, and stop for good after one of them has thrown.
class Prefetcher {
 public:
  // Of make(first), ..., make(last - 1), which run on `workers` threads, at most `ahead` are made
  // or in the making beyond those that were taken; both at least 1. Throws RuntimeError if the
  // system does not let us start as many threads.
  Prefetcher(int64_t first, int64_t last, int64_t workers, int64_t ahead,
             std::function<Batch(int64_t)> make);
  ~Prefetcher();  // waits for those in the making
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The next one, of which there must be one; or what make() threw for it, and then no more may be
  // taken.
  Batch take();

 private:
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  Slot& slot(int64_t batch) { return slots_[static_cast<size_t>(batch) % slots_.size()]; }
  void work();
  void stop();

  const std::function<Batch(int64_t)> make_;
  const int64_t last_;
  std::mutex mutex_;  // of all that follows but the threads
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;  // batch b is in slot b modulo their number
  int64_t claimed_, taken_;  // the first that no worker has begun, the first that was not taken
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace lamina::nn::data::internal

#endif  // LAMINA_NN_DATA_PREFETCHER_H_
