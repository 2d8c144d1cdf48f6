// A number beside an array: `x * 2`, `1 - x`. It keeps its category (bool, integer or floating),
// which is what promotion asks of a scalar.
#ifndef LAMINA_TENSOR_SCALAR_H_
#define LAMINA_TENSOR_SCALAR_H_

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "lamina/tensor/dtype.h"

namespace lamina {

class Scalar {
 public:
  // From any arithmetic type, and from nothing else: a pointer or a string must not become `true`.
  // Throws ValueError for an unsigned integer above the largest int64.
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  Scalar(T value) {  // implicit: numbers are meant to convert
    if constexpr (std::is_same_v<T, bool>) {
      dtype_ = bool_;
      integer_ = value;
    } else if constexpr (std::is_integral_v<T>) {
      if constexpr (std::is_unsigned_v<T> && sizeof(T) >= 8) {
        if (value > static_cast<T>(std::numeric_limits<int64_t>::max())) {
          fail<ValueError>("Scalar", "expected an integer below 2^63, got ", value);
        }
      }
      dtype_ = int64;
      integer_ = static_cast<int64_t>(value);
    } else {
      dtype_ = float64;
      floating_ = static_cast<double>(value);
    }
  }

  DType dtype() const { return dtype_; }  // bool_, int64 or float64
  template <class T>
  T to() const {
    return dtype_ == float64 ? convert<T>(floating_) : convert<T>(integer_);
  }
  std::string str() const {
    return dtype_ == float64 ? absl::StrCat(floating_) : absl::StrCat(integer_);
  }

 private:
  DType dtype_;
  union {
    int64_t integer_;
    double floating_;
  };
};

}  // namespace lamina

#endif  // LAMINA_TENSOR_SCALAR_H_
