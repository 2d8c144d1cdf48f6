#include "lamina/tensor/kernels/pool.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/pool.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// best[j] = x[j step] where that is larger, or NaN, and place[j] = from + j step with it. kStep is the
// step if it is known when this is compiled, for the sake of vectors, or 0.
template <class T, class I, bool kPlaces, int kStep>
void take_larger(const T* x, int64_t step, int64_t n, I from, T* best, I* place) {
  const int64_t s = kStep == 0 ? step : kStep;
  for (int64_t j = 0; j < n; ++j) {
    const T v = x[j * s];
    const bool larger = (v > best[j]) | (v != v);
    best[j] = larger ? v : best[j];
    if constexpr (kPlaces) place[j] = larger ? static_cast<I>(from + j * s) : place[j];
  }
}

// I, the type of places on the way, is as wide as T.
template <class T, class I, bool kPlaces>
void pool_planes(const Windows& w, int64_t first_plane, int64_t last_plane, const T* x, T* values,
                 int64_t* indices) {
  const int64_t count = w.columns.count, step = w.columns.stride;
  const auto larger = step == 1   ? &take_larger<T, I, kPlaces, 1>
                      : step == 2 ? &take_larger<T, I, kPlaces, 2>
                                  : &take_larger<T, I, kPlaces, 0>;
  std::vector<I> places(static_cast<size_t>(kPlaces ? count : 0));
  std::vector<I> starts;  // the first column in each window
  for (int64_t j = 0; kPlaces && j < count; ++j) {
    int64_t column = j * step - w.columns.padding;
    while (column < 0) column += w.columns.dilation;
    starts.push_back(static_cast<I>(column));
  }
  for (int64_t plane = first_plane; plane < last_plane; ++plane) {
    const T* image = x + plane * w.rows.extent * w.columns.extent;
    for (int64_t i = 0; i < w.rows.count; ++i) {
      T* best = values + (plane * w.rows.count + i) * count;
      std::fill_n(best, count, -std::numeric_limits<T>::infinity());
      bool is_first_row = true;
      for (int64_t r = 0; r < w.rows.kernel; ++r) {
        const int64_t row = i * w.rows.stride + r * w.rows.dilation - w.rows.padding;
        if (row < 0 || row >= w.rows.extent) continue;
        const int64_t at = row * w.columns.extent;
        // Where everything is -inf, the first element counts.
        for (int64_t j = 0; kPlaces && is_first_row && j < count; ++j)
          places[j] = static_cast<I>(at + starts[j]);
        is_first_row = false;
        for (int64_t s = 0; s < w.columns.kernel; ++s) {
          const WindowRange in = windows_inside(w.columns, s);
          if (in.first >= in.last) continue;
          const int64_t column = in.first * step + s * w.columns.dilation - w.columns.padding;
          larger(image + at + column, step, in.last - in.first, static_cast<I>(at + column),
                 best + in.first, kPlaces ? places.data() + in.first : nullptr);
        }
      }
      if constexpr (kPlaces) {
        int64_t* to = indices + (plane * w.rows.count + i) * count;
        for (int64_t j = 0; j < count; ++j) to[j] = static_cast<int64_t>(places[j]);
      }
    }
  }
}

template <class T, class I>
void pool_all(const Windows& w, int64_t planes, const T* x, T* values, int64_t* indices) {
  const int64_t work =
      std::max<int64_t>(1, w.rows.count * w.columns.count * w.rows.kernel * w.columns.kernel);
  parallel_for(0, planes, std::max<int64_t>(1, kParallelGrain / work),
               [&](int64_t first, int64_t last) HWY_ATTR {
                 if (indices == nullptr) {
                   pool_planes<T, I, false>(w, first, last, x, values, indices);
                 } else {
                   pool_planes<T, I, true>(w, first, last, x, values, indices);
                 }
               });
}

void max_pool_of(DType dtype, const Windows& w, int64_t planes, const void* x, void* values,
                 int64_t* indices) {
  if (dtype == DType::kFloat64) {
    pool_all<double, int64_t>(w, planes, static_cast<const double*>(x),
                              static_cast<double*>(values), indices);
  } else if (w.rows.extent * w.columns.extent <= std::numeric_limits<int32_t>::max()) {
    pool_all<float, int32_t>(w, planes, static_cast<const float*>(x), static_cast<float*>(values),
                             indices);
  } else {
    pool_all<float, int64_t>(w, planes, static_cast<const float*>(x), static_cast<float*>(values),
                             indices);
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(max_pool_of);

void max_pool(DType dtype, const Windows& windows, int64_t planes, const void* x, void* values,
              int64_t* indices) {
  HWY_DYNAMIC_DISPATCH(max_pool_of)(dtype, windows, planes, x, values, indices);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
