// Random numbers by the vector: Philox4x32-10 and what is made of its words in float32.
//
// Block `position` of a seed is philox({position, 0}, seed): four words, and so four numbers. Only
// operations that IEEE 754 rounds exactly are used, in one order and without fused
// multiply-add, so the bits are the same on every instruction set.
#ifndef LAMINA_TENSOR_KERNELS_RANDOM_H_
#define LAMINA_TENSOR_KERNELS_RANDOM_H_

#include <cstdint>

namespace lamina::kernels {

// The words of `blocks` blocks from `position` on.
void random_words(uint64_t seed, uint64_t position, int64_t blocks, uint32_t* out);

// n numbers from + width * (word >> 8) * 2^-24, but at most `limit`.
void random_uniform(uint64_t seed, uint64_t position, float from, float width, float limit,
                    int64_t n, float* out);

// n numbers mean + stddev * z, with z standard normal by the Box-Muller transform of pairs of
// words; z is within 4e-7 of that of the exact transform, relative to its radius.
void random_normal(uint64_t seed, uint64_t position, float mean, float stddev, int64_t n,
                   float* out);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_RANDOM_H_
