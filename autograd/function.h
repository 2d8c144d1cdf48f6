// Function: how an operation and its gradient are written, ours and yours.
//
//   struct Sigmoid : Function<Sigmoid> {
//     static constexpr const char* kName = "sigmoid";
//     static NDArray forward(Context& ctx, const NDArray& x) {
//       return ctx.save_output(1 / (1 + exp(-x)));
//     }
//     static Gradients backward(Context& ctx, const Tensor& dy) {
//       Tensor y = ctx.output();
//       return {dy * y * (1 - y)};
//     }
//   };
//   Tensor sigmoid(const Tensor& x) { return Sigmoid::apply(x); }
//
// forward computes on NDArrays: each Tensor given to apply() arrives as `const NDArray&`, undefined
// if the tensor is undefined; other arguments arrive as they are, also a list of tensors as
// absl::Span<const Tensor>, which counts as that many parameters. It returns an NDArray, or
// std::array<NDArray, N> for N results, std::vector<NDArray> if their number is known at run time only;
// apply() returns as many Tensors. Results of integer dtype have no gradient.
//
// backward gets the gradient of the result (of several: absl::Span<const Tensor>, undefined where
// none arrived) and returns one gradient per Tensor or NDArray parameter, in order, undefined for
// none: {dx, dw}, or from five on Gradients(std::vector<Tensor>). It is written in operations on Tensors, so that it can be differentiated again; they are
// recorded only if the caller asked for create_graph.
//
// forward must not write to its parameters, nor backward to the gradients that it gets: others may
// hold them. set_detect_anomaly() finds the latter. A result that shares storage with a parameter or
// an earlier result is copied.
//
// One object of the struct lives in the graph's node: forward and backward may be non-static
// members and keep attributes in it. Without a gradient to compute, nothing is saved and no node is
// made.
#ifndef LAMINA_AUTOGRAD_FUNCTION_H_
#define LAMINA_AUTOGRAD_FUNCTION_H_

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/node.h"

namespace lamina {

namespace internal {
// A value that forward left for backward.
struct Saved {
  Tensor tensor;
  uint32_t version = 0;   // of the storage
  uint32_t replaced = 0;  // of the tensor: after set_data another storage may have the same version
  uint32_t output = 0;    // which result it is, if it is one
  bool is_output = false;
};
using SavedList = absl::InlinedVector<Saved, 2>;
}  // namespace internal

// What forward leaves for backward. A call at the wrong time throws RuntimeError, a number outside
// its range IndexError; both name the operation.
class Context {
 public:
  explicit Context(const char* (*name)()) : name_(name) {}  // nothing is to be recorded
  // `inputs` has one per edge in forward, and is null in backward.
  Context(internal::Node* node, internal::SavedList* saved, const char* (*name)(),
          internal::TensorImpl* const* inputs = nullptr)
      : name_(name), node_(node), saved_(saved), inputs_(inputs) {}

  // ---- In forward
  // Keeps an input together with its history, so that second derivatives pass through it. x must be
  // the parameter. Where backward will not need it, an undefined tensor takes its place.
  void save_input(const NDArray& x, bool needed = true);
  // Keeps values as a constant.
  void save_values(const NDArray& values);
  // Keeps the result, and returns it. In backward it has its history again. Throws RuntimeError if
  // forward then returns others.
  NDArray save_output(NDArray y) {
    if (node_ != nullptr) {
      save(Tensor(y), true);
      has_saved_output_ = true;
    }
    return y;
  }

  // ---- In backward
  // What save_input, save_values or save_output kept, counted from 0. Throws RuntimeError if it was
  // changed in place.
  Tensor saved(int i) const;
  Tensor output() const;  // what save_output kept
  // Of an input that wants a gradient.
  Shape input_shape(int i) const { return Shape(input_form("input_shape", i).shape); }
  DType input_dtype(int i) const { return input_form("input_dtype", i).dtype; }
  // A gradient that has the broadcast and promoted form, brought back to that of input i; undefined
  // if unwanted.
  Tensor to_input(int i, const Tensor& gradient) const;

  // ---- In both
  int input_count() const { return node_ == nullptr ? 0 : static_cast<int>(node_->edges.size()); }
  // Whether input i (counting Tensor and NDArray parameters) wants a gradient; an unwanted one need
  // not be computed, nor what only it takes be saved.
  bool needs_grad(int i) const {
    if (node_ == nullptr) return false;
    check_input("needs_grad", i);
    return static_cast<bool>(node_->edges[static_cast<size_t>(i)]);
  }

  // ---- For Function
  // Finds out which of forward's results each saved output is.
  void find_outputs(absl::Span<const Tensor> results) {
    if (has_saved_output_) find_saved_outputs(results);
  }

 private:
  void save(Tensor tensor, bool is_output);
  void find_saved_outputs(absl::Span<const Tensor> results);
  internal::TensorImpl* find_input(const NDArray& x) const;  // null if it is none of the tensors
  void check_not_of_inference(const internal::TensorImpl& impl) const;
  internal::Form input_form(const char* method, int i) const;
  void check_in_backward(const char* method) const {
    if (node_ == nullptr || inputs_ != nullptr) fail_in_forward(method);
  }
  void check_input(const char* method, int i) const {
    if (static_cast<size_t>(i) >= node_->edges.size()) fail_no_input(method, i);  // or negative
  }
  [[noreturn, gnu::cold]] void fail_in_forward(const char* method) const;
  [[noreturn, gnu::cold]] void fail_no_input(const char* method, int i) const;

  const char* (*name_)();           // of the operation
  internal::Node* node_ = nullptr;  // null if nothing is to be recorded
  internal::SavedList* saved_ = nullptr;
  internal::TensorImpl* const* inputs_ = nullptr;
  bool has_saved_output_ = false;
};

namespace internal {

std::string readable_type_name(std::type_index type);  // "Sigmoid" for ns::Sigmoid

template <class T>
inline constexpr bool is_ndarray = std::is_same_v<std::decay_t<T>, NDArray>;
// Tensor, and what converts to one without being an NDArray: a module's Parameter.
template <class T>
inline constexpr bool is_tensor =
    std::is_convertible_v<const std::decay_t<T>&, const Tensor&> && !is_ndarray<T>;
template <class T>
inline constexpr bool is_array = is_tensor<T> || is_ndarray<T>;
template <class T>
inline constexpr bool is_list = std::is_same_v<std::decay_t<T>, absl::Span<const Tensor>>;

// How many inputs the arguments are; their number is part of the type unless there is a list.
template <class T>
size_t count_inputs(const T& x) {
  if constexpr (is_list<T>)
    return x.size();
  else
    return is_array<T> ? 1 : 0;
}
inline constexpr int kAnyNumber = -1;
template <class T, int kInputs>
struct PerInput : std::array<T, static_cast<size_t>(kInputs)> {
  explicit PerInput(size_t) : std::array<T, static_cast<size_t>(kInputs)>() {}
};
template <class T>
struct PerInput<T, kAnyNumber> : std::vector<T> {
  explicit PerInput(size_t inputs) : std::vector<T>(inputs) {}
};

inline const Tensor& as_tensor(const Tensor& t) { return t; }
template <class T>
decltype(auto) as_array(const T& x) {
  if constexpr (is_tensor<T>)
    return as_tensor(x).data();
  else
    return (x);
}
template <class T>
bool wants_grad(const T& x) {
  if constexpr (is_tensor<T>)
    return as_tensor(x).requires_grad();
  else if constexpr (is_list<T>)
    return std::any_of(x.begin(), x.end(), [](const Tensor& t) { return t.requires_grad(); });
  else
    return false;
}

// Gives those of several results that share storage with an earlier one elements of their own.
void separate(absl::Span<const Tensor> results);

template <class T>
struct IsResult : std::is_same<T, NDArray> {};
template <size_t kResults>
struct IsResult<std::array<NDArray, kResults>> : std::true_type {};
template <>
struct IsResult<std::vector<NDArray>> : std::true_type {};

// Whether backward takes the gradient of one result, and not a span of them.
template <class Op, class = void>
struct TakesOneGradient : std::false_type {};
template <class Op>
struct TakesOneGradient<Op, std::void_t<decltype(std::declval<Op&>().backward(
                                std::declval<Context&>(), std::declval<const Tensor&>()))>>
    : std::true_type {};

template <class Op, int kInputs>
class NodeOf final : public Node {
 public:
  explicit NodeOf(size_t inputs) : storage_(inputs) {
    edges = absl::MakeSpan(storage_.data(), storage_.size());
  }
  const char* name() const override { return Op::name(); }
  Gradients run(absl::Span<const Tensor> dy) override {
    Context context(this, &saved, &Op::name);
    if constexpr (TakesOneGradient<Op>::value) {
      return op.backward(context, dy[0]);
    } else {
      return op.backward(context, dy);
    }
  }
  void release() override {
    saved.clear();
    released = true;
  }

  Op op;
  SavedList saved;

 private:
  void free_self() override {
    this->~NodeOf();
    deallocate(this, sizeof(NodeOf));
  }
  PerInput<Edge, kInputs> storage_;
};

}  // namespace internal

template <class Op>
class Function {
 public:
  // Runs forward, and records it if an input requires a gradient and recording is on.
  template <class... Args>
  static auto apply(const Args&... args) {
    constexpr int kInputs = (internal::is_list<Args> || ...)
                                ? internal::kAnyNumber
                                : (static_cast<int>(internal::is_array<Args>) + ... + 0);
    static_assert(kInputs != 0, "a Function needs a Tensor or NDArray parameter");
    if (!(is_grad_enabled() && (internal::wants_grad(args) || ...))) {
      Op op;
      Context nothing(&Function::name);
      auto result = plain(
          [&]() -> decltype(auto) { return op.forward(nothing, internal::as_array(args)...); });
      (note_views(result, args), ...);
      return result;
    }
    using NodeType = internal::NodeOf<Op, kInputs>;
    const size_t count = (internal::count_inputs(args) + ...);
    auto node = internal::Ptr<internal::Node>::adopt(new (internal::allocate(sizeof(NodeType)))
                                                         NodeType(count));
    auto& typed = static_cast<NodeType&>(*node);
    if (internal::current_label != nullptr) node->extra().label = *internal::current_label;
    internal::PerInput<internal::TensorImpl*, kInputs> inputs(count);
    size_t i = 0;
    (connect(args, *node, inputs.data(), i), ...);
    Context context(&typed, &typed.saved, &Function::name, inputs.data());
    auto result = recorded(std::move(node), context, [&]() -> decltype(auto) {
      return typed.op.forward(context, internal::as_array(args)...);
    });
    (note_views(result, args), ...);
    return result;
  }

  // The name in error messages: kName if the operation has one, else its type's.
  static const char* name() { return name_of<Op>(0); }

 private:
  template <class O>
  static auto name_of(int) -> decltype(O::kName) {
    return O::kName;
  }
  template <class O>
  static const char* name_of(long) {
    static const std::string& name = *new std::string(internal::readable_type_name(typeid(O)));
    return name.c_str();
  }

  template <class T>
  static void connect(const T& arg, internal::Node& node, internal::TensorImpl** inputs,
                      size_t& i) {
    if constexpr (internal::is_list<T>) {
      for (const Tensor& tensor : arg) connect(tensor, node, inputs, i);
    } else if constexpr (internal::is_tensor<T>) {
      const Tensor& tensor = internal::as_tensor(arg);
      internal::TensorImpl* impl = inputs[i] = tensor.impl();
      if (impl != nullptr) impl->sync();
      if (impl != nullptr && impl->node) {
        node.edges[i].node = impl->node;
        node.edges[i].output = impl->output;
        node.generation = std::max(node.generation, impl->node->generation + 1);
      } else if (impl != nullptr && impl->leaf_requires_grad) {
        node.edges[i].leaf = tensor.handle();
        node.edges[i].reshaped = impl->reshaped;
      }
      ++i;
    } else if constexpr (internal::is_ndarray<T>) {
      inputs[i++] = nullptr;
    }
  }

  template <class O>
  static constexpr auto is_view(int) -> decltype(O::kIsView) {
    return O::kIsView;
  }
  template <class O>
  static constexpr bool is_view(long) {
    return false;
  }

  // A result that shares its elements with an argument is a view, of an operation that makes views,
  // and gets elements of its own otherwise.
  template <class Result, class T>
  static void note_views(const Result& result, const T& arg) {
    if constexpr (!std::is_same_v<Result, Tensor>) {
      for (const Tensor& r : result) note_views(r, arg);
    } else if constexpr (internal::is_list<T>) {
      for (const Tensor& tensor : arg) note_views(result, tensor);
    } else if constexpr (internal::is_tensor<T>) {
      internal::TensorImpl* x = internal::as_tensor(arg).impl();
      if (x == nullptr || !result.defined()) return;
      if constexpr (is_view<Op>(0)) {
        internal::note_view(*result.impl(), x);
      } else if (result.data().storage() == x->data.storage()) {
        result.impl()->data = result.data().clone();
      }
    } else if constexpr (internal::is_ndarray<T> && !is_view<Op>(0)) {
      if (!result.defined() || result.data().storage() != arg.storage()) return;
      result.impl()->data = result.data().clone();
    }
  }

  // A forward that gives an undefined array gives an undefined tensor.
  template <class F>
  static auto plain(const F& forward) {
    using Result = std::decay_t<decltype(forward())>;
    static_assert(internal::IsResult<Result>::value,
                  "forward returns NDArray, or an array or vector of them: compute on NDArrays");
    if constexpr (std::is_same_v<Result, NDArray>) {
      Tensor result(internal::TensorImpl::make_from(forward));
      if (!result.data().defined()) result = Tensor();
      return result;
    } else {
      auto results = wrap_all(forward());
      if constexpr (!is_view<Op>(0)) internal::separate(results);
      return results;
    }
  }

  template <class F>
  static auto recorded(internal::Ptr<internal::Node> node, Context& context, const F& forward) {
    using Result = std::decay_t<decltype(forward())>;
    if constexpr (std::is_same_v<Result, NDArray>) {
      Tensor result(internal::TensorImpl::make_from(forward));
      context.find_outputs({&result, 1});  // before the node goes, with a result that has none
      attach(result, std::move(node), 0);
      if (!result.data().defined()) result = Tensor();
      return result;
    } else {
      auto results = wrap_all(forward());
      static_assert(!internal::TakesOneGradient<Op>::value ||
                        std::is_same_v<decltype(results), std::array<Tensor, 1>>,
                    "backward of several results takes absl::Span<const Tensor>");
      for (size_t i = 0; i < results.size(); ++i) {
        attach(results[i], node, i);
      }
      context.find_outputs(results);
      if constexpr (!is_view<Op>(0)) internal::separate(results);
      return results;
    }
  }

  template <size_t N>
  static std::array<Tensor, N> wrap_all(std::array<NDArray, N> arrays) {
    std::array<Tensor, N> tensors;
    for (size_t i = 0; i < N; ++i) tensors[i] = Tensor(std::move(arrays[i]));
    return tensors;
  }
  static std::vector<Tensor> wrap_all(std::vector<NDArray> arrays) {
    return std::vector<Tensor>(arrays.begin(), arrays.end());
  }

  static void attach(const Tensor& result, internal::Ptr<internal::Node> node, size_t i) {
    const NDArray& data = result.data();
    node->outputs.emplace_back(data);
    if (!data.defined() || !is_floating(data.dtype())) return;
    result.impl()->node = std::move(node);
    result.impl()->output = static_cast<uint32_t>(i);
  }
};

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_FUNCTION_H_
