#include "lamina/autograd/engine.h"

#include <algorithm>
#include <vector>

#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/node.h"

namespace lamina::internal {
namespace {

// The nodes that gradients have reached, the highest generation first. Plain pointers: whoever runs
// backward holds the first node, and edges hold the others.
class Queue {
 public:
  ~Queue() {  // after an exception: no gradient of this run may meet the next
    for (Node* node : heap_) {
      node->queued = false;
      for (Tensor& gradient : node->arrived) gradient = Tensor();
    }
  }
  bool empty() const { return heap_.empty(); }
  void push(Node* node) {
    if (node->queued) return;
    node->queued = true;
    heap_.push_back(node);
    std::push_heap(heap_.begin(), heap_.end(), &before);
  }
  Node* pop() {
    std::pop_heap(heap_.begin(), heap_.end(), &before);
    Node* node = heap_.back();
    heap_.pop_back();
    node->queued = false;
    return node;
  }

 private:
  static bool before(const Node* a, const Node* b) { return a->generation < b->generation; }
  std::vector<Node*> heap_;
};

// Whether writing to t's elements is seen by nobody else: one handle, one owner of the storage,
// each element once.
bool is_exclusive(const Tensor& t) { return t.impl()->use_count() == 1 && t.data().is_exclusive(); }

void accumulate(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!is_grad_enabled() && !sum.requires_grad() && is_exclusive(sum)) {
    sum.impl()->data.add_(gradient.data());
  } else {
    sum = sum + gradient;
  }
}

void accumulate_leaf(TensorImpl& leaf, Tensor gradient) {
  if (!leaf.grad.defined()) {
    // The leaf's gradient is the user's to write to: taken over if nobody else sees it, else
    // copied. It has a history only if that was asked for: what backward saved may have one.
    if (!is_grad_enabled() && gradient.requires_grad()) gradient = gradient.detach();
    leaf.grad = is_exclusive(gradient) ? std::move(gradient) : gradient.clone();
  } else if (!is_grad_enabled() && !leaf.grad.requires_grad() && leaf.grad.is_contiguous()) {
    leaf.grad.impl()->data.add_(gradient.data());  // in place: handles to the gradient see the sum
  } else {
    leaf.grad = leaf.grad + gradient;
  }
}

// Throws unless `gradient` is what the node's input expects.
void check_gradient(const Node& node, size_t input, const Tensor& gradient) {
  const Expected expected = expected_of(node, input);
  if (gradient.shape() != expected.shape || gradient.dtype() != expected.dtype) {
    fail<ShapeError>(node.name(), "backward: expected a gradient of shape ", expected.shape.str(),
                     " and dtype ", name_of(expected.dtype), " for input ", input, ", got ",
                     gradient.shape().str(), " and ", name_of(gradient.dtype()));
  }
}

}  // namespace

void fail_reshaped(const Node& node, size_t input) {
  const NDArray& now = node.edges[input].leaf->data;
  fail<RuntimeError>(node.name(), "backward: input ", input,
                     " has been given another shape or dtype by set_data since, now ",
                     now.shape().str(), " and ", name_of(now.dtype()),
                     "; compute the result again");
}

void Node::destroy(Node* node) {
  // Destroying a node drops its inputs' nodes; they are queued here, and the outermost call
  // destroys them in a loop.
  static thread_local Node* dead = nullptr;
  static thread_local bool draining = false;
  node->next_dead_ = dead;
  dead = node;
  if (draining) return;
  draining = true;
  while (dead != nullptr) {
    Node* next = dead;
    dead = next->next_dead_;
    next->free_self();
  }
  draining = false;
}

void run_backward(const Tensor& root, const Tensor& gradient, const BackwardOptions& options) {
  if (!root.defined()) {
    fail<RuntimeError>("backward", "expected a defined tensor, got one without a value");
  }
  if (!root.requires_grad()) {
    fail<RuntimeError>(
        "backward",
        "expected a tensor with a graph, got one that does not require a gradient; "
        "call requires_grad_() on a leaf before the computation, outside NoGradGuard");
  }
  Tensor first = gradient;
  if (!first.defined()) {
    if (root.numel() != 1) {
      fail<RuntimeError>("backward", "expected a tensor of one element, got shape ",
                         root.shape().str(),
                         "; pass a gradient of that shape, or reduce with sum() or mean()");
    }
    first = ones(root.shape(), root.dtype());
  } else if (first.shape() != root.shape() || first.dtype() != root.dtype()) {
    fail<ShapeError>("backward", "expected a gradient of shape ", root.shape().str(), " and dtype ",
                     name_of(root.dtype()), ", got ", first.shape().str(), " and ",
                     name_of(first.dtype()));
  }
  const GradModeGuard mode(options.create_graph);
  const bool retain = options.retain_graph || options.create_graph;
  const Ptr<Node> start = root.impl()->node;
  if (!start) {
    accumulate_leaf(*root.impl(), std::move(first));
    return;
  }
  Queue queue;
  start->arrived[root.impl()->output] = std::move(first);
  queue.push(start.get());
  absl::InlinedVector<Tensor, 1> dy;
  while (!queue.empty()) {
    Node* const node = queue.pop();
    dy.swap(node->arrived);
    node->arrived.assign(dy.size(), Tensor());
    if (node->released) {
      fail<RuntimeError>(node->name(),
                         "backward through a graph that an earlier backward has consumed; "
                         "pass retain_graph to that one");
    }
    Gradients gradients = node->run(dy);
    dy.clear();
    if (gradients.size() != node->edges.size()) {
      fail<RuntimeError>(node->name(), "backward: expected ", node->edges.size(),
                         " gradients, got ", gradients.size());
    }
    for (size_t i = 0; i < node->edges.size(); ++i) {
      const Edge& edge = node->edges[i];
      if (!edge || !gradients[i].defined()) continue;
      check_gradient(*node, i, gradients[i]);
      if (edge.node) {
        accumulate(edge.node->arrived[edge.output], std::move(gradients[i]));
        queue.push(edge.node.get());
      } else {
        accumulate_leaf(*edge.leaf, std::move(gradients[i]));
      }
    }
    if (!retain) node->release();
  }
}

}  // namespace lamina::internal
