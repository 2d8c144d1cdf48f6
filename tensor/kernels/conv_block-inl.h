// How the convolutions bring blocks of an image into scratch memory, and outputs out of it. Included
// once per instruction set by conv.cc, which tells how it works, conv_weights.cc and conv_winograd.cc.
#if defined(LAMINA_TENSOR_KERNELS_CONV_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_TENSOR_KERNELS_CONV_BLOCK_INL_H_
#undef LAMINA_TENSOR_KERNELS_CONV_BLOCK_INL_H_
#else
#define LAMINA_TENSOR_KERNELS_CONV_BLOCK_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "lamina/tensor/kernels/conv_plan.h"
#include "lamina/tensor/kernels/gemm_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

// Where the rows of one piece of a block come from: places [first, last) of each are `step` apart in
// the image, the others are 0.
struct PieceRows {
  const float* from;  // place `first` of the first row
  int64_t row_step, step;
  int64_t first, last;
};

// A loop, for n is small and a call of memset is not free.
void fill_zero(float* to, int64_t n) {
  const D d;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(hn::Zero(d), d, to + i);
  if (i < n) std::fill(to + i, to + n, 0.0f);
}

// The lanes [first, last) of those that there are.
[[maybe_unused]] hn::Mask<D> lanes_within(int64_t first, int64_t last) {
  const auto before = [](int64_t n) HWY_ATTR {
    return hn::FirstN(D(), static_cast<size_t>(std::clamp<int64_t>(n, 0, kLanes)));
  };
  return hn::AndNot(before(first), before(last));
}

// Calls body(j, exists, store) with vectors of places from j on that together are the n places of a row, of
// which `exists` has those that there are; store(v, to) writes these. Vectors of long rows overlap, which is
// faster than to cut the last one off.
template <class Body>
HWY_INLINE void for_row(int64_t n, const Body& body) {
  const D d;
  const auto exists = hn::FirstN(d, static_cast<size_t>(std::min(n, kLanes)));
  if (n < kLanes) {
    body(0, exists, [&](V v, float* to) HWY_ATTR { store_first(d, v, n, to); });
    return;
  }
  for (int64_t j = 0; j < n; j += kLanes) {
    body(std::min(j, n - kLanes), exists, [&](V v, float* to) HWY_ATTR { hn::StoreU(v, d, to); });
  }
}

// Writes `rows` rows of `pitch` floats.
void copy_rows_of_piece(const PieceRows& p, int64_t rows, int64_t pitch, float* to) {
  if constexpr (kHaveMasks) {
    if (p.step == 1) {
      for_row(pitch, [&](int64_t j, auto, const auto& store) HWY_ATTR {
        const auto inside = lanes_within(p.first - j, p.last - j);
        const float* from = p.from + (j - p.first);
        for (int64_t i = 0; i < rows; ++i, from += p.row_step) {
          store(hn::MaskedLoad(inside, D(), from), to + i * pitch + j);
        }
      });
      return;
    }
  }
  for (int64_t i = 0; i < rows; ++i, to += pitch) {
    fill_zero(to, p.first);
    for (int64_t j = p.first; j < p.last; ++j)
      to[j] = p.from[i * p.row_step + (j - p.first) * p.step];
    fill_zero(to + p.last, pitch - p.last);
  }
}

#if HWY_TARGET != HWY_SCALAR
// As copy_rows_of_piece, but places go to `even` and `odd` by turns, and there are `pitch` in a row of each; null
// for those that are not wanted.
void copy_alternating_rows(const PieceRows& p, int64_t rows, int64_t pitch, float* even,
                           float* odd) {
  for_row(pitch, [&](int64_t j, auto, const auto& store) HWY_ATTR {
    const D d;
    const int64_t first = p.first - 2 * j, last = p.last - 2 * j;
    const auto lower = lanes_within(first, last);
    const auto upper = lanes_within(first - kLanes, last - kLanes);
    const float* from = p.from - first;
    for (int64_t i = 0; i < rows; ++i, from += p.row_step) {
      const V low = hn::MaskedLoad(lower, d, from), high = hn::MaskedLoad(upper, d, from + kLanes);
      store(hn::ConcatEven(d, high, low), even + i * pitch + j);
      if (odd != nullptr) store(hn::ConcatOdd(d, high, low), odd + i * pitch + j);
    }
  });
}
#endif

// Copies what `outputs` rows of outputs from i0 on read of the channels [c0, c1) of one image.
void copy_block(const Convolution& conv, const ConvPlan& plan, const float* image, int64_t c0,
                int64_t c1, int64_t i0, int64_t outputs, float* to) {
  const int64_t used_rows = plan.rows.places(outputs, conv.rows.stride);
  const int64_t row_stride = conv.rows.stride;
  const int64_t piece_floats = plan.piece_of(conv, plan.block_rows);
  const int64_t phases = static_cast<int64_t>(plan.columns.phases.size());
  // Columns of both phases of a stride of 2 alternate in the image: they are read once.
  const bool alternate = kHaveMasks && conv.columns.stride == 2 && conv.x_strides[3] == 1;
  const int64_t at_once = alternate ? phases : 1;
  const ConvAxis columns = {
      conv.columns.extent, conv.columns.count, alternate ? 1 : conv.columns.stride, {}};
  float* piece = to;
  for (int64_t row_phase : plan.rows.phases) {
    const int64_t top = i0 * row_stride + plan.rows.low + row_phase;  // row of place 0
    const auto [above, below] = ConvPlan::inside(conv.rows, top, used_rows);
    for (int64_t k = 0; k < phases; k += at_once) {
      const int64_t left = plan.columns.low + plan.columns.phases[static_cast<size_t>(k)];
      const auto [first, last] =
          ConvPlan::inside(columns, left, alternate ? 2 * plan.pitch : plan.pitch);
      PieceRows p;
      p.first = first;
      p.last = last;
      p.row_step = row_stride * conv.x_strides[2];
      p.step = columns.stride * conv.x_strides[3];
      p.from = image + c0 * conv.x_strides[1] + (top + above * row_stride) * conv.x_strides[2] +
               (left + first * columns.stride) * conv.x_strides[3];
      float* out = piece;
      for (int64_t c = c0; c < c1; ++c, out += plan.plane, p.from += conv.x_strides[1]) {
        float* const rows = out + above * plan.pitch;
#if HWY_TARGET != HWY_SCALAR
        if (alternate) {
          copy_alternating_rows(p, below - above, plan.pitch, rows,
                                phases == 2 ? rows + piece_floats : nullptr);
        } else
#endif
          copy_rows_of_piece(p, below - above, plan.pitch, rows);
        for (int64_t q = 0; q < at_once; ++q) {
          float* const zeros = out + q * piece_floats;
          fill_zero(zeros, above * plan.pitch);
          fill_zero(zeros + below * plan.pitch, (used_rows - below) * plan.pitch + plan.shared);
        }
      }
      piece += at_once * piece_floats;
    }
  }
  fill_zero(to + (c1 - c0) * plan.plane, kSlack);
}

// y(rows, columns) = sums + bias; rows of sums are `pitch` apart.
[[maybe_unused]] void write_plane(const float* sums, int64_t pitch, float bias, int64_t rows,
                                  int64_t columns, float* y, int64_t y_row, int64_t y_col) {
  if constexpr (kHaveMasks) {
    if (y_col == 1) {
      const D d;
      const V b = hn::Set(d, bias);
      for_row(columns, [&](int64_t j, auto exists, const auto& store) HWY_ATTR {
        for (int64_t i = 0; i < rows; ++i) {
          store(hn::Add(hn::MaskedLoad(exists, d, sums + i * pitch + j), b), y + i * y_row + j);
        }
      });
      return;
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * y_row + j * y_col] = sums[i * pitch + j] + bias;
  }
}

int64_t rows_of_tile(int64_t rows) { return ceil_div(rows, ceil_div(rows, kMaxRows)); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_TENSOR_KERNELS_CONV_BLOCK_INL_H_
