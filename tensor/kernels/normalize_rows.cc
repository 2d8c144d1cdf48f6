#include <algorithm>
#include <cmath>
#include <vector>

#include "lamina/tensor/kernels/normalize.h"
#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/normalize_rows.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/normalize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

template <bool kCentered, class T>
HWY_INLINE void moments_of_row(const T* HWY_RESTRICT x, int64_t n, double* mean, double* variance) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  T shift = 0;
  if constexpr (kCentered) {
    Sums<decltype(d), 1> sum(d);
    sum.add_row(n, [&](int64_t i, int64_t m, V& s, V&)
                       HWY_ATTR { s = hn::Add(s, load_some(d, x + i, m, 0)); });
    shift = static_cast<T>(sum.first() / static_cast<double>(n));
  }
  const V shifts = hn::Set(d, shift);
  Sums<decltype(d), 2> deviations(d);
  deviations.add_row(n, [&](int64_t i, int64_t m, V& s, V& t) HWY_ATTR {
    const V v = hn::Sub(load_some(d, x + i, m, shift), shifts);
    if constexpr (kCentered) s = hn::Add(s, v);
    t = hn::MulAdd(v, v, t);
  });
  moments(shift, deviations.first(), deviations.second(), n, mean, variance);
}

template <class T>
HWY_INLINE void normalize_row(const T* HWY_RESTRICT x, int64_t n, const Standard<T>& h,
                              const T* HWY_RESTRICT weight, const T* HWY_RESTRICT bias,
                              T* HWY_RESTRICT y) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const V middle = hn::Set(d, h.shift), scale = hn::Set(d, h.scale), rest = hn::Set(d, h.rest);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    const V v = hn::MulAdd(hn::Sub(load_some(d, x + i, m, 0), middle), scale, rest);
    store_some(d, hn::MulAdd(v, load_some(d, weight + i, m, 0), load_some(d, bias + i, m, 0)),
               y + i, m);
  });
}

// Adds dy h and dy to dweight and dbias where kParameters.
template <bool kCentered, bool kParameters, class T>
HWY_INLINE void backward_row(const T* HWY_RESTRICT dy, const T* HWY_RESTRICT x, int64_t n,
                             const Standard<T>& h, const T* HWY_RESTRICT weight, T* HWY_RESTRICT dx,
                             T* HWY_RESTRICT dweight, T* HWY_RESTRICT dbias) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const V shifts = hn::Set(d, h.shift), scale = hn::Set(d, h.scale), rest = hn::Set(d, h.rest);
  Sums<decltype(d), 2> sums(d);
  sums.add_row(n, [&](int64_t i, int64_t m, V& s, V& t) HWY_ATTR {
    const V dyi = load_some(d, dy + i, m, 0);
    const V hi = hn::MulAdd(hn::Sub(load_some(d, x + i, m, h.shift), shifts), scale, rest);
    const V g = hn::Mul(dyi, load_some(d, weight + i, m, 0));
    s = hn::Add(s, g);
    t = hn::MulAdd(g, hi, t);
    if constexpr (kParameters) {
      const V dw = load_some(d, static_cast<const T*>(dweight) + i, m, 0);
      const V db = load_some(d, static_cast<const T*>(dbias) + i, m, 0);
      store_some(d, hn::MulAdd(dyi, hi, dw), dweight + i, m);
      store_some(d, hn::Add(dyi, db), dbias + i, m);
    }
  });
  if (dx == nullptr) return;
  const auto count = static_cast<double>(n);
  const V mean_g = hn::Set(d, kCentered ? static_cast<T>(sums.first() / count) : T{0});
  const V mean_gh = hn::Set(d, static_cast<T>(sums.second() / count));
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    const V g = hn::Mul(load_some(d, dy + i, m, 0), load_some(d, weight + i, m, 0));
    const V hi = hn::MulAdd(hn::Sub(load_some(d, x + i, m, h.shift), shifts), scale, rest);
    store_some(d, hn::Mul(scale, hn::NegMulAdd(hi, mean_gh, hn::Sub(g, mean_g))), dx + i, m);
  });
}

template <bool kCentered, class T>
void normalize_all(const NormRows& s, const NormForward& f) {
  const int64_t n = s.n;
  std::vector<T> filled;  // for what is null
  if (f.weight == nullptr || f.bias == nullptr) {
    filled.assign(static_cast<size_t>(2 * n), T{1});
    std::fill_n(filled.begin() + n, n, 0);
  }
  const T* weight = f.weight == nullptr ? filled.data() : static_cast<const T*>(f.weight);
  const T* bias = f.bias == nullptr ? filled.data() + n : static_cast<const T*>(f.bias);
  const T* x = static_cast<const T*>(f.x);
  T* y = static_cast<T*>(f.y);
  parallel_for(0, s.rows, grain_of(n), [&](int64_t first, int64_t last) {
    // Some rows at a time, so that short ones do not wait for the moments of each.
    const int64_t block = std::max<int64_t>(1, std::min<int64_t>(16, 4096 / n));
    for (int64_t r0 = first; r0 < last; r0 += block) {
      const int64_t end = std::min(last, r0 + block);
      for (int64_t r = r0; r < end; ++r) {
        moments_of_row<kCentered>(x + r * n, n, f.mean + r, f.variance + r);
      }
      for (int64_t r = r0; r < end; ++r) {
        const Standard<T> h(f.mean[r], f.variance[r], f.eps);
        normalize_row(x + r * n, n, h, weight, bias, y + r * n);
      }
    }
  });
}

template <bool kCentered, bool kParameters, class T>
void backward_all(const NormRows& s, const NormBackward& b) {
  constexpr int64_t kShort = 32;  // rows that are added up in T
  const int64_t n = s.n, chunk = std::max(kShort, (s.rows + 63) / 64);
  const int64_t chunks = (s.rows + chunk - 1) / chunk;
  const std::vector<T> ones(static_cast<size_t>(b.weight == nullptr ? n : 0), T{1});
  const T* weight = b.weight == nullptr ? ones.data() : static_cast<const T*>(b.weight);
  const T *dy = static_cast<const T*>(b.dy), *x = static_cast<const T*>(b.x);
  T* dx = static_cast<T*>(b.dx);
  const int64_t both = kParameters ? 2 * n : 0;  // dweight, then dbias
  std::vector<double> parts(static_cast<size_t>(chunks * both));
  parallel_for(0, chunks, grain_of(chunk * n), [&](int64_t first, int64_t last) {
    std::vector<T> sums(static_cast<size_t>(both));
    for (int64_t c = first; c < last; ++c) {
      double* part = parts.data() + c * both;
      const int64_t end = std::min(s.rows, (c + 1) * chunk);
      for (int64_t r0 = c * chunk; r0 < end; r0 += kShort) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t r = r0; r < std::min(end, r0 + kShort); ++r) {
          backward_row<kCentered, kParameters>(
              dy + r * n, x + r * n, n, Standard<T>(b.mean[r], b.variance[r], b.eps), weight,
              dx == nullptr ? nullptr : dx + r * n, sums.data(), sums.data() + both / 2);
        }
        for (int64_t i = 0; i < both; ++i) part[i] += sums[static_cast<size_t>(i)];
      }
    }
  });
  if constexpr (kParameters) {
    std::vector<double> total(static_cast<size_t>(both));
    for (int64_t c = 0; c < chunks; ++c) {
      for (int64_t i = 0; i < both; ++i) total[static_cast<size_t>(i)] += parts[c * both + i];
    }
    for (int64_t i = 0; i < n; ++i) {
      if (b.dweight != nullptr) static_cast<T*>(b.dweight)[i] = static_cast<T>(total[i]);
      if (b.dbias != nullptr) static_cast<T*>(b.dbias)[i] = static_cast<T>(total[n + i]);
    }
  }
}

template <class T>
void normalize_in(const NormRows& s, const NormForward& f) {
  return s.centered ? normalize_all<true, T>(s, f) : normalize_all<false, T>(s, f);
}
void rows_of(DType dtype, const NormRows& s, const NormForward& f) {
  return dtype == DType::kFloat32 ? normalize_in<float>(s, f) : normalize_in<double>(s, f);
}

template <class T>
void backward_in(const NormRows& s, const NormBackward& b) {
  const bool parameters = b.dweight != nullptr || b.dbias != nullptr;
  if (s.centered)
    return parameters ? backward_all<true, true, T>(s, b) : backward_all<true, false, T>(s, b);
  return parameters ? backward_all<false, true, T>(s, b) : backward_all<false, false, T>(s, b);
}
void rows_backward_of(DType dtype, const NormRows& s, const NormBackward& b) {
  return dtype == DType::kFloat32 ? backward_in<float>(s, b) : backward_in<double>(s, b);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(rows_of);
HWY_EXPORT(rows_backward_of);

void normalize(DType dtype, const NormRows& sizes, const NormForward& f) {
  HWY_DYNAMIC_DISPATCH(rows_of)(dtype, sizes, f);
}
void normalize_backward(DType dtype, const NormRows& sizes, const NormBackward& b) {
  HWY_DYNAMIC_DISPATCH(rows_backward_of)(dtype, sizes, b);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
