#include "lamina/autograd/functional.h"

#include "lamina/autograd/grad_mode.h"

namespace lamina {
namespace {

// What f sees: with create_graph the inputs' histories go on behind it.
std::vector<Tensor> stand_ins(const char* op, absl::Span<const Tensor> inputs, bool create_graph) {
  if (is_inference_mode()) {
    fail<RuntimeError>(op,
                       "expected to be called outside of inference mode, which records nothing");
  }
  if (inputs.empty()) fail<ValueError>(op, "expected at least one input, got none");
  std::vector<Tensor> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_defined(op, inputs[i].data());
    check_floating(op, inputs[i].dtype());
    result.push_back(create_graph && inputs[i].requires_grad()
                         ? inputs[i].expand(inputs[i].shape())
                         : inputs[i].detach().requires_grad_());
  }
  return result;
}

Tensor call(const char* op, const TensorFunction& f, absl::Span<const Tensor> inputs) {
  if (!f) fail<ValueError>(op, "expected a function, got none");
  Tensor y = f(inputs);
  if (!y.defined()) fail<RuntimeError>(op, "expected a defined tensor from the function");
  return y;
}

// The gradients of y . v, zeros where y does not depend on an input.
std::vector<Tensor> gradients(const Tensor& y, absl::Span<const Tensor> inputs, const Tensor& v,
                              bool create_graph) {
  std::vector<Tensor> result(inputs.size());
  if (y.requires_grad()) result = grad({y}, inputs, {v}, {true, create_graph, true});
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!result[i].defined()) result[i] = zeros_like(inputs[i]);
  }
  return result;
}

// The gradients of y . v, which are to be differentiated. Being linear in v, which requires a
// gradient, they have a history unless they are zeros, or a backward has lost it.
std::vector<Tensor> gradients_with_history(const char* op, const Tensor& y,
                                           absl::Span<const Tensor> inputs, const Tensor& v) {
  std::vector<Tensor> result = gradients(y, inputs, v, true);
  for (size_t i = 0; i < result.size(); ++i) {
    if (result[i].requires_grad() || !any(ne(result[i].data(), 0)).item<bool>()) continue;
    fail<RuntimeError>(
        op, "expected the first derivative to have a history, got one without, for input ", i,
        "; a backward on the way computes on data() instead of on Tensors");
  }
  return result;
}

Tensor finished(const Tensor& x, bool create_graph) { return create_graph ? x : x.detach(); }

// The Jacobian of y, a function of the inputs.
std::vector<Tensor> rows(const Tensor& y, absl::Span<const Tensor> inputs, bool create_graph) {
  std::vector<std::vector<Tensor>> parts(inputs.size());
  for (int64_t e = 0; e < y.numel(); ++e) {
    NDArray direction = NDArray::zeros(y.numel(), y.dtype());
    direction.narrow(0, e, 1).fill_(1);
    direction = direction.reshape(y.shape());
    std::vector<Tensor> row = gradients(y, inputs, direction, create_graph);
    for (size_t i = 0; i < inputs.size(); ++i) parts[i].push_back(std::move(row[i]));
  }
  std::vector<Tensor> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = y.shape();
    for (int64_t size : inputs[i].shape()) shape.push_back(size);
    result.push_back(parts[i].empty() ? zeros(shape, inputs[i].dtype())
                                      : finished(stack(parts[i]).reshape(shape), create_graph));
  }
  return result;
}

}  // namespace

std::vector<Tensor> jacobian(const TensorFunction& f, absl::Span<const Tensor> inputs,
                             bool create_graph) {
  const EnableGradGuard enable_grad;
  const std::vector<Tensor> in = stand_ins("jacobian", inputs, create_graph);
  return rows(call("jacobian", f, in), in, create_graph);
}

std::vector<std::vector<Tensor>> hessian(const TensorFunction& f, absl::Span<const Tensor> inputs,
                                         bool create_graph) {
  const EnableGradGuard enable_grad;
  const std::vector<Tensor> in = stand_ins("hessian", inputs, create_graph);
  const Tensor y = call("hessian", f, in);
  if (y.numel() != 1) {
    fail<ShapeError>("hessian", "expected a function of one element, got shape ", y.shape().str());
  }
  const Tensor one = ones(y.shape(), y.dtype()).requires_grad_();
  const std::vector<Tensor> first = gradients_with_history("hessian", y, in, one);
  std::vector<std::vector<Tensor>> result;
  result.reserve(first.size());
  for (const Tensor& gradient : first) result.push_back(rows(gradient, in, create_graph));
  return result;
}

VjpResult vjp(const TensorFunction& f, absl::Span<const Tensor> inputs, const Tensor& v,
              bool create_graph) {
  const EnableGradGuard enable_grad;
  const std::vector<Tensor> in = stand_ins("vjp", inputs, create_graph);
  const Tensor y = call("vjp", f, in);
  if (!v.defined() && y.numel() != 1) {
    fail<ShapeError>("vjp", "expected a vector v of shape ", y.shape().str(), ", got none");
  }
  if (v.defined() && (v.shape() != y.shape() || v.dtype() != y.dtype())) {
    fail<ShapeError>("vjp", "expected v of shape ", y.shape().str(), " and dtype ",
                     name_of(y.dtype()), ", got ", v.shape().str(), " and ", name_of(v.dtype()));
  }
  std::vector<Tensor> result =
      gradients(y, in, v.defined() ? v : ones(y.shape(), y.dtype()), create_graph);
  return {finished(y, create_graph), std::move(result)};
}

JvpResult jvp(const TensorFunction& f, absl::Span<const Tensor> inputs, absl::Span<const Tensor> v,
              bool create_graph) {
  const EnableGradGuard enable_grad;
  const std::vector<Tensor> in = stand_ins("jvp", inputs, create_graph);
  if (v.size() != in.size()) {
    fail<ValueError>("jvp", "expected a direction for each of ", in.size(), " inputs, got ",
                     v.size());
  }
  for (size_t i = 0; i < in.size(); ++i) {
    if (v[i].defined() && v[i].shape() == in[i].shape() && v[i].dtype() == in[i].dtype()) continue;
    fail<ShapeError>("jvp", "expected v[", i, "] of shape ", in[i].shape().str(), " and dtype ",
                     name_of(in[i].dtype()), ", got ",
                     v[i].defined()
                         ? absl::StrCat(v[i].shape().str(), " and ", name_of(v[i].dtype()))
                         : "an undefined tensor");
  }
  const Tensor y = call("jvp", f, in);
  check_floating("jvp", y.dtype());
  // The vjp is linear in u; its derivative by u in the direction v is the jvp, whatever u is: some
  // for which no terms cancel out.
  const Tensor u = linspace(0.5, 1.5, y.numel(), y.dtype()).reshape(y.shape()).requires_grad_();
  const std::vector<Tensor> of_u = gradients_with_history("jvp", y, in, u);
  Tensor result = zeros_like(y);
  for (size_t i = 0; i < in.size(); ++i) {
    if (!of_u[i].requires_grad()) continue;
    const Tensor part = grad({of_u[i]}, {u}, {v[i]}, {true, create_graph, true})[0];
    if (part.defined()) result = result + part;
  }
  return {finished(y, create_graph), finished(result, create_graph)};
}

}  // namespace lamina
