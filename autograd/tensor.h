// Tensor: an array and where it came from. This is the type that users hold.
//
//   Tensor w = randn({3, 2}).requires_grad_();
//   Tensor loss = mean(matmul(x, w));
//   loss.backward();
//   w.grad();  // d loss / d w, of the shape of w
//
// A Tensor is a shared handle: copying it aliases, clone() copies the elements. The operations
// (tensor/ops.inc) are free functions and methods; those on floating tensors that require
// gradients, or come from such, are recorded unless a NoGradGuard is alive. A tensor that nothing
// recorded produced is a leaf; backward() adds into the gradients of the leaves that require one.
//
// An NDArray becomes a Tensor implicitly; data() goes back, sharing the values and leaving the
// history behind.
#ifndef LAMINA_AUTOGRAD_TENSOR_H_
#define LAMINA_AUTOGRAD_TENSOR_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "lamina/autograd/hooks.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/random.h"

namespace lamina {

class Tensor;
#define LAMINA_ARRAY Tensor
#include "lamina/tensor/ops.inc"
#undef LAMINA_ARRAY

namespace internal {
class Node;
struct TensorImpl;
}  // namespace internal

struct BackwardOptions;
class GradFn;

// What register_hook() takes: the gradient, and what replaces it; undefined to keep it.
using TensorHook = std::function<Tensor(const Tensor& grad)>;

class Tensor : public Methods<Tensor> {
 public:
  Tensor() = default;    // undefined: no value
  Tensor(NDArray data);  // implicit: values without history
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) = default;
  ~Tensor() = default;
  // Not to a temporary: x[0] = y would do nothing. x[0].copy_(y) writes.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & = default;

  // ---- Values
  bool defined() const { return static_cast<bool>(impl_); }
  // The values without the history: they share storage, and no operation on them is recorded.
  const NDArray& data() const;
  // Puts other values in place, of any shape and dtype, leaving history behind; on a leaf only. The
  // gradient goes if the shape or dtype changed.
  void set_data(NDArray data) const;
  const Shape& shape() const { return data().shape(); }
  DType dtype() const { return data().dtype(); }
  int dim() const { return data().dim(); }
  int64_t size(int64_t dim) const { return data().size(dim); }
  int64_t numel() const { return data().numel(); }
  bool is_contiguous() const { return data().is_contiguous(); }
  template <class T>
  T item() const {  // the only element, converted
    return data().item<T>();
  }
  template <class T>
  T& at(const Shape& index) const {  // the element at an index; see NDArray::at and span()
    return data().at<T>(index);
  }
  // All elements of a contiguous tensor, in place. No history knows of what is written through it,
  // and backward does not notice that a value it needs has changed.
  template <class T>
  absl::Span<T> span() const {
    return data().span<T>();
  }
  template <class T>
  std::vector<T> to_vector() const {  // all elements in row-major order, converted
    return data().to_vector<T>();
  }

  // ---- In place
  // These write to the elements, whoever shares them, and return this tensor. While gradients are
  // recorded they become part of the history, of this tensor and, if it is a view or has views, of
  // all that share its elements:
  //   Tensor h = linear(x);
  //   h.relu_();
  //   h.index({Slice(0, 2)}).copy_(y);
  // Throw RuntimeError, while gradients are recorded, if this is a leaf that requires a gradient or
  // did, a view of one, or a view, made under NoGradGuard, of a result. A value that backward needs
  // may be written to as well, and backward then throws.
#define LAMINA_ARRAY Tensor
#define LAMINA_WRITTEN Tensor
#define LAMINA_CONST const
#define LAMINA_BODY(call)
#include "lamina/tensor/in_place.inc"
#undef LAMINA_ARRAY
#undef LAMINA_WRITTEN
#undef LAMINA_CONST
#undef LAMINA_BODY

  // ---- Gradients
  // Asks for a gradient, or stops asking. Floating leaves only.
  Tensor& requires_grad_(bool requires_grad = true) &;
  Tensor requires_grad_(bool requires_grad = true) && {
    static_cast<Tensor&>(*this).requires_grad_(requires_grad);
    return std::move(*this);
  }
  bool requires_grad() const;  // set on a leaf, or passed on from an input
  bool is_leaf() const;        // not the result of a recorded operation
  Tensor grad() const;         // what backward has added up; undefined before
  // Asks backward to add the gradient of this result of an operation into grad() too. On a leaf it
  // changes nothing. Throws RuntimeError if no gradient is required.
  void retain_grad() const;
  // Another tensor of the same shape and dtype, or undefined to clear the gradient.
  void set_grad(Tensor grad) const;
  Tensor detach() const;  // the same values without history
  // The recorded operation that made it; of a leaf it is false. One that is made of another has
  // that one's name: squeeze, unsqueeze and select are "view", flatten is "reshape", t is
  // "transpose".
  GradFn grad_fn() const;

  // Calls `hook` with the gradient of this tensor whenever backward or grad() has added it up,
  // before it goes on or into grad(). The hook may return another one, of the same shape and dtype,
  // and must not write to what it got; undefined, or void, keeps it. Several are called in order. A
  // hook of a result stays with the value that it has now, if that is written over in place. Throws
  // RuntimeError if no gradient is required; backward throws ShapeError if a hook returns another
  // shape or dtype, RuntimeError if it wrote.
  template <class F>
  HookHandle register_hook(F hook) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const Tensor&>>) {
      return add_hook([hook = std::move(hook)](const Tensor& grad) mutable {
        hook(grad);
        return Tensor();
      });
    } else {
      return add_hook(std::move(hook));
    }
  }

  // Adds d(this . gradient) / d(leaf) to the gradient of each leaf that requires one. `gradient`
  // has this tensor's shape and dtype; it may be left out for a tensor of one element, where it is
  // 1. The graph is consumed unless retained. Throws RuntimeError if there is no graph, or it was
  // consumed, or a value that it needs was changed in place; ShapeError if `gradient` has another
  // shape or dtype. What an operation's backward throws is thrown on with the operation's name, as
  // a RuntimeError if it is no Error of ours; what ran before has then been consumed,
  // unless retain_graph was asked for, and no leaf's gradient has changed. Several threads may run it at once if no
  // operation that runs and no leaf that gets a gradient is shared.
  void backward(const Tensor& gradient = {}) const;
  void backward(const Tensor& gradient, const BackwardOptions& options) const;

  std::string str() const;
  friend std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << x.str(); }

  // ---- For Function and the engine
  explicit Tensor(internal::Ptr<internal::TensorImpl> impl) : impl_(std::move(impl)) {}
  internal::TensorImpl* impl() const { return impl_.get(); }
  const internal::Ptr<internal::TensorImpl>& handle() const { return impl_; }

 private:
  HookHandle add_hook(TensorHook hook) const;
  internal::Ptr<internal::TensorImpl> impl_;
};

struct BackwardOptions {
  bool retain_graph = false;  // keep what backward needs, so that it can run again
  // Record backward itself, for higher derivatives; implies retain_graph. The gradients of the
  // leaves then hold the graph, which holds the leaves: a cycle that nothing frees until
  // set_grad({}) or zero_grad() breaks it. grad() makes no such cycle.
  bool create_graph = false;
  // If any: only these get their gradients added to, results of operations too, besides those that
  // retain theirs; and no more of the graph runs, and is consumed, than that takes.
  std::vector<Tensor> inputs = {};
};

struct GradOptions {
  bool retain_graph = false;  // as for backward
  bool create_graph = false;
  bool allow_unused = false;  // an input that no output depends on gets an undefined gradient
};

// The sum over outputs of d(output . grad_output) / d(input) for each input: a leaf or a result
// that requires a gradient. No tensor's grad() changes, and without create_graph no result shares
// elements with another tensor. Hooks of the inputs have a say in what is returned, also those of
// leaves, unlike in PyTorch 1.13. grad_outputs are as for backward, one per output, each undefined
// for 1; empty for all of them so. Throws as backward does, and RuntimeError for an input that no
// output depends on; one that is only reached by operations without derivative gets zeros.
//   Tensor dx = grad({loss}, {x})[0];
std::vector<Tensor> grad(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                         absl::Span<const Tensor> grad_outputs = {},
                         const GradOptions& options = {});

// What register_prehook() and register_hook() of a node take. The first gets the gradients of the
// operation's results, undefined where none arrived; the second those of its inputs, too. They
// return what replaces the gradients of the results and of the inputs, or an empty list to keep
// them, and must not write to what they got.
using NodePrehook = std::function<std::vector<Tensor>(absl::Span<const Tensor> grad_outputs)>;
using NodeHook = std::function<std::vector<Tensor>(absl::Span<const Tensor> grad_inputs,
                                                   absl::Span<const Tensor> grad_outputs)>;

// A handle on a recorded operation.
class GradFn {
 public:
  GradFn() = default;
  explicit GradFn(internal::Ptr<internal::Node> node) : node_(std::move(node)) {}
  explicit operator bool() const { return static_cast<bool>(node_); }
  const char* name() const;  // "mul"; "" of no operation
  // The operations whose results went in, one per tensor or array; false for leaves and constants.
  std::vector<GradFn> next_functions() const;

  // Before the operation's backward runs, and after it. Several are called in order. A hook may
  // return nothing. Throw RuntimeError of no operation; backward throws ShapeError if a hook
  // returns other shapes or dtypes, RuntimeError for another number of gradients, or if it wrote.
  template <class F>
  HookHandle register_prehook(F hook) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, absl::Span<const Tensor>>>) {
      return add_prehook([hook = std::move(hook)](absl::Span<const Tensor> outputs) mutable {
        hook(outputs);
        return std::vector<Tensor>();
      });
    } else {
      return add_prehook(std::move(hook));
    }
  }
  template <class F>
  HookHandle register_hook(F hook) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, absl::Span<const Tensor>,
                                                      absl::Span<const Tensor>>>) {
      return add_hook([hook = std::move(hook)](absl::Span<const Tensor> inputs,
                                               absl::Span<const Tensor> outputs) mutable {
        hook(inputs, outputs);
        return std::vector<Tensor>();
      });
    } else {
      return add_hook(std::move(hook));
    }
  }

 private:
  HookHandle add_prehook(NodePrehook hook) const;
  HookHandle add_hook(NodeHook hook) const;
  internal::Ptr<internal::Node> node_;
};

// A function of several tensors.
using TensorFunction = std::function<Tensor(absl::Span<const Tensor>)>;

#define LAMINA_ARRAY Tensor
#include "lamina/tensor/operators.inc"
#undef LAMINA_ARRAY

// The dtype of an operation on both, as for NDArrays.
inline DType result_type(const Tensor& a, const Tensor& b) {
  return result_type(a.data(), b.data());
}

// ---- Creation: float32 unless said otherwise; without gradient until requires_grad_()
Tensor empty(const Shape& shape, DType dtype = float32);  // not initialised
Tensor zeros(const Shape& shape, DType dtype = float32);
Tensor ones(const Shape& shape, DType dtype = float32);
Tensor full(const Shape& shape, Scalar value);  // bool, int64 or float32, as the value is
Tensor full(const Shape& shape, Scalar value, DType dtype);
// The shape and, unless another is given, the dtype of x.
Tensor empty_like(const Tensor& x);
Tensor empty_like(const Tensor& x, DType dtype);
Tensor zeros_like(const Tensor& x);
Tensor zeros_like(const Tensor& x, DType dtype);
Tensor ones_like(const Tensor& x);
Tensor ones_like(const Tensor& x, DType dtype);
Tensor full_like(const Tensor& x, Scalar value);
Tensor full_like(const Tensor& x, Scalar value, DType dtype);
// start, start + step, ... below end: ceil((end - start) / step) numbers. Of integers int64, else
// float32.
Tensor arange(Scalar end);  // from 0 by 1
Tensor arange(Scalar end, DType dtype);
Tensor arange(Scalar start, Scalar end, Scalar step = 1);
Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype);
// `steps` evenly spaced numbers from start to end, both included.
Tensor linspace(Scalar start, Scalar end, int64_t steps, DType dtype = float32);
Tensor eye(int64_t n, DType dtype = float32);  // (n, n) or (n, m): ones on the diagonal
Tensor eye(int64_t n, int64_t m, DType dtype = float32);
// From a copy of `values`, row-major: tensor({1.f, 2.f}, {2}) is float32, tensor({1.0, 2.0}, {2})
// float64.
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& shape) {
  return NDArray::from(values, shape);
}
template <class T>
Tensor tensor(std::initializer_list<T> values, const Shape& shape) {
  return NDArray::from(values, shape);
}
// The shape is that of the braces: tensor({{1.f, 2.f}, {3.f, 4.f}}).
template <class T>
Tensor tensor(std::initializer_list<T> values) {
  return NDArray::from(values);
}
template <class T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> rows) {
  return NDArray::from(rows);
}
template <class T>
Tensor tensor(std::initializer_list<std::initializer_list<std::initializer_list<T>>> planes) {
  return NDArray::from(planes);
}
Tensor tensor(Scalar value);                              // 0-d
Tensor rand(const Shape& shape, DType dtype = float32);   // uniform in [0, 1)
Tensor randn(const Shape& shape, DType dtype = float32);  // standard normal
Tensor normal(double mean, double stddev, const Shape& shape, DType dtype = float32);
Tensor randperm(int64_t n);  // a permutation of 0 ... n - 1
Tensor randint(int64_t low, int64_t high, const Shape& shape,
               DType dtype = int64);  // in [low, high)
Tensor bernoulli(const Tensor& p);    // 1 with probability p[i], else 0, in p's dtype; no gradient
Tensor bernoulli(const Shape& shape, double p, DType dtype = float32);

// The loss -log_softmax(logits)[i][labels[i]] of each row, fused: (n, classes) and int64 (n) ->
// (n). Gradient: dy[i] (softmax(logits)[i] - one_hot(labels[i])). Throws IndexError for a label
// outside [0, classes).
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

// x Phi(x), where Phi is the normal distribution function (1 + erf(x / sqrt(2))) / 2 or its
// approximation (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2; -0 at -inf. Floating dtypes.
Tensor gelu(const Tensor& x, Gelu form = Gelu::kExact);
// x sigmoid(x); -0 at -inf. Floating dtypes.
Tensor silu(const Tensor& x);

}  // namespace lamina

#include "lamina/autograd/node.h"  // what a handle points to: copying one is inline

#endif  // LAMINA_AUTOGRAD_TENSOR_H_
