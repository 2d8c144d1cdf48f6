// ChunkVerifier: reads the chunks of a checkpoint and verifies them, on all threads.
#ifndef LAMINA_SERIALIZATION_CHUNK_VERIFIER_H_
#define LAMINA_SERIALIZATION_CHUNK_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/file.h"
#include "lamina/serialization/frame.h"
#include "lamina/tensor.h"

namespace lamina::serialization {

// Takes chunks in the order of the file, and verifies some of them at a time, in parallel. The error that
// it gives is that of the first chunk that has one, with any number of threads.
class ChunkVerifier {
 public:
  struct Job {
    Chunk chunk;
    uint64_t tensor;         // number of the tensor that it has to belong to
    absl::string_view name;  // of that tensor; refers to a string that outlives the job
    DType dtype;
    const char* shown;  // the data, where they are in memory already; null: they are read
    char* to;           // where they are read to; null: nowhere
  };

  // `progress`, if there is one, is called between two batches with the bytes of the data in the former.
  explicit ChunkVerifier(const InputFile& file, std::function<void(int64_t)> progress = {})
      : file_(file), progress_(std::move(progress)) {}
  ChunkVerifier(const ChunkVerifier&) = delete;
  ChunkVerifier& operator=(const ChunkVerifier&) = delete;

  // An error may be that of a chunk added before; nothing is to be added after it.
  absl::Status add(const Job& job);
  // Verifies what is left. What the chunks in front have wrong comes before `status`, the caller's own.
  absl::Status finish(const absl::Status& status = absl::OkStatus());

 private:
  absl::Status verify();

  const InputFile& file_;
  const std::function<void(int64_t)> progress_;
  std::vector<Job> jobs_;
  int64_t bytes_ = 0;  // of the jobs' data
};

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_CHUNK_VERIFIER_H_
