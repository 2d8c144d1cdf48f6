// For tests: runs the program as a user does.
#ifndef LAMINA_APPS_MNIST_PROGRAM_TESTING_H_
#define LAMINA_APPS_MNIST_PROGRAM_TESTING_H_

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace lamina::apps::mnist {

struct Outcome {
  int exit_code;
  std::string out, err;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs it with `arguments`, words for a shell. The exit code of a crash is above 128.
inline Outcome run_program(const std::string& arguments) {
  const std::string folder = std::getenv("TEST_TMPDIR");
  const std::string out = folder + "/stdout", err = folder + "/stderr";
  const int status =
      std::system(("apps/mnist/mnist " + arguments + " > '" + out + "' 2> '" + err + "'").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 255, read_file(out), read_file(err)};
}

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_PROGRAM_TESTING_H_
