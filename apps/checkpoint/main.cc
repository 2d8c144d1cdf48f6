// Looks into checkpoints and safetensors files, compares them and converts one into the other.
//
//   bazel run -c opt //apps/checkpoint -- inspect model.ckpt

#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/apps/checkpoint/command_line.h"
#include "lamina/apps/checkpoint/commands.h"
#include "lamina/apps/checkpoint/output.h"

namespace lamina::apps::checkpoint {
namespace {

const std::vector<Command>& commands() {
  static const auto& all = *new std::vector<Command>{
      {"inspect",
       "FILE",
       1,
       1,
       "Shows the entries of a file as a tree.",
       R"(
For each entry: dtype, shape, bytes, and the least, largest and mean value and the standard deviation
(with n - 1) of its finite elements; NaN and infinite ones are counted. Arrays are read and verified one
at a time; a damaged one is an error, and the others are still shown.
)",
       {{"json", "", "print JSON"}, {"nostatistics", "", "read the index only, no array"}},
       run_inspect},
      {"verify",
       "FILE...",
       1,
       SIZE_MAX,
       "Reads all of each file and tells whether it is whole.",
       R"(
In a checkpoint every byte is under a checksum. safetensors has none, so that a flipped bit in its elements
goes unnoticed.
)",
       {},
       run_verify},
      {"diff",
       "FILE FILE",
       2,
       2,
       "Tells in what two files differ; exits with 1 if they do.",
       R"(
That is metadata, entries that one of them has, other dtypes and shapes, and elements: how many, and the
largest |a - b| and |a - b| / max(|a|, |b|). NaN is the same as NaN, and the order of entries is no
difference. The files may be of different formats. Of each, one array at a time is in memory.
)",
       {{"json", "", "print JSON"}},
       run_diff},
      {"convert",
       "FILE OUTPUT",
       2,
       2,
       "Writes a checkpoint as safetensors, or the other way round.",
       R"(
The new file has the same names, values and metadata, and is there at once when it is whole. It cannot take
the place of FILE itself. One array at a time is in memory.
)",
       {{"to", "FORMAT",
         "checkpoint or safetensors (default: by the name's .ckpt or .safetensors)"},
        {"drop_no_value", "", "leave out entries without a value, which safetensors cannot hold"}},
       run_convert},
      {"extract",
       "FILE NAME OUTPUT",
       3,
       3,
       "Writes one array, or all below a prefix, to a new file.",
       R"(
OUTPUT decides: x.npy is the array of this name, for numpy.load(); bfloat16, which NumPy lacks, becomes
float32. x.ckpt and x.safetensors hold the entry of this name and all below it: of "layer1" also
"layer1.weight". Names and metadata stay as they are. OUTPUT cannot take the place of FILE itself.
)",
       {{"to", "FORMAT",
         "checkpoint or safetensors (default: by the name's .ckpt or .safetensors)"},
        {"drop_no_value", "", "leave out entries without a value, which safetensors cannot hold"}},
       run_extract},
  };
  return all;
}

std::string usage() {
  std::string text =
      "Looks into checkpoints and safetensors files, compares them and converts one into the "
      "other.\n\n";
  for (const Command& command : commands()) {
    std::string name = command.name;
    name.resize(10, ' ');
    absl::StrAppend(&text, "  checkpoint ", name, command.summary, "\n");
  }
  return text +
         "\n`checkpoint COMMAND --help` tells about one. The exit code is 0, 1 if files differ, "
         "are "
         "damaged\nor of another kind, or 2 if the command could not be carried out.\n";
}

absl::StatusOr<int> run(const std::vector<std::string>& words) {
  const auto is_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
  if (words.empty()) {
    return absl::InvalidArgumentError("expected a command, got none; see --help");
  }
  if (is_help(words[0])) {
    std::cout << usage();
    return kOk;
  }
  const absl::StatusOr<const Command*> command = find_command(commands(), words[0]);
  if (!command.ok()) return command.status();
  const std::vector<std::string> others(words.begin() + 1, words.end());
  for (const std::string& word : others) {
    if (word == "--") break;
    if (!is_help(word)) continue;
    std::cout << help_of(**command);
    return kOk;
  }
  const absl::StatusOr<Arguments> arguments = parse(**command, others);
  if (!arguments.ok()) return arguments.status();
  return (*command)->run(*arguments);
}

int finish(const absl::Status& status) {
  report(status);
  return exit_code_of(status);
}

}  // namespace
}  // namespace lamina::apps::checkpoint

int main(int argc, char** argv) {
  using namespace lamina::apps::checkpoint;
  try {
    const absl::StatusOr<int> exit_code = run(std::vector<std::string>(argv + 1, argv + argc));
    if (!exit_code.ok()) return finish(exit_code.status());
    if (std::cout.flush()) return *exit_code;
    return finish(absl::UnavailableError("standard output: cannot write"));
  } catch (const std::bad_alloc&) {
    return finish(absl::ResourceExhaustedError("not enough memory for the largest array"));
  } catch (const std::exception& error) {
    return finish(absl::InternalError(error.what()));
  }
}
