#include "lamina/autograd/node.h"

#include "absl/strings/str_cat.h"

namespace lamina::internal {

void fail_form(const char* op, absl::string_view before, const Form& form, absl::string_view what,
               const Tensor& gradient, absl::string_view after) {
  fail<ShapeError>(op, before, "expected a gradient of shape ", Shape(form.shape).str(),
                   " and dtype ", name_of(form.dtype), what, ", got ", gradient.shape().str(),
                   " and ", name_of(gradient.dtype()), after);
}

void fail_reshaped(const Node& node, size_t input) {
  const NDArray& now = node.edges[input].leaf->data;
  fail<RuntimeError>(node.name(), "backward: input ", input,
                     " has been given another shape or dtype by set_data since, now ",
                     now.shape().str(), " and ", name_of(now.dtype()),
                     "; compute the result again");
}

void TensorImpl::drop_gradient(TensorImpl& impl) {
  for (Tensor next = std::move(impl.grad); next.defined() && next.impl()->use_count() == 1;) {
    next = Tensor(std::move(next.impl()->grad));
  }
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

}  // namespace lamina::internal
