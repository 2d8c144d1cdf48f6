// The files that Bazel puts beside a program: its `data`.
#ifndef LAMINA_APPS_FETCHED_FILE_H_
#define LAMINA_APPS_FETCHED_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace lamina::apps {

// The path of a runfile, "lamina/apps/gpt/data/novel.txt" or "mnist/data/train-images-idx3-ubyte".
// For a program that was copied without them NotFound, with what the user may do: "--text=FILE".
absl::StatusOr<std::string> fetched_file(const std::string& runfile, const std::string& instead);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_FETCHED_FILE_H_
