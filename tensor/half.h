// Half and BFloat16: the elements of float16 and bfloat16 arrays. They store and convert;
// arithmetic is done in float32, to which they convert implicitly, and from which they round to the
// nearest, ties to even.
#ifndef LAMINA_TENSOR_HALF_H_
#define LAMINA_TENSOR_HALF_H_

#include <cstdint>
#include <cstring>

namespace lamina {
namespace internal {

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace internal

// IEEE 754 binary16: 1 sign bit, 5 of exponent, 10 of fraction. The largest value is 65504, the
// smallest 2^-24.
class Half {
 public:
  Half() = default;
  explicit Half(float value) : bits_(round(value)) {}
  static Half from_bits(uint16_t bits) {
    Half half;
    half.bits_ = bits;
    return half;
  }
  uint16_t bits() const { return bits_; }

  operator float() const {  // implicit: exact
    const uint32_t sign = static_cast<uint32_t>(bits_ & 0x8000) << 16;
    const uint32_t rest = static_cast<uint32_t>(bits_ & 0x7fff) << 13;
    // Exponents go from a bias of 15 to one of 127; the product does it for subnormals too.
    const float magnitude = internal::float_of(rest) * 0x1p112f;
    const bool finite = rest < 0x0f800000;
    return internal::float_of(sign | (finite ? internal::bits_of(magnitude) : rest | 0x7f800000));
  }

 private:
  static uint16_t round(float value) {
    const uint32_t bits = internal::bits_of(value);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {  // NaN, made quiet
      return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    }
    if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);  // 2^16 and above
    if (magnitude < 0x38800000) {  // below 2^-14: the addition rounds to multiples of 2^-24
      const uint32_t sum = internal::bits_of(internal::float_of(magnitude) + 0.5f);
      return static_cast<uint16_t>(sign | (sum - internal::bits_of(0.5f)));
    }
    const uint32_t even = magnitude >> 13 & 1;  // a carry into the exponent is right as well
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + even) >> 13));
  }

  uint16_t bits_;
};

// The upper half of a float32: its range, with 7 bits of fraction.
class BFloat16 {
 public:
  BFloat16() = default;
  explicit BFloat16(float value) : bits_(round(value)) {}
  static BFloat16 from_bits(uint16_t bits) {
    BFloat16 x;
    x.bits_ = bits;
    return x;
  }
  uint16_t bits() const { return bits_; }

  operator float() const {  // implicit: exact
    return internal::float_of(static_cast<uint32_t>(bits_) << 16);
  }

 private:
  static uint16_t round(float value) {
    const uint32_t bits = internal::bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {  // NaN, made quiet
      return static_cast<uint16_t>(bits >> 16 | 0x40);
    }
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }

  uint16_t bits_;
};

}  // namespace lamina

#endif  // LAMINA_TENSOR_HALF_H_
