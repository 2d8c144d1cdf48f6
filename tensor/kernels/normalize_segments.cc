#include <algorithm>
#include <vector>

#include "lamina/tensor/kernels/normalize.h"
#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/normalize_segments.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/normalize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// One group: calls row(r, first element) for each of its segments, run by run.
template <class Row>
HWY_INLINE void for_segments(const NormSegments& s, int64_t group, const Row& row) {
  for (int64_t r = 0; r < s.runs; ++r) {
    int64_t at = group * s.group_step + r * s.run_step;
    for (int64_t j = 0; j < s.segments; ++j, at += s.segment_step) row(r, at);
  }
}

template <class T>
void normalize_group(const NormSegments& s, const NormForward& f, int64_t group) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const T* HWY_RESTRICT x = static_cast<const T*>(f.x);
  const int64_t count = s.runs * s.segments * s.length;
  Sums<decltype(d), 1> sum(d);
  for_segments(s, group, [&](int64_t, int64_t at) HWY_ATTR {
    sum.add_row(s.length, [&](int64_t i, int64_t m, V& a, V&)
                              HWY_ATTR { a = hn::Add(a, load_some(d, x + at + i, m, 0)); });
  });
  const T shift = static_cast<T>(sum.first() / static_cast<double>(count));
  const V shifts = hn::Set(d, shift);
  Sums<decltype(d), 2> deviations(d);
  for_segments(s, group, [&](int64_t, int64_t at) HWY_ATTR {
    deviations.add_row(s.length, [&](int64_t i, int64_t m, V& a, V& b) HWY_ATTR {
      const V v = hn::Sub(load_some(d, x + at + i, m, shift), shifts);
      a = hn::Add(a, v);
      b = hn::MulAdd(v, v, b);
    });
  });
  double &mean = f.mean[group], &variance = f.variance[group];
  moments(shift, deviations.first(), deviations.second(), count, &mean, &variance);
  const Standard<T> h(mean, variance, f.eps);
  const V middle = hn::Set(d, h.shift);
  T* HWY_RESTRICT y = static_cast<T*>(f.y);
  const int64_t channel = group % s.period * s.runs;
  for_segments(s, group, [&](int64_t r, int64_t at) HWY_ATTR {
    const T w = f.weight == nullptr ? T{1} : static_cast<const T*>(f.weight)[channel + r];
    const T b = f.bias == nullptr ? T{0} : static_cast<const T*>(f.bias)[channel + r];
    const V scale = hn::Set(d, h.scale * w), rest = hn::Set(d, h.rest * w + b);
    for_vectors(d, s.length, [&](int64_t i, int64_t m) HWY_ATTR {
      const V v = hn::Sub(load_some(d, x + at + i, m, 0), middle);
      store_some(d, hn::MulAdd(v, scale, rest), y + at + i, m);
    });
  });
}

// sums gets sum(dy h) and sum(dy) of each run.
template <class T>
void backward_group(const NormSegments& s, const NormBackward& b, int64_t group, double* sums) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const T* HWY_RESTRICT x = static_cast<const T*>(b.x);
  const T* HWY_RESTRICT dy = static_cast<const T*>(b.dy);
  const Standard<T> h(b.mean[group], b.variance[group], b.eps);
  const V shifts = hn::Set(d, h.shift), scale = hn::Set(d, h.scale), rest = hn::Set(d, h.rest);
  const int64_t channel = group % s.period * s.runs;
  const auto weight_of = [&](int64_t r) {
    return b.weight == nullptr ? T{1} : static_cast<const T*>(b.weight)[channel + r];
  };
  double total_g = 0, total_gh = 0;
  for (int64_t r = 0; r < s.runs; ++r) {
    Sums<decltype(d), 2> run(d);
    int64_t at = group * s.group_step + r * s.run_step;
    for (int64_t j = 0; j < s.segments; ++j, at += s.segment_step) {
      run.add_row(s.length, [&](int64_t i, int64_t m, V& t, V& u) HWY_ATTR {
        const V dyi = load_some(d, dy + at + i, m, 0);
        const V hi = hn::MulAdd(hn::Sub(load_some(d, x + at + i, m, h.shift), shifts), scale, rest);
        t = hn::MulAdd(dyi, hi, t);
        u = hn::Add(u, dyi);
      });
    }
    sums[2 * r] = run.first();
    sums[2 * r + 1] = run.second();
    total_gh += sums[2 * r] * static_cast<double>(weight_of(r));
    total_g += sums[2 * r + 1] * static_cast<double>(weight_of(r));
  }
  if (b.dx == nullptr) return;
  const auto count = static_cast<double>(s.runs * s.segments * s.length);
  // dx = dy (weight scale) - (x - shift) (mean_gh scale^2) - (mean_g + rest mean_gh) scale
  const T mean_g = static_cast<T>(total_g / count), mean_gh = static_cast<T>(total_gh / count);
  const V slope = hn::Set(d, h.scale * h.scale * mean_gh);
  const V constant = hn::Set(d, (mean_g + h.rest * mean_gh) * h.scale);
  T* HWY_RESTRICT dx = static_cast<T*>(b.dx);
  for_segments(s, group, [&](int64_t r, int64_t at) HWY_ATTR {
    const V factor = hn::Set(d, weight_of(r) * h.scale);
    for_vectors(d, s.length, [&](int64_t i, int64_t m) HWY_ATTR {
      const V v = hn::Sub(load_some(d, x + at + i, m, h.shift), shifts);
      const V g = hn::MulSub(load_some(d, dy + at + i, m, 0), factor, constant);
      store_some(d, hn::NegMulAdd(v, slope, g), dx + at + i, m);
    });
  });
}

template <class T>
void normalize_in(const NormSegments& s, const NormForward& f) {
  parallel_for(0, s.groups, grain_of(s.runs * s.segments * s.length),
               [&](int64_t first, int64_t last) {
                 for (int64_t g = first; g < last; ++g) normalize_group<T>(s, f, g);
               });
}
void segments_of(DType dtype, const NormSegments& s, const NormForward& f) {
  return dtype == DType::kFloat32 ? normalize_in<float>(s, f) : normalize_in<double>(s, f);
}

template <class T>
void backward_in(const NormSegments& s, const NormBackward& b) {
  std::vector<double> sums(static_cast<size_t>(s.groups * s.runs * 2));
  parallel_for(0, s.groups, grain_of(s.runs * s.segments * s.length),
               [&](int64_t first, int64_t last) {
                 for (int64_t g = first; g < last; ++g) {
                   backward_group<T>(s, b, g, sums.data() + g * s.runs * 2);
                 }
               });
  const int64_t channels = s.period * s.runs;
  for (int64_t c = 0; c < channels; ++c) {
    double dweight = 0, dbias = 0;
    for (int64_t i = c; i < s.groups * s.runs; i += channels) {
      dweight += sums[static_cast<size_t>(2 * i)];
      dbias += sums[static_cast<size_t>(2 * i + 1)];
    }
    if (b.dweight != nullptr) static_cast<T*>(b.dweight)[c] = static_cast<T>(dweight);
    if (b.dbias != nullptr) static_cast<T*>(b.dbias)[c] = static_cast<T>(dbias);
  }
}
void segments_backward_of(DType dtype, const NormSegments& s, const NormBackward& b) {
  return dtype == DType::kFloat32 ? backward_in<float>(s, b) : backward_in<double>(s, b);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(segments_of);
HWY_EXPORT(segments_backward_of);

void normalize(DType dtype, const NormSegments& sizes, const NormForward& f) {
  HWY_DYNAMIC_DISPATCH(segments_of)(dtype, sizes, f);
}
void normalize_backward(DType dtype, const NormSegments& sizes, const NormBackward& b) {
  HWY_DYNAMIC_DISPATCH(segments_backward_of)(dtype, sizes, b);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
