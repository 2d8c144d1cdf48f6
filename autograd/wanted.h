// What grad() and backward's inputs ask for, and the part of the graph that leads there.
#ifndef LAMINA_AUTOGRAD_WANTED_H_
#define LAMINA_AUTOGRAD_WANTED_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "lamina/autograd/node.h"

namespace lamina::internal {

struct Wanted {
  // Finds out which nodes lead from `roots` to `inputs`; both require gradients.
  Wanted(absl::Span<const Tensor> roots, absl::Span<const Tensor> inputs);

  // Whether a root depends on the input, or is it.
  bool reaches(const TensorImpl& input) const;
  // Whether a gradient that arrives at the node is of any use.
  bool uses(const Node& node) const { return needed.contains(&node) || results.contains(&node); }

  absl::flat_hash_set<const TensorImpl*> leaves;  // among the inputs
  // Of the nodes whose results are among the inputs, a gradient per result, once it has arrived.
  absl::flat_hash_map<const Node*, std::vector<Tensor>> results;
  absl::flat_hash_set<const Node*> needed;  // those that must run

 private:
  // From the roots down to the lowest generation of an input.
  absl::flat_hash_set<const Node*> reached_nodes_;
  absl::flat_hash_set<const TensorImpl*> reached_leaves_;
};

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_WANTED_H_
