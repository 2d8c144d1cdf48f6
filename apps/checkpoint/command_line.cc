#include "lamina/apps/checkpoint/command_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lamina/apps/did_you_mean.h"
#include "lamina/serialization/text.h"

namespace lamina::apps::checkpoint {
namespace {

using serialization::in_quotes;

template <class... Parts>
absl::Status wrong(const Command& command, const Parts&... parts) {
  return absl::InvalidArgumentError(
      absl::StrCat(command.name, ": ", parts..., "; see `", command.name, " --help`"));
}

}  // namespace

absl::StatusOr<const Command*> find_command(const std::vector<Command>& commands,
                                            absl::string_view name) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) return &command;
    names.push_back(command.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected a command, got ", in_quotes(name), did_you_mean(name, names)));
}

absl::StatusOr<Arguments> parse(const Command& command, const std::vector<std::string>& words) {
  Arguments arguments;
  bool flags_ended = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (flags_ended || word.size() < 2 || word[0] != '-') {
      arguments.words.push_back(word);
      continue;
    }
    if (word == "--") {
      flags_ended = true;
      continue;
    }
    const size_t equals = word.find('=');
    const bool has_value = equals != std::string::npos;
    const std::string name = absl::StrReplaceAll(
        word.substr(word[1] == '-' ? 2 : 1, equals - (word[1] == '-' ? 2 : 1)), {{"-", "_"}});
    const auto flag = std::find_if(command.flags.begin(), command.flags.end(),
                                   [&](const Flag& known) { return known.name == name; });
    if (flag == command.flags.end()) {
      std::vector<std::string> names;
      for (const Flag& known : command.flags) names.push_back(absl::StrCat("--", known.name));
      return wrong(command, "unknown flag ", in_quotes(word),
                   did_you_mean(absl::StrCat("--", name), names));
    }
    if (flag->value.empty()) {
      if (has_value) return wrong(command, "expected no value for --", name);
      arguments.flags[name] = "";
      continue;
    }
    if (!has_value && i + 1 == words.size()) {
      return wrong(command, "expected a value for --", name);
    }
    arguments.flags[name] = has_value ? word.substr(equals + 1) : words[++i];
  }
  const size_t count = arguments.words.size();
  if (count < command.least_words || count > command.most_words) {
    return wrong(command, "expected ", command.words, ", got ", count,
                 count == 1 ? " argument" : " arguments");
  }
  return arguments;
}

std::string help_of(const Command& command) {
  std::string text = absl::StrCat("checkpoint ", command.name, " ", command.words, "\n\n",
                                  command.summary, "\n", command.help, "\n");
  std::vector<std::pair<std::string, std::string>> rows;
  size_t width = 0;
  for (const Flag& flag : command.flags) {
    rows.emplace_back(absl::StrCat("--", flag.name, flag.value.empty() ? "" : "=", flag.value),
                      flag.help);
    width = std::max(width, rows.back().first.size());
  }
  for (auto& [name, help] : rows) {
    name.resize(width, ' ');
    absl::StrAppend(&text, "  ", name, "  ", help, "\n");
  }
  return text;
}

}  // namespace lamina::apps::checkpoint
