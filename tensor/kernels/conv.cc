// Convolutions as matrix products that read the image in place of an unfolded one.
//
// With (c, r, s) a channel and a tap, and l an output pixel, the unfolded image is the matrix
// U((c, r, s), l) = x[c, row of l and r, column of l and s]. A convolution is W U, the gradient of
// its weights dY U^T. Each element of x appears in U once for every tap: storing U costs more memory
// traffic than the product has work where filters are few.
//
// Instead, a block of rows of the image is copied into scratch memory once, with zeros around it and,
// where the stride is above 1, with the places of each phase (modulo the stride) side by side. There
// the row (c, r, s) of U is contiguous: it begins at a place that depends on (c, r, s) alone, if the
// outputs too are thought to lie `pitch` apart, the width of the padded rows. The few columns between
// the rows of outputs are computed and dropped. So the micro-kernel of the matrix product
// (gemm_kernels-inl.h) reads U out of the image by a table of those places, and nothing is packed. A row
// shares the zeros at its end with the beginning of the next one. One or two columns that are left
// behind the last full vector are dot products.
// Sums of a tile of filters are added up in scratch memory, block of channels by block, and leave it with
// the bias.
//
// The gradient of the weights is computed as U dY^T: rows of U's transpose are broadcast element by
// element, which needs no order at all, and dY, which is smaller than U by the number of taps, is
// packed, transposed. Channels are the rows of a tile; where they are few, the taps along a row are.
//
// A convolution with one filter in a group (depthwise) has tiles of one row; these are eight vectors
// wide, to hide the latency of the multiply-add.
//
// Kernels of 3 x 3 over many channels need fewer multiplications with transforms of the image
// (conv_winograd.cc). These spread infinities and NaN, and may overflow: where the result is not finite,
// it is computed again as above.
//
// What the bits of an element depend on: sizes, never threads. Images, groups and blocks of rows are
// shared out in convolve; in convolve_weights blocks of channels are, and, where these are few,
// images in parts that the sizes fix, whose sums are added in order.

#include "lamina/tensor/kernels/conv.h"

#include <algorithm>
#include <cstdint>

#include "lamina/tensor/kernels/conv_plan.h"
#include "lamina/tensor/kernels/conv_winograd.h"
#include "lamina/tensor/kernels/gemm_product.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/conv.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/conv_block-inl.h"
#include "lamina/tensor/kernels/gemm_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

// The last columns, where they are too few for a vector: sums(filters, columns) [+]= A * U(depth, columns),
// of which `t` tells all but `rows`, the filters. u has room for a column of U.
void multiply_columns(const Tile& t, int64_t rows, int64_t columns, float* u) {
  const D d;
  const int64_t whole = t.depth / kLanes * kLanes;
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t p = 0; p < t.depth; ++p) u[p] = t.b[t.b_table[p] + j];
    for (int64_t i = 0; i < rows; ++i) {
      const float* a = t.a + i * t.a_row;
      V total = hn::Zero(d);
      for (int64_t p = 0; p < whole; p += kLanes)
        total = hn::MulAdd(hn::LoadU(d, a + p), hn::LoadU(d, u + p), total);
      if (whole < t.depth) {
        total = hn::MulAdd(load_partial(a + whole, t.depth - whole),
                           load_partial(u + whole, t.depth - whole), total);
      }
      float& sum = t.c[i * t.c_row + j];
      sum = hn::GetLane(hn::SumOfLanes(d, total)) + (t.add ? sum : 0.0f);
    }
  }
}

// sums(rows, columns) = weights(rows, channels and taps) * U(channels and taps, columns): `rows` filters
// of a tile, columns that lie side by side in the block of the image.
void multiply_block(const Convolution& conv, const ConvPlan& plan, const float* weight,
                    int64_t rows, const float* block, int64_t columns, float* sums, float* u) {
  constexpr int kWide = 8;  // vectors of a strip, where there is one filter
  const int64_t few = columns % kLanes <= kLanes / 8 ? columns % kLanes : 0;
  Tile t;
  t.a_row = conv.channels * plan.taps;
  t.a_col = 1;
  t.b_table = plan.table.data();
  t.c_row = round_up(columns, kLanes);
  t.columns = kLanes;
  t.bias = nullptr;
  t.relu = false;
  for (int64_t c = 0; c < conv.channels; c += plan.block_channels) {
    t.depth = std::min(plan.block_channels, conv.channels - c) * plan.taps;
    t.a = weight + c * plan.taps;
    t.b = block + c * plan.plane;
    t.c = sums;
    t.add = c > 0;
    int64_t vectors;
    for (int64_t j = 0; j < columns - few; j += vectors * kLanes) {
      const int64_t left = ceil_div(columns - few - j, kLanes);
      vectors = conv.filters == 1 && left >= kWide ? kWide : std::min<int64_t>(left, 2);
      if (vectors == kWide) {
        micro_kernel<1, kWide, Walk::kTable>(t);
      } else {
        find_micro_kernel<Walk::kTable>(rows, vectors)(t);
      }
      t.b += vectors * kLanes;
      t.c += vectors * kLanes;
    }
    multiply_columns(t, rows, few, u);
  }
}

void convolve_all(const Convolution& conv, const ConvPlan& plan, const float* weight,
                  const float* bias, float* y, const Strides& y_strides) {
  const int64_t depth = conv.channels * plan.taps;
  const double work = static_cast<double>(plan.block_rows * conv.columns.count) *
                      static_cast<double>(conv.filters * depth);
  const int64_t grain =
      static_cast<int64_t>(std::max(1.0, kParallelWork / 4 / std::max(work, 1.0)));
  const int64_t items = conv.images * conv.groups * plan.row_blocks;
  parallel_for(0, items, grain, [&](int64_t begin, int64_t end) HWY_ATTR {
    const int64_t tile_rows = rows_of_tile(conv.filters);
    const int64_t sum_floats = tile_rows * round_up(plan.block_rows * plan.pitch, kLanes);
    const int64_t most_depth = static_cast<int64_t>(plan.table.size());
    float* const block = scratch_for_b().get(plan.block_floats() + sum_floats + most_depth);
    float* const sums = block + plan.block_floats();
    float* const u = sums + sum_floats;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t i0 = item % plan.row_blocks * plan.block_rows;
      const int64_t group = item / plan.row_blocks % conv.groups;
      const int64_t image = item / plan.row_blocks / conv.groups;
      const int64_t outputs = std::min(plan.block_rows, conv.rows.count - i0);
      const int64_t columns = (outputs - 1) * plan.pitch + conv.columns.count;
      copy_block(conv, plan,
                 conv.x + image * conv.x_strides[0] + group * conv.channels * conv.x_strides[1], 0,
                 conv.channels, i0, outputs, block);
      for (int64_t i = 0; i < conv.filters; i += tile_rows) {
        const int64_t rows = std::min(tile_rows, conv.filters - i);
        const int64_t first = group * conv.filters + i;
        multiply_block(conv, plan, weight + first * depth, rows, block, columns, sums, u);
        for (int64_t o = 0; o < rows; ++o) {
          const int64_t filter = first + o;
          write_plane(sums + o * round_up(columns, kLanes), plan.pitch,
                      bias == nullptr ? 0.0f : bias[filter], outputs, conv.columns.count,
                      y + image * y_strides[0] + filter * y_strides[1] + i0 * y_strides[2],
                      y_strides[2], y_strides[3]);
        }
      }
    }
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(convolve_all);

bool is_compact(const Convolution& conv) {
  // In floating point, for kernels may reach further than an integer does.
  double taps = 1, block = 1, width = 0;
  for (const ConvAxis* axis : {&conv.rows, &conv.columns}) {
    const auto [least, most] = std::minmax_element(axis->offsets.begin(), axis->offsets.end());
    const double axis_taps = static_cast<double>(axis->offsets.size());
    const double outputs = axis == &conv.rows ? 1.0 : static_cast<double>(axis->count);
    width = outputs + static_cast<double>(*most) - static_cast<double>(*least);
    block *= width + outputs * std::min(axis_taps, static_cast<double>(axis->stride));
    taps *= axis_taps;
  }
  return block * static_cast<double>(conv.channels) <= kLargestBlock &&
         width * static_cast<double>(conv.filters) <= kLargestBlock && taps <= kLargestBlock;
}

namespace {

void convolve_directly(const Convolution& conv, const float* weight, const float* bias, float* y,
                       const Strides& y_strides) {
  constexpr int64_t kTileRows = 16;  // at most
  const ConvPlan plan(conv, kMaxDepth, true, kTileRows);
  HWY_DYNAMIC_DISPATCH(convolve_all)(conv, plan, weight, bias, y, y_strides);
}

}  // namespace

void convolve(const Convolution& conv, const float* weight, const float* bias, float* y,
              const Strides& y_strides) {
  if (!suits_winograd(conv)) return convolve_directly(conv, weight, bias, y, y_strides);
  const int64_t weights = conv.filters * conv.channels * 9;  // of a group
  for (const ConvOutputs& bad : convolve_by_winograd(conv, weight, bias, y, y_strides)) {
    Convolution part = conv;
    part.images = part.groups = 1;
    part.rows.count = bad.count;
    for (int64_t& offset : part.rows.offsets) offset += bad.first;
    part.x += bad.image * conv.x_strides[0] + bad.group * conv.channels * conv.x_strides[1];
    const int64_t filter = bad.group * conv.filters;
    convolve_directly(
        part, weight + bad.group * weights, bias == nullptr ? bias : bias + filter,
        y + bad.image * y_strides[0] + filter * y_strides[1] + bad.first * y_strides[2], y_strides);
  }
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
