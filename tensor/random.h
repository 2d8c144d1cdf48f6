// Random numbers from Philox4x32-10, a counter-based generator: the number at a position is a
// function of seed and position alone, so the same seed gives the same bits at any number of
// threads. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#ifndef LAMINA_TENSOR_RANDOM_H_
#define LAMINA_TENSOR_RANDOM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "lamina/tensor/ndarray.h"

namespace lamina {

// Four 32-bit numbers for a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A sequence of random numbers: a seed and a position. Each call of a sampler moves the position
// on. Thread-safe, but two threads that share one get their shares in the order in which they come.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0) : seed_(seed) {}

  struct State {
    uint64_t seed;
    uint64_t position;  // in blocks of four 32-bit numbers
  };
  State state() const;
  void set_state(State state);
  void manual_seed(uint64_t seed) { set_state({seed, 0}); }

  // Takes `blocks` blocks and returns where they begin.
  State take(uint64_t blocks);

 private:
  mutable std::mutex mutex_;
  uint64_t seed_;
  uint64_t position_ = 0;
};

namespace internal {

// Where samplers began to draw, in order, on one thread, from whatever generators.
class Draws {
 public:
  // Notes the draws of this thread during its life, as do those that were there before, but not what
  // a replay that begins meanwhile repeats.
  class Recording {
   public:
    explicit Recording(Draws* draws);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    friend class lamina::Generator;
    Draws* draws_;
    Recording* outer_;
  };
  // Lets this thread draw the same numbers again, from no generator. Draws beyond those that were
  // noted are the next of a replay around this one, or new.
  class Replay {
   public:
    explicit Replay(const Draws* draws);
    ~Replay();
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

   private:
    friend class lamina::Generator;
    const Draws* draws_;
    size_t next_ = 0;
    Replay* outer_;
    const Recording* around_;  // the innermost, if any, when this began
  };

 private:
  friend class lamina::Generator;
  std::vector<Generator::State> begins_;
};

}  // namespace internal

// The generator that samplers use unless they are given one; its seed is 0 until manual_seed.
Generator& default_generator();
void manual_seed(uint64_t seed);

namespace random {

// Uniform in [low, high); float32 from 24 random bits, float64 from 53. Floating dtypes.
NDArray uniform(const Shape& shape, double low, double high, DType dtype = float32,
                Generator& generator = default_generator());
// Normal by the Box-Muller transform; floating dtypes. float32 has the same bits on every machine;
// float64 goes through the C library, which may round its last bit otherwise on another processor.
NDArray normal(const Shape& shape, double mean, double stddev, DType dtype = float32,
               Generator& generator = default_generator());
// A uniformly random permutation of 0, ..., n - 1, int64 (n).
NDArray permutation(int64_t n, Generator& generator = default_generator());

// Uniform integers in [low, high); numeric dtypes that hold low, high - 1 and every integer between
// them, so float32 up to 2^24. A bias is below
// (high - low) / 2^64.
NDArray integers(int64_t low, int64_t high, const Shape& shape, DType dtype = int64,
                 Generator& generator = default_generator());
// 1 with probability p[i], else 0: p's shape and dtype, which is floating; p from 0 to 1, of which
// the first 32 bits count.
NDArray bernoulli(const NDArray& p, Generator& generator = default_generator());
// The same with one probability, in any dtype.
NDArray bernoulli(const Shape& shape, double p, DType dtype = float32,
                  Generator& generator = default_generator());
// 0 with probability p, else 1 / (1 - p): what dropout multiplies by. Floating dtypes; p from 0 to
// 1, and all 0 for 1.
NDArray dropout_mask(const Shape& shape, double p, DType dtype = float32,
                     Generator& generator = default_generator());

}  // namespace random
}  // namespace lamina

#endif  // LAMINA_TENSOR_RANDOM_H_
