// What the program does: each gives the exit code, or an error.
#ifndef LAMINA_APPS_CHECKPOINT_COMMANDS_H_
#define LAMINA_APPS_CHECKPOINT_COMMANDS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/checkpoint/command_line.h"

namespace lamina::apps::checkpoint {

constexpr int kOk = 0;
constexpr int kDiffersOrDamaged = 1;
constexpr int kCannot = 2;

inline int exit_code_of(const absl::Status& status) {
  if (status.ok()) return kOk;
  return absl::IsDataLoss(status) ? kDiffersOrDamaged : kCannot;
}

absl::StatusOr<int> run_inspect(const Arguments& arguments);
absl::StatusOr<int> run_verify(const Arguments& arguments);
absl::StatusOr<int> run_diff(const Arguments& arguments);
absl::StatusOr<int> run_convert(const Arguments& arguments);
absl::StatusOr<int> run_extract(const Arguments& arguments);

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_COMMANDS_H_
