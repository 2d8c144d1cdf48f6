#include "lamina/tensor/kernels/moments.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/moments.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

struct Moments {
  double count = 0, mean = 0, squares = 0;  // squares: of the deviations from the mean, added up

  HWY_INLINE void merge(double other_count, double other_mean, double other_squares) {
    const double total = count + other_count, difference = other_mean - mean;
    mean += difference * (other_count / total);
    squares += other_squares + difference * difference * (count * other_count / total);
    count = total;
  }
  // A block of n elements: the sums of their deviations from `shift`, and of the squares of those.
  // `shift` is a rounded mean, so that what the first sum corrects is small.
  HWY_INLINE void merge_block(double n, double shift, double deviations, double shifted_squares) {
    merge(n, shift + deviations / n, shifted_squares - deviations * (deviations / n));
  }
  template <class T>
  T finish(int64_t correction, bool root) const {
    const double variance = squares / std::max(0.0, count - static_cast<double>(correction));
    return static_cast<T>(root ? std::sqrt(variance) : variance);
  }
};

template <class T>
Moments moments_dense(const T* x, int64_t n) {
  constexpr int64_t kBlock = 2048;
  constexpr int kLanes = 32;
  Moments all;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = std::min(n - begin, kBlock);
    const T* block = x + begin;
    double lanes[kLanes] = {}, squares[kLanes] = {};  // float32 squares overflow
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) lanes[j] += block[i + j];
    }
    double total = 0;
    for (int j = 0; j < kLanes; ++j) total += lanes[j];
    for (int64_t k = i; k < size; ++k) total += block[k];
    const double shift = total / static_cast<double>(size);
    std::fill_n(lanes, kLanes, 0.0);
    for (i = 0; i + kLanes <= size; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        const double d = block[i + j] - shift;
        lanes[j] += d;
        squares[j] += d * d;
      }
    }
    double deviations = 0, sum_squares = 0;
    for (int j = 0; j < kLanes; ++j) {
      deviations += lanes[j];
      sum_squares += squares[j];
    }
    for (; i < size; ++i) {
      const double d = block[i] - shift;
      deviations += d;
      sum_squares += d * d;
    }
    all.merge_block(static_cast<double>(size), shift, deviations, sum_squares);
  }
  return all;
}

constexpr int64_t kStrip = 256;  // columns that are reduced together

// Each column of `length` rows of n <= kStrip elements, `row_step` apart.
template <class T>
void moments_rows(const T* x, int64_t length, int64_t row_step, int64_t n,
                  Moments* HWY_RESTRICT all) {
  constexpr int64_t kRows = 32;  // with kStrip, what fits into the first-level cache
  for (int64_t r0 = 0; r0 < length; r0 += kRows) {
    const int64_t rows = std::min(kRows, length - r0);
    const T* block = x + r0 * row_step;
    double shift[kStrip] = {}, deviations[kStrip] = {}, squares[kStrip] = {};
    for (int64_t r = 0; r < rows; ++r) {
      const T* HWY_RESTRICT row = block + r * row_step;
      for (int64_t c = 0; c < n; ++c) shift[c] += row[c];
    }
    const double scale = 1.0 / static_cast<double>(rows);
    for (int64_t c = 0; c < n; ++c) shift[c] *= scale;
    for (int64_t r = 0; r < rows; ++r) {
      const T* HWY_RESTRICT row = block + r * row_step;
      for (int64_t c = 0; c < n; ++c) {
        const double d = row[c] - shift[c];
        deviations[c] += d;
        squares[c] += d * d;
      }
    }
    for (int64_t c = 0; c < n; ++c) {
      all[c].merge_block(static_cast<double>(rows), shift[c], deviations[c], squares[c]);
    }
  }
}

template <class T>
void variance_all(const ReduceSizes& s, int64_t correction, bool root, const T* x, T* out) {
  if (s.inner != 1) {
    const int64_t strips = (s.inner + kStrip - 1) / kStrip;
    const int64_t work = std::max<int64_t>(1, s.length * std::min(kStrip, s.inner));
    parallel_for(0, s.outer * strips, std::max<int64_t>(1, kParallelGrain / work),
                 [&](int64_t first, int64_t last) {
                   Moments all[kStrip];
                   for (int64_t i = first; i < last; ++i) {
                     const int64_t column = i % strips * kStrip;
                     const int64_t n = std::min(kStrip, s.inner - column);
                     std::fill_n(all, n, Moments());
                     moments_rows(x + i / strips * s.length * s.inner + column, s.length, s.inner,
                                  n, all);
                     T* to = out + i / strips * s.inner + column;
                     for (int64_t c = 0; c < n; ++c) to[c] = all[c].finish<T>(correction, root);
                   }
                 });
    return;
  }
  if (s.outer == 1) {  // one long row: chunks in parallel, merged in order
    constexpr int64_t kChunk = 65536;
    const int64_t chunks = (s.length + kChunk - 1) / kChunk;
    std::vector<Moments> parts(chunks);
    parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        parts[i] = moments_dense(x + i * kChunk, std::min(kChunk, s.length - i * kChunk));
      }
    });
    Moments all;
    for (const Moments& part : parts) all.merge(part.count, part.mean, part.squares);
    *out = all.finish<T>(correction, root);
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(1, s.length));
  parallel_for(0, s.outer, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      out[i] = moments_dense(x + i * s.length, s.length).template finish<T>(correction, root);
    }
  });
}

void variance_of(DType dtype, const ReduceSizes& sizes, int64_t correction, bool root,
                 const void* x, void* out) {
  if (dtype == DType::kFloat32) {
    variance_all(sizes, correction, root, static_cast<const float*>(x), static_cast<float*>(out));
  } else {
    variance_all(sizes, correction, root, static_cast<const double*>(x), static_cast<double*>(out));
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(variance_of);

void variance(DType dtype, const ReduceSizes& sizes, int64_t correction, bool root, const void* x,
              void* out) {
  HWY_DYNAMIC_DISPATCH(variance_of)(dtype, sizes, correction, root, x, out);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
