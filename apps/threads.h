// The flag --threads, which applications share.
#ifndef LAMINA_APPS_THREADS_H_
#define LAMINA_APPS_THREADS_H_

#include <optional>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "lamina/apps/flags.h"

ABSL_DECLARE_FLAG(std::optional<lamina::apps::Threads>, threads);

namespace lamina::apps {

// Computes with --threads from now on. ResourceExhausted if the system does not give us as many.
absl::Status use_threads();

}  // namespace lamina::apps

#endif  // LAMINA_APPS_THREADS_H_
