// Rows of any length in vectors: whole ones, and then the rest. Included once per instruction set.
#if defined(LAMINA_TENSOR_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_ROWS_INL_H_
#undef LAMINA_TENSOR_KERNELS_ROWS_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_ROWS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls body(first lane, lanes) with whole vectors and then the rest. Rows are short (10 classes)
// as often as long, so the rest is a masked load, not a scalar loop.
template <class D, class Body>
HWY_INLINE void for_vectors(D d, int64_t n, const Body& body) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, lanes);
  if (i < n) body(i, n - i);
}

// Whether masked operations touch no memory of the other lanes. Highway says of AVX2 that they might, for its masks have no
// lanes of 8 or 16 bits; those of 32 and 64 bits do not.
template <class T>
constexpr bool masks_are_safe() {
  return !HWY_MEM_OPS_MIGHT_FAULT || (HWY_TARGET == HWY_AVX2 && sizeof(T) >= 4);
}

// The first n elements of x, and `fill` in the other lanes.
template <class D>
HWY_INLINE hn::Vec<D> load_some(D d, const hn::TFromD<D>* x, int64_t n, hn::TFromD<D> fill) {
  if (n == static_cast<int64_t>(hn::Lanes(d))) return hn::LoadU(d, x);
  if constexpr (masks_are_safe<hn::TFromD<D>>()) {
    // A buffer just written in pieces could not be read fast as a whole.
    const auto first = hn::FirstN(d, n);
    return hn::IfThenElse(first, hn::MaskedLoad(first, d, x), hn::Set(d, fill));
  } else {
    HWY_ALIGN hn::TFromD<D> buffer[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
    hn::Store(hn::Set(d, fill), d, buffer);
    std::memcpy(buffer, x, n * sizeof(*x));
    return hn::Load(d, buffer);
  }
}

template <class D>
HWY_INLINE void store_some(D d, hn::Vec<D> v, hn::TFromD<D>* x, int64_t n) {
  if (n == static_cast<int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, x);
  if constexpr (masks_are_safe<hn::TFromD<D>>()) {
    hn::BlendedStore(v, hn::FirstN(d, n), d, x);
  } else {
    HWY_ALIGN hn::TFromD<D> buffer[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
    hn::Store(v, d, buffer);
    std::memcpy(x, buffer, n * sizeof(*x));
  }
}

// One or two sums over many terms. They are added in vectors, for at most kBlock terms, and those sums in
// float64: so a sum of any length is accurate.
template <class D, int kSums>
class Sums {
 public:
  using V = hn::Vec<D>;
  explicit Sums(D d) : d_(d) { clear(); }

  // Adds a row of n: body(i, m, s, t) adds the terms of the m elements from i to s and, of two sums,
  // to t; 0 in lanes from m on.
  template <class Body>
  HWY_INLINE void add_row(int64_t n, const Body& body) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d_));
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      const int64_t end = std::min(n, begin + kBlock);
      if (pending_ + (end - begin) > kBlock) flush();
      pending_ += end - begin;
      V s0 = s_[0], s1 = s_[1], s2 = s_[2], s3 = s_[3], t0 = t_[0], t1 = t_[1], t2 = t_[2],
        t3 = t_[3];
      int64_t i = begin;
      for (; i + 4 * lanes <= end; i += 4 * lanes) {
        body(i, lanes, s0, t0);
        body(i + lanes, lanes, s1, t1);
        body(i + 2 * lanes, lanes, s2, t2);
        body(i + 3 * lanes, lanes, s3, t3);
      }
      for (; i + lanes <= end; i += lanes) body(i, lanes, s0, t0);
      if (i < end) body(i, end - i, s1, t1);
      s_[0] = s0, s_[1] = s1, s_[2] = s2, s_[3] = s3;
      t_[0] = t0, t_[1] = t1, t_[2] = t2, t_[3] = t3;
    }
  }
  HWY_INLINE double first() { return flush(), first_; }
  HWY_INLINE double second() { return flush(), second_; }

 private:
  static constexpr int64_t kBlock = 2048;
  HWY_INLINE void clear() {
    for (V& v : s_) v = hn::Zero(d_);
    for (V& v : t_) v = hn::Zero(d_);
    pending_ = 0;
  }
  HWY_INLINE void flush() {
    if (pending_ == 0) return;
    const auto total = [this](const V* v) HWY_ATTR {
      return static_cast<double>(
          hn::GetLane(hn::SumOfLanes(d_, hn::Add(hn::Add(v[0], v[1]), hn::Add(v[2], v[3])))));
    };
    first_ += total(s_);
    if constexpr (kSums == 2) second_ += total(t_);
    clear();
  }

  D d_;
  V s_[4], t_[4];
  int64_t pending_ = 0;  // terms in s_ and t_
  double first_ = 0, second_ = 0;
};

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_ROWS_INL_H_
