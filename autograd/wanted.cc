#include "lamina/autograd/wanted.h"

#include <algorithm>

#include "lamina/autograd/walk.h"

namespace lamina::internal {

Wanted::Wanted(absl::Span<const Tensor> roots, absl::Span<const Tensor> of, bool inputs_are_ends) {
  int64_t lowest = of.empty() ? 0 : of[0].impl()->generation();
  for (const Tensor& input : of) {
    const TensorImpl& impl = *input.impl();
    if (impl.node) {
      results[impl.node.get()].resize(impl.node->outputs.size());
    } else {
      leaves.emplace(&impl, 0);
    }
    inputs.push_back({&impl, impl.node.get(), impl.output});
    lowest = std::min(lowest, impl.generation());
  }

  const auto is_end = [&](const Node& node) { return inputs_are_ends && results.contains(&node); };
  walk(
      roots,
      [&](const Node& node, uint32_t output) {
        if (node.outputs.size() > 1) reached_results_.emplace(&node, output);
        return reached_nodes_.insert(&node).second && node.generation >= lowest && !is_end(node);
      },
      [&](const Ptr<TensorImpl>& leaf) { reached_leaves_.insert(leaf.get()); });

  std::vector<const Node*> nodes(reached_nodes_.begin(), reached_nodes_.end());
  std::sort(nodes.begin(), nodes.end(),
            [](const Node* a, const Node* b) { return a->generation < b->generation; });
  for (const Node* node : nodes) {
    if (is_end(*node)) continue;
    const bool leads = std::any_of(node->edges.begin(), node->edges.end(), [&](const Edge& edge) {
      return edge.node ? uses(*edge.node) : leaves.contains(edge.leaf.get());
    });
    if (leads) needed.insert(node);
  }
}

bool Wanted::reaches(size_t i) const {
  const Input& input = inputs[i];
  if (input.node == nullptr) return reached_leaves_.contains(input.leaf);
  return input.node->outputs.size() > 1 ? reached_results_.contains({input.node, input.output})
                                        : reached_nodes_.contains(input.node);
}

}  // namespace lamina::internal
