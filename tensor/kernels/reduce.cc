#include "lamina/tensor/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/reduce.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// What block sums are added in. Unsigned, so that int64 wraps around.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
// What lanes within a block are added in.
template <class T>
using Lane = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

constexpr int64_t kBlock = 4096;  // elements added in the dtype before float64 takes over
constexpr int kLanes = 32;

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
    Wide<T> block = 0;
    for (; i < end; ++i) block += x[i];
    for (int j = 0; j < kLanes; ++j) block += lanes[j];
    total += block;
  }
  return total;
}

// Adds `rows` rows of `n` elements, `row_step` apart, into wide[n].
template <class T>
void sum_rows(const T* x, int64_t rows, int64_t row_step, int64_t n, Wide<T>* HWY_RESTRICT wide) {
  constexpr int64_t kColumns = 512;  // a strip of lanes that stays in the first-level cache
  constexpr int64_t kRows = 64;      // rows added in the dtype before float64 takes over
  for (int64_t c0 = 0; c0 < n; c0 += kColumns) {
    const int64_t columns = std::min(kColumns, n - c0);
    for (int64_t r0 = 0; r0 < rows; r0 += kRows) {
      Lane<T> strip[kColumns] = {};
      const int64_t r1 = std::min(rows, r0 + kRows);
      int64_t r = r0;
      for (; r + 4 <= r1; r += 4) {  // four rows at a time: the strip is read and written once for
                                     // all, in the same order
        const T* HWY_RESTRICT a = x + r * row_step + c0;
        const T* HWY_RESTRICT b = a + row_step;
        const T* HWY_RESTRICT e = b + row_step;
        const T* HWY_RESTRICT f = e + row_step;
        for (int64_t c = 0; c < columns; ++c) strip[c] = strip[c] + a[c] + b[c] + e[c] + f[c];
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
  constexpr int64_t kStrip = 512;
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

// True if a replaces b as the maximum.
template <class T>
bool exceeds(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a > b || (std::isnan(a) && !std::isnan(b));
  return a > b;
}

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  return false;
}

// The largest of n > 0 dense elements and its index. Two passes that the compiler vectorises: the
// value by lanes, then the first block that has it.
template <class T>
void max_dense(const T* x, int64_t n, T* value, int64_t* index) {
  T best = x[0];
  bool has_nan = false;
  int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    T nan[kLanes] = {};  // of T, so that all lanes are of one width
    std::copy_n(x, kLanes, lanes);
    for (; i + kLanes <= n; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
        nan[j] = is_nan(x[i + j]) ? T(1) : nan[j];
      }
    }
    best = lanes[0];
    for (int j = 0; j < kLanes; ++j) {
      best = lanes[j] > best ? lanes[j] : best;
      has_nan |= nan[j] != T(0);
    }
  }
  for (; i < n; ++i) {
    best = x[i] > best ? x[i] : best;
    has_nan |= is_nan(x[i]);
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
  *index = at;
}

template <class T>
void max_all(const ReduceSizes& s, const T* x, T* values, int64_t* indices) {
  const int64_t grain =
      std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(1, s.length * s.inner));
  parallel_for(0, s.outer, grain, [&](int64_t first, int64_t last) {
    if (s.inner == 1) {
      for (int64_t o = first; o < last; ++o) {
        T value;
        int64_t index;
        max_dense(x + o * s.length, s.length, &value, &index);
        if (values != nullptr) values[o] = value;
        if (indices != nullptr) indices[o] = index;
      }
      return;
    }
    std::vector<T> best(s.inner);
    std::vector<int64_t> at(s.inner);
    for (int64_t o = first; o < last; ++o) {
      const T* plane = x + o * s.length * s.inner;
      std::copy_n(plane, s.inner, best.begin());
      std::fill(at.begin(), at.end(), 0);
      for (int64_t l = 1; l < s.length; ++l) {
        const T* row = plane + l * s.inner;
        for (int64_t i = 0; i < s.inner; ++i) {
          if (exceeds(row[i], T(best[i]))) {
            best[i] = row[i];
            at[i] = l;
          }
        }
      }
      if (values != nullptr) std::copy_n(best.begin(), s.inner, values + o * s.inner);
      if (indices != nullptr) std::copy_n(at.begin(), s.inner, indices + o * s.inner);
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

void max_of(DType dtype, const ReduceSizes& sizes, const void* x, void* values, int64_t* indices) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    max_all(sizes, static_cast<const T*>(x), static_cast<T*>(values), indices);
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(sum_of);
HWY_EXPORT(max_of);

void sum(DType dtype, const ReduceSizes& sizes, const void* x, void* out) {
  HWY_DYNAMIC_DISPATCH(sum_of)(dtype, sizes, x, out);
}

void max(DType dtype, const ReduceSizes& sizes, const void* x, void* values, int64_t* indices) {
  HWY_DYNAMIC_DISPATCH(max_of)(dtype, sizes, x, values, indices);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
