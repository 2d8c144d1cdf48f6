#include "lamina/tensor/kernels/reduce.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/reduce.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What block sums are added in. Unsigned, so that int64 wraps around.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
// What lanes within a block are added in.
template <class T>
using Lane = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

constexpr int64_t kBlock = 4096;  // elements added in the dtype before float64 takes over
constexpr int kLanes = 32;
constexpr int kSums = 8;
constexpr int64_t kStrip =
    512;  // columns that are reduced together: they stay in the first-level cache

template <class T>
Wide<T> sum_dense(const T* x, int64_t n) {
  Wide<T> total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    Lane<T> lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) lanes[j] += x[i + j];
    }
    // Eight sums and not one, in which each addition would wait for the one before.
    Wide<T> sums[kSums] = {};
    for (int k = 0; k < kLanes; k += kSums) {
      for (int j = 0; j < kSums; ++j) sums[j] += lanes[k + j];
    }
    for (; i + kSums <= end; i += kSums) {
      for (int j = 0; j < kSums; ++j) sums[j] += x[i + j];
    }
    for (int j = 0; i < end; ++i, ++j) sums[j] += x[i];
    Wide<T> block = 0;
    for (int j = 0; j < kSums; ++j) block += sums[j];
    total += block;
  }
  return total;
}

// Adds four rows of `n` elements, `row_step` apart, into sums[n], which is read and written once for all. Those that
// begin at `ahead` are asked for: the processor foresees one long stream, not the pieces of rows.
template <class T>
HWY_INLINE void add_four_rows(const T* x, const T* ahead, int64_t row_step, int64_t n,
                              Lane<T>* HWY_RESTRICT sums) {
  const T* HWY_RESTRICT a = x;
  const T* HWY_RESTRICT b = a + row_step;
  const T* HWY_RESTRICT e = b + row_step;
  const T* HWY_RESTRICT f = e + row_step;
  int64_t c = 0;
  if constexpr (std::is_floating_point_v<T> && hn::MaxLanes(hn::ScalableTag<T>()) > 1) {
    const hn::ScalableTag<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; c + lanes <= n; c += lanes) {
      for (int i = 0; i < 4; ++i) hwy::Prefetch(ahead + i * row_step + c);
      auto sum = hn::Add(hn::LoadU(d, sums + c), hn::LoadU(d, a + c));
      sum = hn::Add(hn::Add(sum, hn::LoadU(d, b + c)), hn::LoadU(d, e + c));
      hn::StoreU(hn::Add(sum, hn::LoadU(d, f + c)), d, sums + c);
    }
  }
  for (; c < n; ++c) sums[c] = sums[c] + a[c] + b[c] + e[c] + f[c];
}

// Adds `rows` rows of `n` elements, `row_step` apart, into wide[n].
template <class T>
void sum_rows(const T* x, int64_t rows, int64_t row_step, int64_t n, Wide<T>* HWY_RESTRICT wide) {
  constexpr int64_t kRows = 64;  // rows added in the dtype before float64 takes over
  constexpr int64_t kAhead = 8;
  for (int64_t c0 = 0; c0 < n; c0 += kStrip) {
    const int64_t columns = std::min(kStrip, n - c0);
    for (int64_t r0 = 0; r0 < rows; r0 += kRows) {
      HWY_ALIGN Lane<T> strip[kStrip] = {};
      const int64_t r1 = std::min(rows, r0 + kRows);
      int64_t r = r0;
      for (; r + 4 <= r1; r += 4) {
        const T* from = x + r * row_step + c0;
        const T* ahead = x + std::min(r + kAhead, rows - 4) * row_step + c0;
        add_four_rows(from, ahead, row_step, columns, strip);
      }
      for (; r < r1; ++r) {
        const T* HWY_RESTRICT row = x + r * row_step + c0;
        for (int64_t c = 0; c < columns; ++c) strip[c] += row[c];
      }
      for (int64_t c = 0; c < columns; ++c) wide[c0 + c] += strip[c];
    }
  }
}

template <class T>
void sum_all(const ReduceSizes& s, const T* x,
             std::conditional_t<std::is_floating_point_v<T>, T, int64_t>* out) {
  if (s.inner == 1) {
    if (s.outer == 1) {  // one long row: chunks in parallel, their sums in order
      constexpr int64_t kChunk = 16 * kBlock;
      const int64_t chunks = (s.length + kChunk - 1) / kChunk;
      std::vector<Wide<T>> sums(chunks);
      parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          sums[i] = sum_dense(x + i * kChunk, std::min(kChunk, s.length - i * kChunk));
        }
      });
      Wide<T> total = 0;
      for (Wide<T> sum : sums) total += sum;
      *out = total;
      return;
    }
    const int64_t grain = std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(1, s.length));
    parallel_for(0, s.outer, grain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) out[i] = sum_dense(x + i * s.length, s.length);
    });
    return;
  }
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  const int64_t grain = std::max<int64_t>(
      1, kParallelGrain / std::max<int64_t>(1, s.length * std::min(kStrip, s.inner)));
  parallel_for(0, s.outer * strips, grain, [&](int64_t first, int64_t last) {
    Wide<T> wide[kStrip];
    for (int64_t i = first; i < last; ++i) {
      const int64_t column = i % strips * kStrip, columns = std::min(kStrip, s.inner - column);
      std::fill_n(wide, columns, Wide<T>(0));
      sum_rows(x + i / strips * s.length * s.inner + column, s.length, s.inner, columns, wide);
      for (int64_t c = 0; c < columns; ++c) out[i / strips * s.inner + column + c] = wide[c];
    }
  });
}

// ---- Maximum and minimum

// True if a replaces b: it is beyond it, or the first NaN.
template <bool kLargest, class T>
HWY_INLINE bool replaces(T a, T b) {
  const bool beyond = kLargest ? a > b : a < b;
  if constexpr (std::is_floating_point_v<T>) return beyond | ((a != a) & (b == b));
  return beyond;
}

template <class T>
HWY_INLINE bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  return false;
}

// The extreme of n > 0 dense elements, and whether there is a NaN (which is then the answer, but is
// not in `value`). Lanes that the compiler vectorises.
template <bool kLargest, class T>
void extreme_value(const T* x, int64_t n, T* value, bool* has_nan) {
  const auto better = [](T a, T b) { return (kLargest ? a > b : a < b) ? a : b; };
  T best = x[0];
  bool nan_seen = false;
  int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    T nan[kLanes] = {};  // of T, so that all lanes are of one width
    std::copy_n(x, kLanes, lanes);
    for (; i + kLanes <= n; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        lanes[j] = better(x[i + j], lanes[j]);
        nan[j] = is_nan(x[i + j]) ? T(1) : nan[j];
      }
    }
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int j = 0; j < half; ++j) {
        lanes[j] = better(lanes[j + half], lanes[j]);
        nan[j] = nan[j + half] != T(0) ? T(1) : nan[j];
      }
    }
    best = lanes[0];
    nan_seen = nan[0] != T(0);
  }
  for (; i < n; ++i) {
    best = better(x[i], best);
    nan_seen |= is_nan(x[i]);
  }
  *value = best;
  *has_nan = nan_seen;
}

// The extreme of n > 0 dense elements and, unless `index` is null, where it first stands: a second
// pass finds the first block that has it.
template <bool kLargest, class T>
void extreme_dense(const T* x, int64_t n, T* value, int64_t* index) {
  T best;
  bool has_nan;
  extreme_value<kLargest>(x, n, &best, &has_nan);
  if (index == nullptr && !has_nan) {
    *value = best;
    return;
  }
  const auto is_best = [&](T v) { return has_nan ? is_nan(v) : v == best; };
  int64_t at = 0;
  if (!has_nan) {
    for (; at + kLanes <= n; at += kLanes) {
      int found = 0;
      for (int j = 0; j < kLanes; ++j) found += x[at + j] == best;
      if (found > 0) break;
    }
  }
  while (!is_best(x[at])) ++at;
  *value = x[at];
  if (index != nullptr) *index = at;
}

// The extremes of `length` > 0 rows of n <= kStrip elements, `row_step` apart, column by column.
template <bool kLargest, bool kWithIndex, class T, class Index>
void extreme_rows(const T* x, int64_t length, int64_t row_step, int64_t n, T* HWY_RESTRICT best,
                  Index* HWY_RESTRICT at) {
  std::copy_n(x, n, best);
  if (kWithIndex) std::fill_n(at, n, Index(0));
  for (int64_t l = 1; l < length; ++l) {
    const T* HWY_RESTRICT row = x + l * row_step;
    for (int64_t i = 0; i < n; ++i) {
      const bool wins = replaces<kLargest>(row[i], best[i]);
      best[i] = wins ? row[i] : best[i];
      if (kWithIndex) at[i] = wins ? static_cast<Index>(l) : at[i];
    }
  }
}

template <bool kLargest, class T, class Index>
void extreme_strips(const ReduceSizes& s, const T* x, T* values, int64_t* indices) {
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  const int64_t grain = std::max<int64_t>(
      1, kParallelGrain / std::max<int64_t>(1, s.length * std::min(kStrip, s.inner)));
  parallel_for(0, s.outer * strips, grain, [&](int64_t first, int64_t last) {
    T best[kStrip];
    Index at[kStrip];
    for (int64_t i = first; i < last; ++i) {
      const int64_t column = i % strips * kStrip, n = std::min(kStrip, s.inner - column);
      const T* from = x + i / strips * s.length * s.inner + column;
      const int64_t to = i / strips * s.inner + column;
      if (indices != nullptr) {
        extreme_rows<kLargest, true>(from, s.length, s.inner, n, best, at);
        for (int64_t c = 0; c < n; ++c) indices[to + c] = at[c];
      } else {
        extreme_rows<kLargest, false>(from, s.length, s.inner, n, best, at);
      }
      if (values != nullptr) std::copy_n(best, n, values + to);
    }
  });
}

template <bool kLargest, class T>
void extreme_all(const ReduceSizes& s, const T* x, T* values, int64_t* indices) {
  if (s.inner != 1) {
    // Positions as wide as the elements are compared and moved in the same lanes.
    if (s.length < std::numeric_limits<int32_t>::max() && sizeof(T) <= 4)
      extreme_strips<kLargest, T, int32_t>(s, x, values, indices);
    else
      extreme_strips<kLargest, T, int64_t>(s, x, values, indices);
    return;
  }
  constexpr int64_t kChunk = 16 * kBlock;
  if (s.outer == 1 && s.length > kChunk) {  // one long row: chunks in parallel, compared in order
    const int64_t chunks = (s.length + kChunk - 1) / kChunk;
    const std::unique_ptr<T[]> best(new T[chunks]);
    std::vector<int64_t> at(chunks);
    parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        extreme_dense<kLargest>(x + i * kChunk, std::min(kChunk, s.length - i * kChunk), &best[i],
                                indices != nullptr ? &at[i] : nullptr);
      }
    });
    int64_t chosen = 0;
    for (int64_t i = 1; i < chunks; ++i) {
      if (replaces<kLargest, T>(best[i], best[chosen])) chosen = i;
    }
    if (values != nullptr) *values = best[chosen];
    if (indices != nullptr) *indices = chosen * kChunk + at[chosen];
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / s.length);
  parallel_for(0, s.outer, grain, [&](int64_t first, int64_t last) {
    for (int64_t o = first; o < last; ++o) {
      T value;
      extreme_dense<kLargest>(x + o * s.length, s.length, &value,
                              indices != nullptr ? indices + o : nullptr);
      if (values != nullptr) values[o] = value;
    }
  });
}

void sum_of(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    using Out = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
    sum_all(sizes, static_cast<const T*>(x), static_cast<Out*>(out));
  });
}

void extreme_of(Extreme which, DType dtype, const ReduceSizes& sizes, const void* x, void* values,
                int64_t* indices) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto* from = static_cast<const T*>(x);
    if (which == Extreme::kMax)
      extreme_all<true>(sizes, from, static_cast<T*>(values), indices);
    else
      extreme_all<false>(sizes, from, static_cast<T*>(values), indices);
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(sum_of);
HWY_EXPORT(extreme_of);

void sum(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  HWY_DYNAMIC_DISPATCH(sum_of)(dtype, sizes, x, out);
}

void extreme(Extreme which, DType dtype, const ReduceSizes& sizes, const void* x, void* values,
             int64_t* indices) {
  HWY_DYNAMIC_DISPATCH(extreme_of)(which, dtype, sizes, x, values, indices);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
