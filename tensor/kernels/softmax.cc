#include "lamina/tensor/kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/softmax.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/math-inl.h"
#include "lamina/tensor/kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

float largest_of(const float* x, int64_t n) {
  const hn::ScalableTag<float> d;
  auto largest = hn::Set(d, kLowest);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    largest = hn::Max(largest, load_some(d, x + i, m, kLowest));
  });
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

double largest_of(const double* x, int64_t n) {
  double largest = x[0];
  for (int64_t i = 1; i < n; ++i) largest = x[i] > largest || std::isnan(x[i]) ? x[i] : largest;
  return largest;
}

void log_softmax_row(const float* x, int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const float shift = largest_of(x, n);
  // Not finite: all -inf gives NaN, as does a NaN; +inf gives NaN for itself. Plain arithmetic says
  // so by itself, but vector Max may drop a NaN, so that the sum below must meet it.
  const V shifts = hn::Set(d, shift);
  V total = hn::Zero(d);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    total = hn::Add(total, exp_below(d, hn::Sub(load_some(d, x + i, m, kLowest), shifts)));
  });
  float sum = hn::GetLane(hn::SumOfLanes(d, total));
  if (std::isinf(shift) && shift < 0) sum = std::numeric_limits<float>::quiet_NaN();
  const V log_sum = hn::Set(d, std::log(sum));
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    store_some(d, hn::Sub(hn::Sub(load_some(d, x + i, m, 0), shifts), log_sum), out + i, m);
  });
}

void log_softmax_row(const double* x, int64_t n, double* out) {
  const double shift = largest_of(x, n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - shift);
  const double log_sum = std::log(total);
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] - shift - log_sum;
}

// What is not finite is as in log_softmax_row.
void softmax_row(const float* x, int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  const auto shifts = hn::Set(d, largest_of(x, n));
  auto total = hn::Zero(d);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    const auto e = exp_below(d, hn::Sub(load_some(d, x + i, m, kLowest), shifts));
    store_some(d, e, out + i, m);
    total = hn::Add(total, e);
  });
  const auto scale = hn::Set(d, 1 / hn::GetLane(hn::SumOfLanes(d, total)));
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    store_some(d, hn::Mul(load_some(d, out + i, m, 0), scale), out + i, m);
  });
}

void softmax_row(const double* x, int64_t n, double* out) {
  const double shift = largest_of(x, n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += out[i] = std::exp(x[i] - shift);
  for (int64_t i = 0; i < n; ++i) out[i] /= total;
}

void softmax_backward_row(const float* dy, const float* y, int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  auto total = hn::Zero(d);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    total = hn::MulAdd(load_some(d, dy + i, m, 0), load_some(d, y + i, m, 0), total);
  });
  const auto mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, total)));
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    const auto difference = hn::Sub(load_some(d, dy + i, m, 0), mean);
    store_some(d, hn::Mul(load_some(d, y + i, m, 0), difference), out + i, m);
  });
}

void softmax_backward_row(const double* dy, const double* y, int64_t n, double* out) {
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += dy[i] * y[i];
  for (int64_t i = 0; i < n; ++i) out[i] = y[i] * (dy[i] - mean);
}

void backward_row(const float* log_p, int64_t n, float dy, float* out) {
  const hn::ScalableTag<float> d;
  const auto scale = hn::Set(d, dy);
  for_vectors(d, n, [&](int64_t i, int64_t m) HWY_ATTR {
    store_some(d, hn::Mul(scale, exp_below(d, load_some(d, log_p + i, m, 0))), out + i, m);
  });
}

void backward_row(const double* log_p, int64_t n, double dy, double* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = dy * std::exp(log_p[i]);
}

// Calls row(first element of the row) for each of them.
template <class Row>
void for_rows(int64_t rows, int64_t columns, const Row& row) {
  parallel_for(0, rows, std::max<int64_t>(1, kParallelGrain / 8 / columns),
               [&](int64_t first, int64_t last) {
                 for (int64_t r = first; r < last; ++r) row(r * columns);
               });
}

template <class T>
void backward_rows(int64_t rows, int64_t columns, const T* log_p, const int64_t* labels,
                   const T* dy, T* out) {
  parallel_for(0, rows, std::max<int64_t>(1, kParallelGrain / 8 / columns),
               [&](int64_t first, int64_t last) {
                 for (int64_t r = first; r < last; ++r) {
                   backward_row(log_p + r * columns, columns, dy[r], out + r * columns);
                   // Labels that were in range in forward may since have been written to.
                   if (labels[r] >= 0 && labels[r] < columns) out[r * columns + labels[r]] -= dy[r];
                 }
               });
}

template <class T>
void softmax_in(Softmax which, int64_t rows, int64_t columns, const T* x, T* out) {
  for_rows(rows, columns, [&](int64_t at) {
    if (which == Softmax::kLog)
      log_softmax_row(x + at, columns, out + at);
    else
      softmax_row(x + at, columns, out + at);
  });
}

void softmax_of(Softmax which, DType dtype, int64_t rows, int64_t columns, const void* x,
                void* out) {
  if (dtype == DType::kFloat32) {
    softmax_in(which, rows, columns, static_cast<const float*>(x), static_cast<float*>(out));
  } else {
    softmax_in(which, rows, columns, static_cast<const double*>(x), static_cast<double*>(out));
  }
}

template <class T>
void softmax_backward_in(int64_t rows, int64_t columns, const T* dy, const T* y, T* out) {
  for_rows(rows, columns,
           [&](int64_t at) { softmax_backward_row(dy + at, y + at, columns, out + at); });
}

void softmax_backward_of(DType dtype, int64_t rows, int64_t columns, const void* dy, const void* y,
                         void* out) {
  if (dtype == DType::kFloat32) {
    softmax_backward_in(rows, columns, static_cast<const float*>(dy), static_cast<const float*>(y),
                        static_cast<float*>(out));
  } else {
    softmax_backward_in(rows, columns, static_cast<const double*>(dy),
                        static_cast<const double*>(y), static_cast<double*>(out));
  }
}

void backward_of(DType dtype, int64_t rows, int64_t columns, const void* log_p,
                 const int64_t* labels, const void* dy, void* out) {
  if (dtype == DType::kFloat32) {
    backward_rows(rows, columns, static_cast<const float*>(log_p), labels,
                  static_cast<const float*>(dy), static_cast<float*>(out));
  } else {
    backward_rows(rows, columns, static_cast<const double*>(log_p), labels,
                  static_cast<const double*>(dy), static_cast<double*>(out));
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(softmax_of);
HWY_EXPORT(softmax_backward_of);
HWY_EXPORT(backward_of);

void softmax(Softmax which, DType dtype, int64_t rows, int64_t columns, const void* x, void* out) {
  if (rows * columns == 0) return;
  HWY_DYNAMIC_DISPATCH(softmax_of)(which, dtype, rows, columns, x, out);
}

void softmax_backward(DType dtype, int64_t rows, int64_t columns, const void* dy, const void* y,
                      void* out) {
  if (rows * columns == 0) return;
  HWY_DYNAMIC_DISPATCH(softmax_backward_of)(dtype, rows, columns, dy, y, out);
}

void cross_entropy_backward(DType dtype, int64_t rows, int64_t columns,
                            const void* log_probabilities, const int64_t* labels, const void* dy,
                            void* out) {
  if (rows * columns == 0) return;
  HWY_DYNAMIC_DISPATCH(backward_of)(dtype, rows, columns, log_probabilities, labels, dy, out);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
