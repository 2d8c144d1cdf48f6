// What grad() and backward's inputs ask for, and the part of the graph that leads there.
#ifndef LAMINA_AUTOGRAD_WANTED_H_
#define LAMINA_AUTOGRAD_WANTED_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "lamina/autograd/node.h"

namespace lamina::internal {

struct Wanted {
  // Finds out which nodes lead from `roots` to `inputs`; both require gradients. If the inputs are
  // ends, no graph behind one of them counts.
  Wanted(absl::Span<const Tensor> roots, absl::Span<const Tensor> inputs, bool inputs_are_ends);

  // Whether a root depends on input i, or is it.
  bool reaches(size_t i) const;
  // Whether a gradient that arrives at the node is of any use.
  bool uses(const Node& node) const { return needed.contains(&node) || results.contains(&node); }

  // What an input was when the run began, for a hook may write to it.
  struct Input {
    const TensorImpl* leaf;
    const Node* node;  // null for a leaf
    uint32_t output;
  };
  std::vector<Input> inputs;
  absl::flat_hash_map<const TensorImpl*, uint32_t>
      leaves;  // among them, and their slots in the run
  // Of the nodes whose results are among the inputs, a gradient per result, once it has arrived.
  absl::flat_hash_map<const Node*, std::vector<Tensor>> results;
  absl::flat_hash_set<const Node*> needed;  // those that must run

 private:
  // From the roots down to the lowest generation of an input.
  absl::flat_hash_set<const Node*> reached_nodes_;
  absl::flat_hash_set<std::pair<const Node*, uint32_t>> reached_results_;  // of nodes with several
  absl::flat_hash_set<const TensorImpl*> reached_leaves_;
};

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_WANTED_H_
