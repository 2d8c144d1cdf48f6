// For tests: runs a program as a user does.
#ifndef LAMINA_APPS_PROGRAM_TESTING_H_
#define LAMINA_APPS_PROGRAM_TESTING_H_

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace lamina::apps {

struct Outcome {
  int exit_code;
  std::string out, err;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A new, empty folder.
inline std::string new_folder() {
  std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/folder_XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
  return path;
}

// Runs `program`, "apps/mnist/mnist", for a user whose folder is `here`. Arguments are words for a shell.
// The exit code of a crash is above 128.
inline Outcome run_in(const std::string& here, const std::string& program,
                      const std::string& arguments) {
  const std::string folder = std::getenv("TEST_TMPDIR");
  const std::string out = folder + "/stdout", err = folder + "/stderr";
  const std::string command = "BUILD_WORKING_DIRECTORY='" + here + "' " + program + " " +
                              arguments + " > '" + out + "' 2> '" + err + "'";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 255, read_file(out), read_file(err)};
}

// The same in a new folder, which is removed.
inline Outcome run(const std::string& program, const std::string& arguments) {
  const std::string here = new_folder();
  Outcome outcome = run_in(here, program, arguments);
  std::filesystem::remove_all(here);
  return outcome;
}

}  // namespace lamina::apps

#endif  // LAMINA_APPS_PROGRAM_TESTING_H_
