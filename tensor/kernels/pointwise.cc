// The loops are plain C++: inside HWY_NAMESPACE the compiler vectorises them once per instruction
// set. Only what it cannot do well (exp, log) is written in Highway's operations.
#include "lamina/tensor/kernels/pointwise.h"

#include <cmath>
#include <cstring>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/pointwise.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ---- Two operands

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
    return y > T(0) ? dy : T(0);
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

template <class Op>
BinaryKernel binary_loop_of(DType dtype) {
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    return &binary_loop<Op, typename decltype(type)::type>;
  });
}

template <class Op>
BinaryKernel numeric_loop_of(DType dtype) {  // all but bool
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>)
      return nullptr;
    else
      return &binary_loop<Op, T>;
  });
}

template <class Op>
BinaryKernel swapped_loop_of(DType dtype) {  // a > b is b < a
  return dispatch(dtype, [](auto type) -> BinaryKernel {
    return [](const void* a, int64_t a_step, const void* b, int64_t b_step, void* out, int64_t n) {
      binary_loop<Op, typename decltype(type)::type>(b, b_step, a, a_step, out, n);
    };
  });
}

template <class Op>
BinaryKernel floating_loop_of(DType dtype) {
  if (dtype == DType::kFloat32) return &binary_loop<Op, float>;
  if (dtype == DType::kFloat64) return &binary_loop<Op, double>;
  return nullptr;
}

BinaryKernel choose_binary(BinaryOp op, DType dtype) {
  switch (op) {
    case BinaryOp::kAdd:
      return binary_loop_of<Add>(dtype);
    case BinaryOp::kSub:
      return numeric_loop_of<Sub>(dtype);
    case BinaryOp::kMul:
      return binary_loop_of<Mul>(dtype);
    case BinaryOp::kDiv:
      return floating_loop_of<Div>(dtype);
    case BinaryOp::kReluBackward:
      return floating_loop_of<ReluBackward>(dtype);
    case BinaryOp::kEq:
      return binary_loop_of<Eq>(dtype);
    case BinaryOp::kNe:
      return binary_loop_of<Ne>(dtype);
    case BinaryOp::kLt:
      return binary_loop_of<Lt>(dtype);
    case BinaryOp::kLe:
      return binary_loop_of<Le>(dtype);
    case BinaryOp::kGt:
      return swapped_loop_of<Lt>(dtype);
    case BinaryOp::kGe:
      break;
  }
  return swapped_loop_of<Le>(dtype);
}

// ---- One operand

struct Neg {
  template <class T>
  static HWY_INLINE T apply(T x) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(0 - std::make_unsigned_t<T>(x));
    else
      return -x;
  }
};
struct Relu {
  template <class T>
  static HWY_INLINE T apply(T x) {
    return x < T(0) ? T(0) : x;
  }
};
struct Exp {  // float64; float32 is below
  static HWY_INLINE double apply(double x) { return std::exp(x); }
};
struct Log {
  static HWY_INLINE double apply(double x) { return std::log(x); }
};

template <class Op, class T>
void unary_loop(const void* x_void, void* out_void, int64_t n) {
  const T* x = static_cast<const T*>(x_void);
  T* out = static_cast<T*>(out_void);
  for (int64_t i = 0; i < n; ++i) out[i] = Op::apply(x[i]);
}

// Highway's Exp and Log are made for a range; outside it the answers of IEEE arithmetic are put in.
struct ExpVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V y = hn::Exp(d, hn::Min(x, hn::Set(d, 104.0f)));  // e^104 is infinite in float32
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  }
};
struct LogVector {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    const V infinity = hn::Set(d, HUGE_VALF), zero = hn::Zero(d);
    const V y = hn::Log(d, x);
    const V special = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity),
                                     hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, NAN), x));
    return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, infinity)), y, special);
  }
};

template <class Op>
void vector_loop(const void* x_void, void* out_void, int64_t n) {
  const float* x = static_cast<const float*>(x_void);
  float* out = static_cast<float*>(out_void);
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(Op::apply(d, hn::LoadU(d, x + i)), d, out + i);
  if (i < n) {  // the rest goes through a buffer, so that each element gets the same arithmetic
                // wherever it stands
    HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)] = {};
    std::memcpy(buffer, x + i, (n - i) * sizeof(float));
    hn::Store(Op::apply(d, hn::Load(d, buffer)), d, buffer);
    std::memcpy(out + i, buffer, (n - i) * sizeof(float));
  }
}

template <class Op>
UnaryKernel unary_loop_of(DType dtype) {
  return dispatch(dtype, [](auto type) -> UnaryKernel {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>)
      return nullptr;
    else
      return &unary_loop<Op, T>;
  });
}

UnaryKernel choose_unary(UnaryOp op, DType dtype) {
  switch (op) {
    case UnaryOp::kNeg:
      return unary_loop_of<Neg>(dtype);
    case UnaryOp::kRelu:
      return unary_loop_of<Relu>(dtype);
    case UnaryOp::kExp:
      return dtype == DType::kFloat32   ? &vector_loop<ExpVector>
             : dtype == DType::kFloat64 ? &unary_loop<Exp, double>
                                        : nullptr;
    case UnaryOp::kLog:
      break;
  }
  return dtype == DType::kFloat32   ? &vector_loop<LogVector>
         : dtype == DType::kFloat64 ? &unary_loop<Log, double>
                                    : nullptr;
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
HWY_EXPORT(choose_unary);
HWY_EXPORT(add_scaled_run);

namespace {

struct Tables {
  BinaryKernel binary[kBinaryOps][kDTypeCount] = {};
  UnaryKernel unary[kUnaryOps][kDTypeCount] = {};
  Tables() {
    for (int d = 0; d < kDTypeCount; ++d) {
      if (is_half(static_cast<DType>(d))) continue;
      for (int op = 0; op < kBinaryOps; ++op) {
        binary[op][d] =
            HWY_DYNAMIC_DISPATCH(choose_binary)(static_cast<BinaryOp>(op), static_cast<DType>(d));
      }
      for (int op = 0; op < kUnaryOps; ++op) {
        unary[op][d] =
            HWY_DYNAMIC_DISPATCH(choose_unary)(static_cast<UnaryOp>(op), static_cast<DType>(d));
      }
    }
  }
};
const Tables& tables() {
  static const Tables tables;
  return tables;
}

}  // namespace

BinaryKernel binary_kernel(BinaryOp op, DType dtype) {
  return tables().binary[static_cast<int>(op)][static_cast<int>(dtype)];
}

UnaryKernel unary_kernel(UnaryOp op, DType dtype) {
  return tables().unary[static_cast<int>(op)][static_cast<int>(dtype)];
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
