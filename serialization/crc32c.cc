// A checksum is the remainder of a polynomial, whose coefficients are the bits of the message. A block may
// be replaced by anything of the same remainder: so the blocks of a long message are folded into the next
// ones, many bits at a time, until one block is left for the tables. Source: V. Gopal et al., "Fast CRC
// Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
#include "lamina/serialization/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "hwy/detect_targets.h"

// Those with a product of several 64-bit lanes, and the compiler's baseline, which takes the tables.
// Without it, Highway makes the product of AVX-512 by way of memory: AVX2 takes the place.
#define HWY_WANT_AVX3_DL
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/serialization/crc32c.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

#ifndef LAMINA_SERIALIZATION_CRC32C_CC_
#define LAMINA_SERIALIZATION_CRC32C_CC_
namespace lamina::serialization {

constexpr uint32_t kReflectedPolynomial = 0x82f63b78;

// crc times x. The bits are reflected: the lowest one is the coefficient of x^31.
constexpr uint32_t times_x(uint32_t crc) { return crc >> 1 ^ (crc & 1 ? kReflectedPolynomial : 0); }

}  // namespace lamina::serialization
#endif  // LAMINA_SERIALIZATION_CRC32C_CC_

HWY_BEFORE_NAMESPACE();
namespace lamina::serialization::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON

using D = hn::CappedTag<uint64_t, HWY_TARGET == HWY_AVX3_DL ? 8 : 2>;
constexpr size_t kVector = sizeof(uint64_t) * hn::MaxLanes(D());
constexpr size_t kVectors = HWY_TARGET == HWY_AVX3_DL ? 4 : 8;  // that hide the product's latency
constexpr size_t kBlock = kVectors * kVector;

// What 64 reflected bits are multiplied by to move them `bits` further. The product of two reflected words
// is short of one x, hence one less; and 32 bits are at the upper end of 64.
constexpr uint64_t factor(size_t bits) {
  uint32_t crc = 0x80000000;
  for (size_t i = 1; i < bits; ++i) crc = times_x(crc);
  return uint64_t{crc} << 32;
}
// Of the two words of 128 bits, the first has the higher powers.
alignas(16) constexpr uint64_t kFactors[2] = {factor(8 * kBlock + 64), factor(8 * kBlock)};

uint32_t crc32c(absl::string_view bytes, uint32_t before) {
  if (bytes.size() < 2 * kBlock) return crc32c_portable(bytes, before);
  const D d;
  const auto factors = hn::LoadDup128(d, kFactors);
  const char* at = bytes.data();
  const auto load = [&](size_t i) HWY_ATTR {
    return hn::LoadU(d, reinterpret_cast<const uint64_t*>(at + i * kVector));
  };
  alignas(64) uint64_t block[kBlock / sizeof(uint64_t)];
  hn::Vec<D> folded[kVectors];
  // What is in front of a message adds to its first 32 bits.
  std::memset(block, 0, sizeof(block));
  block[0] = ~before;
  for (size_t i = 0; i < kVectors; ++i) {
    folded[i] = hn::Xor(load(i), hn::Load(d, block + i * hn::MaxLanes(d)));
  }
  at += kBlock;
  const char* const end = bytes.data() + bytes.size();
  for (; static_cast<size_t>(end - at) >= kBlock; at += kBlock) {
    for (size_t i = 0; i < kVectors; ++i) {
      folded[i] = hn::Xor(
          hn::Xor(hn::CLMulLower(folded[i], factors), hn::CLMulUpper(folded[i], factors)), load(i));
    }
  }
  for (size_t i = 0; i < kVectors; ++i) hn::Store(folded[i], d, block + i * hn::MaxLanes(d));
  // All ones are, inverted, what a remainder begins with that has nothing in front.
  const uint32_t crc =
      crc32c_portable({reinterpret_cast<const char*>(block), sizeof(block)}, 0xffffffff);
  return crc32c_portable({at, static_cast<size_t>(end - at)}, crc);
}

#else

uint32_t crc32c(absl::string_view bytes, uint32_t before) { return crc32c_portable(bytes, before); }

#endif

}  // namespace lamina::serialization::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::serialization {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// tables[k][b] is what byte b becomes after k zero bytes, so that eight bytes are eight look-ups.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    tables[0][b] = crc;
  }
  for (int k = 1; k < 8; ++k) {
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t crc = tables[k - 1][b];
      tables[k][b] = crc >> 8 ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

HWY_EXPORT(crc32c);

}  // namespace

uint32_t crc32c_portable(absl::string_view bytes, uint32_t before) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint32_t crc = ~before;
  for (; left >= 8; at += 8, left -= 8) {
    crc ^= at[0] | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
    crc = kTables[7][crc & 0xff] ^ kTables[6][crc >> 8 & 0xff] ^ kTables[5][crc >> 16 & 0xff] ^
          kTables[4][crc >> 24] ^ kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^
          kTables[0][at[7]];
  }
  for (; left > 0; ++at, --left) crc = crc >> 8 ^ kTables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

uint32_t crc32c(absl::string_view bytes, uint32_t before) {
  return HWY_DYNAMIC_DISPATCH(crc32c)(bytes, before);
}

}  // namespace lamina::serialization
#endif  // HWY_ONCE
