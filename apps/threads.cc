#include "lamina/apps/threads.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lamina/nn.h"

using lamina::apps::Threads;

ABSL_FLAG(std::optional<Threads>, threads, std::nullopt,
          "to compute with; does not change the numbers (default: one per processor)");

namespace lamina::apps {

absl::Status use_threads() {
  const std::optional<Threads> threads = absl::GetFlag(FLAGS_threads);
  if (!threads) return absl::OkStatus();
  try {
    set_num_threads(static_cast<int>(threads->value));
  } catch (const RuntimeError& error) {
    return absl::ResourceExhaustedError(absl::StrCat("flag --threads: ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace lamina::apps
