#include "lamina/autograd/node_run.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lamina::internal {
namespace {

std::string label_of(const Node& node) {
  if (!node.extras || node.extras->label.empty()) return "";
  return absl::StrCat("; the forward call was in \"", node.extras->label, "\"");
}

// Rethrows the current exception, a `what` of type E, with the node's name and label in its text.
template <class E>
[[noreturn]] void rethrow_named(const Node& node, const std::exception& e) {
  const std::string own = absl::StrCat("[", node.name(), "]"), label = label_of(node);
  const bool named = absl::StartsWith(e.what(), own);
  if (named && label.empty()) throw;
  std::throw_with_nested(E(absl::StrCat(named ? "" : own + " backward: ", e.what(), label)));
}

Gradients run_backward_of(Node& node, absl::Span<const Tensor> dy) {
  try {
    return node.run(dy);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const ShapeError& e) {
    rethrow_named<ShapeError>(node, e);
  } catch (const DTypeError& e) {
    rethrow_named<DTypeError>(node, e);
  } catch (const IndexError& e) {
    rethrow_named<IndexError>(node, e);
  } catch (const ValueError& e) {
    rethrow_named<ValueError>(node, e);
  } catch (const InternalError& e) {
    rethrow_named<InternalError>(node, e);
  } catch (const std::exception& e) {
    rethrow_named<RuntimeError>(node, e);
  } catch (...) {
    std::throw_with_nested(RuntimeError(absl::StrCat(
        "[", node.name(), "] backward: an exception that is no std::exception", label_of(node))));
  }
}

// Changes when one of the gradients is written to.
uint32_t versions_of(absl::Span<const Tensor> gradients) {
  uint32_t sum = 0;
  for (const Tensor& gradient : gradients) {
    if (gradient.defined()) sum += gradient.data().version();
  }
  return sum;
}

[[noreturn, gnu::cold]] void fail_written(const char* op, const char* who) {
  fail<RuntimeError>(op, who,
                     ": expected the gradients to be left as they are, got one that was written "
                     "to; return others instead");
}

void check_count(const Node& node, const char* hook, size_t expected, size_t got) {
  if (got == expected) return;
  fail<RuntimeError>(node.name(), hook, ": expected ", expected, " gradients or none, got ", got);
}

void call_node_hooks(const Node& node, Gradients& gradients, absl::Span<const Tensor> dy) {
  if (node.extras->hooks.empty()) return;
  std::vector<Tensor> current;
  for (size_t i = 0; i < gradients.size(); ++i) current.push_back(gradients[i]);
  node.extras->hooks.for_each([&](const NodeHook& hook) {
    const uint32_t versions = versions_of(current) + versions_of(dy);
    std::vector<Tensor> others = hook(current, dy);
    if (versions_of(current) + versions_of(dy) != versions) fail_written(node.name(), "hook");
    if (others.empty()) return;
    check_count(node, "hook", current.size(), others.size());
    current = std::move(others);
  });
  gradients = Gradients(std::move(current));
}

}  // namespace

Tensor call_hooks(const char* of, const HookList<TensorHook>& hooks, Tensor gradient) {
  hooks.for_each([&](const TensorHook& hook) {
    const uint32_t version = versions_of({&gradient, 1});
    Tensor other = hook(gradient);
    if (versions_of({&gradient, 1}) != version) fail_written(of, "hook");
    if (!other.defined()) return;
    const Form form{gradient.shape(), gradient.dtype()};
    if (!has_form(other, form)) fail_form(of, "hook: ", form, "", other);
    gradient = std::move(other);
  });
  return gradient;
}

void call_prehooks(const Node& node, OutputGradients& dy) {
  node.extras->prehooks.for_each([&](const NodePrehook& hook) {
    const uint32_t versions = versions_of(dy);
    std::vector<Tensor> others = hook(dy);
    if (versions_of(dy) != versions) fail_written(node.name(), "prehook");
    if (others.empty()) return;
    check_count(node, "prehook", dy.size(), others.size());
    for (size_t i = 0; i < dy.size(); ++i) {
      const Form form = node.outputs[i].form();
      if (others[i].defined() && !has_form(others[i], form)) {
        fail_form(node.name(), "backward: ", form, absl::StrCat(" from a prehook for result ", i),
                  others[i], label_of(node));
      }
      dy[i] = std::move(others[i]);
    }
  });
}

Gradients run_node(Node& node, absl::Span<const Tensor> dy, bool detect_anomaly) {
  const uint32_t versions = detect_anomaly ? versions_of(dy) : 0;
  Gradients gradients = run_backward_of(node, dy);
  if (detect_anomaly && versions_of(dy) != versions) fail_written(node.name(), "backward");
  if (gradients.size() != node.edges.size()) {
    fail<RuntimeError>(node.name(), "backward: expected ", node.edges.size(), " gradients, got ",
                       gradients.size(), label_of(node));
  }
  if (node.extras) call_node_hooks(node, gradients, dy);
  return gradients;
}

void fail_form_of_input(const Node& node, size_t input, const Form& form, const Tensor& gradient) {
  fail_form(node.name(), "backward: ", form, absl::StrCat(" for input ", input), gradient,
            label_of(node));
}

void check_finite(const Node& node, size_t input, const Tensor& gradient) {
  const std::vector<double> values = gradient.to_vector<double>();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad == values.end()) return;
  fail<RuntimeError>(node.name(), "backward: expected finite gradients, got ", *bad, " for input ",
                     input, " at element ", bad - values.begin(), " (row-major) of shape ",
                     gradient.shape().str(), label_of(node));
}

void fail_consumed(const Node& node) {
  fail<RuntimeError>(node.name(),
                     "backward through a graph that an earlier backward has consumed; "
                     "pass retain_graph to that one",
                     label_of(node));
}

}  // namespace lamina::internal
