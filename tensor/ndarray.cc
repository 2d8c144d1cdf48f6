#include "lamina/tensor/ndarray.h"

#include <cmath>
#include <new>

#include "lamina/tensor/kernels/copy.h"
#include "lamina/tensor/kernels/pointwise.h"
#include "lamina/tensor/kernels/strided.h"

namespace lamina {

NDArray::NDArray(Uninitialised, const Shape& shape, DType dtype)
    : numel_(shape.numel()), dtype_(dtype), shape_(shape), strides_(contiguous_strides(shape)) {
  try {
    storage_ = internal::Storage::make(numel_ * size_of(dtype));
  } catch (const std::bad_alloc&) {
    fail<RuntimeError>("empty", "expected ", numel_ * size_of(dtype), " bytes of memory for shape ",
                       shape.str(), " of ", name_of(dtype), ", got none from the system");
  }
  data_ = storage_->data();
}

void NDArray::fail_type(const char* op, DType wanted) const {
  fail<DTypeError>(op, "expected dtype ", name_of(wanted), ", got ",
                   defined() ? name_of(dtype_) : "an undefined array");
}

void NDArray::fail_undefined(const char* op) {
  fail<RuntimeError>(op, "expected a defined array, got one without a value");
}

void NDArray::fail_span() const {
  fail<RuntimeError>("span", "expected a contiguous array, got shape ", shape_.str(),
                     " with strides ", strides_.str(), "; call contiguous()");
}

// ---- Creation

NDArray NDArray::empty(const Shape& shape, DType dtype) {
  check_shape("empty", shape, size_of(dtype));
  return NDArray(Uninitialised{}, shape, dtype);
}

NDArray scalar_array(Scalar value) {
  NDArray x(NDArray::Uninitialised{}, {}, value.dtype());
  x.scalar_like_ = true;
  dispatch(value.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    *reinterpret_cast<T*>(x.data_) = value.to<T>();
  });
  return x;
}

// ---- Elements

template <class T>
T NDArray::item() const {
  check_defined("item", *this);
  if (numel_ != 1) {
    fail<ShapeError>("item", "expected an array of one element, got shape ", shape_.str());
  }
  return dispatch_all(dtype_, [&](auto type) {
    return convert<T>(*reinterpret_cast<const typename decltype(type)::type*>(data_));
  });
}

int64_t NDArray::offset_of(const Shape& index) const {
  if (!defined()) fail_undefined("at");
  if (index.rank() != dim()) {
    fail<IndexError>("at", "expected ", dim(), " indices for shape ", shape_.str(), ", got ",
                     index.str());
  }
  int64_t offset = 0;
  for (int d = 0; d < dim(); ++d) {
    if (index[d] < -shape_[d] || index[d] >= shape_[d]) {
      fail<IndexError>("at", "expected an index inside shape ", shape_.str(), ", got ",
                       index.str());
    }
    offset += (index[d] < 0 ? index[d] + shape_[d] : index[d]) * strides_[d];
  }
  return offset;
}

template <class T>
std::vector<T> NDArray::to_vector() const {
  const OpScope scope("to_vector");
  const NDArray x = lamina::to(*this, dtype_of<T>).contiguous();
  const T* first = reinterpret_cast<const T*>(x.data_);
  return std::vector<T>(first, first + x.numel_);
}

#define LAMINA_INSTANTIATE(T)       \
  template T NDArray::item() const; \
  template std::vector<T> NDArray::to_vector() const;
LAMINA_FOR_EACH_TYPE(LAMINA_INSTANTIATE)
#undef LAMINA_INSTANTIATE

// ---- In place

bool is_writable(const NDArray& x) {
  if (x.is_contiguous() || x.numel() == 0) return true;
  // From the smallest stride on, each must step over all that the smaller ones reach.
  uint32_t done = 0;
  int64_t reach = 0;
  for (int n = 0; n < x.dim(); ++n) {
    int next = 0;
    while (done >> next & 1) ++next;
    for (int d = next + 1; d < x.dim(); ++d) {
      if (!(done >> d & 1) && x.strides()[d] < x.strides()[next]) next = d;
    }
    done |= 1u << next;
    if (x.shape()[next] == 1) continue;
    if (x.strides()[next] <= reach) return false;
    reach += (x.shape()[next] - 1) * x.strides()[next];
  }
  return true;
}

void check_writable(const char* op, const NDArray& x) {
  if (is_writable(x)) return;
  const bool expanded = [&] {
    for (int d = 0; d < x.dim(); ++d) {
      if (x.strides()[d] == 0 && x.shape()[d] > 1) return true;
    }
    return false;
  }();
  fail<RuntimeError>(op, "expected elements of their own, got an ",
                     expanded ? "expanded" : "overlapping", " array of shape ", x.shape().str(),
                     " with strides ", x.strides().str(), "; clone() it");
}

void check_assignable(const char* op, const NDArray& x, const NDArray& result) {
  check_writable(op, x);
  if (category_of(result.dtype()) > category_of(x.dtype())) {
    fail<DTypeError>(op, "expected a result that ", name_of(x.dtype()), " can hold, got ",
                     name_of(result.dtype()));
  }
  if (result.shape() != x.shape()) {
    fail<ShapeError>(op, "expected operands that broadcast to ", x.shape().str(),
                     ", got a result of shape ", result.shape().str());
  }
}

NDArray expand_source(const char* op, const NDArray& source, const Shape& shape) {
  check_defined(op, source);
  const int added = shape.rank() - source.dim();
  bool fits = added >= 0;
  for (int d = 0; fits && d < source.dim(); ++d) {
    fits = source.shape()[d] == shape[d + added] || source.shape()[d] == 1;
  }
  if (!fits) {
    fail<ShapeError>(op, "expected a source that broadcasts to ", shape.str(), ", got ",
                     source.shape().str());
  }
  return lamina::expand(source, shape);
}

NDArray& NDArray::fill_(Scalar value) {
  check_defined("fill_", *this);
  check_writable("fill_", *this);
  check_holds("fill_", value, dtype_);
  return copy_(full({}, value, dtype_));
}

NDArray& NDArray::copy_(const NDArray& source) {
  check_defined("copy_", *this);
  check_writable("copy_", *this);
  const NDArray from = expand_source("copy_", source, shape_);
  // A source in the same storage may overlap with what is written.
  const NDArray safe = from.storage() == storage() && from.dtype_ == dtype_ ? from.clone() : from;
  kernels::copy(shape_, dtype_, data_, strides_, safe.dtype_, safe.data_, safe.strides_);
  bump_version();
  return *this;
}

NDArray& NDArray::add_(const NDArray& source, double alpha) {
  check_defined("add_", *this);
  check_defined("add_", source);
  if (source.dtype_ != dtype_ || dtype_ == bool_ || is_half(dtype_)) {
    // What is left of the fast way: the result of the operation, if this dtype can hold it.
    if (alpha == 1) return add_promoted(source);
    if (dtype_ == bool_) fail<DTypeError>("add_", "expected a numeric dtype, got bool");
    if (source.dtype_ != dtype_) {
      fail<DTypeError>("add_", "expected a source of dtype ", name_of(dtype_), ", got ",
                       name_of(source.dtype_));
    }
    check_writable("add_", *this);
    return copy_(lamina::to(*this, float32).add_(lamina::to(source, float32), alpha));
  }
  const bool plain = alpha == 1 && source.shape_ == shape_ && contiguous_ && source.contiguous_ &&
                     source.storage() != storage() && numel_ <= kernels::kParallelGrain;
  if (plain) {  // gradients that add up need no more than the loop
    kernels::binary_kernel(kernels::BinaryOp::kAdd, dtype_)(data_, 1, source.data_, 1, data_,
                                                            numel_);
    bump_version();
    return *this;
  }
  if (!is_floating(dtype_)) {
    // As an integer, so that a negative one may be for uint8.
    constexpr double kLimit = 0x1p63;
    if (alpha != std::trunc(alpha) || !(alpha >= -kLimit && alpha < kLimit)) {
      fail<ValueError>("add_", "expected an integer alpha for ", name_of(dtype_), ", got ", alpha);
    }
    check_holds("add_", static_cast<int64_t>(alpha), dtype_);
  }
  check_writable("add_", *this);
  NDArray from = expand_source("add_", source, shape_);
  // Reading what was written already is safe only where both are walked alike.
  const bool alike = from.data_ == data_ && from.strides_ == strides_;
  if (from.storage() == storage() && !alike) from = from.clone();
  kernels::add_scaled(shape_, dtype_, data_, strides_, from.data_, from.strides_, alpha);
  bump_version();
  return *this;
}

NDArray NDArray::view_of(const Shape& shape, const Strides& strides, int64_t offset) const {
  NDArray x;
  x.storage_ = storage_;
  x.data_ = data_ + offset * size_of(dtype_);
  x.numel_ = shape.numel();
  x.dtype_ = dtype_;
  x.scalar_like_ = scalar_like_;
  x.shape_ = shape;
  x.strides_ = strides;
  int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected && x.numel_ != 0) x.contiguous_ = false;
    expected *= shape[i];
  }
  return x;
}

DType result_type(const NDArray& a, const NDArray& b) {
  if (a.dtype() == b.dtype() && !a.is_scalar_like() && !b.is_scalar_like()) return a.dtype();
  // dimensions before none, and none before a Scalar
  const auto priority = [](const NDArray& x) {
    return x.is_scalar_like() ? 0 : x.dim() == 0 ? 1 : 2;
  };
  // The dtype that a Scalar brings where only its category counts: a floating one is float32.
  const auto effective = [](const NDArray& x) {
    return x.is_scalar_like() && x.dtype() == float64 ? float32 : x.dtype();
  };
  const NDArray& high = priority(a) >= priority(b) ? a : b;
  const NDArray& low = priority(a) >= priority(b) ? b : a;
  if (priority(high) == priority(low)) return promote_types(effective(a), effective(b));
  if (category_of(low.dtype()) > category_of(high.dtype())) return effective(low);
  return effective(high);
}

}  // namespace lamina
