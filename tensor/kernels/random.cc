#include "lamina/tensor/kernels/random.h"

#include <algorithm>
#include <cstring>

#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/random.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kBlocks = 512;  // at a time: the words stay in the nearest cache
constexpr int64_t kWords = 4 * kBlocks;

// Whole vectors: `out` has kWords words, of which the first `blocks` * 4, rounded up, are written.
// Each 64-bit lane holds one block's number in its lower half; the upper half does not count.
void words_run(uint64_t seed, uint64_t position, int64_t blocks, uint32_t* HWY_RESTRICT out) {
  const hn::ScalableTag<uint64_t> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto even_product = [&](V a, V b) HWY_ATTR {
#if HWY_TARGET == HWY_SCALAR
    return hn::Set(d, (hn::GetLane(a) & 0xFFFFFFFFu) * hn::GetLane(b));
#else
    const hn::Repartition<uint32_t, decltype(d)> d32;
    return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
#endif
  };
  const V m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  const V low = hn::Set(d, 0xFFFFFFFFu);
  for (int64_t b = 0; b < blocks; b += 2 * lanes) {
    // Two vectors at once: the products of one run while those of the other are waited for.
    const uint64_t at = position + static_cast<uint64_t>(b);
    const V counter = hn::Add(hn::Iota(d, 0), hn::Set(d, at));
    const V counter2 = hn::Add(counter, hn::Set(d, static_cast<uint64_t>(lanes)));
    V x0 = counter, x1 = hn::ShiftRight<32>(counter), x2 = hn::Zero(d), x3 = x2;
    V y0 = counter2, y1 = hn::ShiftRight<32>(counter2), y2 = x2, y3 = x2;
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const V k0 = hn::Set(d, key0), k1 = hn::Set(d, key1);
      const V p0 = even_product(x0, m0), p1 = even_product(x2, m1);
      const V q0 = even_product(y0, m0), q1 = even_product(y2, m1);
      x0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), x1), k0);
      y0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(q1), y1), k0);
      x2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), x3), k1);
      y2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(q0), y3), k1);
      x1 = p1;
      y1 = q1;
      x3 = p0;
      y3 = q0;
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    const auto store = [&](V a, V b2, V c, V e, int64_t first) HWY_ATTR {
      const V ab = hn::Or(hn::And(a, low), hn::ShiftLeft<32>(b2));
      const V ce = hn::Or(hn::And(c, low), hn::ShiftLeft<32>(e));
      hn::StoreInterleaved2(ab, ce, d, reinterpret_cast<uint64_t*>(out) + 2 * first);
    };
    store(x0, x1, x2, x3, b);
    store(y0, y1, y2, y3, b + lanes);
  }
}

// In [0, 1), from the upper 24 bits.
template <class D, class V>
HWY_INLINE hn::Vec<D> unit(D d, V words) {
  const hn::RebindToSigned<D> di;
  return hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(words))), hn::Set(d, 0x1p-24f));
}

// Calls convert(words, out) for chunks of kWords words; the last one goes through a buffer.
template <class F>
HWY_INLINE void run_chunks(uint64_t seed, uint64_t position, int64_t n, float* out,
                           const F& convert) {
  HWY_ALIGN uint32_t words[kWords];
  HWY_ALIGN float rest[kWords];
  for (int64_t i = 0; i < n; i += kWords) {
    const int64_t left = std::min(kWords, n - i);
    words_run(seed, position + static_cast<uint64_t>(i / 4), (left + 3) / 4, words);
    if (left == kWords) {
      convert(words, kWords, out + i);
    } else {
      const int64_t whole = (left + 63) / 64 * 64;  // of any vector
      std::memset(words + (left + 3) / 4 * 4, 0, (whole - (left + 3) / 4 * 4) * sizeof(words[0]));
      convert(words, whole, rest);
      std::memcpy(out + i, rest, left * sizeof(float));
    }
  }
}

void uniform_run(uint64_t seed, uint64_t position, float from, float width, float limit, int64_t n,
                 float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vfrom = hn::Set(d, from), vwidth = hn::Set(d, width), vlimit = hn::Set(d, limit);
  run_chunks(seed, position, n, out, [&](const uint32_t* words, int64_t count, float* to) HWY_ATTR {
    for (int64_t i = 0; i < count; i += lanes) {
      const auto u = unit(d, hn::Load(du, words + i));
      hn::StoreU(hn::Min(hn::Add(vfrom, hn::Mul(vwidth, u)), vlimit), d, to + i);
    }
  });
}

// sqrt(-2 log(x)) for x = k / 2^24 in (0, 1].
template <class D, class V>
HWY_INLINE V radius_of(D d, V x) {
  const hn::RebindToSigned<D> di;
  // x = 2^e m with m between sqrt(1/2) and sqrt(2).
  const auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3F3504F3));
  const V e = hn::ConvertTo(d, hn::ShiftRight<23>(bits));
  const V m =
      hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x007FFFFF)), hn::Set(di, 0x3F3504F3)));
  // log(m) = 2 artanh(s) = 2 (s + s^3 / 3 + s^5 / 5 + ...), where s is below 0.172.
  const V one = hn::Set(d, 1.0f);
  const V s = hn::Div(hn::Sub(m, one), hn::Add(m, one)), z = hn::Mul(s, s);
  V p = hn::Add(hn::Mul(z, hn::Set(d, 1.0f / 9)), hn::Set(d, 1.0f / 7));
  p = hn::Add(hn::Mul(z, p), hn::Set(d, 1.0f / 5));
  p = hn::Add(hn::Mul(z, p), hn::Set(d, 1.0f / 3));
  p = hn::Add(hn::Mul(hn::Mul(s, z), p), s);
  const V minus_half_log =
      hn::Add(hn::Mul(e, hn::Set(d, -0.34657359f)), hn::Neg(p));  // -(e log(2) + log(m)) / 2
  return hn::Sqrt(hn::Max(hn::Mul(minus_half_log, hn::Set(d, 4.0f)), hn::Zero(d)));
}

// The cosine and the sine of 2 pi v for v = k / 2^24 in [0, 1).
template <class D, class V>
HWY_INLINE void circle(D d, V v, V* cosine, V* sine) {
  const hn::RebindToSigned<D> di;
  // v = q / 4 + f with f between -1/8 and 1/8, exactly.
  const auto q = hn::ConvertTo(di, hn::Add(hn::Mul(v, hn::Set(d, 4.0f)), hn::Set(d, 0.5f)));
  const V f = hn::Sub(v, hn::Mul(hn::ConvertTo(d, q), hn::Set(d, 0.25f)));
  const V x = hn::Mul(f, hn::Set(d, 6.2831853f)), z = hn::Mul(x, x);
  // The series of both, up to x^9 and x^8.
  V s = hn::Add(hn::Mul(z, hn::Set(d, 1.0f / 362880)), hn::Set(d, -1.0f / 5040));
  s = hn::Add(hn::Mul(z, s), hn::Set(d, 1.0f / 120));
  s = hn::Add(hn::Mul(z, s), hn::Set(d, -1.0f / 6));
  s = hn::Add(hn::Mul(hn::Mul(x, z), s), x);
  V c = hn::Add(hn::Mul(z, hn::Set(d, 1.0f / 40320)), hn::Set(d, -1.0f / 720));
  c = hn::Add(hn::Mul(z, c), hn::Set(d, 1.0f / 24));
  c = hn::Add(hn::Mul(z, c), hn::Set(d, -0.5f));
  c = hn::Add(hn::Mul(z, c), hn::Set(d, 1.0f));
  // A quarter turn makes (c, s) into (-s, c).
  const auto odd = hn::Ne(hn::And(q, hn::Set(di, 1)), hn::Zero(di));
  const V from_c = hn::IfThenElse(hn::RebindMask(d, odd), s, c);
  const V from_s = hn::IfThenElse(hn::RebindMask(d, odd), c, s);
  const auto sign_c = hn::ShiftLeft<30>(hn::And(hn::Add(q, hn::Set(di, 1)), hn::Set(di, 2)));
  const auto sign_s = hn::ShiftLeft<30>(hn::And(q, hn::Set(di, 2)));
  *cosine = hn::Xor(from_c, hn::BitCast(d, sign_c));
  *sine = hn::Xor(from_s, hn::BitCast(d, sign_s));
}

void normal_run(uint64_t seed, uint64_t position, float mean, float stddev, int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const V vmean = hn::Set(d, mean), vstddev = hn::Set(d, stddev), one = hn::Set(d, 1.0f);
  run_chunks(seed, position, n, out, [&](const uint32_t* words, int64_t count, float* to) HWY_ATTR {
    for (int64_t i = 0; i < count; i += 2 * lanes) {
      hn::Vec<decltype(du)> first, second;
      hn::LoadInterleaved2(du, words + i, first, second);
      // 1 - u is in (0, 1], so the logarithm is finite.
      const V radius = hn::Mul(vstddev, radius_of(d, hn::Sub(one, unit(d, first))));
      V cosine, sine;
      circle(d, unit(d, second), &cosine, &sine);
      hn::StoreInterleaved2(hn::Add(vmean, hn::Mul(radius, cosine)),
                            hn::Add(vmean, hn::Mul(radius, sine)), d, to + i);
    }
  });
}

void fill_words(uint64_t seed, uint64_t position, int64_t blocks, uint32_t* out) {
  HWY_ALIGN uint32_t words[kWords];
  for (int64_t b = 0; b < blocks; b += kBlocks) {
    const int64_t left = std::min(kBlocks, blocks - b);
    words_run(seed, position + static_cast<uint64_t>(b), left, words);
    std::memcpy(out + 4 * b, words, left * 4 * sizeof(words[0]));
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(fill_words);
HWY_EXPORT(uniform_run);
HWY_EXPORT(normal_run);

void random_words(uint64_t seed, uint64_t position, int64_t blocks, uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(fill_words)(seed, position, blocks, out);
}

void random_uniform(uint64_t seed, uint64_t position, float from, float width, float limit,
                    int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(uniform_run)(seed, position, from, width, limit, n, out);
}

void random_normal(uint64_t seed, uint64_t position, float mean, float stddev, int64_t n,
                   float* out) {
  HWY_DYNAMIC_DISPATCH(normal_run)(seed, position, mean, stddev, n, out);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
