// Functions of two operands. The loops are plain C++: inside HWY_NAMESPACE the compiler vectorises them once per
// instruction set. Only what it cannot do well (pow, atan2, slopes) is written in Highway's operations.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lamina/tensor/kernels/pointwise.h"
#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/binary.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/activation-inl.h"
#include "lamina/tensor/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

struct Add {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    if constexpr (std::is_same_v<T, bool>)
      return a | b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
    else
      return a + b;
  }
};
struct Sub {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(std::make_unsigned_t<T>(a) - std::make_unsigned_t<T>(b));
    else
      return a - b;
  }
};
struct Mul {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    if constexpr (std::is_same_v<T, bool>)
      return a & b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(std::make_unsigned_t<T>(a) * std::make_unsigned_t<T>(b));
    else
      return a * b;
  }
};
struct Div {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return a / b;
  }
};
struct ReluBackward {
  template <class T>
  static HWY_INLINE T apply(T dy, T y) {
    return y <= T(0) ? T(0) : dy;
  }
};
struct Maximum {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct Fmod {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return std::fmod(a, b);
    else if constexpr (std::is_signed_v<T>)
      return b == T(-1) ? T(0) : a % b;  // the least integer has no quotient by -1
    else
      return a % b;
  }
};
struct Remainder {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    const T rest = Fmod::apply(a, b);
    return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
  }
};
struct Pow {  // of integers, by squaring
  template <class T>
  static HWY_INLINE T apply(T base, T exponent) {
    if (exponent < T(0)) {
      if (base == T(1)) return T(1);
      if constexpr (std::is_signed_v<T>) {
        if (base == T(-1)) return exponent % 2 == 0 ? T(1) : T(-1);
      }
      return T(0);
    }
    T result = 1;
    for (; exponent > T(0); exponent /= 2) {
      if (exponent % 2 != 0) result = Mul::apply<T>(result, base);
      base = Mul::apply<T>(base, base);
    }
    return result;
  }
};
struct PowDouble {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return std::pow(a, b);
  }
};
struct Atan2Double {
  template <class T>
  static HWY_INLINE T apply(T y, T x) {
    return std::atan2(y, x);
  }
};
template <class Slope>
struct TimesSlope {  // a f'(b)
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return a * Slope::apply(b);
  }
};
struct BitwiseAnd {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitwiseOr {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct BitwiseXor {
  template <class T>
  static HWY_INLINE T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
struct Eq {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return a == b;
  }
};
struct Ne {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return a != b;
  }
};
struct Lt {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return a < b;
  }
};
struct Le {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return a <= b;
  }
};

struct LogicalAnd {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return (a != T(0)) & (b != T(0));
  }
};
struct LogicalOr {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return (a != T(0)) | (b != T(0));
  }
};
struct LogicalXor {
  template <class T>
  static HWY_INLINE bool apply(T a, T b) {
    return (a != T(0)) != (b != T(0));
  }
};

template <class Op, class T>
void binary_loop(const void* a_void, int64_t a_step, const void* b_void, int64_t b_step,
                 void* out_void, int64_t n) {
  using Out = decltype(Op::apply(T(), T()));
  const T* a = static_cast<const T*>(a_void);
  const T* b = static_cast<const T*>(b_void);
  Out* out = static_cast<Out*>(out_void);
  if (a_step == 1 && b_step == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template apply<T>(a[i], b[i]);
  } else if (a_step == 1 && b_step == 0) {
    const T value = *b;
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template apply<T>(a[i], value);
  } else if (a_step == 0 && b_step == 1) {
    const T value = *a;
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template apply<T>(value, b[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template apply<T>(a[i * a_step], b[i * b_step]);
  }
}

// float32 elements in float64 lanes, by way of dense buffers.
template <class Op>
void wide_binary_loop(const void* a_void, int64_t a_step, const void* b_void, int64_t b_step,
                      void* out_void, int64_t n) {
  constexpr int64_t kBuffer = 256;
  const float* a = static_cast<const float*>(a_void);
  const float* b = static_cast<const float*>(b_void);
  float* out = static_cast<float*>(out_void);
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float x[kBuffer] = {}, y[kBuffer] = {};
  for (int64_t begin = 0; begin < n; begin += kBuffer) {
    const int64_t count = std::min(kBuffer, n - begin);
    for (int64_t i = 0; i < count; ++i) x[i] = a[(begin + i) * a_step];
    for (int64_t i = 0; i < count; ++i) y[i] = b[(begin + i) * b_step];
    for (int64_t i = 0; i < count; i += lanes) {
      const auto result = Op::apply(d, hn::PromoteTo(d, hn::Load(narrow, x + i)),
                                    hn::PromoteTo(d, hn::Load(narrow, y + i)));
      hn::Store(to_float32(d, result), narrow, x + i);
    }
    std::memcpy(out + begin, x, count * sizeof(float));
  }
}

// a f'(b) in float32 lanes. What is not dense, and the end, goes through buffers.
template <class Slope>
void slope_loop(const void* a_void, int64_t a_step, const void* b_void, int64_t b_step,
                void* out_void, int64_t n) {
  constexpr int64_t kBuffer = 256;
  const float* a = static_cast<const float*>(a_void);
  const float* b = static_cast<const float*>(b_void);
  float* out = static_cast<float*>(out_void);
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto run = [&](const float* x, const float* y, float* to) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x), Slope::apply(d, hn::LoadU(d, y))), d, to);
  };
  int64_t begin = 0;
  if (a_step == 1 && b_step == 1) {
    for (; begin + lanes <= n; begin += lanes) run(a + begin, b + begin, out + begin);
  }
  HWY_ALIGN float x[kBuffer] = {}, y[kBuffer] = {};
  for (; begin < n; begin += kBuffer) {
    const int64_t count = std::min(kBuffer, n - begin);
    for (int64_t i = 0; i < count; ++i) x[i] = a[(begin + i) * a_step];
    for (int64_t i = 0; i < count; ++i) y[i] = b[(begin + i) * b_step];
    for (int64_t i = 0; i < count; i += lanes) run(x + i, y + i, x + i);
    std::memcpy(out + begin, x, count * sizeof(float));
  }
}

// Powers with an exponent that is the same everywhere and has a shorter way.
template <class T>
void pow_loop(const void* a_void, int64_t a_step, const void* b_void, int64_t b_step,
              void* out_void, int64_t n) {
  const T* a = static_cast<const T*>(a_void);
  T* out = static_cast<T*>(out_void);
  const T exponent = b_step == 0 ? *static_cast<const T*>(b_void) : T(0);
  if (exponent == T(2)) {
    for (int64_t i = 0; i < n; ++i) out[i] = a[i * a_step] * a[i * a_step];
  } else if (exponent == T(3)) {
    for (int64_t i = 0; i < n; ++i) out[i] = a[i * a_step] * a[i * a_step] * a[i * a_step];
  } else if constexpr (std::is_same_v<T, float>) {
    wide_binary_loop<PowWide>(a_void, a_step, b_void, b_step, out_void, n);
  } else {
    binary_loop<PowDouble, T>(a_void, a_step, b_void, b_step, out_void, n);
  }
}

// ---- Which loop an operation has for a dtype

template <class Op>
BinaryKernel of_all(DType dtype) {
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    return &binary_loop<Op, typename decltype(type)::type>;
  });
}
template <class Op>
BinaryKernel of_numbers(DType dtype) {  // all but bool
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>)
      return nullptr;
    else
      return &binary_loop<Op, T>;
  });
}
template <class Op>
BinaryKernel of_integers(DType dtype) {
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, bool>)
      return nullptr;
    else
      return &binary_loop<Op, T>;
  });
}
template <class Op>
BinaryKernel of_integers_and_bool(DType dtype) {
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>)
      return nullptr;
    else
      return &binary_loop<Op, T>;
  });
}
template <class Op>
BinaryKernel swapped(DType dtype) {  // a > b is b < a
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    return [](const void* a, int64_t a_step, const void* b, int64_t b_step, void* out, int64_t n) {
      binary_loop<Op, typename decltype(type)::type>(b, b_step, a, a_step, out, n);
    };
  });
}
BinaryKernel of_floats(DType dtype, BinaryKernel of_float32, BinaryKernel of_float64) {
  return dtype == DType::kFloat32 ? of_float32 : dtype == DType::kFloat64 ? of_float64 : nullptr;
}

BinaryKernel choose_binary(BinaryOp op, DType dtype) {
  switch (op) {
    case BinaryOp::kAdd:
      return of_all<Add>(dtype);
    case BinaryOp::kSub:
      return of_numbers<Sub>(dtype);
    case BinaryOp::kMul:
      return of_all<Mul>(dtype);
    case BinaryOp::kMaximum:
      return of_all<Maximum>(dtype);
    case BinaryOp::kMinimum:
      return of_all<Minimum>(dtype);
    case BinaryOp::kFmod:
      return of_numbers<Fmod>(dtype);
    case BinaryOp::kRemainder:
      return of_numbers<Remainder>(dtype);
    case BinaryOp::kPow:
      return is_floating(dtype) ? of_floats(dtype, &pow_loop<float>, &pow_loop<double>)
                                : of_integers<Pow>(dtype);
    case BinaryOp::kBitwiseAnd:
      return of_integers_and_bool<BitwiseAnd>(dtype);
    case BinaryOp::kBitwiseOr:
      return of_integers_and_bool<BitwiseOr>(dtype);
    case BinaryOp::kBitwiseXor:
      return of_integers_and_bool<BitwiseXor>(dtype);
    case BinaryOp::kDiv:
      return of_floats(dtype, &binary_loop<Div, float>, &binary_loop<Div, double>);
    case BinaryOp::kAtan2:
      return of_floats(dtype, &wide_binary_loop<Atan2Wide>, &binary_loop<Atan2Double, double>);
    case BinaryOp::kReluBackward:
      return of_floats(dtype, &binary_loop<ReluBackward, float>,
                       &binary_loop<ReluBackward, double>);
    case BinaryOp::kGeluBackward:
      return of_floats(dtype, &slope_loop<GeluSlopeVector>,
                       &binary_loop<TimesSlope<GeluSlopeDouble>, double>);
    case BinaryOp::kGeluTanhBackward:
      return of_floats(dtype, &slope_loop<GeluTanhSlopeVector>,
                       &binary_loop<TimesSlope<GeluTanhSlopeDouble>, double>);
    case BinaryOp::kSiluBackward:
      return of_floats(dtype, &slope_loop<SiluSlopeVector>,
                       &binary_loop<TimesSlope<SiluSlopeDouble>, double>);
    case BinaryOp::kEq:
      return of_all<Eq>(dtype);
    case BinaryOp::kNe:
      return of_all<Ne>(dtype);
    case BinaryOp::kLt:
      return of_all<Lt>(dtype);
    case BinaryOp::kLe:
      return of_all<Le>(dtype);
    case BinaryOp::kGt:
      return swapped<Lt>(dtype);
    case BinaryOp::kGe:
      return swapped<Le>(dtype);
    case BinaryOp::kLogicalAnd:
      return of_all<LogicalAnd>(dtype);
    case BinaryOp::kLogicalOr:
      return of_all<LogicalOr>(dtype);
    case BinaryOp::kLogicalXor:
      break;
  }
  return of_all<LogicalXor>(dtype);
}

// ---- out += alpha x

template <class T>
void add_scaled_loop(T* out, int64_t out_step, const T* x, int64_t x_step, T alpha, int64_t n) {
  if (out_step == 1 && x_step == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = Add::apply<T>(out[i], Mul::apply<T>(alpha, x[i]));
  } else {
    for (int64_t i = 0; i < n; ++i) {
      out[i * out_step] = Add::apply<T>(out[i * out_step], Mul::apply<T>(alpha, x[i * x_step]));
    }
  }
}

void add_scaled_run(DType dtype, void* out, int64_t out_step, const void* x, int64_t x_step,
                    double alpha, int64_t n) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!std::is_same_v<T, bool>) {
      add_scaled_loop(static_cast<T*>(out), out_step, static_cast<const T*>(x), x_step,
                      convert<T>(alpha), n);
    }
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(choose_binary);
HWY_EXPORT(add_scaled_run);

BinaryKernel binary_kernel(BinaryOp op, DType dtype) {
  struct Table {
    BinaryKernel kernels[kBinaryOps][kDTypeCount] = {};
    Table() {
      for (int o = 0; o < kBinaryOps; ++o) {
        for (int d = 0; d < kDTypeCount; ++d) {
          if (is_half(static_cast<DType>(d))) continue;
          kernels[o][d] =
              HWY_DYNAMIC_DISPATCH(choose_binary)(static_cast<BinaryOp>(o), static_cast<DType>(d));
        }
      }
    }
  };
  static const Table table;
  return table.kernels[static_cast<int>(op)][static_cast<int>(dtype)];
}

void add_scaled(const Shape& shape, DType dtype, void* out, const Strides& out_strides,
                const void* x, const Strides& x_strides, double alpha) {
  if (shape.numel() == 0) return;
  const StridedLoop<2> loop(shape, {&out_strides, &x_strides});
  const int64_t item = size_of(dtype);
  const auto run = HWY_DYNAMIC_DISPATCH(add_scaled_run);
  loop.run([&](const std::array<int64_t, 2>& offset, int64_t n) {
    run(dtype, static_cast<char*>(out) + offset[0] * item, loop.inner_stride(0),
        static_cast<const char*>(x) + offset[1] * item, loop.inner_stride(1), alpha, n);
  });
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
