#include "lamina/autograd/engine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/node.h"
#include "lamina/autograd/node_run.h"
#include "lamina/autograd/wanted.h"

namespace lamina {
namespace internal {
namespace {

// The nodes that gradients of one run have reached, the highest generation first. Plain pointers:
// whoever runs backward holds the first node, and edges hold the others.
class Queue {
 public:
  ~Queue() {  // after an exception: no gradient of this run may meet the next
    for (Node* node : heap_) {
      node->waiting_in = nullptr;
      for (NodeOutput& output : node->outputs) output.arrived = Tensor();
    }
  }
  bool empty() const { return heap_.empty(); }
  void push(Node* node) {
    if (node->waiting_in == this) return;
    if (node->waiting_in != nullptr) {
      fail<RuntimeError>(
          node->name(),
          "backward through an operation that is waiting for the gradients of the "
          "backward around this one; run it before or after, or on a graph of its own");
    }
    heap_.push_back(node);
    std::push_heap(heap_.begin(), heap_.end(), &before);
    node->waiting_in = this;
  }
  Node* pop() {
    std::pop_heap(heap_.begin(), heap_.end(), &before);
    Node* node = heap_.back();
    heap_.pop_back();
    node->waiting_in = nullptr;
    return node;
  }

 private:
  static bool before(const Node* a, const Node* b) { return a->generation < b->generation; }
  std::vector<Node*> heap_;
};

// ---- Sums of gradients

// Whether writing to t's elements is seen by nobody else: one handle, one owner of the storage,
// each element once.
bool is_exclusive(const Tensor& t) {
  if (t.impl()->use_count() != 1) return false;
  if (t.data().is_exclusive()) return true;
  // A view whose base nobody else holds.
  const Ptr<TensorImpl>& base = t.impl()->base;
  return base && base->use_count() == 1 && t.data().storage()->use_count() == 2 &&
         t.is_contiguous();
}

// A sum within one run.
void accumulate(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!is_grad_enabled() && !sum.requires_grad() && is_exclusive(sum)) {
    sum.impl()->data.add_(gradient.data());
  } else {
    sum = sum + gradient;
  }
}

// To what grad() shows.
void accumulate_for_user(Tensor& grad, Tensor gradient) {
  if (!grad.defined()) {
    // The gradient is the user's to write to: taken over if nobody else sees it, else copied. It
    // has a history only if that was asked for: what backward saved may have one.
    if (!is_grad_enabled() && gradient.requires_grad()) gradient = gradient.detach();
    grad = is_exclusive(gradient) ? std::move(gradient) : gradient.clone();
  } else if (!is_grad_enabled() && !grad.requires_grad() && grad.is_contiguous()) {
    grad.impl()->data.add_(gradient.data());  // in place: handles to the gradient see the sum
  } else {
    grad = grad + gradient;
  }
}

void accumulate_for_user(TensorImpl& impl, Tensor gradient) {
  if (!has_form(gradient, {impl.data.shape(), impl.data.dtype()})) {
    fail<RuntimeError>("backward",
                       "expected leaves to keep their shape and dtype meanwhile, got one that a "
                       "hook has given others, ",
                       impl.data.shape().str(), " and ", name_of(impl.data.dtype()),
                       ", by set_data");
  }
  accumulate_for_user(impl.grad, std::move(gradient));
}

// ---- A run

// The gradient of a leaf, kept apart until the end of the run, for hooks are to see all of it.
struct Slot {
  Ptr<TensorImpl> leaf;
  Tensor gradient;
  uint32_t outer;  // the leaf's slot in the run around this one, from one of whose hooks this began
};

class Run {
 public:
  // Of the whole graph, or of the part that `wanted` needs. `fill` says whether the gradients go
  // into grad() of those that retain theirs; those of leaves do if the graph is whole.
  Run(bool retain_graph, Wanted* wanted, bool fill, bool call_leaf_hooks = true)
      : retain_graph_(retain_graph),
        wanted_(wanted),
        fill_(fill),
        call_leaf_hooks_(call_leaf_hooks) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (wanted_ != nullptr) return;
    for (const Slot& slot : slots_) slot.leaf->slot = slot.outer;
  }

  void start(const Tensor& root, Tensor gradient) {
    TensorImpl& impl = *root.impl();
    if (impl.node) {
      held_.push_back(impl.node);
      queue_.push(impl.node.get());
      accumulate(impl.node->outputs[impl.output].arrived, std::move(gradient));
    } else {
      arrive(root.handle(), std::move(gradient));
    }
  }

  void finish() {
    while (!queue_.empty()) step(*queue_.pop());
    for (Slot& slot : slots_) {
      if (!slot.leaf->extras || !call_leaf_hooks_) continue;
      slot.gradient = call_hooks("leaf", slot.leaf->extras->hooks, std::move(slot.gradient));
    }
    if (wanted_ != nullptr) return;
    for (Slot& slot : slots_) accumulate_for_user(*slot.leaf, std::move(slot.gradient));
  }

  // After finish(): of the wanted input i; undefined if none came.
  Tensor gradient_of(size_t i) const {
    const Wanted::Input& input = wanted_->inputs[i];
    if (input.node != nullptr) return wanted_->results.at(input.node)[input.output];
    const uint32_t slot = wanted_->leaves.at(input.leaf);
    return is_slot_of(slot, input.leaf) ? slots_[slot].gradient : Tensor();
  }

 private:
  void step(Node& node) {
    dy_.clear();
    for (NodeOutput& output : node.outputs) dy_.push_back(std::move(output.arrived));
    if (node.extras) call_output_hooks(node);
    if (wanted_ != nullptr) {
      const auto results = wanted_->results.find(&node);
      if (results != wanted_->results.end()) {
        for (size_t i = 0; i < dy_.size(); ++i) results->second[i] = dy_[i];
      }
      if (!wanted_->needed.contains(&node)) return;
    }
    if (node.released) fail_consumed(node);
    if (node.extras) call_prehooks(node, dy_);
    if (std::none_of(dy_.begin(), dy_.end(), [](const Tensor& dy) { return dy.defined(); })) {
      if (!retain_graph_) node.release();  // a prehook has taken the gradient away
      return;
    }
    Gradients gradients = run_node(node, dy_, detect_anomaly_);
    dy_.clear();
    for (size_t i = 0; i < node.edges.size(); ++i) {
      const Edge& edge = node.edges[i];
      if (!edge || !gradients[i].defined()) continue;
      check_form_of_input(node, i, gradients[i]);
      if (detect_anomaly_) check_finite(node, i, gradients[i]);
      if (edge.leaf) {
        arrive(edge.leaf, std::move(gradients[i]));
      } else if (leads_on(*edge.node)) {
        queue_.push(edge.node.get());
        accumulate(edge.node->outputs[edge.output].arrived, std::move(gradients[i]));
      }
    }
    if (!retain_graph_) node.release();
  }

  bool leads_on(const Node& node) const { return wanted_ == nullptr || wanted_->uses(node); }

  void call_output_hooks(Node& node) {
    for (size_t i = 0; i < node.extras->outputs.size(); ++i) {
      const NodeExtras::Output& output = node.extras->outputs[i];
      if (!dy_[i].defined()) continue;
      dy_[i] = call_hooks(node.name(), output.hooks, std::move(dy_[i]));
      const std::shared_ptr<Tensor> retained = output.retained.lock();
      if (fill_ && retained) accumulate_for_user(*retained, dy_[i]);
    }
  }

  void arrive(const Ptr<TensorImpl>& leaf, Tensor gradient) {
    uint32_t* slot = &leaf->slot;
    if (wanted_ != nullptr) {  // several threads may want gradients of one leaf
      const auto place = wanted_->leaves.find(leaf.get());
      if (place == wanted_->leaves.end()) return;
      slot = &place->second;
    }
    if (!is_slot_of(*slot, leaf.get())) {
      const uint32_t outer = std::exchange(*slot, static_cast<uint32_t>(slots_.size()));
      slots_.push_back({leaf, Tensor(), outer});
    }
    accumulate(slots_[*slot].gradient, std::move(gradient));
  }
  bool is_slot_of(uint32_t slot, const TensorImpl* leaf) const {
    return slot < slots_.size() && slots_[slot].leaf.get() == leaf;
  }

  const bool retain_graph_;
  Wanted* const wanted_;  // null for the whole graph
  const bool fill_;
  const bool call_leaf_hooks_;
  const bool detect_anomaly_ = is_detect_anomaly();
  absl::InlinedVector<Ptr<Node>, 1> held_;  // what the queue's plain pointers live by
  Queue queue_;
  OutputGradients dy_;  // of the node that runs
  absl::InlinedVector<Slot, 4> slots_;
};

// The gradient to start from.
Tensor first_gradient(const char* op, const Tensor& root, const Tensor& gradient) {
  if (!root.defined()) {
    fail<RuntimeError>(op, "expected a defined tensor, got one without a value");
  }
  if (!root.requires_grad()) {
    fail<RuntimeError>(
        op,
        "expected a tensor with a graph, got one that does not require a gradient; "
        "call requires_grad_() on a leaf before the computation, outside NoGradGuard");
  }
  if (!gradient.defined()) {
    if (root.numel() != 1) {
      fail<RuntimeError>(op, "expected a tensor of one element, got shape ", root.shape().str(),
                         "; pass a gradient of that shape, or reduce with sum() or mean()");
    }
    return ones(root.shape(), root.dtype());
  }
  const Form form{root.shape(), root.dtype()};
  if (!has_form(gradient, form)) fail_form(op, "", form, "", gradient);
  return gradient;
}

void check_inputs(const char* op, absl::Span<const Tensor> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].requires_grad()) continue;
    fail<RuntimeError>(op, "expected input ", i, " to require a gradient, got ",
                       inputs[i].defined() ? "one that does not" : "an undefined tensor");
  }
}

}  // namespace

void run_backward(const Tensor& root, const Tensor& gradient, const BackwardOptions& options) {
  Tensor first = first_gradient("backward", root, gradient);
  check_inputs("backward", options.inputs);
  const GradModeGuard mode(options.create_graph);
  const bool retain = options.retain_graph || options.create_graph;
  if (options.inputs.empty()) {
    Run run(retain, nullptr, true);
    run.start(root, std::move(first));
    run.finish();
    return;
  }
  Wanted wanted({&root, 1}, options.inputs, false);
  Run run(retain, &wanted, true);
  run.start(root, std::move(first));
  run.finish();
  absl::flat_hash_set<const TensorImpl*> done;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    TensorImpl& impl = *options.inputs[i].impl();
    if (!done.insert(&impl).second || (impl.extras && impl.extras->retained)) continue;
    Tensor arrived = run.gradient_of(i);
    if (arrived.defined()) accumulate_for_user(impl, std::move(arrived));
  }
}

std::vector<Tensor> run_grad(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                             absl::Span<const Tensor> grad_outputs, const GradOptions& options,
                             bool is_checkpointed) {
  if (outputs.empty()) fail<ValueError>("grad", "expected at least one output, got none");
  if (!grad_outputs.empty() && grad_outputs.size() != outputs.size()) {
    fail<ValueError>("grad", "expected as many grad_outputs as outputs, ", outputs.size(), ", got ",
                     grad_outputs.size());
  }
  std::vector<Tensor> first;
  for (size_t i = 0; i < outputs.size(); ++i) {
    first.push_back(
        first_gradient("grad", outputs[i], grad_outputs.empty() ? Tensor() : grad_outputs[i]));
  }
  check_inputs("grad", inputs);
  Wanted wanted(outputs, inputs, is_checkpointed);
  if (!options.allow_unused) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (wanted.reaches(i)) continue;
      fail<RuntimeError>("grad", "expected outputs that depend on each input, got input ", i,
                         " that none depends on; pass allow_unused for an undefined gradient");
    }
  }
  const GradModeGuard mode(options.create_graph);
  std::vector<Tensor> result;
  {
    Run run(options.retain_graph || options.create_graph, &wanted, false, !is_checkpointed);
    for (size_t i = 0; i < outputs.size(); ++i) run.start(outputs[i], std::move(first[i]));
    run.finish();
    for (size_t i = 0; i < inputs.size(); ++i) result.push_back(run.gradient_of(i));
    wanted.results.clear();
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor& gradient = result[i];
    if (!gradient.defined()) {  // operations that pass on no gradient
      if (!options.allow_unused) gradient = zeros(inputs[i].shape(), inputs[i].dtype());
    } else if (!options.create_graph) {
      if (gradient.requires_grad()) gradient = gradient.detach();
      if (!is_exclusive(gradient)) gradient = gradient.clone();  // the caller's to write to
    }
  }
  return result;
}

}  // namespace internal

std::vector<Tensor> grad(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                         absl::Span<const Tensor> grad_outputs, const GradOptions& options) {
  return internal::run_grad(outputs, inputs, grad_outputs, options, false);
}

}  // namespace lamina
