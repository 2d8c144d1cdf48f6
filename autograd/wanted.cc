#include "lamina/autograd/wanted.h"

#include <algorithm>

namespace lamina::internal {

Wanted::Wanted(absl::Span<const Tensor> roots, absl::Span<const Tensor> inputs) {
  int64_t lowest = inputs.empty() ? 0 : inputs[0].impl()->generation();
  for (const Tensor& input : inputs) {
    const TensorImpl& impl = *input.impl();
    if (impl.node) {
      results[impl.node.get()].resize(impl.node->outputs.size());
    } else {
      leaves.insert(&impl);
    }
    lowest = std::min(lowest, impl.generation());
  }

  std::vector<const Node*> nodes;
  for (const Tensor& root : roots) {
    if (root.impl()->node) {
      nodes.push_back(root.impl()->node.get());
    } else {
      reached_leaves_.insert(root.impl());
    }
  }
  for (size_t next = 0; next < nodes.size(); ++next) {
    const Node* node = nodes[next];
    if (!reached_nodes_.insert(node).second || node->generation < lowest) continue;
    for (const Edge& edge : node->edges) {
      if (edge.node) nodes.push_back(edge.node.get());
      if (edge.leaf) reached_leaves_.insert(edge.leaf.get());
    }
  }

  nodes.assign(reached_nodes_.begin(), reached_nodes_.end());
  std::sort(nodes.begin(), nodes.end(),
            [](const Node* a, const Node* b) { return a->generation < b->generation; });
  for (const Node* node : nodes) {
    const bool leads = std::any_of(node->edges.begin(), node->edges.end(), [&](const Edge& edge) {
      return edge.node ? uses(*edge.node) : leaves.contains(edge.leaf.get());
    });
    if (leads) needed.insert(node);
  }
}

bool Wanted::reaches(const TensorImpl& input) const {
  return input.node ? reached_nodes_.contains(input.node.get()) : reached_leaves_.contains(&input);
}

}  // namespace lamina::internal
