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
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/rows-inl.h"

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

// Windows of 2 by 2 next to each other, the commonest, in vectors of T and places I of its width.
#if HWY_TARGET != HWY_SCALAR
bool are_pairs(const WindowAxis& w) {
  return w.kernel == 2 && w.stride == 2 && w.dilation == 1 && w.padding == 0 &&
         2 * w.count <= w.extent;
}

// The elements of even and of odd place among 2 m, at most twice as many as a vector has.
template <class D>
HWY_INLINE void load_pairs(D d, const hn::TFromD<D>* x, int64_t m, hn::Vec<D>* even,
                           hn::Vec<D>* odd) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const hn::Vec<D> low = load_some(d, x, std::min(2 * m, lanes), 0);
  const hn::Vec<D> high = 2 * m > lanes ? load_some(d, x + lanes, 2 * m - lanes, 0) : hn::Zero(d);
  *even = hn::ConcatEven(d, high, low);
  *odd = hn::ConcatOdd(d, high, low);
}

template <class T, class I, bool kPlaces>
void pool_pairs(const Windows& w, int64_t first_plane, int64_t last_plane, const T* x, T* values,
                int64_t* indices) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using V = hn::Vec<decltype(d)>;
  using P = hn::Vec<decltype(di)>;
  const int64_t count = w.columns.count, width = w.columns.extent;
  const P every_second = hn::Add(hn::Iota(di, 0), hn::Iota(di, 0));
  std::vector<I> places(static_cast<size_t>(kPlaces ? count : 0));
  for (int64_t plane = first_plane; plane < last_plane; ++plane) {
    const T* image = x + plane * w.rows.extent * width;
    for (int64_t i = 0; i < w.rows.count; ++i) {
      const int64_t row = (plane * w.rows.count + i) * count;
      for_vectors(d, count, [&](int64_t j, int64_t m) HWY_ATTR {
        const int64_t at = 2 * i * width + 2 * j;
        V best, right, lower, lower_right;
        load_pairs(d, image + at, m, &best, &right);
        load_pairs(d, image + at + width, m, &lower, &lower_right);
        P place = hn::Add(every_second, hn::Set(di, static_cast<I>(at)));
        const P corner = place;
        const auto take = [&](V v, int64_t offset) HWY_ATTR {
          const auto larger = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
          best = hn::IfThenElse(larger, v, best);
          if constexpr (kPlaces) {
            place = hn::IfThenElse(hn::RebindMask(di, larger),
                                   hn::Add(corner, hn::Set(di, static_cast<I>(offset))), place);
          }
        };
        take(right, 1);
        take(lower, width);
        take(lower_right, width + 1);
        store_some(d, best, values + row + j, m);
        if constexpr (kPlaces) store_some(di, place, places.data() + j, m);
      });
      if constexpr (kPlaces) {
        for (int64_t j = 0; j < count; ++j) indices[row + j] = static_cast<int64_t>(places[j]);
      }
    }
  }
}
#endif

template <class T, class I>
void pool_all(const Windows& w, int64_t planes, const T* x, T* values, int64_t* indices) {
  const int64_t work =
      std::max<int64_t>(1, w.rows.count * w.columns.count * w.rows.kernel * w.columns.kernel);
  parallel_for(0, planes, std::max<int64_t>(1, kParallelGrain / work),
               [&](int64_t first, int64_t last) HWY_ATTR {
#if HWY_TARGET != HWY_SCALAR
                 if constexpr (sizeof(T) == sizeof(I)) {
                   if (are_pairs(w.rows) && are_pairs(w.columns)) {
                     return indices == nullptr
                                ? pool_pairs<T, I, false>(w, first, last, x, values, indices)
                                : pool_pairs<T, I, true>(w, first, last, x, values, indices);
                   }
                 }
#endif
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
