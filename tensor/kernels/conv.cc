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
// (gemm_kernels-inl.h) reads U out of the image by a table of those places, and nothing is packed.
// Sums are added up in scratch memory, block of channels by block, and leave it with the bias.
//
// The gradient of the weights is computed as U dY^T: rows of U's transpose are broadcast element by
// element, which needs no order at all, and dY, which is smaller than U by the number of taps, is
// packed, transposed. Channels are the rows of a tile; where they are few, the taps along a row are.
//
// A convolution with one filter in a group (depthwise) has tiles of one row; these are eight vectors
// wide, to hide the latency of the multiply-add.
//
// What the bits of an element depend on: sizes, never threads. Images, groups and blocks of rows are
// shared out in convolve; in convolve_weights blocks of channels are, and, where these are few,
// images in parts that the sizes fix, whose sums are added in order.

#include "lamina/tensor/kernels/conv.h"

#include <algorithm>
#include <cstdint>

#include "lamina/tensor/kernels/conv_plan.h"
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

// sums(filters, columns) = weights(filters, channels and taps) * U(channels and taps, columns), where
// the columns lie side by side in the block of the image.
void multiply_block(const Convolution& conv, const ConvPlan& plan, const float* weight,
                    const float* block, int64_t columns, float* sums) {
  constexpr int kWide = 8;  // vectors of a strip, where there is one filter
  const int64_t tile_rows = rows_of_tile(conv.filters), depth = conv.channels * plan.taps;
  Tile t;
  t.a_row = depth;
  t.a_col = 1;
  t.b_table = plan.table.data();
  t.c_row = round_up(columns, kLanes);
  t.columns = kLanes;
  t.bias = nullptr;
  t.relu = false;
  for (int64_t c = 0; c < conv.channels; c += plan.block_channels) {
    t.depth = std::min(plan.block_channels, conv.channels - c) * plan.taps;
    t.add = c > 0;
    for (int64_t i = 0; i < conv.filters; i += tile_rows) {
      const int64_t rows = std::min(tile_rows, conv.filters - i);
      t.a = weight + i * depth + c * plan.taps;
      int64_t vectors;
      for (int64_t j = 0; j < columns; j += vectors * kLanes) {
        const int64_t left = ceil_div(columns - j, kLanes);
        vectors = conv.filters == 1 && left >= kWide ? kWide : std::min<int64_t>(left, 2);
        t.b = block + c * plan.plane + j;
        t.c = sums + i * t.c_row + j;
        if (vectors == kWide) {
          micro_kernel<1, kWide, Walk::kTable>(t);
        } else {
          find_micro_kernel<Walk::kTable>(rows, vectors)(t);
        }
      }
    }
  }
}

// y(rows, columns) = sums + bias; rows of sums are `pitch` apart.
void write_plane(const float* sums, int64_t pitch, float bias, int64_t rows, int64_t columns,
                 float* y, int64_t y_row, int64_t y_col) {
  if constexpr (kHaveMasks) {
    if (y_col == 1) {
      const D d;
      const V b = hn::Set(d, bias);
      for (int64_t j = 0; j < columns; j += kLanes) {
        const auto mask = hn::FirstN(d, static_cast<size_t>(std::min(kLanes, columns - j)));
        for (int64_t i = 0; i < rows; ++i) {
          const V sum = hn::MaskedLoad(mask, d, sums + i * pitch + j);
          hn::BlendedStore(hn::Add(sum, b), mask, d, y + i * y_row + j);
        }
      }
      return;
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * y_row + j * y_col] = sums[i * pitch + j] + bias;
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
    const int64_t sum_floats = conv.filters * round_up(plan.block_rows * plan.pitch, kLanes);
    float* const block = scratch_for_b().get(plan.block_floats() + sum_floats);
    float* const sums = block + plan.block_floats();
    for (int64_t item = begin; item < end; ++item) {
      const int64_t i0 = item % plan.row_blocks * plan.block_rows;
      const int64_t group = item / plan.row_blocks % conv.groups;
      const int64_t image = item / plan.row_blocks / conv.groups;
      const int64_t outputs = std::min(plan.block_rows, conv.rows.count - i0);
      const int64_t columns = (outputs - 1) * plan.pitch + conv.columns.count;
      copy_block(conv, plan,
                 conv.x + image * conv.x_strides[0] + group * conv.channels * conv.x_strides[1], 0,
                 conv.channels, i0, outputs, block);
      multiply_block(conv, plan, weight + group * conv.filters * depth, block, columns, sums);
      for (int64_t o = 0; o < conv.filters; ++o) {
        const int64_t filter = group * conv.filters + o;
        write_plane(sums + o * round_up(columns, kLanes), plan.pitch,
                    bias == nullptr ? 0.0f : bias[filter], outputs, conv.columns.count,
                    y + image * y_strides[0] + filter * y_strides[1] + i0 * y_strides[2],
                    y_strides[2], y_strides[3]);
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

void convolve(const Convolution& conv, const float* weight, const float* bias, float* y,
              const Strides& y_strides) {
  const ConvPlan plan(conv, kMaxDepth, true, conv.filters);
  HWY_DYNAMIC_DISPATCH(convolve_all)(conv, plan, weight, bias, y, y_strides);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
