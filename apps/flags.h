// What the command lines of the applications share: types of flags that check their values, and a
// parser.
//
// Flags are Abseil's (ABSL_FLAG, absl::GetFlag). They are read by parse_flags because
// absl::ParseCommandLine ends the program by itself: with code 1 on --help, with one line for each
// error, and with an abort on some bad flag files.
#ifndef LAMINA_APPS_FLAGS_H_
#define LAMINA_APPS_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lamina::apps {

// A whole number from kMin to kMax.
template <int64_t kMin, int64_t kMax>
struct Whole {
  int64_t value;
};
using Count = Whole<1, int64_t{1} << 40>;  // of epochs, samples, ...
using Threads = Whole<1, 1024>;
using Seed = Whole<0, INT64_MAX>;

// A finite number above 0.
struct Positive {
  double value;
};

// Whole numbers from 1 to 65536, at least one, separated by commas: 512,256
struct Widths {
  std::vector<int64_t> values;
};

namespace internal {
bool parse_whole(absl::string_view text, int64_t min, int64_t max, int64_t* value,
                 std::string* error);
}  // namespace internal

template <int64_t kMin, int64_t kMax>
bool AbslParseFlag(absl::string_view text, Whole<kMin, kMax>* flag, std::string* error) {
  return internal::parse_whole(text, kMin, kMax, &flag->value, error);
}
template <int64_t kMin, int64_t kMax>
std::string AbslUnparseFlag(const Whole<kMin, kMax>& flag) {
  return std::to_string(flag.value);
}
bool AbslParseFlag(absl::string_view text, Positive* flag, std::string* error);
std::string AbslUnparseFlag(const Positive& flag);
bool AbslParseFlag(absl::string_view text, Widths* flag, std::string* error);
std::string AbslUnparseFlag(const Widths& flag);

// Sets the flags that argv names: --name=value, --name value, and --name or --noname for a bool.
// `names` are all the flags that the program has. The first thing that is not so is an error of one
// line that names it: another flag, a flag without a value, a value that its type refuses, an
// argument that is no flag, a character that does not print. *help becomes true if there is a
// --help, and then nothing else is looked at.
absl::Status parse_flags(int argc, char** argv, const std::vector<std::string>& names, bool* help);

// The text for --help: `usage`, and each flag with its help and default.
std::string help_text(absl::string_view usage, const std::vector<std::string>& names);

// `path` as the user meant it: `bazel run` starts programs in a folder of its own.
std::string user_path(const std::string& path);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_FLAGS_H_
