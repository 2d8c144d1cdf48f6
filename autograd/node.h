// The graph of recorded operations.
//
// Each recorded operation leaves a Node, which the tensors that it produced point to. A node has
// one Edge per array that went in: to the node that produced it, to the leaf that wants its
// gradient, or nowhere. So the graph is held from its outputs, points backwards, and goes away with
// the last tensor that needs it.
//
// Backward hands each node the gradients of its outputs; it returns the gradients of its inputs,
// which travel along the edges. A node's generation is 1 + the largest generation of its inputs:
// served in falling order, each node has all its gradients when its turn comes.
//
//   w (leaf) --.
//              mul [1] --- sum [2] --- loss            edges point from right to left
//   x ---------'
//
// Nodes are destroyed without recursion, however deep the graph.
#ifndef LAMINA_AUTOGRAD_NODE_H_
#define LAMINA_AUTOGRAD_NODE_H_

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/hooks.h"
#include "lamina/autograd/tensor.h"  // which includes this file at its end

namespace lamina {

// What backward returns: one gradient per Tensor or NDArray parameter of forward, in order;
// undefined where there is none. By value and by count, because an initializer list would copy each
// handle.
class Gradients {
 public:
  Gradients(Tensor a) { add(a); }  // implicit: return {dy}
  Gradients(Tensor a, Tensor b) { add(a), add(b); }
  Gradients(Tensor a, Tensor b, Tensor c) { add(a), add(b), add(c); }
  Gradients(Tensor a, Tensor b, Tensor c, Tensor d) { add(a), add(b), add(c), add(d); }
  explicit Gradients(std::vector<Tensor> all) {
    for (Tensor& t : all) add(t);
  }
  size_t size() const { return gradients_.size(); }
  Tensor& operator[](size_t i) { return gradients_[i]; }

 private:
  void add(Tensor& t) { gradients_.push_back(std::move(t)); }
  absl::InlinedVector<Tensor, 3> gradients_;
};

namespace internal {

// Which call of checkpoint() the operations recorded on this thread belong to; 0 for none.
inline thread_local uint32_t current_checkpoint = 0;

struct Edge {
  Ptr<Node> node;         // the input is a result of this node
  Ptr<TensorImpl> leaf;   // or a leaf that requires a gradient
  uint32_t output = 0;    // which result of the node
  uint32_t reshaped = 0;  // the leaf's count of that name when the edge was made
  explicit operator bool() const { return node || leaf; }
};

// The shape and dtype that a gradient must have, those of a tensor that outlives this.
struct Form {
  absl::Span<const int64_t> shape;
  DType dtype;
};
inline bool has_form(const Tensor& gradient, const Form& form) {
  return gradient.dtype() == form.dtype &&
         absl::Span<const int64_t>(gradient.shape()) == form.shape;
}
// Throws ShapeError: "[op] <before>expected a gradient of shape ... and dtype ...<what>, got
// ...<after>".
[[noreturn, gnu::cold]] void fail_form(const char* op, absl::string_view before, const Form& form,
                                       absl::string_view what, const Tensor& gradient,
                                       absl::string_view after = "");

// A result of a node. Graphs of a million nodes decide its size: a Shape has room for rank 8.
struct NodeOutput {
  explicit NodeOutput(const NDArray& result)
      : shape(result.shape().begin(), result.shape().end()), dtype(result.dtype()) {}
  Form form() const { return {shape, dtype}; }
  absl::InlinedVector<int64_t, 4> shape;
  DType dtype;
  Tensor arrived;  // its gradient so far, in one run of the engine
};

// What few nodes have.
struct NodeExtras {
  struct Output {
    HookList<TensorHook> hooks;
    std::weak_ptr<Tensor> retained;  // where retain_grad() wants the gradient
  };
  std::vector<Output> outputs;  // as many as the node's
  HookList<NodePrehook> prehooks;
  HookList<NodeHook> hooks;
  std::string label;  // of the LabelGuard, if any
};

class Node : public Counted {
 public:
  virtual const char* name() const = 0;
  // The gradients of the inputs from those of the outputs, some of which may be undefined.
  virtual Gradients run(absl::Span<const Tensor> dy) = 0;
  // Frees what was saved for backward; after that, run() is an error.
  virtual void release() = 0;

  static void destroy(Node* node);

  NodeExtras& extra() {
    if (!extras) extras = std::make_unique<NodeExtras>();
    extras->outputs.resize(outputs.size());
    return *extras;
  }

  const uint32_t checkpoint = current_checkpoint;
  int64_t generation = 1;
  absl::Span<Edge> edges;
  absl::InlinedVector<NodeOutput, 1> outputs;
  std::unique_ptr<NodeExtras> extras;  // null if it has none
  const void* waiting_in = nullptr;    // the run of the engine that has this node in its queue
  bool released = false;

 protected:
  ~Node() = default;

 private:
  virtual void free_self() = 0;
  Node* next_dead_ = nullptr;
};

// What few tensors have.
struct TensorExtras {
  HookList<TensorHook> hooks;        // of a leaf
  std::shared_ptr<Tensor> retained;  // the gradient of a non-leaf after retain_grad()
};

// What a Tensor points to.
struct TensorImpl : Counted {
  explicit TensorImpl(NDArray array) : data(std::move(array)) {}
  // The array is constructed in place: a function's result is never moved.
  template <class F>
  TensorImpl(std::in_place_t, F&& make) : data(make()) {}

  static Ptr<TensorImpl> make(NDArray array) {
    return Ptr<TensorImpl>::adopt(new (allocate(sizeof(TensorImpl))) TensorImpl(std::move(array)));
  }
  template <class F>
  static Ptr<TensorImpl> make_from(F&& make) {
    struct Memory {  // given back if `make` throws
      void* block = allocate(sizeof(TensorImpl));
      ~Memory() {
        if (block != nullptr) deallocate(block, sizeof(TensorImpl));
      }
    } memory;
    auto* impl = new (memory.block) TensorImpl(std::in_place, make);
    memory.block = nullptr;
    return Ptr<TensorImpl>::adopt(impl);
  }
  static void destroy(TensorImpl* impl) {
    if (impl->grad.defined()) drop_gradient(*impl);
    impl->~TensorImpl();
    deallocate(impl, sizeof(TensorImpl));
  }

  bool requires_grad() const { return leaf_requires_grad || node; }
  // Brings the history of a view up to date; to be called before `node` is read.
  void sync() {
    if (base && seen.load(std::memory_order_acquire) != base->histories) renew_history();
  }
  int64_t generation() const { return node ? node->generation : 0; }
  TensorExtras& extra() {
    if (!extras) extras = std::make_unique<TensorExtras>();
    return *extras;
  }

  bool leaf_requires_grad = false;
  bool inference = inference_mode;  // made in inference mode
  bool was_leaf = false;            // required a gradient before requires_grad_(false)
  bool has_leaf_view = false;       // a view of it has become a leaf that requires a gradient
  bool is_cut_view = false;  // a view of one that requires a gradient, made without recording
  uint32_t output = 0;       // which result of the node this is
  uint32_t replaced = 0;     // how often set_data put another array in place
  uint32_t reshaped = 0;     // how often that had another shape or dtype
  NDArray data;
  Ptr<Node> node;  // the operation that made it; null for a leaf
  Tensor grad;     // of a leaf, or what set_grad and backward's inputs gave
  std::unique_ptr<TensorExtras> extras;

  // In-place writes change histories; see in_place.cc.
  uint32_t histories = 0;         // how often this one has changed
  std::atomic<uint32_t> seen{0};  // the base's count when this view's history was made
  Ptr<TensorImpl> base;           // of a view: the tensor, no view itself, that it was made of
  uint32_t base_replaced = 0;     // the base's count `replaced` then

  uint32_t slot = 0;  // of a leaf: where a run of backward has its gradient; see engine.cc

 private:
  void renew_history();
  // A gradient may have a gradient, and so on: they go in a loop, for recursion would cost stack.
  static void drop_gradient(TensorImpl& impl);
};

// Another of the same elements and history, which stays as it is while `impl` goes on.
Ptr<TensorImpl> snapshot(TensorImpl& impl);

// Notes that `result`, of an operation that makes views, is a view of `x`, if it is: they share
// storage.
inline void note_view(TensorImpl& result, TensorImpl* x) {
  if (x == nullptr || x->data.storage() != result.data.storage() || inference_mode) return;
  if (!grad_enabled) {
    x->sync();
    if (x->requires_grad()) {
      result.is_cut_view = true;  // without its base, whose graph it would keep alive
      return;
    }
  }
  result.is_cut_view = x->is_cut_view;
  result.inference = x->inference;
  // After set_data x is no view of its base any more.
  const bool is_view = x->base && x->base->replaced == x->base_replaced;
  TensorImpl* base = is_view ? x->base.get() : x;
  result.base = Ptr<TensorImpl>::share(base);
  result.base_replaced = base->replaced;
  result.seen.store(base->histories, std::memory_order_relaxed);
}

const NDArray& undefined_array();  // what an undefined tensor has for data

[[noreturn, gnu::cold]] void fail_reshaped(const Node& node, size_t input);
// Of the gradient of an input that wants one. Throws RuntimeError if it is a leaf that set_data has
// given another shape or dtype since.
inline Form input_form(const Node& node, size_t input) {
  const Edge& edge = node.edges[input];
  if (edge.node) return edge.node->outputs[edge.output].form();
  if (edge.leaf->reshaped != edge.reshaped) fail_reshaped(node, input);
  return {edge.leaf->data.shape(), edge.leaf->data.dtype()};
}

}  // namespace internal

inline const NDArray& Tensor::data() const {
  return impl_ ? impl_->data : internal::undefined_array();
}
inline bool Tensor::requires_grad() const {
  if (!impl_) return false;
  impl_->sync();
  return impl_->requires_grad();
}
inline Tensor Tensor::detach() const {
  Tensor result{NDArray(data())};
  if (impl_ && impl_->inference) result.impl_->inference = true;
  return result;
}

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_NODE_H_
