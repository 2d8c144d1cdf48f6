#include "lamina/autograd/graph.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "lamina/autograd/node.h"
#include "lamina/autograd/walk.h"

namespace lamina {
namespace {

std::string quoted(const std::string& text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

std::string form(const Shape& shape, DType dtype) {
  return absl::StrCat(shape.str(), " ", name_of(dtype));
}

std::string describe(const internal::Node& node) {
  std::string text = node.name();
  if (node.extras && !node.extras->label.empty()) absl::StrAppend(&text, "\n", node.extras->label);
  for (const internal::NodeOutput& output : node.outputs) {
    absl::StrAppend(&text, "\n", form(Shape(output.shape), output.dtype));
  }
  return text;
}

}  // namespace

std::string to_dot(const Tensor& x, const std::vector<std::pair<std::string, Tensor>>& names) {
  if (!x.defined()) {
    fail<RuntimeError>("to_dot", "expected a defined tensor, got one without a value");
  }
  absl::flat_hash_map<const internal::TensorImpl*, std::string> name_of_leaf;
  for (const auto& [name, tensor] : names) name_of_leaf.emplace(tensor.impl(), name + "\n");

  std::string boxes, arrows;
  absl::flat_hash_map<const void*, size_t> numbers;
  std::vector<const internal::Node*> nodes;
  const auto meet_leaf = [&](const internal::Ptr<internal::TensorImpl>& leaf) {
    const auto [place, is_new] = numbers.emplace(leaf.get(), numbers.size());
    if (!is_new) return;
    const auto name = name_of_leaf.find(leaf.get());
    absl::StrAppend(&boxes, "  n", place->second, " [shape=ellipse, label=",
                    quoted(absl::StrCat(name == name_of_leaf.end() ? "" : name->second,
                                        form(leaf->data.shape(), leaf->data.dtype()))),
                    "];\n");
  };
  const auto meet_node = [&](const internal::Node& node, uint32_t) {
    const auto [place, is_new] = numbers.emplace(&node, numbers.size());
    if (!is_new) return false;
    nodes.push_back(&node);
    absl::StrAppend(&boxes, "  n", place->second, " [label=", quoted(describe(node)), "];\n");
    return true;
  };
  internal::walk({&x, 1}, meet_node, meet_leaf);
  if (numbers.empty()) meet_leaf(x.handle());  // one that requires no gradient
  for (const internal::Node* node : nodes) {
    for (const internal::Edge& edge : node->edges) {
      if (!edge) continue;
      const void* from = edge.node ? static_cast<const void*>(edge.node.get()) : edge.leaf.get();
      absl::StrAppend(&arrows, "  n", numbers.at(from), " -> n", numbers.at(node), ";\n");
    }
  }
  return absl::StrCat("digraph {\n  node [shape=box];\n", boxes, arrows, "}\n");
}

}  // namespace lamina
