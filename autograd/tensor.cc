#include "lamina/autograd/tensor.h"

#include "lamina/autograd/engine.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/node.h"
#include "lamina/tensor/print.h"

namespace lamina {
namespace {

internal::TensorImpl& impl_of(const char* op, const Tensor& x) {
  if (!x.defined()) fail<RuntimeError>(op, "expected a defined tensor, got one without a value");
  x.impl()->sync();
  return *x.impl();
}

void check_requires_grad(const char* op, const internal::TensorImpl& impl) {
  if (!impl.requires_grad()) {
    fail<RuntimeError>(op, "expected a tensor that requires a gradient, got one that does not");
  }
}

template <class Hook>
void check_callable(const char* op, const Hook& hook) {
  if (!hook) fail<ValueError>(op, "expected a function, got none");
}

}  // namespace

Tensor::Tensor(NDArray data) {
  if (data.defined()) impl_ = internal::TensorImpl::make(std::move(data));
}

const NDArray& internal::undefined_array() {
  static const NDArray& undefined = *new NDArray;
  return undefined;
}

void Tensor::set_data(NDArray data) const {
  internal::TensorImpl& impl = impl_of("set_data", *this);
  check_defined("set_data", data);
  if (impl.node) {
    fail<RuntimeError>("set_data", "expected a leaf, got the result of ", impl.node->name());
  }
  if (impl.leaf_requires_grad) check_floating("set_data", data.dtype());
  if (data.shape() != impl.data.shape() || data.dtype() != impl.data.dtype()) {
    impl.grad = Tensor();
    ++impl.reshaped;
  }
  impl.data = std::move(data);
  impl.base = {};  // not a view of it any more
  impl.is_cut_view = false;
  ++impl.replaced;
}

Tensor& Tensor::requires_grad_(bool requires_grad) & {
  internal::TensorImpl& impl = impl_of("requires_grad_", *this);
  if (impl.node) {
    if (requires_grad) return *this;
    fail<RuntimeError>("requires_grad_", "expected a leaf, got the result of ", impl.node->name(),
                       "; use detach() for its values without history");
  }
  if (requires_grad) {
    check_floating("requires_grad_", impl.data.dtype());
    if (impl.inference && !is_inference_mode()) {
      fail<RuntimeError>("requires_grad_",
                         "expected a tensor from outside inference mode; clone() it first");
    }
  }
  if (requires_grad && impl.base) {  // a leaf of its own from here on
    impl.base->has_leaf_view = true;
    impl.base = {};
  }
  impl.was_leaf = impl.was_leaf || impl.leaf_requires_grad;
  impl.leaf_requires_grad = requires_grad;
  return *this;
}

bool Tensor::is_leaf() const {
  if (impl_) impl_->sync();
  return !impl_ || !impl_->node;
}
Tensor Tensor::grad() const {
  const internal::TensorImpl& impl = impl_of("grad", *this);
  return impl.extras && impl.extras->retained ? *impl.extras->retained : impl.grad;
}

void Tensor::retain_grad() const {
  internal::TensorImpl& impl = impl_of("retain_grad", *this);
  check_requires_grad("retain_grad", impl);
  if (!impl.node || (impl.extras && impl.extras->retained)) return;
  impl.extra().retained = std::make_shared<Tensor>();
  impl.node->extra().outputs[impl.output].retained = impl.extras->retained;
}

HookHandle Tensor::add_hook(TensorHook hook) const {
  internal::TensorImpl& impl = impl_of("register_hook", *this);
  check_requires_grad("register_hook", impl);
  check_callable("register_hook", hook);
  return (impl.node ? impl.node->extra().outputs[impl.output].hooks : impl.extra().hooks)
      .add(std::move(hook));
}

void Tensor::set_grad(Tensor grad) const {
  internal::TensorImpl& impl = impl_of("set_grad", *this);
  const internal::Form form{shape(), dtype()};
  if (grad.defined() && !has_form(grad, form)) fail_form("set_grad", "", form, "", grad);
  if (grad.impl() == impl_.get()) {
    fail<ValueError>("set_grad", "expected another tensor as the gradient, got the tensor itself");
  }
  (impl.extras && impl.extras->retained ? *impl.extras->retained : impl.grad) = std::move(grad);
}

void Tensor::backward(const Tensor& gradient) const { backward(gradient, {}); }

void Tensor::backward(const Tensor& gradient, const BackwardOptions& options) const {
  internal::run_backward(*this, gradient, options);
}

// ---- GradFn

GradFn Tensor::grad_fn() const { return is_leaf() ? GradFn() : GradFn(impl_->node); }

const char* GradFn::name() const { return node_ ? node_->name() : ""; }

std::vector<GradFn> GradFn::next_functions() const {
  std::vector<GradFn> result;
  if (!node_) return result;
  for (const internal::Edge& edge : node_->edges) result.emplace_back(edge.node);
  return result;
}

HookHandle GradFn::add_prehook(NodePrehook hook) const {
  if (!node_) fail<RuntimeError>("register_prehook", "expected the result of an operation");
  check_callable("register_prehook", hook);
  return node_->extra().prehooks.add(std::move(hook));
}
HookHandle GradFn::add_hook(NodeHook hook) const {
  if (!node_) fail<RuntimeError>("register_hook", "expected the result of an operation");
  check_callable("register_hook", hook);
  return node_->extra().hooks.add(std::move(hook));
}

std::string Tensor::str() const {
  if (!defined()) return "Tensor(undefined)";
  impl_->sync();
  if (impl_->node) return to_text(data(), absl::StrCat("grad_fn=<", impl_->node->name(), ">"));
  return to_text(data(), impl_->leaf_requires_grad ? "requires_grad=True" : "");
}

// ---- Creation

Tensor empty(const Shape& shape, DType dtype) { return NDArray::empty(shape, dtype); }
Tensor zeros(const Shape& shape, DType dtype) { return NDArray::zeros(shape, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return NDArray::ones(shape, dtype); }
Tensor full(const Shape& shape, Scalar value) { return NDArray::full(shape, value); }
Tensor full(const Shape& shape, Scalar value, DType dtype) {
  return NDArray::full(shape, value, dtype);
}
Tensor empty_like(const Tensor& x) { return NDArray::empty_like(x.data()); }
Tensor empty_like(const Tensor& x, DType dtype) { return NDArray::empty_like(x.data(), dtype); }
Tensor zeros_like(const Tensor& x) { return NDArray::zeros_like(x.data()); }
Tensor zeros_like(const Tensor& x, DType dtype) { return NDArray::zeros_like(x.data(), dtype); }
Tensor ones_like(const Tensor& x) { return NDArray::ones_like(x.data()); }
Tensor ones_like(const Tensor& x, DType dtype) { return NDArray::ones_like(x.data(), dtype); }
Tensor full_like(const Tensor& x, Scalar value) { return NDArray::full_like(x.data(), value); }
Tensor full_like(const Tensor& x, Scalar value, DType dtype) {
  return NDArray::full_like(x.data(), value, dtype);
}
Tensor arange(Scalar end) { return NDArray::arange(end); }
Tensor arange(Scalar end, DType dtype) { return NDArray::arange(end, dtype); }
Tensor arange(Scalar start, Scalar end, Scalar step) { return NDArray::arange(start, end, step); }
Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype) {
  return NDArray::arange(start, end, step, dtype);
}
Tensor linspace(Scalar start, Scalar end, int64_t steps, DType dtype) {
  return NDArray::linspace(start, end, steps, dtype);
}
Tensor eye(int64_t n, DType dtype) { return NDArray::eye(n, dtype); }
Tensor eye(int64_t n, int64_t m, DType dtype) { return NDArray::eye(n, m, dtype); }
Tensor tensor(Scalar value) { return NDArray::full({}, value); }
Tensor rand(const Shape& shape, DType dtype) {
  const OpScope scope("rand");
  return random::uniform(shape, 0, 1, dtype);
}
Tensor randn(const Shape& shape, DType dtype) {
  const OpScope scope("randn");
  return random::normal(shape, 0, 1, dtype);
}
Tensor normal(double mean, double stddev, const Shape& shape, DType dtype) {
  return random::normal(shape, mean, stddev, dtype);
}
Tensor randperm(int64_t n) {
  const OpScope scope("randperm");
  return random::permutation(n);
}
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype) {
  return random::integers(low, high, shape, dtype);
}
Tensor bernoulli(const Tensor& p) { return random::bernoulli(p.data()); }
Tensor bernoulli(const Shape& shape, double p, DType dtype) {
  return random::bernoulli(shape, p, dtype);
}

}  // namespace lamina
