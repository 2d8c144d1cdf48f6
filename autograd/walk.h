// Visiting the graph under some tensors.
#ifndef LAMINA_AUTOGRAD_WALK_H_
#define LAMINA_AUTOGRAD_WALK_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/node.h"

namespace lamina::internal {

// Calls meet_node(Node&, number of the result) and meet_leaf(const Ptr<TensorImpl>&) with what the
// roots come from, and with what each node has an edge to: breadth first, again for each edge. The walk goes on behind a
// node where meet_node returned true, so that should be no more than once.
template <class MeetNode, class MeetLeaf>
void walk(absl::Span<const Tensor> roots, MeetNode meet_node, MeetLeaf meet_leaf) {
  std::vector<const Node*> nodes;
  const auto meet = [&](const Ptr<Node>& node, uint32_t output, const Ptr<TensorImpl>& leaf) {
    if (node) {
      if (meet_node(*node, output)) nodes.push_back(node.get());
    } else if (leaf) {
      meet_leaf(leaf);
    }
  };
  for (const Tensor& root : roots) {
    if (root.requires_grad()) meet(root.impl()->node, root.impl()->output, root.handle());
  }
  for (size_t next = 0; next < nodes.size(); ++next) {
    for (const Edge& edge : nodes[next]->edges) meet(edge.node, edge.output, edge.leaf);
  }
}

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_WALK_H_
