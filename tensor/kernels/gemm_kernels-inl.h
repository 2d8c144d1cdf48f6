// The innermost loops of the float32 matrix product: the micro-kernel, packing and dot products.
// Included once per instruction set by gemm.cc, which tells how they fit together, and by
// conv.cc and conv_weights.cc.
#if defined(LAMINA_TENSOR_KERNELS_GEMM_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_GEMM_KERNELS_INL_H_
#undef LAMINA_TENSOR_KERNELS_GEMM_KERNELS_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_GEMM_KERNELS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "hwy/highway.h"
#include "lamina/tensor/kernels/gemm_product.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int64_t kStrip = 2 * kLanes;
// With 32 registers, or with 16.
constexpr int kMaxRows = HWY_MAX_BYTES >= 64 || HWY_ARCH_ARM_A64 ? 14 : 6;
constexpr int kDotRows = kMaxRows >= 14 ? 5 : 2;
// Whether masked loads and stores leave alone the memory that is masked out. (AVX2's do, for
// four-byte lanes; those of one lane load first.)
constexpr bool kHaveMasks =
    HWY_TARGET != HWY_SCALAR && (HWY_TARGET == HWY_AVX2 || !HWY_MEM_OPS_MIGHT_FAULT);

// Where the micro-kernel finds step p along k. A convolution reads one operand in an image: B's rows
// from places in a table, or A's columns in runs, which are rows of the image.
enum class Walk {
  kEven,   // A at p * a_col, B at p * b_row
  kTable,  // A at p * a_col, B at b_table[p]
  kRuns,   // as kEven, `runs` times `depth` steps; after each of them A skips a_skip
};

// What the micro-kernel does: C(rows, vectors) = [C +] A(rows, depth) * B(depth, vectors) [+ bias]
// [ReLU].
struct Tile {
  const float* a;
  int64_t a_row, a_col;
  const float* b;
  int64_t b_row;  // B's columns are contiguous
  const int64_t* b_table;
  int64_t depth;
  int64_t runs, a_skip;
  float* c;
  int64_t c_row;    // C's columns are contiguous
  int64_t columns;  // that exist: all that `vectors` hold, or fewer if that is one
  bool add;
  const float* bias;
  bool relu;
};

// The first n lanes of v, of those that there are. Half by half with AVX2: AMD's processors take many times as long for
// a store with one of its masks.
template <class DV>
HWY_INLINE void store_first([[maybe_unused]] DV d, hn::Vec<DV> v, int64_t n, float* to) {
#if HWY_TARGET != HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, to);
#else
  if constexpr (hn::MaxLanes(DV()) > 1) {
    const hn::Half<DV> half;
    constexpr int64_t kHalf = static_cast<int64_t>(hn::MaxLanes(DV())) / 2;
    if (n < kHalf) return store_first(half, hn::LowerHalf(half, v), n, to);
    hn::StoreU(hn::LowerHalf(half, v), half, to);
    store_first(half, hn::UpperHalf(half, v), n - kHalf, to + kHalf);
  }
#endif
}

template <int kRows, int kVectors, Walk kWalk = Walk::kEven>
void micro_kernel(const Tile& t) {
  const D d;
  const auto mask = hn::FirstN(d, static_cast<size_t>(t.columns));
  constexpr bool kMasked = kVectors == 1 && kHaveMasks;
  const auto load = [&](const float* p) HWY_ATTR {
    if constexpr (kMasked) {
      return hn::MaskedLoad(mask, d, p);
    } else {
      return hn::LoadU(d, p);
    }
  };

  V sum[kRows][kVectors];
#pragma GCC unroll 32
  for (int e = 0; e < kRows * kVectors; ++e) sum[e / kVectors][e % kVectors] = hn::Zero(d);

  // Three rows hang on one pointer (offsets of 0, 1 and 2 strides are address modes), so 14 rows
  // need five registers.
  constexpr int kGroups = (kRows + 2) / 3;
  const float* a[kGroups];
#pragma GCC unroll 16
  for (int g = 0; g < kGroups; ++g) a[g] = t.a + 3 * g * t.a_row;
  const float* b = t.b;
  const int64_t a_row = t.a_row, a_col = t.a_col, b_row = t.b_row;
  const auto step = [&](const float* from) HWY_ATTR {
    V row[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) row[v] = load(from + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r / 3][(r % 3) * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, row[v], sum[r][v]);
    }
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) a[g] += a_col;
  };
  if constexpr (kWalk == Walk::kTable) {
    const int64_t* const end = t.b_table + t.depth;
    for (const int64_t* place = t.b_table; place != end; ++place) step(b + *place);
  } else if constexpr (kWalk == Walk::kRuns) {
    for (int64_t run = t.runs; run > 0; --run) {
      for (int64_t p = t.depth; p > 0; --p, b += b_row) step(b);
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) a[g] += t.a_skip;
    }
  } else {
    for (int64_t p = t.depth; p > 0; --p, b += b_row) step(b);
  }

  if (t.add) {
#pragma GCC unroll 32
    for (int e = 0; e < kRows * kVectors; ++e) {
      V& s = sum[e / kVectors][e % kVectors];
      s = hn::Add(s, load(t.c + e / kVectors * t.c_row + e % kVectors * kLanes));
    }
  }
  if (t.bias != nullptr) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const V bias = load(t.bias + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) sum[r][v] = hn::Add(sum[r][v], bias);
    }
  }
  if (t.relu) {
    const V zero = hn::Zero(d);
#pragma GCC unroll 32
    for (int e = 0; e < kRows * kVectors; ++e) {
      V& s = sum[e / kVectors][e % kVectors];
      s = hn::IfThenElse(hn::Lt(s, zero), zero, s);  // unlike Max, keeps NaN
    }
  }
#pragma GCC unroll 32
  for (int e = 0; e < kRows * kVectors; ++e) {
    float* c = t.c + e / kVectors * t.c_row + e % kVectors * kLanes;
    if constexpr (kMasked) {
      const V s = sum[e / kVectors][e % kVectors];
      t.columns == kLanes ? hn::StoreU(s, d, c) : store_first(d, s, t.columns, c);
    } else {
      hn::StoreU(sum[e / kVectors][e % kVectors], d, c);
    }
  }
}

using MicroKernel = void (*)(const Tile&);

template <Walk kWalk, int kVectors, int... kRowsLessOne>
constexpr std::array<MicroKernel, kMaxRows + 1> micro_kernels(
    std::integer_sequence<int, kRowsLessOne...>) {
  return {nullptr, &micro_kernel<kRowsLessOne + 1, kVectors, kWalk>...};
}

template <Walk kWalk>
MicroKernel find_micro_kernel(int64_t rows, int64_t vectors) {
  using Rows = std::make_integer_sequence<int, kMaxRows>;
  static constexpr std::array<MicroKernel, kMaxRows + 1> kOne = micro_kernels<kWalk, 1>(Rows());
  static constexpr std::array<MicroKernel, kMaxRows + 1> kTwo = micro_kernels<kWalk, 2>(Rows());
  return vectors == 2 ? kTwo[rows] : kOne[rows];
}

#if HWY_TARGET != HWY_SCALAR
// Four floats of each of Lanes(d) / 4 rows, one row to each block of four lanes.
template <class DV>
hn::Vec<DV> load_blocks(DV d, const float* const* rows, int64_t offset) {
  if constexpr (hn::MaxLanes(DV()) == 4) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<DV> half;
    constexpr size_t kHalf = hn::MaxLanes(DV()) / 2;
    return hn::Combine(d, load_blocks(half, rows + kHalf, offset), load_blocks(half, rows, offset));
  }
}

// to[p * width + j] = rows[j][p] for j < kLanes.
void transpose_rows(const float* const* rows, int64_t depth, int64_t width, float* to) {
  const D d;
  const hn::RepartitionToWide<decltype(d)> wide;
  int64_t p = 0;
  for (; p + 4 <= depth; p += 4, to += 4 * width) {
    const V v0 = load_blocks(d, rows + 0, p), v1 = load_blocks(d, rows + 1, p);
    const V v2 = load_blocks(d, rows + 2, p), v3 = load_blocks(d, rows + 3, p);
    const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, v0, v1));
    const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, v2, v3));
    const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, v0, v1));
    const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, v2, v3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low01, low23)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23)), d, to + width);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high01, high23)), d, to + 2 * width);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23)), d, to + 3 * width);
  }
  for (; p < depth; ++p, to += width) {
    for (int64_t j = 0; j < kLanes; ++j) to[j] = rows[j][p];
  }
}
#endif  // HWY_TARGET != HWY_SCALAR

// Packs `columns` <= width columns of B: to[p * width + j] = b[p * b_row + j * b_col]. What lies
// beyond `columns` becomes a repetition or zero; its products are never stored.
[[maybe_unused]] void pack_strip(const float* b, int64_t b_row, int64_t b_col, int64_t depth,
                                 int64_t columns, int64_t width, float* to) {
  if (b_col == 1 && columns == width) {
    const D d;
    for (int64_t p = 0; p < depth; ++p, b += b_row) {
      for (int64_t j = 0; j < width; j += kLanes)
        hn::StoreU(hn::LoadU(d, b + j), d, to + p * width + j);
    }
    return;
  }
#if HWY_TARGET != HWY_SCALAR
  if (b_row == 1) {
    for (int64_t j0 = 0; j0 < width; j0 += kLanes) {
      const float* rows[kLanes];
      for (int64_t j = 0; j < kLanes; ++j) rows[j] = b + std::min(j0 + j, columns - 1) * b_col;
      transpose_rows(rows, depth, width, to + j0);
    }
    return;
  }
#endif
  for (int64_t p = 0; p < depth; ++p, to += width) {
    for (int64_t j = 0; j < columns; ++j) to[j] = b[p * b_row + j * b_col];
    for (int64_t j = columns; j < width; ++j) to[j] = 0.0f;
  }
}

// The first `count` < kLanes floats, then zeros.
V load_partial(const float* p, int64_t count) {
  const D d;
  if constexpr (kHaveMasks) {
    return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, p);
  } else {
    HWY_ALIGN float buffer[kLanes] = {};
    std::memcpy(buffer, p, count * sizeof(float));
    return hn::Load(d, buffer);
  }
}

#if HWY_TARGET != HWY_SCALAR
// One block of four lanes: the sum of v's blocks.
template <class DV>
hn::Vec<hn::CappedTag<float, 4>> sum_of_blocks([[maybe_unused]] DV d, hn::Vec<DV> v) {
  if constexpr (hn::MaxLanes(DV()) == 4) {
    return v;
  } else {
    const hn::Half<DV> half;
    return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// The sums of the lanes of each of four vectors.
[[maybe_unused]] void sums_of_lanes(V v0, V v1, V v2, V v3, float* to) {
  const D d;
  const hn::RepartitionToWide<decltype(d)> wide;
  const auto v01 =
      hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, v0, v1), hn::InterleaveUpper(d, v0, v1)));
  const auto v23 =
      hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, v2, v3), hn::InterleaveUpper(d, v2, v3)));
  const V low = hn::BitCast(d, hn::InterleaveLower(wide, v01, v23));
  const V high = hn::BitCast(d, hn::InterleaveUpper(wide, v01, v23));
  hn::Store(sum_of_blocks(d, hn::Add(low, high)), hn::CappedTag<float, 4>(), to);
}
#endif  // HWY_TARGET != HWY_SCALAR

// kRows x kColumns dot products of rows and columns that are contiguous along k.
template <int kRows, int kColumns>
void dot(const Product& g, const float* a, int64_t a_row, const float* b, int64_t depth, int64_t i,
         int64_t j, bool first, bool last) {
  const D d;
  const int64_t b_col = g.b_col;
  V sum[kRows][kColumns];
#pragma GCC unroll 32
  for (int e = 0; e < kRows * kColumns; ++e) sum[e / kColumns][e % kColumns] = hn::Zero(d);
  const auto step = [&](auto&& load) HWY_ATTR {
    V column[kColumns];
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) column[c] = load(b + c * b_col);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V x = load(a + r * a_row);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) sum[r][c] = hn::MulAdd(x, column[c], sum[r][c]);
    }
  };
  int64_t p = 0;
  for (; p + kLanes <= depth; p += kLanes)
    step([&](const float* from) HWY_ATTR { return hn::LoadU(d, from + p); });
  if (p < depth)
    step([&](const float* from) HWY_ATTR { return load_partial(from + p, depth - p); });
  HWY_ALIGN float out[kRows][4];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    if constexpr (kColumns == 4 && HWY_TARGET != HWY_SCALAR) {
      sums_of_lanes(sum[r][0], sum[r][1], sum[r][2], sum[r][3], out[r]);
    } else {
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) out[r][c] = hn::GetLane(hn::SumOfLanes(d, sum[r][c]));
    }
  }
  if (first && !g.accumulate && !(last && (g.relu || g.bias != nullptr))) {
    float* to = g.c + i * g.c_row + j * g.c_col;
    for (int r = 0; r < kRows; ++r, to += g.c_row) {
      for (int c = 0; c < kColumns; ++c) to[c * g.c_col] = out[r][c];
    }
  } else {
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) g.put(i + r, j + c, out[r][c], first, last);
    }
  }
}

using Dot = void (*)(const Product&, const float*, int64_t, const float*, int64_t, int64_t, int64_t,
                     bool, bool);

template <int kColumns, int... kRowsLessOne>
constexpr std::array<Dot, kDotRows + 1> dots(std::integer_sequence<int, kRowsLessOne...>) {
  return {nullptr, &dot<kRowsLessOne + 1, kColumns>...};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_GEMM_KERNELS_INL_H_
