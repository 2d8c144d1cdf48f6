// Runs a graph of operations that is written as text, forward and backward, so that another library can say what the
// gradients should be. A graph is some lines:
//
//   graph 17
//   leaf T float64 2 2 3 3 1 0 6 1 2 3 4 5 6   a leaf that requires a gradient: value 0
//   sum V 0 L 1 -1 B 0                         an operation: value 1
//   root 1 T float64 1 2 1 0 2 1 0.5           backward from value 1 with a gradient, V 0 for a value, N for none
//   first 1e-10 4                              tolerance, and the scale of the gradients
//   value 1 float64 1 2 6 15                   what value 1 should be,
//   gradient 0 float64 2 2 3 1 1 1 0.5 0.5 0.5 and the gradient of value 0
//   second 1e-10 4                             and of the sum of the squares of these gradients
//   gradient 0 none
//   end
//
// Each result of an operation is a value; they are counted from 0, with the leaves. Arguments and results are written
// as replay.h says, V k being value k. Backward runs once for each root, in order. An element may differ from what is
// expected by tolerance times scale; `value` lines have a scale of their own, the largest element, at least 1. `second`
// may be missing; where it is there, its "none" and zeros are the same.
//
// Operations whose names end in _ write to their first argument, which is their result as well. In place of what stands
// behind the roots,
//
//   slope 1e-06 0.37 T float64 2 2 2 2 1 0 4 1 -1 0.5 1
//
// says that backward may throw, because a value that it needs was changed in place; otherwise the gradients times these
// directions, one for each leaf, add up to 0.37, up to 1e-06.
#ifndef LAMINA_TESTS_DIFFERENTIAL_GRAPH_H_
#define LAMINA_TESTS_DIFFERENTIAL_GRAPH_H_

#include <istream>
#include <string>
#include <vector>

namespace lamina::differential {

// Reads the lines of the next graph, without its "end"; false if there is none.
bool read_graph(std::istream& file, std::vector<std::string>& lines);

struct GraphReport {
  std::string disagreement;  // the line and what came instead; empty if all is as expected
  double worst = 0;          // the largest difference of a gradient, 1 being what may be
  bool refused = false;      // whether backward threw where it may
};
// Throws std::invalid_argument for lines that do not parse.
GraphReport run_graph(const std::vector<std::string>& lines);

// The names of all operations that graphs can have.
std::vector<std::string> graph_operations();

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_GRAPH_H_
