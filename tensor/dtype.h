// Element types, and how two of them combine.
#ifndef LAMINA_TENSOR_DTYPE_H_
#define LAMINA_TENSOR_DTYPE_H_

#include <cstdint>
#include <limits>
#include <ostream>
#include <type_traits>
#include <utility>

#include "lamina/tensor/error.h"
#include "lamina/tensor/half.h"

namespace lamina {

// In the order of promotion: the result of two dtypes is the later one, and float32 for float16
// with bfloat16. float16 and bfloat16 are for storage: what computes with them does so in float32
// and rounds its result; other operands are rounded to them first.
enum class DType : uint8_t {
  kBool,
  kUint8,
  kInt32,
  kInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64
};
inline constexpr int kDTypeCount = 8;

// PyTorch's short names: zeros({2, 3}, float64).
inline constexpr DType bool_ = DType::kBool;
inline constexpr DType uint8 = DType::kUint8;
inline constexpr DType int32 = DType::kInt32;
inline constexpr DType int64 = DType::kInt64;
inline constexpr DType float16 = DType::kFloat16;
inline constexpr DType bfloat16 = DType::kBFloat16;
inline constexpr DType float32 = DType::kFloat32;
inline constexpr DType float64 = DType::kFloat64;

inline constexpr int64_t kDTypeSizes[kDTypeCount] = {
    1, 1, 4, 8, 2, 2, 4, 8};              // a local table is rebuilt at each call
constexpr int64_t size_of(DType dtype) {  // bytes per element
  return kDTypeSizes[static_cast<int>(dtype)];
}
constexpr const char* name_of(DType dtype) {  // "float32"
  constexpr const char* kNames[kDTypeCount] = {"bool",    "uint8",    "int32",   "int64",
                                               "float16", "bfloat16", "float32", "float64"};
  return kNames[static_cast<int>(dtype)];
}
constexpr bool is_floating(DType dtype) { return dtype >= DType::kFloat16; }
constexpr bool is_half(DType dtype) {  // float16 or bfloat16
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}
constexpr DType promote_types(DType a, DType b) {
  if (is_half(a) && is_half(b) && a != b) return DType::kFloat32;
  return a < b ? b : a;
}
// Which of two dtypes promotion prefers whatever their sizes: bool 0, integers 1, floating 2.
constexpr int category_of(DType dtype) {
  return is_floating(dtype) ? 2 : dtype == DType::kBool ? 0 : 1;
}
// What float-valued functions (exp, mean, true division) compute in: integers become float32.
constexpr DType to_floating(DType dtype) { return is_floating(dtype) ? dtype : DType::kFloat32; }
// What kernels compute a dtype in: itself, but float32 for float16 and bfloat16.
constexpr DType to_computing(DType dtype) { return is_half(dtype) ? DType::kFloat32 : dtype; }

inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

// LAMINA_FOR_EACH_TYPE(X) is X(T) for the C++ type T of each dtype.
#define LAMINA_FOR_EACH_TYPE(X) \
  X(bool) X(uint8_t) X(int32_t) X(int64_t) X(Half) X(BFloat16) X(float) X(double)

// The DType of a C++ type: dtype_of<float> == float32.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> : std::integral_constant<DType, DType::kBool> {};
template <>
struct DTypeOf<uint8_t> : std::integral_constant<DType, DType::kUint8> {};
template <>
struct DTypeOf<int32_t> : std::integral_constant<DType, DType::kInt32> {};
template <>
struct DTypeOf<int64_t> : std::integral_constant<DType, DType::kInt64> {};
template <>
struct DTypeOf<Half> : std::integral_constant<DType, DType::kFloat16> {};
template <>
struct DTypeOf<BFloat16> : std::integral_constant<DType, DType::kBFloat16> {};
template <>
struct DTypeOf<float> : std::integral_constant<DType, DType::kFloat32> {};
template <>
struct DTypeOf<double> : std::integral_constant<DType, DType::kFloat64> {};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

// Carries a C++ type into a generic lambda: dispatch(dtype, [&](auto t) { using T = typename
// decltype(t)::type; ... }). Only dtypes that kernels compute in come here; see to_computing.
template <class T>
struct Type {
  using type = T;
};
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kBool:
      return f(Type<bool>{});
    case DType::kUint8:
      return f(Type<uint8_t>{});
    case DType::kInt32:
      return f(Type<int32_t>{});
    case DType::kInt64:
      return f(Type<int64_t>{});
    case DType::kFloat32:
      return f(Type<float>{});
    case DType::kFloat64:
      return f(Type<double>{});
    case DType::kFloat16:
    case DType::kBFloat16:
      break;
  }
  fail<DTypeError>("dispatch", "expected a dtype to compute in, got float16 or bfloat16");
}
// The same for what only moves or converts elements: every dtype.
template <class F>
decltype(auto) dispatch_all(DType dtype, F&& f) {
  if (dtype == DType::kFloat16) return f(Type<Half>{});
  if (dtype == DType::kBFloat16) return f(Type<BFloat16>{});
  return dispatch(dtype, std::forward<F>(f));
}

// The conversion of elements and Scalars: floating to integer truncates, to uint8 wraps (-1.0
// becomes 255, as in PyTorch), to bool is != 0; to float16 and bfloat16 rounds, by way of float32.
// A floating number that the integer cannot hold, NaN too, becomes its least value, which is what
// x86 does; uint8 goes by way of int64, so it gets 0 then.
template <class To, class From>
constexpr To convert(From value) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    if constexpr (std::is_same_v<To, From>) {
      return value;
    } else {
      return convert<To>(static_cast<float>(value));
    }
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_same_v<To, uint8_t> && std::is_floating_point_v<From>) {
    return static_cast<uint8_t>(convert<int64_t>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // The number is replaced before it is converted: so the loop around this becomes vectors.
    constexpr From kLeast = static_cast<From>(std::numeric_limits<To>::min());
    return static_cast<To>(value >= kLeast && value < -kLeast ? value : kLeast);
  } else {
    return static_cast<To>(value);
  }
}

// Throws DTypeError unless the dtype is floating.
inline void check_floating(const char* op, DType dtype) {
  if (!is_floating(dtype)) fail<DTypeError>(op, "expected a floating dtype, got ", name_of(dtype));
}

}  // namespace lamina

#endif  // LAMINA_TENSOR_DTYPE_H_
