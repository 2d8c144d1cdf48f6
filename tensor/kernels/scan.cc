#include "lamina/tensor/kernels/scan.h"

#include <algorithm>

#include "lamina/tensor/kernels/strided.h"

namespace lamina::kernels {
namespace {

// What is accumulated in. Unsigned, so that int64 wraps around.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

constexpr int64_t kStrip = 512;  // columns that advance together

// all = step(all, offset) at each offset along the middle dimension, written to out[offset].
template <class W, class Out, class Step>
void scan(const ReduceSizes& s, W start, Out* out, const Step& step) {
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  const int64_t work = std::max<int64_t>(1, s.length * std::min(kStrip, s.inner));
  parallel_for(0, s.outer * strips, std::max<int64_t>(1, kParallelGrain / work),
               [&](int64_t first, int64_t last) {
                 W all[kStrip];
                 for (int64_t i = first; i < last; ++i) {
                   const int64_t column = i % strips * kStrip;
                   const int64_t n = std::min(kStrip, s.inner - column);
                   const int64_t begin = i / strips * s.length * s.inner + column;
                   const int64_t end = begin + s.length * s.inner;
                   if (n == 1) {  // the accumulator stays in a register
                     W one = start;
                     for (int64_t at = begin; at < end; at += s.inner)
                       out[at] = static_cast<Out>(one = step(one, at));
                     continue;
                   }
                   std::fill_n(all, n, start);
                   for (int64_t at = begin; at < end; at += s.inner) {
                     for (int64_t c = 0; c < n; ++c)
                       out[at + c] = static_cast<Out>(all[c] = step(all[c], at + c));
                   }
                 }
               });
}

template <bool kProduct>
void cumulate(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    using Out = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
    using W = Wide<T>;
    const T* from = static_cast<const T*>(x);
    scan(sizes, W(kProduct ? 1 : 0), static_cast<Out*>(out), [from](W all, int64_t at) {
      return kProduct ? all * static_cast<W>(from[at]) : all + static_cast<W>(from[at]);
    });
  });
}

template <class T>
void recurrence_in(const ReduceSizes& sizes, const T* a, const T* b, T* out) {
  scan(sizes, 0.0, out, [a, b](double all, int64_t at) {
    return static_cast<double>(b[at]) + static_cast<double>(a[at]) * all;
  });
}

}  // namespace

void cumsum(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  cumulate<false>(dtype, sizes, x, out);
}

void cumprod(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  cumulate<true>(dtype, sizes, x, out);
}

void recurrence(DType dtype, const ReduceSizes& sizes, const void* a, const void* b, void* out) {
  if (dtype == DType::kFloat32) {
    recurrence_in(sizes, static_cast<const float*>(a), static_cast<const float*>(b),
                  static_cast<float*>(out));
  } else {
    recurrence_in(sizes, static_cast<const double*>(a), static_cast<const double*>(b),
                  static_cast<double*>(out));
  }
}

}  // namespace lamina::kernels
