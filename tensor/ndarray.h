// NDArray: a strided array of numbers, and the operations on it. It never learns what a gradient
// is; `Tensor` (autograd/) adds that and has the same operations.
//
//   NDArray x = NDArray::from({1.f, 2.f, 3.f, 4.f}, {2, 2});
//   NDArray y = matmul(x, x.t()) + 1;
//
// An NDArray is a value of about 200 bytes; copying it shares the storage, clone() copies the
// elements. Views share storage too. Threads may read one array at once; a write needs the threads'
// own order.
#ifndef LAMINA_TENSOR_NDARRAY_H_
#define LAMINA_TENSOR_NDARRAY_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "lamina/tensor/dtype.h"
#include "lamina/tensor/error.h"
#include "lamina/tensor/scalar.h"
#include "lamina/tensor/shape.h"
#include "lamina/tensor/storage.h"

namespace lamina {

class NDArray;
// A 0-d array that promotes as a Scalar does: its category counts, its dtype does not.
NDArray scalar_array(Scalar value);
class Index;  // tensor/indexing.h
// What an operation gives that picks elements along a dimension: auto [values, indices] = x.max(1).
template <class A>
struct ValuesIndices {
  A values;
  A indices;  // int64
};
template <class A>
struct QrResult {
  A q;
  A r;
};
template <class A>
struct SvdResult {
  A u;
  A s;
  A vt;
};
template <class A>
using MaxResult = ValuesIndices<A>;

template <class A>
struct UniqueResult {
  A values;
  A inverse, counts;  // undefined unless asked for
};

// What pad adds: one value, the array mirrored at its edge without repeating it, its edge, or its
// other end.
enum class PadMode { kConstant, kReflect, kReplicate, kCircular };
// The normal distribution function in GELU: exact, or its approximation by tanh.
enum class Gelu { kExact, kTanh };
// How unfold and fold place their windows: one number, or one for rows and one for columns.
struct UnfoldOptions {
  Dims dilation = 1;  // distance of neighbours in a window
  Dims padding = 0;   // zeros around the image, on each side
  Dims stride = 1;    // distance of neighbouring windows
};
// Of a convolution: one number, or one for rows and one for columns.
struct ConvOptions {
  Dims stride = 1;     // distance of neighbouring windows
  Dims padding = 0;    // zeros around the image, on each side
  Dims dilation = 1;   // distance of neighbours in a window
  int64_t groups = 1;  // parts of the channels that see nothing of each other
};
// Of a transposed convolution: those of the convolution whose adjoint it is.
struct ConvTransposeOptions {
  Dims stride = 1;
  Dims padding = 0;
  Dims output_padding =
      0;  // rows and columns of the result that no window of the convolution begins at
  int64_t groups = 1;
  Dims dilation = 1;
};
struct MaxPoolOptions {
  Dims stride = {};        // none means the kernel's extents
  Dims padding = 0;        // at most half the kernel, on each side
  Dims dilation = 1;       // distance of neighbours in a window
  bool ceil_mode = false;  // windows may reach beyond the padding, if they begin before it
};
struct AvgPoolOptions {
  Dims stride = {};               // none means the kernel's extents
  Dims padding = 0;               // zeros, at most half the kernel, on each side
  bool ceil_mode = false;         // windows may reach beyond the padding, if they begin before it
  bool count_include_pad = true;  // whether the zeros of the padding count
};
enum class InterpolateMode { kNearest, kBilinear };
// What interpolate makes: either a size or factors, one number or one for rows and one for columns.
struct InterpolateOptions {
  Dims size = {};
  std::vector<double> scale_factor = {};
  InterpolateMode mode = InterpolateMode::kNearest;
  bool align_corners = false;  // of kBilinear: corners map to corners, else edges to edges
};

#define LAMINA_ARRAY NDArray
#include "lamina/tensor/ops.inc"
#undef LAMINA_ARRAY

}  // namespace lamina

#include "lamina/tensor/methods.h"  // needs the declarations above

namespace lamina {

class NDArray : public Methods<NDArray> {
 public:
  // ---- Creation: shapes in elements; float32 unless said otherwise
  NDArray() = default;  // undefined: no storage, no shape
  NDArray(const NDArray&) = default;
  // What was moved from is undefined again.
  NDArray(NDArray&& other) noexcept
      : storage_(std::move(other.storage_)),
        data_(std::exchange(other.data_, nullptr)),
        numel_(std::exchange(other.numel_, 0)),
        dtype_(other.dtype_),
        contiguous_(std::exchange(other.contiguous_, true)),
        scalar_like_(std::exchange(other.scalar_like_, false)),
        shape_(other.shape_),
        strides_(other.strides_) {
    other.shape_.clear();
    other.strides_.clear();
  }
  NDArray& operator=(const NDArray&) & = default;
  NDArray& operator=(NDArray&& other) & noexcept {
    if (this != &other) {
      this->~NDArray();
      new (this) NDArray(std::move(other));
    }
    return *this;
  }
  static NDArray empty(const Shape& shape, DType dtype = float32);  // not initialised
  static NDArray zeros(const Shape& shape, DType dtype = float32);
  static NDArray ones(const Shape& shape, DType dtype = float32);
  static NDArray full(const Shape& shape, Scalar value);  // bool, int64 or float32, as the value is
  static NDArray full(const Shape& shape, Scalar value, DType dtype);
  // The shape and, unless another is given, the dtype of x.
  static NDArray empty_like(const NDArray& x);
  static NDArray empty_like(const NDArray& x, DType dtype);
  static NDArray zeros_like(const NDArray& x);
  static NDArray zeros_like(const NDArray& x, DType dtype);
  static NDArray ones_like(const NDArray& x);
  static NDArray ones_like(const NDArray& x, DType dtype);
  static NDArray full_like(const NDArray& x, Scalar value);
  static NDArray full_like(const NDArray& x, Scalar value, DType dtype);
  // start, start + step, ... below end (above it, for a negative step): ceil((end - start) / step)
  // numbers. Of integers int64, else float32.
  static NDArray arange(Scalar end);  // from 0 by 1
  static NDArray arange(Scalar end, DType dtype);
  static NDArray arange(Scalar start, Scalar end, Scalar step = 1);
  static NDArray arange(Scalar start, Scalar end, Scalar step, DType dtype);
  // `steps` evenly spaced numbers from start to end, both included; integer dtypes truncate, the
  // ends first. ValueError for an end that the dtype does not hold.
  static NDArray linspace(Scalar start, Scalar end, int64_t steps, DType dtype = float32);
  // (n, n) or (n, m) with ones on the diagonal and zeros elsewhere.
  static NDArray eye(int64_t n, DType dtype = float32);
  static NDArray eye(int64_t n, int64_t m, DType dtype = float32);
  // A copy of `values`, row-major; their number must be the shape's.
  template <class T>
  static NDArray from(absl::Span<const T> values, const Shape& shape);
  template <class T>
  static NDArray from(const std::vector<T>& values, const Shape& shape) {
    if constexpr (std::is_same_v<T, bool>) {  // it packs them, eight to a byte
      const std::vector<uint8_t> bytes(values.begin(), values.end());
      return from(absl::Span<const uint8_t>(bytes), shape).to(bool_);
    } else {
      return from(absl::Span<const T>(values), shape);
    }
  }
  template <class T>
  static NDArray from(std::initializer_list<T> values, const Shape& shape) {
    return from(absl::Span<const T>(values.begin(), values.size()), shape);
  }
  // The shape is that of the braces: from({{1.f, 2.f}, {3.f, 4.f}}). Throws ValueError for rows
  // that differ in length.
  template <class T>
  static NDArray from(std::initializer_list<T> values) {
    return from(values, static_cast<int64_t>(values.size()));
  }
  template <class T>
  static NDArray from(std::initializer_list<std::initializer_list<T>> rows);
  template <class T>
  static NDArray from(
      std::initializer_list<std::initializer_list<std::initializer_list<T>>> planes);
  // An array on memory of the caller's, row-major or with the strides given (in elements, at least
  // 0), which the caller vouches for. The last array on it calls deleter(data), if there is one;
  // after an exception nobody does. `data` must be aligned for the dtype, and a bool be a byte of 0 or
  // 1. Arrays of two calls count as apart: where one is written and the other read, in place, they must
  // not overlap.
  static NDArray from_blob(void* data, const Shape& shape, DType dtype,
                           std::function<void(void*)> deleter = nullptr);
  static NDArray from_blob(void* data, const Shape& shape, const Strides& strides, DType dtype,
                           std::function<void(void*)> deleter = nullptr);

  // ---- What it is
  bool defined() const { return static_cast<bool>(storage_); }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }  // in elements; 0 where expanded
  DType dtype() const { return dtype_; }
  int dim() const { return shape_.rank(); }
  int64_t size(int64_t dim) const {
    if (!defined()) fail_undefined("size");
    if (shape_.empty()) fail<ShapeError>("size", "expected a rank of at least 1, got a 0-d array");
    return shape_[normalize_dim("size", dim, shape_.rank())];
  }
  int64_t numel() const { return numel_; }
  bool is_contiguous() const { return contiguous_; }  // row-major without gaps

  // ---- Elements
  // The only element, converted to T. Throws ShapeError if there is not exactly one.
  template <class T>
  T item() const;
  // The first element's address; T must be the dtype's type. Elements are apart by strides().
  template <class T>
  T* data() const {
    if (dtype_of<T> != dtype_) fail_type("data", dtype_of<T>);
    return reinterpret_cast<T*>(data_);
  }
  // The element at an index with an entry per dimension; negative ones count from the end. Throws
  // IndexError outside the shape. T must be the dtype's type. A write through it is not a new
  // version; see bump_version.
  template <class T>
  T& at(const Shape& index) const {
    const int64_t offset = offset_of(index);
    if (dtype_of<T> != dtype_) fail_type("at", dtype_of<T>);
    return reinterpret_cast<T*>(data_)[offset];
  }
  // All elements in row-major order, in place: for (float v : x.span<float>()). T must be the
  // dtype's type, and the array contiguous, else RuntimeError.
  template <class T>
  absl::Span<T> span() const {
    if (!defined()) fail_undefined("span");
    if (dtype_of<T> != dtype_) fail_type("span", dtype_of<T>);
    if (!contiguous_) fail_span();
    return {reinterpret_cast<T*>(data_), static_cast<size_t>(numel_)};
  }
  // A copy of all elements in row-major order, converted to T.
  template <class T>
  std::vector<T> to_vector() const;

  // ---- In place: these write to the storage, whoever shares it, and count as a new version of it
#define LAMINA_ARRAY NDArray
#define LAMINA_WRITTEN NDArray&
#define LAMINA_CONST
#define LAMINA_BODY(call)
#include "lamina/tensor/in_place.inc"
#undef LAMINA_ARRAY
#undef LAMINA_WRITTEN
#undef LAMINA_CONST
#undef LAMINA_BODY

  std::string str() const;  // the text that PyTorch prints
  friend std::ostream& operator<<(std::ostream& out, const NDArray& x) { return out << x.str(); }

  // ---- For the layers above and the curious
  char* raw_data() const { return data_; }
  internal::Storage* storage() const { return storage_.get(); }
  static NDArray empty_unchecked(const Shape& shape,
                                 DType dtype) {  // the shape is known to be good
    return NDArray(Uninitialised{}, shape, dtype);
  }
  uint32_t version() const {
    if (!defined()) fail_undefined("version");
    return storage_->version();
  }
  void bump_version() const {
    if (!defined()) fail_undefined("bump_version");
    storage_->bump_version();
  }
  bool is_scalar_like() const { return scalar_like_; }  // made by scalar_array
  // True when a write in place can be seen by nobody else and hits each element once. A count alone
  // is not enough: the gradient of `sum` is an expanded array whose storage nobody shares.
  bool is_exclusive() const {
    if (!defined()) fail_undefined("is_exclusive");
    return storage_->use_count() == 1 && contiguous_;
  }
  // Another view of the same storage, `offset` elements further. The caller vouches for the bounds.
  NDArray view_of(const Shape& shape, const Strides& strides, int64_t offset = 0) const;

 private:
  NDArray& add_promoted(const NDArray& other);
  friend NDArray scalar_array(Scalar value);
  struct Uninitialised {};
  NDArray(Uninitialised, const Shape& shape, DType dtype);
  int64_t offset_of(const Shape& index) const;  // checked
  [[noreturn, gnu::cold]] void fail_type(const char* op, DType wanted) const;
  [[noreturn, gnu::cold]] void fail_span() const;
  [[noreturn, gnu::cold]] static void fail_undefined(const char* op);

  internal::Ptr<internal::Storage> storage_;
  char* data_ = nullptr;
  int64_t numel_ = 0;
  DType dtype_ = float32;
  bool contiguous_ = true;
  bool scalar_like_ = false;
  Shape shape_;
  Strides strides_;
};

#define LAMINA_ARRAY NDArray
#include "lamina/tensor/operators.inc"
#undef LAMINA_ARRAY

// The dtype of an operation on both, by PyTorch's rule: arrays with dimensions decide; a 0-d array,
// and after it a Scalar, counts only where it is of a higher category (bool < integer < floating).
DType result_type(const NDArray& a, const NDArray& b);

// Whether each element of x has an address of its own. Strides that interlock in a rare way count as
// shared.
bool is_writable(const NDArray& x);
// Throws RuntimeError unless it is so.
void check_writable(const char* op, const NDArray& x);
// Throws RuntimeError, DTypeError or ShapeError unless an operation's result can be written to x.
void check_assignable(const char* op, const NDArray& x, const NDArray& result);
// The source expanded to the shape of what it is written to.
NDArray expand_source(const char* op, const NDArray& source, const Shape& shape);
// Throws ValueError unless the dtype holds the value: NaN, infinity and numbers beyond the range are
// not for integers, nor finite numbers beyond the range for floating dtypes. As in PyTorch, uint8
// takes integers from -255 on, which wrap around.
void check_holds(const char* op, Scalar value, DType dtype);

// Throws RuntimeError if x is undefined.
inline void check_defined(const char* op, const NDArray& x) {
  if (!x.defined()) fail<RuntimeError>(op, "expected a defined array, got one without a value");
}

template <class T>
NDArray NDArray::from(std::initializer_list<std::initializer_list<T>> rows) {
  std::initializer_list<std::initializer_list<std::initializer_list<T>>> plane = {rows};
  const NDArray x = from(plane);
  return lamina::squeeze(x, 0);
}

template <class T>
NDArray NDArray::from(
    std::initializer_list<std::initializer_list<std::initializer_list<T>>> planes) {
  const size_t rows = planes.size() == 0 ? 0 : planes.begin()->size();
  const size_t columns = rows == 0 ? 0 : planes.begin()->begin()->size();
  std::vector<T> values;
  const auto check = [](size_t wanted, size_t got) {
    if (got != wanted) {
      fail<ValueError>("from", "expected rows of one length, ", wanted, ", got one of ", got);
    }
  };
  for (const auto& plane : planes) {
    check(rows, plane.size());
    for (const auto& row : plane) {
      check(columns, row.size());
      values.insert(values.end(), row.begin(), row.end());
    }
  }
  return from(values, {static_cast<int64_t>(planes.size()), static_cast<int64_t>(rows),
                       static_cast<int64_t>(columns)});
}

}  // namespace lamina

#include "lamina/tensor/indexing.h"  // what index() takes

#endif  // LAMINA_TENSOR_NDARRAY_H_
