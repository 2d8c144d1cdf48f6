// Functions of one operand. The loops are plain C++ where the compiler vectorises them well: inside
// HWY_NAMESPACE it does so once per instruction set. The rest is written in Highway's operations.
#include <cmath>
#include <cstring>

#include "lamina/tensor/kernels/pointwise.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/unary.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/activation-inl.h"
#include "lamina/tensor/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// ---- The result has the dtype of the operand

struct Neg {
  template <class T>
  static HWY_INLINE T apply(T x) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(0 - std::make_unsigned_t<T>(x));
    else
      return -x;
  }
};
struct Abs {
  template <class T>
  static HWY_INLINE T apply(T x) {
    if constexpr (std::is_floating_point_v<T>)
      return std::abs(x);
    else
      return x < T(0) ? Neg::apply(x) : x;
  }
};
struct Relu {
  template <class T>
  static HWY_INLINE T apply(T x) {
    return x < T(0) ? T(0) : x;
  }
};
struct Sign {
  template <class T>
  static HWY_INLINE T apply(T x) {
    return static_cast<T>((x > T(0)) - (x < T(0)));
  }
};
struct BitwiseNot {
  template <class T>
  static HWY_INLINE T apply(T x) {
    if constexpr (std::is_same_v<T, bool>)
      return !x;
    else
      return static_cast<T>(~x);
  }
};
struct Same {  // floor and its like, of integers
  template <class T>
  static HWY_INLINE T apply(T x) {
    return x;
  }
};

// ---- The result is bool

struct IsNan {
  template <class T>
  static HWY_INLINE bool apply(T x) {
    if constexpr (std::is_floating_point_v<T>) return x != x;
    return false;
  }
};
struct IsInf {
  template <class T>
  static HWY_INLINE bool apply(T x) {
    if constexpr (std::is_floating_point_v<T>) return std::abs(x) == static_cast<T>(HUGE_VAL);
    return false;
  }
};
struct IsFinite {
  template <class T>
  static HWY_INLINE bool apply(T x) {
    if constexpr (std::is_floating_point_v<T>) return std::abs(x) < static_cast<T>(HUGE_VAL);
    return true;
  }
};
struct LogicalNot {
  template <class T>
  static HWY_INLINE bool apply(T x) {
    return x == T(0);
  }
};

// ---- float64, by the C library

#define LAMINA_OF_DOUBLE(Name, expression)                          \
  struct Name {                                                     \
    static HWY_INLINE double apply(double x) { return expression; } \
  };
LAMINA_OF_DOUBLE(Exp, std::exp(x))
LAMINA_OF_DOUBLE(Expm1, std::expm1(x))
LAMINA_OF_DOUBLE(Log, std::log(x))
LAMINA_OF_DOUBLE(Log1p, std::log1p(x))
LAMINA_OF_DOUBLE(Log2, std::log2(x))
LAMINA_OF_DOUBLE(Sin, std::sin(x))
LAMINA_OF_DOUBLE(Cos, std::cos(x))
LAMINA_OF_DOUBLE(Tan, std::tan(x))
LAMINA_OF_DOUBLE(Asin, std::asin(x))
LAMINA_OF_DOUBLE(Acos, std::acos(x))
LAMINA_OF_DOUBLE(Atan, std::atan(x))
LAMINA_OF_DOUBLE(Sinh, std::sinh(x))
LAMINA_OF_DOUBLE(Cosh, std::cosh(x))
LAMINA_OF_DOUBLE(Tanh, std::tanh(x))
LAMINA_OF_DOUBLE(Sigmoid, x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)))
LAMINA_OF_DOUBLE(Erf, std::erf(x))
LAMINA_OF_DOUBLE(Erfc, std::erfc(x))
#undef LAMINA_OF_DOUBLE

// ---- Loops

template <class Op, class T>
void unary_loop(const void* x_void, void* out_void, int64_t n) {
  using Out = decltype(Op::apply(T()));
  const T* x = static_cast<const T*>(x_void);
  Out* out = static_cast<Out*>(out_void);
  for (int64_t i = 0; i < n; ++i) out[i] = Op::apply(x[i]);
}

// Calls run(x, out) for whole vectors of `lanes` elements. The rest goes through a buffer, so that each element
// gets the same arithmetic wherever it stands.
template <class T, class Run>
HWY_INLINE void for_each_vector(const void* x_void, void* out_void, int64_t n, int64_t lanes,
                                const Run& run) {
  const T* x = static_cast<const T*>(x_void);
  T* out = static_cast<T*>(out_void);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) run(x + i, out + i);
  if (i < n) {
    HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)] = {};
    std::memcpy(buffer, x + i, (n - i) * sizeof(T));
    run(buffer, buffer);
    std::memcpy(out + i, buffer, (n - i) * sizeof(T));
  }
}

template <class Op, class T>
void vector_loop(const void* x, void* out, int64_t n) {
  const hn::ScalableTag<T> d;
  for_each_vector<T>(x, out, n, static_cast<int64_t>(hn::Lanes(d)),
                     [&](const T* from, T* to)
                         HWY_ATTR { hn::StoreU(Op::apply(d, hn::LoadU(d, from)), d, to); });
}

// float32 elements in float64 lanes.
template <class Op>
void wide_loop(const void* x, void* out, int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  for_each_vector<float>(x, out, n, static_cast<int64_t>(hn::Lanes(d)),
                         [&](const float* from, float* to) HWY_ATTR {
                           const auto y = Op::apply(d, hn::PromoteTo(d, hn::LoadU(narrow, from)));
                           hn::StoreU(to_float32(d, y), narrow, to);
                         });
}

// ---- Which loop an operation has for a dtype

template <class Op>
UnaryKernel of_all(DType dtype) {
  return dispatch(dtype, [](auto type) -> UnaryKernel {
    return &unary_loop<Op, typename decltype(type)::type>;
  });
}
template <class Op>
UnaryKernel of_numbers(DType dtype) {  // all but bool
  return dispatch(dtype, [](auto type) -> UnaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>)
      return nullptr;
    else
      return &unary_loop<Op, T>;
  });
}
template <class Op>
UnaryKernel of_integers_and_bool(DType dtype) {
  return dispatch(dtype, [](auto type) -> UnaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>)
      return nullptr;
    else
      return &unary_loop<Op, T>;
  });
}
UnaryKernel of_floats(DType dtype, UnaryKernel of_float32, UnaryKernel of_float64) {
  return dtype == DType::kFloat32 ? of_float32 : dtype == DType::kFloat64 ? of_float64 : nullptr;
}
template <class Op>
UnaryKernel of_float_vectors(DType dtype) {
  return of_floats(dtype, &vector_loop<Op, float>, &vector_loop<Op, double>);
}
template <class Op>
UnaryKernel rounding(DType dtype) {
  return is_floating(dtype) ? of_float_vectors<Op>(dtype) : of_numbers<Same>(dtype);
}

UnaryKernel choose_unary(UnaryOp op, DType dtype) {
  switch (op) {
    case UnaryOp::kNeg:
      return of_numbers<Neg>(dtype);
    case UnaryOp::kAbs:
      return of_numbers<Abs>(dtype);
    case UnaryOp::kFloor:
      return rounding<FloorVector>(dtype);
    case UnaryOp::kCeil:
      return rounding<CeilVector>(dtype);
    case UnaryOp::kRound:
      return rounding<RoundVector>(dtype);
    case UnaryOp::kTrunc:
      return rounding<TruncVector>(dtype);
    case UnaryOp::kRelu:
      return of_numbers<Relu>(dtype);
    case UnaryOp::kFrac:
      return of_float_vectors<FracVector>(dtype);
    case UnaryOp::kSign:
      return of_all<Sign>(dtype);
    case UnaryOp::kBitwiseNot:
      return of_integers_and_bool<BitwiseNot>(dtype);
    case UnaryOp::kExp:
      return of_floats(dtype, &vector_loop<ExpVector, float>, &unary_loop<Exp, double>);
    case UnaryOp::kExpm1:
      return of_floats(dtype, &wide_loop<Expm1Wide>, &unary_loop<Expm1, double>);
    case UnaryOp::kLog:
      return of_floats(dtype, &vector_loop<LogVector, float>, &unary_loop<Log, double>);
    case UnaryOp::kLog1p:
      return of_floats(dtype, &wide_loop<Log1pWide>, &unary_loop<Log1p, double>);
    case UnaryOp::kLog2:
      return of_floats(dtype, &wide_loop<Log2Wide>, &unary_loop<Log2, double>);
    case UnaryOp::kSqrt:
      return of_float_vectors<SqrtVector>(dtype);
    case UnaryOp::kRsqrt:
      return of_float_vectors<RsqrtVector>(dtype);
    case UnaryOp::kSin:
      return of_floats(dtype, &wide_loop<SinWide>, &unary_loop<Sin, double>);
    case UnaryOp::kCos:
      return of_floats(dtype, &wide_loop<CosWide>, &unary_loop<Cos, double>);
    case UnaryOp::kTan:
      return of_floats(dtype, &wide_loop<TanWide>, &unary_loop<Tan, double>);
    case UnaryOp::kAsin:
      return of_floats(dtype, &wide_loop<AsinWide>, &unary_loop<Asin, double>);
    case UnaryOp::kAcos:
      return of_floats(dtype, &wide_loop<AcosWide>, &unary_loop<Acos, double>);
    case UnaryOp::kAtan:
      return of_floats(dtype, &wide_loop<AtanWide>, &unary_loop<Atan, double>);
    case UnaryOp::kSinh:
      return of_floats(dtype, &wide_loop<SinhWide>, &unary_loop<Sinh, double>);
    case UnaryOp::kCosh:
      return of_floats(dtype, &wide_loop<CoshWide>, &unary_loop<Cosh, double>);
    case UnaryOp::kTanh:
      return of_floats(dtype, &vector_loop<TanhVector, float>, &unary_loop<Tanh, double>);
    case UnaryOp::kSigmoid:
      return of_floats(dtype, &vector_loop<SigmoidVector, float>, &unary_loop<Sigmoid, double>);
    case UnaryOp::kErf:
      return of_floats(dtype, &wide_loop<ErfWide>, &unary_loop<Erf, double>);
    case UnaryOp::kErfc:
      return of_floats(dtype, &wide_loop<ErfcWide>, &unary_loop<Erfc, double>);
    case UnaryOp::kGelu:
      return of_floats(dtype, &vector_loop<GeluVector, float>, &unary_loop<GeluDouble, double>);
    case UnaryOp::kGeluTanh:
      return of_floats(dtype, &vector_loop<GeluTanhVector, float>,
                       &unary_loop<GeluTanhDouble, double>);
    case UnaryOp::kSilu:
      return of_floats(dtype, &vector_loop<SiluVector, float>, &unary_loop<SiluDouble, double>);
    case UnaryOp::kIsNan:
      return of_all<IsNan>(dtype);
    case UnaryOp::kIsInf:
      return of_all<IsInf>(dtype);
    case UnaryOp::kIsFinite:
      return of_all<IsFinite>(dtype);
    case UnaryOp::kLogicalNot:
      break;
  }
  return of_all<LogicalNot>(dtype);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(choose_unary);

UnaryKernel unary_kernel(UnaryOp op, DType dtype) {
  struct Table {
    UnaryKernel kernels[kUnaryOps][kDTypeCount] = {};
    Table() {
      for (int o = 0; o < kUnaryOps; ++o) {
        for (int d = 0; d < kDTypeCount; ++d) {
          if (is_half(static_cast<DType>(d))) continue;
          kernels[o][d] =
              HWY_DYNAMIC_DISPATCH(choose_unary)(static_cast<UnaryOp>(o), static_cast<DType>(d));
        }
      }
    }
  };
  static const Table table;
  return table.kernels[static_cast<int>(op)][static_cast<int>(dtype)];
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
