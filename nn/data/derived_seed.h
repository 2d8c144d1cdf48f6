// Seeds made of seeds: one seed of the user's gives shuffling, splitting and each sample's transforms
// numbers that have nothing to do with one another.
#ifndef LAMINA_NN_DATA_DERIVED_SEED_H_
#define LAMINA_NN_DATA_DERIVED_SEED_H_

#include <cstdint>

#include "lamina/tensor/random.h"

namespace lamina::nn::data::internal {

// A function of the three that hardly ever gives two of them the same: half a block of Philox.
inline uint64_t derived_seed(uint64_t seed, uint64_t a, uint64_t b) {
  const auto word = [](uint64_t x, int i) { return static_cast<uint32_t>(x >> (32 * i)); };
  const auto mixed =
      philox({word(a, 0), word(a, 1), word(b, 0), word(b, 1)}, {word(seed, 0), word(seed, 1)});
  return uint64_t{mixed[1]} << 32 | mixed[0];
}

// What a seed is for; the numbers are arbitrary, but differ.
inline uint64_t shuffling_seed(uint64_t seed) {
  return derived_seed(seed, 0x243F6A899E3779B9, 0x6A09E667B7E15163);
}
inline uint64_t splitting_seed(uint64_t seed) {
  return derived_seed(seed, 0x13198A2E03707344, 0x8AED2A6ABF715880);
}
inline uint64_t transform_seed(uint64_t seed) {
  return derived_seed(seed, 0xA4093822299F31D0, 0x9CF4F3C762E7160F);
}

}  // namespace lamina::nn::data::internal

#endif  // LAMINA_NN_DATA_DERIVED_SEED_H_
