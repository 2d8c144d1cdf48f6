// Command lines of the form `program COMMAND ARGUMENT... --flag=value`, whose errors say what may have been
// meant.
#ifndef LAMINA_APPS_CHECKPOINT_COMMAND_LINE_H_
#define LAMINA_APPS_CHECKPOINT_COMMAND_LINE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lamina::apps::checkpoint {

struct Arguments {
  std::vector<std::string> words;            // those that are no flags
  std::map<std::string, std::string> flags;  // those given; "" for a switch

  bool has(const std::string& flag) const { return flags.count(flag) > 0; }
};

struct Flag {
  std::string name;
  std::string value;  // what stands for its value in the help; empty: it is a switch
  std::string help;
};

struct Command {
  std::string name;
  std::string words;  // what stands for its arguments in the help: "FILE OUTPUT"
  size_t least_words, most_words;
  std::string summary;  // of one line
  std::string help;     // lines that follow it
  std::vector<Flag> flags;
  // The exit code, or an error.
  absl::StatusOr<int> (*run)(const Arguments&);
};

// The command that the first word names. An error that names the closest one if there is no such command.
absl::StatusOr<const Command*> find_command(const std::vector<Command>& commands,
                                            absl::string_view name);

// What comes after the command's name. Flags stand anywhere: --name=value, --name value, --name for a
// switch; - may stand for _ in a name, and after -- there are no more flags. InvalidArgument for an unknown
// flag, a value that is missing or not expected, and another number of words than the command takes.
absl::StatusOr<Arguments> parse(const Command& command, const std::vector<std::string>& words);

std::string help_of(const Command& command);

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_COMMAND_LINE_H_
