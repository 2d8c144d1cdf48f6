// The frame of an application: `program [COMMAND] [WORD...] [--flag=value...]`.
//
//   int main(int argc, char** argv) {
//     return lamina::apps::run_program(
//         {"mnist", "Digits.", {{"train", "", 0, 0, "Trains a network.", {"epochs", "seed"}, train}}}, argc, argv);
//   }
//
// Errors are one line on standard error.
#ifndef LAMINA_APPS_PROGRAM_H_
#define LAMINA_APPS_PROGRAM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lamina/apps/flags.h"

namespace lamina::apps {

struct Command {
  std::string name;
  std::string words;  // what stands for its arguments in the help: "IMAGE..."
  size_t least_words, most_words;
  std::string help;                // its first line is the summary
  std::vector<std::string> flags;  // names of Abseil's
  absl::Status (*run)(const Arguments&);
};

struct Program {
  std::string name;
  std::string help;
  std::vector<Command> commands;  // the first is what a command line without one means
};

// The exit code: 0; 1 after an error; 130 if run() returns Cancelled: a signal stopped it.
// Knows --help, of the program and of each command.
int run_program(const Program& program, int argc, char** argv);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_PROGRAM_H_
