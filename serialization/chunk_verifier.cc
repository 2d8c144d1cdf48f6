#include "lamina/serialization/chunk_verifier.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "lamina/serialization/elements.h"
#include "lamina/serialization/format.h"
#include "lamina/serialization/status.h"

namespace lamina::serialization {
namespace {

// At a time: a file may have millions of chunks, of which each job takes more memory than the smallest.
constexpr size_t kBatch = 1024;
// And where progress is told, as much for each thread as it does in a moment.
constexpr int64_t kMomentBytes = 64 << 20;

// The chunks that one thread verifies, one after the other.
class Worker {
 public:
  explicit Worker(const InputFile& file) : window_(file) {}

  absl::Status verify(const ChunkVerifier::Job& job) {
    bool has_bools = true;
    const auto look = [&](int64_t at, int64_t size) -> absl::StatusOr<absl::string_view> {
      absl::StatusOr<absl::string_view> bytes = data(job, at, size);
      if (job.dtype == bool_ && bytes.ok() && !is_bools(*bytes)) has_bools = false;
      return bytes;
    };
    absl::Status status = verify_chunk(window_, job.chunk, job.tensor, look);
    if (status.ok() && !has_bools) {
      status = damaged(window_.file(), job.chunk.data.offset,
                       "expected bools of 0 and 1, got other bytes");
    }
    return status.ok() ? status : of_entry(window_.file().path(), job.name, status);
  }

 private:
  absl::StatusOr<absl::string_view> data(const ChunkVerifier::Job& job, int64_t at, int64_t size) {
    const auto bytes = static_cast<size_t>(size);
    const int64_t done = at - job.chunk.data.offset;
    if (job.shown != nullptr) return absl::string_view(job.shown + done, bytes);
    if (job.to == nullptr && dropped_ == nullptr) dropped_.reset(new char[kPieceBytes]);
    char* const to = job.to != nullptr ? job.to + done : dropped_.get();
    absl::Status status = window_.read(at, to, size);
    if (!status.ok()) return status;
    return absl::string_view(to, bytes);
  }

  Window window_;
  std::unique_ptr<char[]> dropped_;  // for data that nobody keeps
};

}  // namespace

absl::Status ChunkVerifier::add(const Job& job) {
  jobs_.push_back(job);
  bytes_ += job.chunk.data.size;
  const bool is_due = progress_ && bytes_ >= kMomentBytes * get_num_threads();
  return jobs_.size() >= kBatch || is_due ? verify() : absl::OkStatus();
}

absl::Status ChunkVerifier::finish(const absl::Status& status) {
  absl::Status verified = verify();
  return verified.ok() ? status : verified;
}

absl::Status ChunkVerifier::verify() {
  const auto n = static_cast<int64_t>(jobs_.size());
  const int64_t grain = std::max<int64_t>(1, n * kPieceBytes / (bytes_ + 1));
  std::vector<absl::Status> statuses(jobs_.size());
  parallel_for(0, n, grain, [&](int64_t first, int64_t last) {
    Worker worker(file_);
    for (int64_t i = first; i < last; ++i) {
      statuses[static_cast<size_t>(i)] = worker.verify(jobs_[static_cast<size_t>(i)]);
    }
  });
  jobs_.clear();
  for (absl::Status& status : statuses) {
    if (!status.ok()) return std::move(status);
  }
  const int64_t bytes = std::exchange(bytes_, 0);
  if (progress_ && bytes > 0) progress_(bytes);
  return absl::OkStatus();
}

}  // namespace lamina::serialization
