// What the command lines of the applications share: types of flags that check their values, and a
// parser.
//
// Flags are Abseil's (ABSL_FLAG, absl::GetFlag). They are read by parse_flags because
// absl::ParseCommandLine ends the program by itself: with code 1 on --help, with one line for each
// error, and with an abort on some bad flag files.
#ifndef LAMINA_APPS_FLAGS_H_
#define LAMINA_APPS_FLAGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lamina::apps {

// A whole number from kMin to kMax.
template <int64_t kMin, int64_t kMax>
struct Whole {
  int64_t value;
};
using Count = Whole<1, int64_t{1} << 40>;  // of epochs, samples, ...
using CountOrZero = Whole<0, int64_t{1} << 40>;
using Size = Whole<1, 65536>;  // of layers, widths, ...
using Threads = Whole<1, 1024>;
using Seed = Whole<0, INT64_MAX>;

// A finite number above 0.
struct Positive {
  double value;
};

// A finite number of at least 0.
struct NotNegative {
  double value;
};

// A number from 0 to below 1.
struct Fraction {
  double value;
};

// Whole numbers from 1 to 65536, at least one, separated by commas: 512,256
struct Widths {
  std::vector<int64_t> values;
};

// A text that may have line ends and other characters that do not print, as the values of other
// flags may not.
struct Text {
  std::string value;
};

// For a type of flags that is an enum: its values and their names, an array of this or of another
// struct with these members.
template <class Enum>
struct Choice {
  Enum value;
  const char* name;
};
template <class Entry, size_t kCount, class Enum>
bool parse_choice(absl::string_view text, const Entry (&choices)[kCount], Enum* value,
                  std::string* error);
template <class Entry, size_t kCount, class Enum>
std::string name_of_choice(const Entry (&choices)[kCount], Enum value);

namespace internal {
bool parse_whole(absl::string_view text, int64_t min, int64_t max, int64_t* value,
                 std::string* error);
std::string exact_text(double value);  // the shortest that reads as this very number
std::string expected_one_of(const std::vector<std::string>& names);
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
bool AbslParseFlag(absl::string_view text, NotNegative* flag, std::string* error);
std::string AbslUnparseFlag(const NotNegative& flag);
bool AbslParseFlag(absl::string_view text, Fraction* flag, std::string* error);
std::string AbslUnparseFlag(const Fraction& flag);
bool AbslParseFlag(absl::string_view text, Widths* flag, std::string* error);
std::string AbslUnparseFlag(const Widths& flag);
bool AbslParseFlag(absl::string_view text, Text* flag, std::string* error);
std::string AbslUnparseFlag(const Text& flag);

template <class Entry, size_t kCount, class Enum>
bool parse_choice(absl::string_view text, const Entry (&choices)[kCount], Enum* value,
                  std::string* error) {
  std::vector<std::string> names;
  for (const Entry& choice : choices) {
    if (text == choice.name) {
      *value = choice.value;
      return true;
    }
    names.emplace_back(choice.name);
  }
  *error = internal::expected_one_of(names);
  return false;
}

template <class Entry, size_t kCount, class Enum>
std::string name_of_choice(const Entry (&choices)[kCount], Enum value) {
  for (const Entry& choice : choices) {
    if (choice.value == value) return choice.name;
  }
  return "";
}

// What a command line says besides the values of flags.
struct Arguments {
  std::vector<std::string> words;  // those that are no flags
  std::set<std::string> given;     // the flags that it names, "epochs"
  bool help = false;
};

// Sets the flags that the arguments name: --name=value, --name value, and --name or --noname for a
// bool. `names` are all the flags that there are. The first thing that is not so is an error of one
// line that names it: another flag (and the closest one), a flag without a value, a value that its
// type refuses, a character that does not print (but in a Text). After --help nothing else is
// looked at, and all that comes after -- is words.
absl::StatusOr<Arguments> parse_flags(const std::vector<std::string>& arguments,
                                      const std::vector<std::string>& names);

// For --help: each flag with its help and default, a line each.
std::string flags_help(const std::vector<std::string>& names);

// `path` as the user meant it: `bazel run` starts programs in a folder of its own. "" stays.
std::string user_path(const std::string& path);

// Makes the flag's path, unless it is "", one that means the same from every folder. For a
// checkpoint, which may be used in another one.
void make_absolute(absl::Flag<std::string>* path);

// Gives a flag that is not set a value.
template <class T>
void fill_in(absl::Flag<std::optional<T>>* flag, T value) {
  if (!absl::GetFlag(*flag)) absl::SetFlag(flag, std::optional<T>(std::move(value)));
}

}  // namespace lamina::apps

#endif  // LAMINA_APPS_FLAGS_H_
