#include "lamina/apps/flags.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lamina/apps/did_you_mean.h"

namespace lamina::apps {
namespace internal {

bool parse_whole(absl::string_view text, int64_t min, int64_t max, int64_t* value,
                 std::string* error) {
  if (absl::SimpleAtoi(text, value) && *value >= min && *value <= max) return true;
  *error = absl::StrCat("expected a whole number from ", min, " to ", max);
  return false;
}

std::string exact_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

std::string expected_one_of(const std::vector<std::string>& names) {
  if (names.size() == 2) return absl::StrCat("expected ", names[0], " or ", names[1]);
  return absl::StrCat("expected one of ", absl::StrJoin(names, ", "));
}

}  // namespace internal

bool AbslParseFlag(absl::string_view text, Positive* flag, std::string* error) {
  if (absl::SimpleAtod(text, &flag->value) && std::isfinite(flag->value) && flag->value > 0) {
    return true;
  }
  *error = "expected a finite number above 0";
  return false;
}

std::string AbslUnparseFlag(const Positive& flag) { return internal::exact_text(flag.value); }

bool AbslParseFlag(absl::string_view text, NotNegative* flag, std::string* error) {
  *error = "expected a finite number of at least 0";
  return absl::SimpleAtod(text, &flag->value) && std::isfinite(flag->value) && flag->value >= 0;
}

std::string AbslUnparseFlag(const NotNegative& flag) { return internal::exact_text(flag.value); }

bool AbslParseFlag(absl::string_view text, Fraction* flag, std::string* error) {
  *error = "expected a number from 0 to below 1";
  return absl::SimpleAtod(text, &flag->value) && flag->value >= 0 && flag->value < 1;
}

std::string AbslUnparseFlag(const Fraction& flag) { return internal::exact_text(flag.value); }

bool AbslParseFlag(absl::string_view text, Widths* flag, std::string* error) {
  constexpr int64_t kMax = 65536;
  flag->values.clear();
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    int64_t value;
    if (!absl::SimpleAtoi(part, &value) || value < 1 || value > kMax) {
      *error = absl::StrCat("expected whole numbers from 1 to ", kMax, ", separated by commas");
      return false;
    }
    flag->values.push_back(value);
  }
  return true;
}

std::string AbslUnparseFlag(const Widths& flag) { return absl::StrJoin(flag.values, ","); }

bool AbslParseFlag(absl::string_view text, Text* flag, std::string*) {
  flag->value = std::string(text);
  return true;
}

std::string AbslUnparseFlag(const Text& flag) { return flag.value; }

namespace {

// The flag of that name if it is one of `names`.
absl::CommandLineFlag* find(absl::string_view name, const std::vector<std::string>& names) {
  for (const std::string& known : names) {
    if (name == known) return absl::FindCommandLineFlag(name);
  }
  return nullptr;
}

// Whether it is one of these flags, with a value or without.
bool is_flag(absl::string_view argument, const std::vector<std::string>& names) {
  return absl::ConsumePrefix(&argument, "--") &&
         find(argument.substr(0, argument.find('=')), names) != nullptr;
}

bool is_bool(const absl::CommandLineFlag* flag) {
  return flag != nullptr && (flag->IsOfType<bool>() || flag->IsOfType<std::optional<bool>>());
}

absl::Status unknown(absl::string_view argument, absl::string_view name,
                     const std::vector<std::string>& names) {
  std::vector<std::string> flags;
  flags.reserve(names.size() + 1);
  for (const std::string& known : names) flags.push_back(absl::StrCat("--", known));
  flags.emplace_back("--help");
  std::string hint = did_you_mean(absl::StrCat("--", name), flags);
  if (hint.empty()) hint = absl::StrCat(", expected one of ", absl::StrJoin(flags, ", "));
  return absl::InvalidArgumentError(absl::StrCat("unknown flag ", argument, hint));
}

absl::Status check_printable(absl::string_view argument) {
  for (char c : argument) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "expected arguments of printable characters, got '", absl::CEscape(argument), "'"));
    }
  }
  return absl::OkStatus();
}

constexpr size_t kHelpColumns = 100;

}  // namespace

absl::StatusOr<Arguments> parse_flags(const std::vector<std::string>& arguments,
                                      const std::vector<std::string>& names) {
  Arguments parsed;
  bool flags_ended = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (flags_ended || argument.size() < 2 || argument[0] != '-') {
      const absl::Status printable = check_printable(argument);
      if (!printable.ok()) return printable;
      parsed.words.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_ended = true;
      continue;
    }
    absl::string_view name = argument;
    absl::ConsumePrefix(&name, "-");
    absl::ConsumePrefix(&name, "-");
    const size_t equals = name.find('=');
    const bool has_value = equals != absl::string_view::npos;
    absl::string_view value = has_value ? name.substr(equals + 1) : "";
    name = name.substr(0, equals);
    if (name == "help" && !has_value) {
      parsed.help = true;
      return parsed;
    }

    absl::CommandLineFlag* flag = find(name, names);
    const bool is_text = flag != nullptr && flag->IsOfType<Text>();
    absl::Status printable = is_text ? absl::OkStatus() : check_printable(argument);
    if (!printable.ok()) return printable;
    if (flag == nullptr && !has_value && absl::StartsWith(name, "no")) {
      flag = find(name.substr(2), names);
      if (!is_bool(flag)) return unknown(argument, name, names);
      value = "false";
    } else if (flag == nullptr) {
      return unknown(argument, name, names);
    } else if (!has_value && is_bool(flag)) {
      value = "true";
    } else if (!has_value && i + 1 < arguments.size() &&
               (is_text || !is_flag(arguments[i + 1], names))) {  // else it was forgotten
      value = arguments[++i];
      if (!is_text) printable = check_printable(value);
      if (!printable.ok()) return printable;
    }
    if (value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("flag --", name, ": expected a value, got none"));
    }
    // Abseil's text: "Illegal value 'x' specified for flag 'epochs'; expected ...".
    std::string error;
    if (!flag->ParseFrom(value, &error)) {
      if (is_bool(flag)) absl::StrAppend(&error, "; expected true or false");
      return absl::InvalidArgumentError(error);
    }
    parsed.given.emplace(flag->Name());
  }
  return parsed;
}

std::string flags_help(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    const absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(name);
    std::string help = flag.Help();
    const std::string value = flag.DefaultValue();
    if (!value.empty()) absl::StrAppend(&help, " (default: ", value, ")");
    std::string line = absl::StrCat("  --", name, " ");
    for (const absl::string_view word : absl::StrSplit(help, ' ')) {
      if (line.size() + 1 + word.size() > kHelpColumns) {
        absl::StrAppend(&text, line, "\n");
        line = "     ";
      }
      absl::StrAppend(&line, " ", word);
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string user_path(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.empty() || absl::StartsWith(path, "/") || folder == nullptr || *folder == '\0') {
    return path;
  }
  return absl::StrCat(folder, "/", path);
}

void make_absolute(absl::Flag<std::string>* path) {
  const std::string given = absl::GetFlag(*path);
  if (given.empty()) return;
  std::filesystem::path absolute = std::filesystem::absolute(user_path(given)).lexically_normal();
  // "data/" is "data".
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  absl::SetFlag(path, absolute.string());
}

}  // namespace lamina::apps
