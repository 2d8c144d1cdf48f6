// Runs an operation that is written as text, so that another library can say what it should give. A case is one
// line of four fields, separated by '|':
//
//   add|T float32 1 2 1 1 0 2 0x1p+0 0x1p+1 I 3|1e-06 1e-06|1 float32 1 2 0x1p+2 0x1.4p+2
//
// The operation; its arguments; relative and absolute tolerance; and the results, or "error". Arguments are
//   T dtype rank extents strides offset n values   an array over a storage of n values; strides and offset in elements
//   I 3, F 0x1.8p+0, B 1                           numbers; B is a bool
//   L n values                                     a shape, or a list of dimensions
//   S text, D dtype, N                             a word, a dtype, nothing
//   A n T... T...                                  a list of arrays
// and a result is: dtype rank extents values, row-major. Floating values are written as C's %a.
#ifndef LAMINA_TESTS_DIFFERENTIAL_REPLAY_H_
#define LAMINA_TESTS_DIFFERENTIAL_REPLAY_H_

#include <string>
#include <vector>

#include "lamina/tensor.h"

namespace lamina::differential {

struct Case {
  std::string op;
  std::string arguments;
  double relative = 0, absolute = 0;
  std::string expected;
};
Case parse_case(const std::string& line);

// The names of all operations that can be replayed.
std::vector<std::string> operations();

// Throws what the operation throws, and std::invalid_argument for a line that does not parse.
std::vector<NDArray> run(const std::string& op, const std::string& arguments);

// Empty if running the case gives what it expects; otherwise what is different.
std::string disagreement(const Case& c);

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_REPLAY_H_
