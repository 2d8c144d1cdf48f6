// Writing to a tensor in place, with its history.
//
// The operation is recorded as the one that makes a new value, from the tensor as it was; then the
// value is written over the old one, and the tensor's history becomes that of the new value:
//
//   x.mul_(y)   records x' = mul(x as it was, y), copies x' to x, lets x come from mul.
//
// A view v of a base b shares its elements, so after v.mul_(y) b comes from
// ReplaceRegion(b as it was, v'), and each view of b, v too, from b: a view notices by the base's
// count of histories that its own is out of date, and gets another when it is next asked for.
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/part.h"
#include "lamina/tensor/indexing.h"

namespace lamina {
namespace {

// ---- A view within its base

// Where a view's elements lie in its base, both strided as they are in their storage: a Part of
// arrays of the base's shape.
struct Region {
  static constexpr const char *kName = "view", *kBackward = "view_backward";
  Region() = default;
  Region(const NDArray& base, const NDArray& view)
      : base_shape(base.shape()),
        shape(view.shape()),
        base_strides(base.strides()),
        strides(view.strides()),
        offset((view.raw_data() - base.raw_data()) / size_of(base.dtype())) {}

  // How many elements, from the first on, the shape with the strides reaches.
  static int64_t extent(const Shape& shape, const Strides& strides) {
    int64_t last = 0;
    for (int d = 0; d < shape.rank(); ++d) last += (shape[d] - 1) * strides[d];
    return shape.numel() == 0 ? 0 : last + 1;
  }
  bool is_inside() const {
    const int64_t size = extent(shape, strides);
    return size == 0 || (offset >= 0 && offset + size <= extent(base_shape, base_strides));
  }
  // Zeros, strided as the base.
  NDArray blank(const Shape&, DType dtype) const {
    const NDArray all = NDArray::zeros(extent(base_shape, base_strides), dtype);
    return all.view_of(base_shape, base_strides);
  }
  // A view of x if it is strided as the base.
  NDArray of(const NDArray& x) const {
    const NDArray y = x.strides() == base_strides ? x : copy(x);
    return y.view_of(shape, strides, shape.numel() == 0 ? 0 : offset);
  }
  NDArray copy(const NDArray& x) const {
    NDArray y = blank(base_shape, x.dtype());
    y.copy_(x);
    return y;
  }

  Shape base_shape, shape;
  Strides base_strides, strides;
  int64_t offset = 0;
};

using TakeRegion = internal::TakePart<Region>;

// x with zeros as the view's elements.
struct EraseRegion : Function<EraseRegion> {
  static constexpr const char* kName = "view_backward";
  Region region;
  NDArray forward(Context&, const NDArray& x, const Region& where) {
    region = where;
    NDArray y = region.copy(x);
    region.of(y).fill_(0);
    return y;
  }
  Gradients backward(Context&, const Tensor& dy) { return {EraseRegion::apply(dy, region)}; }
};

// The base after the view's elements have become `value`; `base` has them already.
struct ReplaceRegion : Function<ReplaceRegion> {
  static constexpr const char* kName = "write_to_view";
  static constexpr bool kIsView = true;  // the result is the base
  Region region;
  NDArray forward(Context&, const NDArray& base, const NDArray& value, const Region& where) {
    (void)value;
    region = where;
    return base;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.needs_grad(0) ? EraseRegion::apply(dy, region) : Tensor(),
            ctx.needs_grad(1) ? TakeRegion::apply(dy, region) : Tensor()};
  }
};

// What copy_ and fill_ record. The old values have no influence on the new ones, but x goes on
// requiring a gradient, of zeros, as in PyTorch.
struct Overwrite : Function<Overwrite> {
  static constexpr const char* kName = "copy_";
  static NDArray forward(Context&, const NDArray& x, const NDArray& source) {
    NDArray y = NDArray::empty(x.shape(), x.dtype());
    return y.copy_(source);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {ctx.needs_grad(0) ? zeros_like(dy) : Tensor(), ctx.to_input(1, dy)};
  }
};

// ---- Histories

// Another tensor of x's elements, or a copy of them, and history, which stays as it is while x goes
// on.
Tensor as_it_was(const Tensor& x, bool copy = false) {
  Tensor result(internal::snapshot(*x.impl()));
  if (copy) result.impl()->data = x.data().clone();
  return result;
}

// From now on, `impl` is the result that `from` is.
void set_history(internal::TensorImpl& impl, const Tensor& from) {
  internal::Ptr<internal::Node> before = std::move(impl.node);
  impl.node = from.impl()->node;
  if (impl.extras && impl.extras->retained) {
    if (before) before->extra().outputs[impl.output].retained.reset();
    if (impl.node) impl.node->extra().outputs[from.impl()->output].retained = impl.extras->retained;
  }
  impl.output = from.impl()->output;
  ++impl.histories;
}

// ---- Writing

[[noreturn]] void fail_on_leaf(const char* op, const char* what) {
  fail<RuntimeError>(
      op, "expected a tensor that may be written to while gradients are recorded, got ", what,
      "; write under NoGradGuard if no gradient is to know of it, or make a new "
      "tensor out of place");
}

using Operands = absl::Span<const Tensor>;
using Write = absl::FunctionRef<void(NDArray& x, Operands)>;           // values only
using Compute = absl::FunctionRef<Tensor(const Tensor& x, Operands)>;  // the new value, recorded

// The in-place operation `op` on x, whose other operands are `others`.
Tensor write(const char* op, const Tensor& x, Operands others, Write in_place,
             Compute out_of_place) {
  const OpScope scope(op);
  check_defined(op, x.data());
  for (const Tensor& other : others) check_defined(op, other.data());
  internal::TensorImpl& impl = *x.impl();
  impl.sync();
  if (impl.base && impl.base->replaced != impl.base_replaced) impl.base = {};
  if (impl.inference && !is_inference_mode()) {
    fail<RuntimeError>(op, "expected a tensor from outside inference mode; clone() it first");
  }
  bool tracked = false;
  if (is_grad_enabled()) {
    tracked = x.requires_grad();
    for (const Tensor& other : others) tracked = tracked || other.requires_grad();
    if (impl.leaf_requires_grad) fail_on_leaf(op, "a leaf that requires a gradient");
    const internal::TensorImpl& whole = impl.base ? *impl.base : impl;
    if (tracked && impl.was_leaf) fail_on_leaf(op, "a leaf that required a gradient");
    if (tracked && whole.was_leaf) fail_on_leaf(op, "a view of a leaf that required a gradient");
    if (tracked && whole.has_leaf_view) {
      fail_on_leaf(op, "elements of a leaf that requires a gradient");
    }
    if (impl.base && impl.base->leaf_requires_grad) {
      fail_on_leaf(op, "a view of a leaf that requires a gradient");
    }
    if (impl.is_cut_view) {
      fail_on_leaf(op, "a view, made under NoGradGuard, of a tensor that requires a gradient");
    }
  }
  if (!tracked || !is_floating(x.dtype())) {
    in_place(impl.data, others);
    return x;
  }

  // Where elements of the base share a place, its history cannot say which ones a write has hit.
  if (impl.base) check_writable(op, impl.base->data);

  // First from the elements where they are. If backward keeps them, once more from a copy, for they
  // are about to change.
  const auto owners = [&] { return x.data().storage()->use_count(); };
  Tensor after;
  for (const bool copy : {false, true}) {
    const Tensor before = as_it_was(x, copy);
    std::vector<Tensor> operands(others.begin(), others.end());
    for (Tensor& operand : operands) {
      if (operand.impl() == x.impl()) {
        operand = before;
      } else if (operand.impl()->leaf_requires_grad) {
        continue;  // if it is saved, backward says so
      } else if (operand.data().storage() == x.data().storage()) {
        operand = as_it_was(operand, copy);
      }
    }
    const uint32_t owners_before = owners();
    after = out_of_place(before, operands);
    if (owners() <= owners_before) break;
  }
  check_assignable(op, x.data(), after.data());
  after = after.to(x.dtype());

  const Tensor base = impl.base ? Tensor(impl.base) : Tensor();
  if (!base.defined()) {
    impl.data.copy_(after.data());
    set_history(impl, after);
    return x;
  }
  const Region region(base.data(), x.data());
  if (!region.is_inside()) {
    fail<RuntimeError>(op,
                       "expected a view inside of what it was made of, got as_strided elements "
                       "outside; write under NoGradGuard, or out of place");
  }
  impl.data.copy_(after.data());
  set_history(*base.impl(), ReplaceRegion::apply(as_it_was(base), after, region));
  return x;
}

}  // namespace

namespace internal {

Ptr<TensorImpl> snapshot(TensorImpl& impl) {
  impl.sync();
  Ptr<TensorImpl> copy = TensorImpl::make(impl.data);
  copy->node = impl.node;
  copy->output = impl.output;
  copy->inference = impl.inference;
  return copy;
}

void TensorImpl::renew_history() {
  base->sync();  // one that was a view itself, until set_data gave its own base other elements
  static std::mutex& mutex = *new std::mutex;  // threads may use one view
  const std::lock_guard<std::mutex> lock(mutex);
  const uint32_t now = base->histories;
  if (seen.load(std::memory_order_relaxed) == now) return;
  if (base->replaced != base_replaced) {  // has other elements by now
    seen.store(now, std::memory_order_release);
    return;
  }
  const struct Modes {  // those of a recorded operation, whatever the caller's
    bool grad = std::exchange(grad_enabled, true);
    bool inference = std::exchange(inference_mode, false);
    uint32_t region = std::exchange(current_checkpoint, 0);
    const std::string* label = std::exchange(current_label, nullptr);
    ~Modes() {
      grad_enabled = grad;
      inference_mode = inference;
      current_checkpoint = region;
      current_label = label;
    }
  } modes;
  const Tensor whole(base);
  Tensor view;
  const Region region(base->data, data);
  if (!base->requires_grad()) {
    view = Tensor(data);
  } else if (is_writable(data) && region.is_inside()) {
    view = TakeRegion::apply(whole, region);
  } else {
    view = as_strided(whole, data.shape(), data.strides(),
                      storage_range(base->data).offset + region.offset);
  }
  set_history(*this, view);
  seen.store(now, std::memory_order_release);
}

}  // namespace internal

// ---- The operations

Tensor Tensor::fill_(Scalar value) const {
  return write(
      "fill_", *this, {}, [&](NDArray& x, Operands) { x.fill_(value); },
      [&](const Tensor& x, Operands) {
        check_holds("fill_", value, x.dtype());
        return Overwrite::apply(x, NDArray::full({}, value, x.dtype()));
      });
}
Tensor Tensor::copy_(const Tensor& source) const {
  return write(
      "copy_", *this, {source}, [](NDArray& x, Operands in) { x.copy_(in[0].data()); },
      [](const Tensor& x, Operands in) { return Overwrite::apply(x, in[0]); });
}
Tensor Tensor::add_(const Tensor& source, double alpha) const {
  return write(
      "add_", *this, {source}, [&](NDArray& x, Operands in) { x.add_(in[0].data(), alpha); },
      [&](const Tensor& x, Operands in) {
        if (alpha == 1) return x + in[0];
        if (in[0].dtype() != x.dtype()) {
          fail<DTypeError>("add_", "expected a source of dtype ", name_of(x.dtype()), ", got ",
                           name_of(in[0].dtype()));
        }
        const DType wide = to_computing(x.dtype());  // to round once
        return (x.to(wide) + in[0].to(wide) * alpha).to(x.dtype());
      });
}
Tensor Tensor::add_(Scalar other) const { return add_(Tensor(scalar_array(other))); }
Tensor Tensor::scatter_(int64_t dim, const Tensor& index, const Tensor& source) const {
  return write(
      "scatter_", *this, {index, source},
      [&](NDArray& x, Operands in) { x.scatter_(dim, in[0].data(), in[1].data()); },
      [&](const Tensor& x, Operands in) { return x.scatter(dim, in[0], in[1]); });
}
Tensor Tensor::scatter_(int64_t dim, const Tensor& index, Scalar value) const {
  return write(
      "scatter_", *this, {index},
      [&](NDArray& x, Operands in) { x.scatter_(dim, in[0].data(), value); },
      [&](const Tensor& x, Operands in) { return x.scatter(dim, in[0], value); });
}
Tensor Tensor::scatter_add_(int64_t dim, const Tensor& index, const Tensor& source) const {
  return write(
      "scatter_add_", *this, {index, source},
      [&](NDArray& x, Operands in) { x.scatter_add_(dim, in[0].data(), in[1].data()); },
      [&](const Tensor& x, Operands in) { return x.scatter_add(dim, in[0], in[1]); });
}
Tensor Tensor::index_add_(int64_t dim, const Tensor& index, const Tensor& source) const {
  return write(
      "index_add_", *this, {index, source},
      [&](NDArray& x, Operands in) { x.index_add_(dim, in[0].data(), in[1].data()); },
      [&](const Tensor& x, Operands in) { return x.index_add(dim, in[0], in[1]); });
}
Tensor Tensor::index_put_(absl::Span<const Index> indices, const Tensor& value,
                          bool accumulate) const {
  return write(
      "index_put_", *this, {value},
      [&](NDArray& x, Operands in) { x.index_put_(indices, in[0].data(), accumulate); },
      [&](const Tensor& x, Operands in) { return x.index_put(indices, in[0], accumulate); });
}
Tensor Tensor::index_put_(absl::Span<const Index> indices, Scalar value, bool accumulate) const {
  return write(
      "index_put_", *this, {},
      [&](NDArray& x, Operands) { x.index_put_(indices, value, accumulate); },
      [&](const Tensor& x, Operands) { return x.index_put(indices, value, accumulate); });
}
Tensor Tensor::masked_fill_(const Tensor& mask, const Tensor& value) const {
  return write(
      "masked_fill_", *this, {mask, value},
      [](NDArray& x, Operands in) { x.masked_fill_(in[0].data(), in[1].data()); },
      [](const Tensor& x, Operands in) { return x.masked_fill(in[0], in[1]); });
}
Tensor Tensor::masked_fill_(const Tensor& mask, Scalar value) const {
  return write(
      "masked_fill_", *this, {mask},
      [&](NDArray& x, Operands in) { x.masked_fill_(in[0].data(), value); },
      [&](const Tensor& x, Operands in) { return x.masked_fill(in[0], value); });
}
Tensor Tensor::clamp_(Scalar low, Scalar high) const {
  return write(
      "clamp_", *this, {}, [&](NDArray& x, Operands) { x.clamp_(low, high); },
      [&](const Tensor& x, Operands) { return x.clamp(low, high); });
}
Tensor Tensor::lerp_(const Tensor& end, Scalar weight) const {
  return write(
      "lerp_", *this, {end}, [&](NDArray& x, Operands in) { x.lerp_(in[0].data(), weight); },
      [&](const Tensor& x, Operands in) { return x.lerp(in[0], weight); });
}
Tensor Tensor::addcmul_(const Tensor& a, const Tensor& b, Scalar value) const {
  return write(
      "addcmul_", *this, {a, b},
      [&](NDArray& x, Operands in) { x.addcmul_(in[0].data(), in[1].data(), value); },
      [&](const Tensor& x, Operands in) { return x.addcmul(in[0], in[1], value); });
}
Tensor Tensor::addcdiv_(const Tensor& a, const Tensor& b, Scalar value) const {
  return write(
      "addcdiv_", *this, {a, b},
      [&](NDArray& x, Operands in) { x.addcdiv_(in[0].data(), in[1].data(), value); },
      [&](const Tensor& x, Operands in) { return x.addcdiv(in[0], in[1], value); });
}

// NOLINTBEGIN(bugprone-macro-parentheses): definitions
#define LAMINA_IN_PLACE(name)                                            \
  Tensor Tensor::name##_() const {                                       \
    return write(                                                        \
        #name "_", *this, {}, [](NDArray& x, Operands) { x.name##_(); }, \
        [](const Tensor& x, Operands) { return lamina::name(x); });      \
  }
#define LAMINA_IN_PLACE_WITH(name)                                                           \
  Tensor Tensor::name##_(const Tensor& other) const {                                        \
    return write(                                                                            \
        #name "_", *this, {other}, [](NDArray& x, Operands in) { x.name##_(in[0].data()); }, \
        [](const Tensor& x, Operands in) { return lamina::name(x, in[0]); });                \
  }                                                                                          \
  Tensor Tensor::name##_(Scalar other) const { return name##_(Tensor(scalar_array(other))); }
// NOLINTEND(bugprone-macro-parentheses)
#include "lamina/tensor/in_place_names.inc"

}  // namespace lamina
