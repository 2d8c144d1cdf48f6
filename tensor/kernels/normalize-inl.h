// What the kernels of normalisation share. Included once per instruction set.
#if defined(LAMINA_TENSOR_KERNELS_NORMALIZE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_NORMALIZE_INL_H_
#undef LAMINA_TENSOR_KERNELS_NORMALIZE_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_NORMALIZE_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hwy/highway.h"
#include "lamina/tensor/kernels/rows-inl.h"
#include "lamina/tensor/kernels/strided.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Mean and variance of n elements, from the sums of their deviations from `shift` and of the
// squares of those. `shift` is the mean, rounded.
HWY_INLINE void moments(double shift, double deviations, double squares, int64_t n, double* mean,
                        double* variance) {
  const double part = 1 / static_cast<double>(n), difference = deviations * part;
  *mean = shift + difference;
  const double value = squares * part - difference * difference;
  *variance = value < 0 ? 0 : value;  // not a number stays so
}

// h = (x - mean) / sqrt(variance + eps) as (x - shift) scale + rest, where the mean rounds to
// `shift`: elements beside a large mean keep their digits.
template <class T>
struct Standard {
  Standard(double mean, double variance, double eps) {
    const double factor = 1 / std::sqrt(variance + eps);
    shift = static_cast<T>(mean);
    scale = static_cast<T>(factor);
    rest = static_cast<T>((static_cast<double>(shift) - mean) * factor);
  }
  T shift, scale, rest;
};

// The groups of n elements that are worth a thread.
inline int64_t grain_of(int64_t n) { return std::max<int64_t>(1, kParallelGrain / 4 / n); }

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_NORMALIZE_INL_H_
