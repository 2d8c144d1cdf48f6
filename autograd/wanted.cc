#include "lamina/autograd/wanted.h"

#include <algorithm>

#include "lamina/autograd/walk.h"

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

  walk(
      roots,
      [&](const Node& node) {
        return reached_nodes_.insert(&node).second && node.generation >= lowest;
      },
      [&](const Ptr<TensorImpl>& leaf) { reached_leaves_.insert(leaf.get()); });

  std::vector<const Node*> nodes(reached_nodes_.begin(), reached_nodes_.end());
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
