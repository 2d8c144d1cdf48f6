#include "lamina/tensor/kernels/fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/fold.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// What is accumulated in. Unsigned, so that int64 wraps around.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

// ---- What to accumulate: step takes an element in, merge takes in another accumulator.

struct Product {
  template <class W>
  W start() const {
    return W(1);
  }
  template <class W>
  W step(W all, W x) const {
    return all * x;
  }
  template <class W>
  W merge(W a, W b) const {
    return a * b;
  }
  template <class W>
  W finish(W all) const {
    return all;
  }
};

struct AddUp {
  template <class W>
  W start() const {
    return W(0);
  }
  template <class W>
  W merge(W a, W b) const {
    return a + b;
  }
  template <class W>
  W finish(W all) const {
    return all;
  }
};
struct Norm0 : AddUp {
  double step(double all, double x) const { return all + (x != 0 ? 1.0 : 0.0); }
};
struct Norm1 : AddUp {
  double step(double all, double x) const { return all + std::abs(x); }
};
struct Norm2 : AddUp {
  double step(double all, double x) const { return all + x * x; }
  double finish(double all) const { return std::sqrt(all); }
};
struct NormP : AddUp {
  double p;
  explicit NormP(double power) : p(power) {}
  double step(double all, double x) const { return all + std::pow(std::abs(x), p); }
  double finish(double all) const { return std::pow(all, 1 / p); }
};

// A NaN stays once it is there.
struct LargestAbs {
  template <class W>
  W start() const {
    return W(0);
  }
  double merge(double a, double b) const { return ((b > a) | (b != b)) ? b : a; }
  double step(double all, double x) const { return merge(all, std::abs(x)); }
  double finish(double all) const { return all; }
};
struct SmallestAbs {
  template <class W>
  W start() const {
    return std::numeric_limits<W>::infinity();
  }
  double merge(double a, double b) const { return ((b < a) | (b != b)) ? b : a; }
  double step(double all, double x) const { return merge(all, std::abs(x)); }
  double finish(double all) const { return all; }
};

// ---- Where to find the elements

template <class T, class Op>
Wide<T> fold_dense(const Op& op, const T* x, int64_t n) {
  using W = Wide<T>;
  constexpr int kLanes = 32;
  W lanes[kLanes];
  std::fill_n(lanes, kLanes, op.template start<W>());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lanes[j] = op.step(lanes[j], static_cast<W>(x[i + j]));
  }
  for (int j = 0; i < n; ++i, ++j) lanes[j] = op.step(lanes[j], static_cast<W>(x[i]));
  for (int j = 1; j < kLanes; ++j) lanes[0] = op.merge(lanes[0], lanes[j]);
  return lanes[0];
}

template <class T, class Op, class Out>
void fold(const Op& op, const ReduceSizes& s, const T* x, Out* out) {
  using W = Wide<T>;
  const auto finish = [&](W all) { return static_cast<Out>(op.finish(all)); };
  if (s.inner != 1) {
    constexpr int64_t kStrip = 512;  // columns that are reduced together
    const int64_t strips = (s.inner + kStrip - 1) / kStrip;
    const int64_t work = std::max<int64_t>(1, s.length * std::min(kStrip, s.inner));
    parallel_for(0, s.outer * strips, std::max<int64_t>(1, kParallelGrain / work),
                 [&](int64_t first, int64_t last) {
                   W all[kStrip];
                   for (int64_t i = first; i < last; ++i) {
                     const int64_t column = i % strips * kStrip;
                     const int64_t n = std::min(kStrip, s.inner - column);
                     std::fill_n(all, n, op.template start<W>());
                     const T* from = x + i / strips * s.length * s.inner + column;
                     for (int64_t l = 0; l < s.length; ++l) {
                       const T* row = from + l * s.inner;
                       for (int64_t c = 0; c < n; ++c)
                         all[c] = op.step(all[c], static_cast<W>(row[c]));
                     }
                     Out* to = out + i / strips * s.inner + column;
                     for (int64_t c = 0; c < n; ++c) to[c] = finish(all[c]);
                   }
                 });
    return;
  }
  if (s.outer == 1) {  // one long row: chunks in parallel, merged in order
    constexpr int64_t kChunk = 65536;
    const int64_t chunks = (s.length + kChunk - 1) / kChunk;
    std::vector<W> parts(chunks);
    parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        parts[i] = fold_dense(op, x + i * kChunk, std::min(kChunk, s.length - i * kChunk));
      }
    });
    W all = op.template start<W>();
    for (W part : parts) all = op.merge(all, part);
    *out = finish(all);
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(1, s.length));
  parallel_for(0, s.outer, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      out[i] = finish(fold_dense(op, x + i * s.length, s.length));
  });
}

void product_of(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    using Out = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
    fold(Product(), sizes, static_cast<const T*>(x), static_cast<Out*>(out));
  });
}

template <class T>
void norm_in(double p, const ReduceSizes& sizes, const T* x, T* out) {
  if (p == 2) {
    fold(Norm2(), sizes, x, out);
  } else if (p == 1) {
    fold(Norm1(), sizes, x, out);
  } else if (p == 0) {
    fold(Norm0(), sizes, x, out);
  } else if (std::isinf(p) && p > 0) {
    fold(LargestAbs(), sizes, x, out);
  } else if (std::isinf(p)) {
    fold(SmallestAbs(), sizes, x, out);
  } else {
    fold(NormP(p), sizes, x, out);
  }
}

void norm_of(DType dtype, double p, const ReduceSizes& sizes, const void* x, void* out) {
  if (dtype == DType::kFloat32) {
    norm_in(p, sizes, static_cast<const float*>(x), static_cast<float*>(out));
  } else {
    norm_in(p, sizes, static_cast<const double*>(x), static_cast<double*>(out));
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(product_of);
HWY_EXPORT(norm_of);

void product(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  HWY_DYNAMIC_DISPATCH(product_of)(dtype, sizes, x, out);
}

void norm(DType dtype, double p, const ReduceSizes& sizes, const void* x, void* out) {
  if (sizes.length == 0) {  // also where (sum)^(1 / p) or the smallest of none would not be 0
    std::fill_n(static_cast<char*>(out), sizes.outer * sizes.inner * size_of(dtype), 0);
    return;
  }
  HWY_DYNAMIC_DISPATCH(norm_of)(dtype, p, sizes, x, out);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
