#include "lamina/autograd/function.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace lamina {

void Context::save(Tensor tensor, bool is_output) {
  internal::Saved saved;
  if (tensor.defined()) {
    saved.version = tensor.data().version();
    saved.replaced = tensor.impl()->replaced;
  }
  saved.tensor = std::move(tensor);
  saved.is_output = is_output;
  saved_->push_back(std::move(saved));
}

void Context::find_saved_outputs(absl::Span<const Tensor> results) {
  for (internal::Saved& s : *saved_) {
    if (!s.is_output || !s.tensor.defined()) continue;
    const NDArray& data = s.tensor.data();
    const auto is_it = [&](const Tensor& result) {
      const NDArray& y = result.data();
      return y.defined() && y.storage() == data.storage() && y.raw_data() == data.raw_data() &&
             y.shape() == data.shape() && y.strides() == data.strides();
    };
    const auto found = std::find_if(results.begin(), results.end(), is_it);
    if (found == results.end()) {
      fail<RuntimeError>(name_(),
                         "expected save_output() of a result of forward, got an array of "
                         "shape ",
                         data.shape().str(), " that is not returned; keep it with save_values()");
    }
    s.output = static_cast<uint32_t>(found - results.begin());
  }
}

internal::TensorImpl* Context::find_input(const NDArray& x) const {
  // The reference that forward got is the array inside the input's impl, so its address says which
  // input it is.
  for (size_t i = 0; i < node_->edges.size(); ++i) {
    if (inputs_[i] != nullptr && &inputs_[i]->data == &x) return inputs_[i];
  }
  return nullptr;
}

void Context::check_not_of_inference(const internal::TensorImpl& impl) const {
  if (!impl.inference || is_inference_mode()) return;
  fail<RuntimeError>(name_(),
                     "backward would need a tensor that was made in inference mode; clone() it "
                     "first, or make it outside InferenceModeGuard");
}

void Context::save_input(const NDArray& x, bool needed) {
  if (node_ == nullptr) return;
  if (!needed) return save(Tensor(), false);
  internal::TensorImpl* input = find_input(x);
  if (input == nullptr) return save(Tensor(x), false);  // a constant NDArray argument
  check_not_of_inference(*input);
  // In-place writes may make any tensor but a leaf that requires a gradient depend on this node:
  // what is saved has the history of now, and nothing to make a cycle of.
  save(Tensor(input->leaf_requires_grad ? internal::Ptr<internal::TensorImpl>::share(input)
                                        : internal::snapshot(*input)),
       false);
}

void Context::save_values(const NDArray& values) {
  if (node_ == nullptr) return;
  if (const internal::TensorImpl* input = find_input(values)) check_not_of_inference(*input);
  save(Tensor(values), false);
}

Tensor Context::saved(int i) const {
  check_in_backward("saved");
  const char* op = name_();
  if (node_->released) {  // backward itself ran another backward through this node
    fail<RuntimeError>(
        op, "backward needs values that an earlier backward freed; pass retain_graph to that one");
  }
  if (i < 0 || static_cast<size_t>(i) >= saved_->size()) {
    fail<IndexError>(op, "saved(", i, ") in backward: forward saved ", saved_->size(),
                     saved_->size() == 1 ? " value" : " values");
  }
  const internal::Saved& s = (*saved_)[static_cast<size_t>(i)];
  const NDArray& data = s.tensor.data();
  if (data.defined() && (s.tensor.impl()->replaced != s.replaced || data.version() != s.version)) {
    fail<RuntimeError>(op, "a value that backward needs was changed in place: shape ",
                       data.shape().str(), ", saved at version ", s.version, ", now ",
                       s.tensor.impl()->replaced != s.replaced
                           ? "replaced by set_data"
                           : absl::StrCat("at version ", data.version()),
                       "; change a clone() of it instead");
  }
  if (!s.is_output || !data.defined() || !is_grad_enabled()) return s.tensor;
  // The result's history is this node. A link is made only now, for a stored one would be a cycle.
  Tensor output{NDArray(data)};
  output.impl()->node = internal::Ptr<internal::Node>::share(node_);
  output.impl()->output = s.output;
  return output;
}

Tensor Context::output() const {
  check_in_backward("output");
  for (size_t i = 0; i < saved_->size(); ++i) {
    if ((*saved_)[i].is_output) return saved(static_cast<int>(i));
  }
  if (node_->released) return saved(0);  // says so
  fail<RuntimeError>(name_(), "output() in backward: forward saved none with save_output");
}

internal::Form Context::input_form(const char* method, int i) const {
  check_in_backward(method);
  check_input(method, i);
  const internal::Edge& edge = node_->edges[static_cast<size_t>(i)];
  if (!edge) {
    fail<RuntimeError>(name_(), method, "(", i, ") in backward: input ", i,
                       " wants no gradient; ask needs_grad(", i, ") first");
  }
  return internal::input_form(*node_, static_cast<size_t>(i));
}

void Context::fail_in_forward(const char* method) const {
  fail<RuntimeError>(name_(), method, "() is for backward, called in forward");
}

void Context::fail_no_input(const char* method, int i) const {
  fail<IndexError>(name_(), method, "(", i, "): expected an input from 0 to ",
                   static_cast<int64_t>(node_->edges.size()) - 1);
}

Tensor Context::to_input(int i, const Tensor& gradient) const {
  check_in_backward("to_input");
  if (!needs_grad(i)) return Tensor();
  const internal::Form form = internal::input_form(*node_, static_cast<size_t>(i));
  Tensor result = gradient;
  if (absl::Span<const int64_t>(result.shape()) != form.shape)
    result = result.sum_to(Shape(form.shape));
  if (result.dtype() != form.dtype) result = result.to(form.dtype);
  return result;
}

namespace internal {

void separate(absl::Span<const Tensor> results) {
  for (size_t i = 1; i < results.size(); ++i) {
    if (!results[i].defined()) continue;
    NDArray& data = results[i].impl()->data;
    const auto shares = [&](const Tensor& other) {
      return other.data().storage() == data.storage();
    };
    if (std::any_of(results.begin(), results.begin() + i, shares)) data = data.clone();
  }
}

std::string readable_type_name(std::type_index type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? text.get() : type.name();
  int depth = 0;  // of brackets, for a template's arguments may hold colons
  for (size_t i = name.size(); i-- > 0;) {
    if (name[i] == '>' || name[i] == ')') ++depth;
    if (name[i] == '<' || name[i] == '(') --depth;
    if (depth == 0 && name[i] == ':') return name.substr(i + 1);
  }
  return name;
}

}  // namespace internal
}  // namespace lamina
