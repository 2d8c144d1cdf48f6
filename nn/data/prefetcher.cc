#include "lamina/nn/data/prefetcher.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "lamina/tensor/inline_loops.h"

namespace lamina::nn::data::internal {

Prefetcher::Prefetcher(int64_t first, int64_t last, int64_t workers, int64_t ahead,
                       std::function<Batch(int64_t)> make)
    : make_(std::move(make)),
      last_(last),
      slots_(
          static_cast<size_t>(std::clamp<int64_t>(ahead, 1, std::max<int64_t>(1, last - first)))),
      claimed_(first),
      taken_(first) {
  const int64_t wanted = std::min(workers, last - first);
  workers_.reserve(
      static_cast<size_t>(wanted));  // later, an error would leave threads to be joined
  try {
    for (int64_t i = 0; i < wanted; ++i) {
      workers_.emplace_back([this] { work(); });
    }
  } catch (const std::system_error&) {
    const size_t started = workers_.size();
    stop();
    fail<RuntimeError>("DataLoader", "expected to start ", workers,
                       " workers, the system lets us have ", started);
  } catch (...) {
    stop();
    throw;
  }
}

Prefetcher::~Prefetcher() { stop(); }

void Prefetcher::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  room_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Prefetcher::work() {
  const InlineLoops inline_loops;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    room_.wait(lock, [this] {
      return stopped_ || claimed_ == last_ ||
             claimed_ - taken_ < static_cast<int64_t>(slots_.size());
    });
    if (stopped_ || claimed_ == last_) return;
    const int64_t batch = claimed_++;
    lock.unlock();
    Slot made;
    try {
      made.batch = make_(batch);
    } catch (...) {
      made.error = std::current_exception();
    }
    lock.lock();
    if (made.error) stopped_ = true;  // batches before this one are claimed, and will be made
    slot(batch) = std::move(made);
    ready_.notify_one();
    if (stopped_ || claimed_ == last_) room_.notify_all();
  }
}

Batch Prefetcher::take() {
  Slot taken;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    Slot& next = slot(taken_);
    ready_.wait(lock, [&next] { return next.batch.has_value() || next.error; });
    taken = std::exchange(next, {});
    ++taken_;
  }
  room_.notify_one();
  if (taken.error) std::rethrow_exception(taken.error);
  return *std::move(taken.batch);
}

}  // namespace lamina::nn::data::internal
