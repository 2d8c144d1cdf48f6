#include "lamina/tensor/random.h"

#include <cmath>
#include <limits>
#include <utility>

#include "lamina/tensor/parallel.h"

namespace lamina {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

Generator::State Generator::state() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {seed_, position_};
}

void Generator::set_state(State state) {
  std::lock_guard<std::mutex> lock(mutex_);
  seed_ = state.seed;
  position_ = state.position;
}

Generator::State Generator::take(uint64_t blocks) {
  std::lock_guard<std::mutex> lock(mutex_);
  const State begin{seed_, position_};
  position_ += blocks;
  return begin;
}

Generator& default_generator() {
  static Generator& generator = *new Generator;  // leaked: it outlives every static object
  return generator;
}

void manual_seed(uint64_t seed) { default_generator().manual_seed(seed); }

namespace random {
namespace {

std::array<uint32_t, 4> block_at(Generator::State state, uint64_t block) {
  const uint64_t position = state.position + block;
  return philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), 0, 0},
                {static_cast<uint32_t>(state.seed), static_cast<uint32_t>(state.seed >> 32)});
}

// In [0, 1): 24 bits of one number, or 53 bits of two.
float unit(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
double unit(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// Fills x with fill(block, values): a block of four random words gives 4 float or 2 double values.
template <class T, class Fill>
void fill_blocks(NDArray& x, Generator& generator, const Fill& fill) {
  constexpr int64_t kPerBlock = 16 / sizeof(T);
  constexpr int64_t kGrain = 4096;
  const int64_t n = x.numel(), blocks = (n + kPerBlock - 1) / kPerBlock;
  const Generator::State state = generator.take(blocks);
  T* out = x.data<T>();
  parallel_for(0, blocks, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      T values[kPerBlock];
      fill(block_at(state, b), values);
      for (int64_t i = 0; i < kPerBlock && b * kPerBlock + i < n; ++i)
        out[b * kPerBlock + i] = values[i];
    }
  });
}

// One random word as an integer below `bound`: Lemire's multiplication; the bias is below bound /
// 2^64.
uint64_t below(uint64_t bound, const std::array<uint32_t, 4>& words) {
  const uint64_t bits = uint64_t{words[0]} << 32 | words[1];
  return static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * bound >> 64);
}

}  // namespace

NDArray uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator) {
  check_floating("uniform", dtype);
  if (!(low <= high)) fail<ValueError>("uniform", "expected low <= high, got ", low, " and ", high);
  if (!(high - low <= (dtype == float32 ? double{std::numeric_limits<float>::max()}
                                        : std::numeric_limits<double>::max()))) {
    fail<ValueError>("uniform", "expected an interval whose width is finite in ", name_of(dtype),
                     ", got ", low, " to ", high);
  }
  if (is_half(dtype)) return uniform(shape, low, high, float32, generator).to(dtype);
  NDArray x = NDArray::empty(shape, dtype);
  if (dtype == float32) {
    const float from = static_cast<float>(low), width = static_cast<float>(high - low);
    // Rounding may reach `high` itself; the number below it stands for that.
    const float limit = std::nextafter(static_cast<float>(high), from);
    fill_blocks<float>(x, generator, [&](const std::array<uint32_t, 4>& words, float* values) {
      for (int i = 0; i < 4; ++i) {
        const float value = from + width * unit(words[i]);
        values[i] = value > limit ? limit : value;
      }
    });
  } else {
    const double limit = std::nextafter(high, low);
    fill_blocks<double>(x, generator, [&](const std::array<uint32_t, 4>& words, double* values) {
      for (int i = 0; i < 2; ++i) {
        const double value = low + (high - low) * unit(words[2 * i], words[2 * i + 1]);
        values[i] = value > limit ? limit : value;
      }
    });
  }
  return x;
}

NDArray normal(const Shape& shape, double mean, double stddev, DType dtype, Generator& generator) {
  check_floating("normal", dtype);
  if (!(stddev >= 0))
    fail<ValueError>("normal", "expected a standard deviation >= 0, got ", stddev);
  if (is_half(dtype)) return normal(shape, mean, stddev, float32, generator).to(dtype);
  NDArray x = NDArray::empty(shape, dtype);
  constexpr double kTwoPi = 6.283185307179586476925;
  if (dtype == float32) {
    const float m = static_cast<float>(mean), s = static_cast<float>(stddev);
    fill_blocks<float>(x, generator, [&](const std::array<uint32_t, 4>& words, float* values) {
      for (int i = 0; i < 4; i += 2) {
        // 1 - u is in (0, 1], so the logarithm is finite.
        const float radius = s * std::sqrt(-2 * std::log(1 - unit(words[i])));
        const float angle = static_cast<float>(kTwoPi) * unit(words[i + 1]);
        values[i] = m + radius * std::cos(angle);
        values[i + 1] = m + radius * std::sin(angle);
      }
    });
  } else {
    fill_blocks<double>(x, generator, [&](const std::array<uint32_t, 4>& words, double* values) {
      const double radius = stddev * std::sqrt(-2 * std::log(1 - unit(words[0], words[1])));
      const double angle = kTwoPi * unit(words[2], words[3]);
      values[0] = mean + radius * std::cos(angle);
      values[1] = mean + radius * std::sin(angle);
    });
  }
  return x;
}

NDArray permutation(int64_t n, Generator& generator) {
  if (n < 0) fail<ValueError>("permutation", "expected n of at least 0, got ", n);
  NDArray x = NDArray::arange(n);
  const Generator::State state = generator.take(n);
  int64_t* values = x.data<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) {  // Fisher and Yates
    std::swap(values[i], values[below(i + 1, block_at(state, i))]);
  }
  return x;
}

}  // namespace random
}  // namespace lamina
