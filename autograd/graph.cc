#include "lamina/autograd/graph.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "lamina/autograd/node.h"

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
  for (const internal::OutputMeta& output : node.outputs) {
    absl::StrAppend(&text, "\n", form(output.shape, output.dtype));
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
  std::vector<internal::Node*> nodes;
  const auto number_of_leaf = [&](const internal::TensorImpl& leaf) {
    const auto [place, is_new] = numbers.emplace(&leaf, numbers.size());
    if (is_new) {
      const auto name = name_of_leaf.find(&leaf);
      absl::StrAppend(&boxes, "  n", place->second, " [shape=ellipse, label=",
                      quoted(absl::StrCat(name == name_of_leaf.end() ? "" : name->second,
                                          form(leaf.data.shape(), leaf.data.dtype()))),
                      "];\n");
    }
    return place->second;
  };
  const auto number_of_node = [&](internal::Node& node) {
    const auto [place, is_new] = numbers.emplace(&node, numbers.size());
    if (is_new) {
      nodes.push_back(&node);
      absl::StrAppend(&boxes, "  n", place->second, " [label=", quoted(describe(node)), "];\n");
    }
    return place->second;
  };
  if (x.is_leaf()) {
    number_of_leaf(*x.impl());
  } else {
    number_of_node(*x.impl()->node);
  }
  for (size_t next = 0; next < nodes.size(); ++next) {
    const size_t to = numbers.at(nodes[next]);
    for (const internal::Edge& edge : nodes[next]->edges) {
      if (!edge) continue;
      const size_t from = edge.node ? number_of_node(*edge.node) : number_of_leaf(*edge.leaf);
      absl::StrAppend(&arrows, "  n", from, " -> n", to, ";\n");
    }
  }
  return absl::StrCat("digraph {\n  node [shape=box];\n", boxes, arrows, "}\n");
}

}  // namespace lamina
