// Pictures of graphs.
#ifndef LAMINA_AUTOGRAD_GRAPH_H_
#define LAMINA_AUTOGRAD_GRAPH_H_

#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd/tensor.h"

namespace lamina {

// The graph that led to x, as text for Graphviz (dot -Tsvg): a box per recorded operation with its
// name, the label of its LabelGuard, and the shapes and dtypes of its results; an ellipse per leaf
// that requires a gradient, with its name if `names` has one. Arrows follow the data; constants are
// not recorded and so not shown. The same graph gives the same text.
std::string to_dot(const Tensor& x, const std::vector<std::pair<std::string, Tensor>>& names = {});

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_GRAPH_H_
