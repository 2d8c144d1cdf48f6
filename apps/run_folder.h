// The folders in which applications keep their training runs: "runs/mnist/001" has its last three
// checkpoints (step_000000006000.ckpt), TensorBoard's event file and report.html.
//
// A checkpoint tells, in its metadata, which application wrote it and with what flags, so that whoever
// resumes, evaluates or predicts need not say them again.
#ifndef LAMINA_APPS_RUN_FOLDER_H_
#define LAMINA_APPS_RUN_FOLDER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/flags.h"

// The flags that applications share; a command lists those it has.
ABSL_DECLARE_FLAG(std::string, output);      // of train: the run's folder
ABSL_DECLARE_FLAG(bool, resume);             // of train
ABSL_DECLARE_FLAG(std::string, checkpoint);  // of all others: a file, or a run's folder

namespace lamina::apps {

inline constexpr char kReport[] = "report.html";  // its name in a run's folder

// The folder for a new run: --output, or "runs/APP/NNN" of the folder that the user is in, with the
// number after the last. Makes it, and tries to write there, so that a run does not find out at its
// end. Of programs that start at the same time each gets a number of its own. FailedPrecondition
// for an --output with checkpoints or a report in it.
absl::StatusOr<std::string> new_run_folder(const std::string& app);

// The checkpoint to go on from: the newest that can be opened in --output, or in the last of
// "runs/APP/NNN". NotFound, with what to do, if there is none.
absl::StatusOr<std::string> checkpoint_to_resume(const std::string& app);

// The checkpoint to evaluate or predict with: the file --checkpoint, the newest in the folder
// --checkpoint, or the newest of the last of "runs/APP/NNN". NotFound, with what to do, if there is none.
absl::StatusOr<std::string> newest_checkpoint(const std::string& app);

// What a checkpoint is to say: "app", and the current text of each of these flags.
std::map<std::string, std::string> settings_of(const std::string& app,
                                               const std::vector<std::string>& flags);

// The same for people: rows of a name and a text, but for the flags that are not set.
std::vector<std::vector<std::string>> settings_rows(const std::string& app,
                                                    const std::vector<std::string>& flags);

// Gives the flags the values that the checkpoint tells. FailedPrecondition for one of another application,
// or of other settings than the command line gave, with all that differ.
absl::Status adopt_settings(const std::string& checkpoint, const std::string& app,
                            const std::vector<std::string>& flags, const Arguments& arguments);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_RUN_FOLDER_H_
