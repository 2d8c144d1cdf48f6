// Checkpointer: the checkpoints of a training run, in a folder: saves one without stopping the training,
// keeps the last few and the best, and resumes from the newest that is whole.
//
//   Checkpointer checkpointer("runs/digits", {.keep_last = 3});
//   absl::StatusOr<Checkpointer::Resumed> resumed = checkpointer.resume(state);
//   if (!resumed.ok()) return resumed.status();
//   while (state.step < 10000) {
//     train_one_step(model, adamw, loader);
//     if (++state.step % 500 != 0) continue;
//     absl::Status status = checkpointer.save(state, evaluate(model));
//     if (!status.ok()) return status;
//   }
//   return checkpointer.wait();
#ifndef LAMINA_SERIALIZATION_CHECKPOINTER_H_
#define LAMINA_SERIALIZATION_CHECKPOINTER_H_

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/file.h"
#include "lamina/serialization/training_state.h"

namespace lamina {

struct CheckpointerOptions {
  int64_t keep_last = 3;          // checkpoints, at least 1; the best is kept besides
  bool higher_is_better = false;  // the metric is an accuracy, say, and not a loss
};

// The files are "step_000000000500.ckpt", so that they sort by step. Other files in the folder are left
// alone, but for what a save that was killed has left of such a file.
//
// The first call opens the folder, and makes it if it is not there, but not the folder that it is in. As
// long as the object lives, it has the folder to itself: Unavailable for another one, in whatever process.
//
// Not for several threads at once. Its own thread, which writes, sees nothing but copies.
class Checkpointer {
 public:
  // Throws ValueError for keep_last below 1.
  explicit Checkpointer(std::string folder, const CheckpointerOptions& options = {});
  // Waits for a save that is on its way. Its error is lost: call wait() before.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  struct Resumed {
    std::string path;                   // empty: there is no checkpoint, and training starts anew
    std::vector<absl::Status> skipped;  // why newer files were not taken, each with its path
  };
  // Loads the checkpoint with the most steps that is whole. Files that are damaged or no checkpoints are
  // skipped: they stay there, and this object counts them no longer. DataLoss, with a list, if there are
  // files but none is whole. Other errors of TrainingState::load() are returned, for what is newer than
  // the checkpoint that would be taken instead may be good: one that does not fit or has a newer version,
  // a file that we may not read. What the disk cannot read counts as damaged. After an error the state has not changed, as load() says.
  absl::StatusOr<Resumed> resume(TrainingState& state);

  // Takes a copy of the state, in memory, and returns while it is being written; a save that is still on
  // its way is waited for first. An error is either that one's, and then this one has begun nevertheless,
  // or says why this one cannot begin, followed by that one's if there is one, too. FailedPrecondition if
  // the folder has a checkpoint of more steps, which resume() would take instead. A checkpoint of as many
  // steps is replaced.
  //
  // Once it is written, older ones are removed. The metric decides which is the best, also when training
  // was resumed in between; among equals it is the first. Without one, or with NaN, it never is the best.
  //
  // Throws ValueError for a step below 0 or from 10^12 on.
  absl::Status save(const TrainingState& state, std::optional<double> metric = std::nullopt);
  // Returns once nothing is being written, with the error of the save that was on its way.
  absl::Status wait();

  // The path of the best checkpoint, for TrainingState::load(), which verifies it. Waits as wait() does.
  // NotFound if none has a metric.
  absl::StatusOr<std::string> best();

 private:
  struct File {
    int64_t step;
    std::optional<double> metric;
  };
  std::string path_of(int64_t step) const;
  absl::Status open_folder();
  absl::Status find_files();
  absl::Status begin_to_save(const TrainingState& state, std::optional<double> metric);
  // On the thread that writes.
  absl::Status write(const File& file, const NamedArrays& arrays, const SaveOptions& options);
  absl::Status remove_old();
  const File* find_best() const;  // null: none

  const std::string folder_;
  const CheckpointerOptions options_;
  serialization::Descriptor lock_;  // the folder, once it is open
  std::vector<File> files_;         // that are there and believed to be whole, by step
  std::future<absl::Status>
      writing_;  // while it is valid, `files_` belongs to the thread that writes
};

// The paths of a Checkpointer's files in a folder, by step, whether they are whole or not. Does not open the
// folder as a Checkpointer does, so another one may have it. None if it is not there or cannot be listed.
std::vector<std::string> checkpoints_in(const std::string& folder);

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_CHECKPOINTER_H_
