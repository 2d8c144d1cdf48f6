// Arrays made from numbers, rules and foreign memory.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

// PyTorch's rule: a floating value must lie between the least and the largest number of the dtype,
// but for floating dtypes NaN and infinity may be; an integer may also be negative for uint8, above
// -256, and wraps around.
template <class T>
bool holds(Scalar value) {
  if constexpr (std::is_same_v<T, bool>) {
    return true;
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    const double x = value.to<double>();
    return !std::isfinite(x) || std::abs(x) <= (std::is_same_v<T, Half> ? 65504.0 : 0x1.FEp127);
  } else if constexpr (std::is_floating_point_v<T>) {
    const double x = value.to<double>();
    return !std::isfinite(x) || std::abs(x) <= double{std::numeric_limits<T>::max()};
  } else if (value.dtype() == float64) {
    // The largest int64 rounds to 2^63, which is too large.
    const double x = value.to<double>(),
                 largest = static_cast<double>(std::numeric_limits<T>::max());
    return x >= static_cast<double>(std::numeric_limits<T>::min()) &&
           (sizeof(T) < 8 ? x <= largest : x < largest);
  } else {
    const int64_t x = value.to<int64_t>();
    const int64_t least =
        std::is_same_v<T, uint8_t> ? -255 : int64_t{std::numeric_limits<T>::min()};
    return x >= least && x <= int64_t{std::numeric_limits<T>::max()};
  }
}

// The number of elements from start to end; integers exactly, others in double precision.
template <class T>
int64_t steps_between(T start, T end, T step) {
  double count;
  if constexpr (std::is_integral_v<T>) {
    const __int128 span = static_cast<__int128>(end) - start, size = step;
    const __int128 n = (span + size - (size > 0 ? 1 : -1)) / size;
    if (n <= std::numeric_limits<int64_t>::max()) return static_cast<int64_t>(n);
    count = static_cast<double>(n);
  } else {
    count = std::ceil((end - start) / step);
    if (count < 0x1p62) return static_cast<int64_t>(count);
  }
  fail<ShapeError>("arange", "expected less than 2^62 elements, got ", count);
}

}  // namespace

void check_holds(const char* op, Scalar value, DType dtype) {
  const bool fits =
      dispatch_all(dtype, [&](auto type) { return holds<typename decltype(type)::type>(value); });
  if (!fits) {
    fail<ValueError>(op, "expected a value that ", name_of(dtype), " holds, got ", value.str());
  }
}

NDArray NDArray::full(const Shape& shape, Scalar value) {
  return full(shape, value, value.dtype() == float64 ? float32 : value.dtype());
}

NDArray NDArray::full(const Shape& shape, Scalar value, DType dtype) {
  const OpScope scope("full");
  check_holds("full", value, dtype);
  NDArray x = empty(shape, dtype);
  dispatch_all(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::fill_n(reinterpret_cast<T*>(x.data_), x.numel_, value.to<T>());
  });
  return x;
}

NDArray NDArray::zeros(const Shape& shape, DType dtype) {
  const OpScope scope("zeros");
  NDArray x = empty(shape, dtype);
  std::memset(x.data_, 0, x.numel_ * size_of(dtype));
  return x;
}

NDArray NDArray::ones(const Shape& shape, DType dtype) {
  const OpScope scope("ones");
  return full(shape, 1, dtype);
}

NDArray NDArray::empty_like(const NDArray& x) { return empty_like(x, x.dtype()); }
NDArray NDArray::empty_like(const NDArray& x, DType dtype) {
  const OpScope scope("empty_like");
  check_defined("empty_like", x);
  return empty(x.shape(), dtype);
}
NDArray NDArray::zeros_like(const NDArray& x) { return zeros_like(x, x.dtype()); }
NDArray NDArray::zeros_like(const NDArray& x, DType dtype) {
  const OpScope scope("zeros_like");
  check_defined("zeros_like", x);
  return zeros(x.shape(), dtype);
}
NDArray NDArray::ones_like(const NDArray& x) { return ones_like(x, x.dtype()); }
NDArray NDArray::ones_like(const NDArray& x, DType dtype) {
  const OpScope scope("ones_like");
  check_defined("ones_like", x);
  return ones(x.shape(), dtype);
}
NDArray NDArray::full_like(const NDArray& x, Scalar value) {
  return full_like(x, value, x.dtype());
}
NDArray NDArray::full_like(const NDArray& x, Scalar value, DType dtype) {
  const OpScope scope("full_like");
  check_defined("full_like", x);
  return full(x.shape(), value, dtype);
}

NDArray NDArray::arange(Scalar end) { return arange(0, end); }
NDArray NDArray::arange(Scalar end, DType dtype) { return arange(0, end, 1, dtype); }
NDArray NDArray::arange(Scalar start, Scalar end, Scalar step) {
  const bool integers =
      !is_floating(start.dtype()) && !is_floating(end.dtype()) && !is_floating(step.dtype());
  return arange(start, end, step, integers ? int64 : float32);
}
NDArray NDArray::arange(Scalar start, Scalar end, Scalar step, DType dtype) {
  const OpScope scope("arange");
  if (dtype == bool_) fail<DTypeError>("arange", "expected a numeric dtype, got bool");
  const double first = start.to<double>(), last = end.to<double>(), by = step.to<double>();
  if (!std::isfinite(first) || !std::isfinite(last) || !std::isfinite(by)) {
    fail<ValueError>("arange", "expected finite numbers, got ", start.str(), ", ", end.str(),
                     " and ", step.str());
  }
  if (!is_floating(dtype)) {
    for (Scalar number : {start, end, step}) check_holds("arange", number, int64);
  }
  // Integer dtypes step by integers.
  if (is_floating(dtype) ? by == 0 : step.to<int64_t>() == 0) {
    fail<ValueError>("arange", "expected a step other than 0, got ", step.str(), " for ",
                     name_of(dtype));
  }
  if (by > 0 ? last < first : last > first) {
    fail<ValueError>("arange", "expected an end that steps of ", step.str(), " reach from ",
                     start.str(), ", got ", end.str());
  }
  if (is_half(dtype)) return arange(start, end, step, float32).to(dtype);
  const int64_t n = dtype == int64
                        ? steps_between(start.to<int64_t>(), end.to<int64_t>(), step.to<int64_t>())
                        : steps_between(first, last, by);
  NDArray x = empty(n, dtype);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    T* values = reinterpret_cast<T*>(x.data_);
    if constexpr (std::is_floating_point_v<T>) {
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<T>(first + by * static_cast<double>(i));
    } else {
      const uint64_t from = static_cast<uint64_t>(start.to<int64_t>());
      const uint64_t stride = static_cast<uint64_t>(step.to<int64_t>());
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<T>(from + stride * static_cast<uint64_t>(i));
    }
  });
  return x;
}

NDArray NDArray::linspace(Scalar start, Scalar end, int64_t steps, DType dtype) {
  const OpScope scope("linspace");
  if (dtype == bool_) fail<DTypeError>("linspace", "expected a numeric dtype, got bool");
  if (steps < 0) fail<ValueError>("linspace", "expected at least 0 steps, got ", steps);
  check_holds("linspace", start, dtype);
  check_holds("linspace", end, dtype);
  if (is_half(dtype)) return linspace(start, end, steps, float32).to(dtype);
  NDArray x = empty(steps, dtype);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const double first = static_cast<double>(start.to<T>()),
                 last = static_cast<double>(end.to<T>());
    const double by = steps > 1 ? (last - first) / static_cast<double>(steps - 1) : 0;
    // From both ends, so that both are met exactly.
    for (int64_t i = 0; i < steps; ++i) {
      const double value = i < (steps + 1) / 2 ? first + by * static_cast<double>(i)
                                               : last - by * static_cast<double>(steps - 1 - i);
      reinterpret_cast<T*>(x.data_)[i] = convert<T>(value);
    }
    // Integers beyond 2^53 too.
    if (steps > 1) reinterpret_cast<T*>(x.data_)[steps - 1] = end.to<T>();
    if (steps > 0) reinterpret_cast<T*>(x.data_)[0] = start.to<T>();
  });
  return x;
}

NDArray NDArray::eye(int64_t n, DType dtype) { return eye(n, n, dtype); }
NDArray NDArray::eye(int64_t n, int64_t m, DType dtype) {
  const OpScope scope("eye");
  if (n < 0 || m < 0)
    fail<ValueError>("eye", "expected extents of at least 0, got ", n, " and ", m);
  NDArray x = zeros({n, m}, dtype);
  const int64_t count = std::min(n, m);
  if (count > 0) x.view_of(count, m + 1).fill_(1);
  return x;
}

NDArray one_hot(const NDArray& indices, int64_t classes) {
  const OpScope scope("one_hot");
  check_defined("one_hot", indices);
  if (indices.dtype() != int64) {
    fail<DTypeError>("one_hot", "expected indices of dtype int64, got ", name_of(indices.dtype()));
  }
  const NDArray dense = contiguous(indices);
  const int64_t* index = dense.data<int64_t>();
  const int64_t n = dense.numel();
  if (classes == -1) {
    if (n == 0)
      fail<ValueError>("one_hot", "expected a number of classes for an empty array, got -1");
    const int64_t largest = *std::max_element(index, index + n);
    if (largest == std::numeric_limits<int64_t>::max())
      fail<IndexError>("one_hot", "expected indices below 2^63 - 1, got ", largest);
    classes = std::max<int64_t>(0, largest) + 1;
  }
  if (classes < 1) {
    fail<ValueError>("one_hot", "expected at least one class, got ", classes);
  }
  for (int64_t i = 0; i < n; ++i) {
    if (index[i] < 0 || index[i] >= classes) {
      fail<IndexError>("one_hot", "expected indices from 0 to ", classes - 1, ", got ", index[i],
                       " at position ", i);
    }
  }
  Shape shape = indices.shape();
  shape.push_back(classes);
  NDArray out = NDArray::zeros(shape, int64);
  for (int64_t i = 0; i < n; ++i) out.data<int64_t>()[i * classes + index[i]] = 1;
  return out;
}

// ---- From values that are elsewhere

template <class T>
NDArray NDArray::from(absl::Span<const T> values, const Shape& shape) {
  const OpScope scope("from");
  check_shape("from", shape, sizeof(T));
  if (shape.numel() != static_cast<int64_t>(values.size())) {
    fail<ShapeError>("from", "expected ", shape.numel(), " values for shape ", shape.str(),
                     ", got ", values.size());
  }
  NDArray x = empty(shape, dtype_of<T>);
  if (!values.empty()) std::memcpy(x.data_, values.data(), values.size() * sizeof(T));
  return x;
}
#define LAMINA_INSTANTIATE(T) template NDArray NDArray::from(absl::Span<const T>, const Shape&);
LAMINA_FOR_EACH_TYPE(LAMINA_INSTANTIATE)
#undef LAMINA_INSTANTIATE

NDArray NDArray::from_blob(void* data, const Shape& shape, DType dtype,
                           std::function<void(void*)> deleter) {
  check_shape("from_blob", shape, size_of(dtype));
  return from_blob(data, shape, contiguous_strides(shape), dtype, std::move(deleter));
}

NDArray NDArray::from_blob(void* data, const Shape& shape, const Strides& strides, DType dtype,
                           std::function<void(void*)> deleter) {
  check_shape("from_blob", shape, size_of(dtype));
  check_strides("from_blob", shape, strides);
  if (data == nullptr && shape.numel() > 0) {
    fail<ValueError>("from_blob", "expected an address for shape ", shape.str(), ", got null");
  }
  if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(size_of(dtype)) != 0) {
    fail<ValueError>("from_blob", "expected an address that is a multiple of ", size_of(dtype),
                     " for ", name_of(dtype), ", got one that is not");
  }
  NDArray x;
  x.storage_ = internal::Storage::make_external(data, std::move(deleter));
  x.data_ = static_cast<char*>(data);
  x.dtype_ = dtype;
  return x.view_of(shape, strides);
}

}  // namespace lamina
