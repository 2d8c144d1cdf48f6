// For tests: runs a program as a user does.
#ifndef LAMINA_APPS_PROGRAM_TESTING_H_
#define LAMINA_APPS_PROGRAM_TESTING_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

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

// Runs it as run_in() does, and interrupts it once, as Ctrl-C does, as soon as is_due() says so of
// what it has written to standard output; not at all if it ends before.
inline Outcome interrupt_in(const std::string& here, const std::string& program,
                            const std::string& arguments,
                            const std::function<bool(const std::string& out)>& is_due) {
  const std::string folder = std::getenv("TEST_TMPDIR");
  const std::string out = folder + "/stdout", err = folder + "/stderr";
  const std::string command = "exec " + program + " " + arguments;
  std::ofstream(out, std::ios::trunc);  // of a program before
  const pid_t child = fork();
  if (child == 0) {
    setenv("BUILD_WORKING_DIRECTORY", here.c_str(), 1);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    signal(SIGINT, SIG_DFL);  // who runs the test may ignore it
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  for (bool is_told = false; waitpid(child, &status, WNOHANG) == 0;) {
    if (!is_told && is_due(read_file(out))) {
      kill(child, SIGINT);
      is_told = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 255, read_file(out), read_file(err)};
}

}  // namespace lamina::apps

#endif  // LAMINA_APPS_PROGRAM_TESTING_H_
