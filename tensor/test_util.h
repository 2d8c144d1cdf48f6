// What the tests of every layer share: checks of thrown texts and of values, and arrays to try
// things on. Elements are read and written here by plain loops over strides, so that no kernel
// checks itself.
#ifndef LAMINA_TENSOR_TEST_UTIL_H_
#define LAMINA_TENSOR_TEST_UTIL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"

// Expects that a statement throws Exception with a text that contains `part`:
//   EXPECT_THROWS(ShapeError, "[matmul] expected", matmul(a, b));
#define EXPECT_THROWS(Exception, part, ...)                                               \
  do {                                                                                    \
    try {                                                                                 \
      __VA_ARGS__;                                                                        \
      ADD_FAILURE() << "expected " #Exception ", nothing was thrown by " << #__VA_ARGS__; \
    } catch (const Exception& error) {                                                    \
      EXPECT_THAT(std::string(error.what()), ::testing::HasSubstr(part)) << #__VA_ARGS__; \
    } catch (const std::exception& error) {                                               \
      ADD_FAILURE() << "expected " #Exception " from " << #__VA_ARGS__                    \
                    << ", got: " << error.what();                                         \
    }                                                                                     \
  } while (false)

// Expects the elements of an array, in row-major order: |actual - expected| <= atol + rtol *
// |expected|. NaN equals NaN, and an infinity equals itself. Without tolerances, values must be
// equal.
//   EXPECT_CLOSE(exp(x), std::vector<double>{1, 2.718281828}, 1e-6);
#define EXPECT_CLOSE(...) EXPECT_TRUE(::lamina::test::is_close(__VA_ARGS__))

namespace lamina::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Those that kernels compute in. float16 and bfloat16 go by way of float32; tests/op_cases tries
// them on every operation.
inline constexpr DType kAllDTypes[] = {bool_, uint8, int32, int64, float32, float64};
inline constexpr DType kNumericDTypes[] = {uint8, int32, int64, float32, float64};
inline constexpr DType kFloatingDTypes[] = {float32, float64};

// Calls f(index) for every index into `shape`, in row-major order.
template <class F>
void for_each_index(const Shape& shape, const F& f) {
  Shape index = Shape::filled(shape.rank(), 0);
  for (int64_t i = shape.numel(); i > 0; --i) {
    f(static_cast<const Shape&>(index));
    for (int d = shape.rank() - 1; d >= 0 && ++index[d] == shape[d]; --d) index[d] = 0;
  }
}

inline int64_t offset_of(const Shape& index, const Strides& strides) {
  int64_t offset = 0;
  for (int d = 0; d < index.rank(); ++d) offset += index[d] * strides[d];
  return offset;
}

// The elements in row-major order.
template <class T = double>
std::vector<T> elements(const NDArray& x) {
  std::vector<T> values;
  dispatch_all(x.dtype(), [&](auto type) {
    const auto* data = x.data<typename decltype(type)::type>();
    for_each_index(x.shape(), [&](const Shape& index) {
      values.push_back(convert<T>(data[offset_of(index, x.strides())]));
    });
  });
  return values;
}

inline ::testing::AssertionResult is_close(const NDArray& actual,
                                           const std::vector<double>& expected, double rtol = 0,
                                           double atol = 0) {
  const std::vector<double> values = elements(actual);
  if (values.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << "expected " << expected.size() << " elements, got shape " << actual.shape();
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = values[i], y = expected[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (std::isfinite(x) && std::abs(x - y) <= atol + rtol * std::abs(y)) continue;
    return ::testing::AssertionFailure()
           << ::testing::PrintToString(x) << " instead of " << ::testing::PrintToString(y)
           << " at position " << i << " of " << actual.dtype() << " " << actual.shape();
  }
  return ::testing::AssertionSuccess();
}

// An array of these values, converted to the dtype as C++ does.
inline NDArray array(const std::vector<double>& values, const Shape& shape, DType dtype = float32) {
  NDArray x = NDArray::empty(shape, dtype);
  EXPECT_EQ(shape.numel(), static_cast<int64_t>(values.size()));
  dispatch_all(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for (size_t i = 0; i < values.size(); ++i) x.data<T>()[i] = convert<T>(values[i]);
  });
  return x;
}
// Without a shape, 1-d. A template, so that {} is a shape and not a dtype.
template <class D, class = std::enable_if_t<std::is_same_v<D, DType>>>
NDArray array(const std::vector<double>& values, D dtype) {
  return array(values, Shape(static_cast<int64_t>(values.size())), dtype);
}
inline NDArray array(const std::vector<double>& values) { return array(values, float32); }

// Pseudo-random values: floating ones between -2 and 2, integers from -5 to 5 (uint8 from 0 to 10),
// and both bools.
inline NDArray noise(const Shape& shape, DType dtype = float32, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& value : values) {
    const uint32_t bits = random();
    if (is_floating(dtype))
      value = bits * 0x1p-30 - 2;
    else if (dtype == bool_)
      value = bits % 2;
    else
      value = bits % 11 - (dtype == uint8 ? 0.0 : 5.0);
  }
  return array(values, shape, dtype);
}

// The same values in other layouts: with gaps between the elements, column-major, and column-major
// with gaps.
inline std::vector<NDArray> layouts(const NDArray& x) {
  std::vector<NDArray> all{x};
  const auto add = [&](bool columns, int64_t step) {
    Strides strides = x.shape();
    int64_t next = step;
    for (int i = 0; i < x.dim(); ++i) {
      const int d = columns ? i : x.dim() - 1 - i;
      strides[d] = next;
      next *= std::max<int64_t>(1, x.shape()[d]) + (step > 1 ? 1 : 0);
    }
    const int64_t offset = step - 1;
    const NDArray y = NDArray::zeros(next + offset, x.dtype()).view_of(x.shape(), strides, offset);
    dispatch_all(x.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      for_each_index(x.shape(), [&](const Shape& index) {
        y.data<T>()[offset_of(index, strides)] = x.data<T>()[offset_of(index, x.strides())];
      });
    });
    all.push_back(y);
  };
  add(false, 2);
  add(true, 1);
  add(true, 3);
  return all;
}

}  // namespace lamina::test

#endif  // LAMINA_TENSOR_TEST_UTIL_H_
