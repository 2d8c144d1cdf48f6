#include "lamina/autograd/function.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace lamina {

void Context::save(Tensor tensor, bool is_output) {
  Saved saved{std::move(tensor), 0, 0, is_output, 0};
  if (saved.tensor.data().defined()) {
    saved.version = saved.tensor.data().version();
    saved.replaced = saved.tensor.impl()->replaced;
  }
  saved_.push_back(std::move(saved));
}

void Context::number_output(const NDArray& result, uint32_t output) {
  for (Saved& s : saved_) {
    const NDArray& data = s.tensor.data();
    if (s.is_output && data.storage() == result.storage() && data.raw_data() == result.raw_data())
      s.output = output;
  }
}

void Context::save_input(const NDArray& x) {
  if (node_ == nullptr) return;
  // The reference that forward got is the array inside the input's impl, so its address says which
  // input it is.
  for (internal::TensorImpl* input : inputs_) {
    if (input != nullptr && &input->data == &x) {
      save(Tensor(internal::Ptr<internal::TensorImpl>::share(input)), false);
      return;
    }
  }
  save(Tensor(x), false);  // a constant NDArray argument
}

Tensor Context::saved(int i) const {
  const char* op = node_->name();
  if (node_->released) {
    fail<RuntimeError>(
        op, "backward needs values that an earlier backward freed; pass retain_graph to that one");
  }
  LAMINA_INTERNAL_CHECK(i >= 0 && i < static_cast<int>(saved_.size()));
  const Saved& s = saved_[i];
  const NDArray& data = s.tensor.data();
  if (data.defined() && (s.tensor.impl()->replaced != s.replaced || data.version() != s.version)) {
    fail<RuntimeError>(op, "a value that backward needs was changed in place: shape ",
                       data.shape().str(), ", saved at version ", s.version, ", now ",
                       s.tensor.impl()->replaced != s.replaced
                           ? "replaced by set_data"
                           : absl::StrCat("at version ", data.version()),
                       "; change a clone() of it instead");
  }
  if (!s.is_output || !is_grad_enabled()) return s.tensor;
  // The result's history is this node. A link is made only now, for a stored one would be a cycle.
  Tensor output{NDArray(data)};
  output.impl()->node = internal::Ptr<internal::Node>::share(node_);
  output.impl()->output = s.output;
  return output;
}

Tensor Context::output() const {
  for (size_t i = 0; i < saved_.size(); ++i) {
    if (saved_[i].is_output) return saved(static_cast<int>(i));
  }
  return saved(0);  // says what is wrong
}

internal::OutputMeta Context::input_meta(int i) const {
  const internal::Edge& edge = node_->edges[i];
  LAMINA_INTERNAL_CHECK(static_cast<bool>(edge));
  if (edge.node) return edge.node->outputs[edge.output];
  return {edge.leaf->data.shape(), edge.leaf->data.dtype()};
}

Tensor Context::to_input(int i, const Tensor& gradient) const {
  if (!needs_grad(i)) return Tensor();
  const internal::OutputMeta meta = input_meta(i);
  Tensor result = gradient;
  if (result.shape() != meta.shape) result = result.sum_to(meta.shape);
  if (result.dtype() != meta.dtype) result = result.to(meta.dtype);
  return result;
}

namespace internal {

std::string readable_type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  const std::string name = status == 0 ? text.get() : type.name();
  const size_t colons = name.rfind("::", name.find('<'));  // a template's arguments may hold colons
  return colons == std::string::npos ? name : name.substr(colons + 2);
}

}  // namespace internal
}  // namespace lamina
