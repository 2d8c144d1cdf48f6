#include "lamina/tensor/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lamina/tensor/kernels/random.h"
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

namespace {
thread_local internal::Draws::Recording* recording = nullptr;
thread_local internal::Draws::Replay* replay = nullptr;
}  // namespace

Generator::State Generator::take(uint64_t blocks) {
  State begin{};
  auto* from = replay;
  while (from != nullptr && from->next_ == from->draws_->begins_.size()) from = from->outer_;
  if (from != nullptr) {
    begin = from->draws_->begins_[from->next_++];
  } else {
    std::lock_guard<std::mutex> lock(mutex_);
    begin = {seed_, position_};
    position_ += blocks;
  }
  // A recording around the replay notes nothing: when it is replayed, so is this replay.
  const internal::Draws::Recording* end = from == nullptr ? nullptr : from->around_;
  for (auto* r = recording; r != end; r = r->outer_) r->draws_->begins_.push_back(begin);
  return begin;
}

internal::Draws::Recording::Recording(Draws* draws)
    : draws_(draws), outer_(std::exchange(recording, this)) {}
internal::Draws::Recording::~Recording() { recording = outer_; }
internal::Draws::Replay::Replay(const Draws* draws)
    : draws_(draws), outer_(std::exchange(replay, this)), around_(recording) {}
internal::Draws::Replay::~Replay() { replay = outer_; }

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

// In [0, 1): 53 bits of two numbers.
double unit(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

constexpr int64_t kGrain = 4096;  // blocks of four words that are worth a thread

// Calls run(state of the first block, first, last) on ranges of the n numbers of which a block gives
// `per_block`, on several threads if it pays. `first` is a multiple of per_block.
template <class Run>
void for_blocks(int64_t n, int64_t per_block, Generator& generator, const Run& run) {
  const int64_t blocks = (n + per_block - 1) / per_block;
  const Generator::State state = generator.take(blocks);
  parallel_for(0, blocks, kGrain, [&](int64_t first, int64_t last) {
    run(Generator::State{state.seed, state.position + static_cast<uint64_t>(first)},
        first * per_block, std::min(n, last * per_block));
  });
}

// The same with a block's words: run(words, number of the first one).
template <class Run>
void for_words(int64_t n, int64_t per_block, Generator& generator, const Run& run) {
  for_blocks(n, per_block, generator, [&](Generator::State state, int64_t first, int64_t last) {
    constexpr int64_t kBlocks = 256;
    uint32_t words[4 * kBlocks];
    for (int64_t i = first; i < last; i += kBlocks * per_block) {
      const int64_t end = std::min(last, i + kBlocks * per_block);
      kernels::random_words(state.seed,
                            state.position + static_cast<uint64_t>((i - first) / per_block),
                            (end - i + per_block - 1) / per_block, words);
      run(static_cast<const uint32_t*>(words), i, end);
    }
  });
}

// Two random words as an integer below `bound`: Lemire's multiplication; the bias is below bound /
// 2^64.
uint64_t below(uint64_t bound, const uint32_t* words) {
  const uint64_t bits = uint64_t{words[0]} << 32 | words[1];
  return static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * bound >> 64);
}

// A floating dtype has every integer from the negative of this one to it.
int64_t largest_exact(DType dtype) {
  if (dtype == float16) return int64_t{1} << 11;
  if (dtype == bfloat16) return int64_t{1} << 8;
  if (dtype == float32) return int64_t{1} << 24;
  return int64_t{1} << 53;
}

// The largest number of float16 or bfloat16 below x.
double below_in_half(double x, DType dtype) {
  const auto step = [x](auto half) {
    using T = decltype(half);
    while (static_cast<double>(static_cast<float>(half)) >= x) {
      const uint16_t bits = half.bits();
      const bool negative = bits & 0x8000;
      half = T::from_bits(negative ? bits + 1 : bits == 0 ? 0x8001 : bits - 1);
    }
    return static_cast<double>(static_cast<float>(half));
  };
  const float rounded = static_cast<float>(x);
  return dtype == float16 ? step(Half(rounded)) : step(BFloat16(rounded));
}

}  // namespace

NDArray uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator) {
  check_floating("uniform", dtype);
  const OpScope scope("uniform");
  if (!(low <= high)) fail<ValueError>("uniform", "expected low <= high, got ", low, " and ", high);
  check_holds("uniform", low, dtype);
  check_holds("uniform", high, dtype);
  if (!(high - low <= (dtype == float32 ? double{std::numeric_limits<float>::max()}
                                        : std::numeric_limits<double>::max()))) {
    fail<ValueError>("uniform", "expected an interval whose width is finite in ", name_of(dtype),
                     ", got ", low, " to ", high);
  }
  if (is_half(dtype)) {
    // Rounding may reach `high` here too.
    const NDArray x = uniform(shape, low, high, float32, generator).to(dtype);
    return minimum(x, NDArray::full({}, below_in_half(high, dtype), dtype));
  }
  NDArray x = NDArray::empty(shape, dtype);
  if (dtype == float32) {
    const float from = static_cast<float>(low), width = static_cast<float>(high - low);
    // Rounding may reach `high` itself; the number below it stands for that.
    const float limit = std::nextafter(static_cast<float>(high), from);
    float* out = x.data<float>();
    for_blocks(x.numel(), 4, generator, [&](Generator::State at, int64_t first, int64_t last) {
      kernels::random_uniform(at.seed, at.position, from, width, limit, last - first, out + first);
    });
  } else {
    const double limit = std::nextafter(high, low);
    double* out = x.data<double>();
    for_words(x.numel(), 2, generator, [&](const uint32_t* words, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i, words += 2) {
        const double value = low + (high - low) * unit(words[0], words[1]);
        out[i] = value > limit ? limit : value;
      }
    });
  }
  return x;
}

NDArray normal(const Shape& shape, double mean, double stddev, DType dtype, Generator& generator) {
  const OpScope scope("normal");
  check_floating("normal", dtype);
  if (!(stddev >= 0))
    fail<ValueError>("normal", "expected a standard deviation >= 0, got ", stddev);
  if (is_half(dtype)) return normal(shape, mean, stddev, float32, generator).to(dtype);
  NDArray x = NDArray::empty(shape, dtype);
  constexpr double kTwoPi = 6.283185307179586476925;
  if (dtype == float32) {
    const float m = static_cast<float>(mean), s = static_cast<float>(stddev);
    float* out = x.data<float>();
    for_blocks(x.numel(), 4, generator, [&](Generator::State at, int64_t first, int64_t last) {
      kernels::random_normal(at.seed, at.position, m, s, last - first, out + first);
    });
  } else {
    double* out = x.data<double>();
    for_words(x.numel(), 2, generator, [&](const uint32_t* words, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i += 2, words += 4) {
        const double radius = stddev * std::sqrt(-2 * std::log(1 - unit(words[0], words[1])));
        const double angle = kTwoPi * unit(words[2], words[3]);
        out[i] = mean + radius * std::cos(angle);
        if (i + 1 < last) out[i + 1] = mean + radius * std::sin(angle);
      }
    });
  }
  return x;
}

NDArray permutation(int64_t n, Generator& generator) {
  const OpScope scope("permutation");
  if (n < 0) fail<ValueError>("permutation", "expected n of at least 0, got ", n);
  NDArray x = NDArray::arange(n);
  const Generator::State state = generator.take(n);
  int64_t* values = x.data<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) {  // Fisher and Yates
    std::swap(values[i], values[below(i + 1, block_at(state, i).data())]);
  }
  return x;
}

NDArray integers(int64_t low, int64_t high, const Shape& shape, DType dtype, Generator& generator) {
  const OpScope scope("randint");
  if (low >= high) fail<ValueError>("randint", "expected low < high, got ", low, " and ", high);
  if (dtype == bool_) fail<DTypeError>("randint", "expected a numeric dtype, got bool");
  check_holds("randint", low, dtype);
  check_holds("randint", high - 1, dtype);
  if (low < 0 && dtype == uint8) {
    fail<ValueError>("randint", "expected low of at least 0 for uint8, got ", low);
  }
  const int64_t exact = is_floating(dtype) ? largest_exact(dtype) : 0;
  if (is_floating(dtype) && (low < -exact || high - 1 > exact)) {
    fail<ValueError>("randint", "expected bounds between which ", name_of(dtype),
                     " holds every integer, -", exact, " to ", exact, ", got ", low, " and ", high);
  }
  NDArray x = NDArray::empty(shape, dtype);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  dispatch_all(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    T* out = x.data<T>();
    for_words(x.numel(), 2, generator, [&](const uint32_t* words, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i, words += 2) {
        out[i] = convert<T>(static_cast<int64_t>(static_cast<uint64_t>(low) + below(range, words)));
      }
    });
  });
  return x;
}

namespace {

// A word is below this with probability p.
uint64_t threshold(double p) { return static_cast<uint64_t>(p * 0x1p32); }

// `value` with probability p, else 0.
NDArray choose(const Shape& shape, double p, double value, DType dtype, Generator& generator) {
  NDArray x = NDArray::empty(shape, dtype);
  const uint64_t limit = threshold(p);
  dispatch_all(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T chosen = convert<T>(value), zero = convert<T>(0);
    T* out = x.data<T>();
    for_words(x.numel(), 4, generator, [&](const uint32_t* words, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i, ++words) out[i] = *words < limit ? chosen : zero;
    });
  });
  return x;
}

}  // namespace

NDArray bernoulli(const NDArray& p, Generator& generator) {
  const OpScope scope("bernoulli");
  check_defined("bernoulli", p);
  check_floating("bernoulli", p.dtype());
  if (is_half(p.dtype())) return bernoulli(p.to(float32), generator).to(p.dtype());
  const NDArray dense = contiguous(p);
  NDArray x = NDArray::empty(p.shape(), p.dtype());
  dispatch(p.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* chance = dense.data<T>();
    for (int64_t i = 0; i < x.numel(); ++i) {
      if (!(chance[i] >= T(0) && chance[i] <= T(1))) {
        fail<ValueError>("bernoulli", "expected probabilities from 0 to 1, got ",
                         static_cast<double>(chance[i]), " at position ", i);
      }
    }
    T* out = x.data<T>();
    for_words(x.numel(), 4, generator, [&](const uint32_t* words, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i, ++words) {
        out[i] = convert<T>(*words < threshold(static_cast<double>(chance[i])));
      }
    });
  });
  return x;
}

NDArray bernoulli(const Shape& shape, double p, DType dtype, Generator& generator) {
  const OpScope scope("bernoulli");
  if (!(p >= 0 && p <= 1)) {
    fail<ValueError>("bernoulli", "expected a probability from 0 to 1, got ", p);
  }
  return choose(shape, p, 1, dtype, generator);
}

NDArray dropout_mask(const Shape& shape, double p, DType dtype, Generator& generator) {
  const OpScope scope("dropout_mask");
  check_floating("dropout_mask", dtype);
  if (!(p >= 0 && p <= 1)) {
    fail<ValueError>("dropout_mask", "expected a probability from 0 to 1, got ", p);
  }
  return choose(shape, 1 - p, p == 1 ? 0 : 1 / (1 - p), dtype, generator);
}

}  // namespace random
}  // namespace lamina
