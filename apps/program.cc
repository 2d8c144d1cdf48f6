#include "lamina/apps/program.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <new>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lamina/apps/did_you_mean.h"

namespace lamina::apps {
namespace {

std::string program_help(const Program& program) {
  std::string text = absl::StrCat(program.help, "\n\n");
  size_t width = 0;
  for (const Command& command : program.commands) width = std::max(width, command.name.size());
  for (const Command& command : program.commands) {
    std::string name = command.name;
    name.resize(width, ' ');
    absl::StrAppend(&text, "  ", program.name, " ", name, "  ",
                    command.help.substr(0, command.help.find('\n')), "\n");
  }
  absl::StrAppend(&text, "\nWithout a command: ", program.commands[0].name, ". `", program.name,
                  " COMMAND --help` tells about one.\n");
  return text;
}

std::string command_help(const Program& program, const Command& command) {
  return absl::StrCat(program.name, " ", command.name, command.words.empty() ? "" : " ",
                      command.words, " [--flag=value...]\n\n", command.help, "\n\n",
                      flags_help(command.flags));
}

absl::StatusOr<const Command*> find_command(const Program& program, const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : program.commands) {
    if (command.name == name) return &command;
    names.push_back(command.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("expected a command (", absl::StrJoin(names, ", "),
                                                 "), got '", absl::CEscape(name), "'",
                                                 did_you_mean(name, names)));
}

absl::Status run(const Program& program, std::vector<std::string> arguments) {
  const Command* command = &program.commands[0];
  const bool is_named = !arguments.empty() && (arguments[0].empty() || arguments[0][0] != '-');
  if (is_named) {
    const absl::StatusOr<const Command*> found = find_command(program, arguments[0]);
    if (!found.ok()) return found.status();
    command = *found;
    arguments.erase(arguments.begin());
  }
  const absl::StatusOr<Arguments> parsed = parse_flags(arguments, command->flags);
  if (!parsed.ok()) return parsed.status();
  if (parsed->help) {
    if (!is_named) std::cout << program_help(program) << "\n";
    std::cout << command_help(program, *command);
    return absl::OkStatus();
  }
  const size_t count = parsed->words.size();
  if (count < command->least_words || count > command->most_words) {
    return absl::InvalidArgumentError(absl::StrCat(
        command->name, ": expected ",
        command->words.empty() ? "flags only, got the argument" : command->words + ", got",
        count == 0 ? " none" : absl::StrCat(" '", absl::StrJoin(parsed->words, "' '"), "'"),
        "; see `", program.name, " ", command->name, " --help`"));
  }
  return command->run(*parsed);
}

// Lists of problems come one a line, with tabs before them.
int report(absl::string_view error) {
  std::cerr << "ERROR: "
            << absl::StrReplaceAll(error, {{":\n\t", ": "}, {"\n\t", "; "}, {"\n", " "}})
            << std::endl;
  return 1;
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  constexpr int kInterrupted = 130;
  try {
    const absl::Status status = run(program, std::vector<std::string>(argv + 1, argv + argc));
    if (!status.ok()) {
      const int code = report(status.message());
      return absl::IsCancelled(status) ? kInterrupted : code;
    }
    if (!std::cout.flush()) return report("standard output: cannot write");
    return 0;
  } catch (const std::bad_alloc&) {
    return report("not enough memory");
  } catch (const std::exception& error) {
    return report(error.what());
  }
}

}  // namespace lamina::apps
