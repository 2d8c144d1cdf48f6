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
// Two vectors of columns at a time are computed for all filters, into scratch memory that stays in
// the L1 cache, and leave it with the bias.
//
// The gradient of the weights is computed as U dY^T: rows of U's transpose are broadcast element by
// element, which needs no order at all, and dY, which is smaller than U by the number of taps, is
// packed, transposed. Channels are the rows of a tile; where they are few, the taps along a row are.
//
// A convolution with one filter in a group (depthwise) has tiles of one row; these are eight vectors
// wide, to hide the latency of the multiply-add.
//
// What the bits of an element depend on: sizes, never threads. Images, groups and blocks of rows are
// shared out in convolve; in convolve_weights images form at most kMostParts parts, fixed by the
// sizes, whose sums are added in order.

#include "lamina/tensor/kernels/conv.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/conv_plan.h"
#include "lamina/tensor/kernels/gemm_product.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/conv.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
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

// Writes `rows` rows of `pitch` floats.
void copy_rows_of_piece(const PieceRows& p, int64_t rows, int64_t pitch, float* to) {
  if constexpr (kHaveMasks) {
    if (p.step == 1) {
      const D d;
      const auto first_lanes = [d](int64_t n) HWY_ATTR {
        return hn::FirstN(d, static_cast<size_t>(std::clamp<int64_t>(n, 0, kLanes)));
      };
      for (int64_t j = 0; j < pitch; j += kLanes) {
        const auto inside = hn::AndNot(first_lanes(p.first - j), first_lanes(p.last - j));
        const auto exists = first_lanes(pitch - j);
        const float* from = p.from + (j - p.first);
        for (int64_t i = 0; i < rows; ++i) {
          hn::BlendedStore(hn::MaskedLoad(inside, d, from + i * p.row_step), exists, d,
                           to + i * pitch + j);
        }
      }
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

// Copies what `outputs` rows of outputs from i0 on read of the channels [c0, c1) of one image.
void copy_block(const Convolution& conv, const ConvPlan& plan, const float* image, int64_t c0,
                int64_t c1, int64_t i0, int64_t outputs, float* to) {
  const int64_t piece_rows = plan.rows.places(plan.block_rows, conv.rows.stride);
  const int64_t used_rows = plan.rows.places(outputs, conv.rows.stride);
  // The first place at or behind coordinate 0 where places lie `stride` apart from `start` on.
  const auto first_inside = [](int64_t start, int64_t stride, int64_t most) {
    return std::min(most, start >= 0 ? 0 : ceil_div(-start, stride));
  };
  const int64_t row_stride = conv.rows.stride, stride = conv.columns.stride;
  float* piece = to;
  for (int64_t row_phase : plan.rows.phases) {
    const int64_t top = i0 * row_stride + plan.rows.low + row_phase;  // row of place 0
    const int64_t above = first_inside(top, row_stride, used_rows);
    const int64_t below = first_inside(top - conv.rows.extent, row_stride, used_rows);
    for (int64_t phase : plan.columns.phases) {
      const int64_t left = plan.columns.low + phase;
      PieceRows p;
      p.first = first_inside(left, stride, plan.pitch);
      p.last = first_inside(left - conv.columns.extent, stride, plan.pitch);
      p.row_step = row_stride * conv.x_strides[2];
      p.step = stride * conv.x_strides[3];
      p.from = image + c0 * conv.x_strides[1] + (top + above * row_stride) * conv.x_strides[2] +
               (left + p.first * stride) * conv.x_strides[3];
      float* out = piece;
      for (int64_t c = c0; c < c1; ++c, out += plan.plane, p.from += conv.x_strides[1]) {
        fill_zero(out, above * plan.pitch);
        copy_rows_of_piece(p, below - above, plan.pitch, out + above * plan.pitch);
        fill_zero(out + below * plan.pitch, (used_rows - below) * plan.pitch);
      }
      piece += piece_rows * plan.pitch;
    }
  }
  fill_zero(to + (c1 - c0) * plan.plane, kSlack);
}

int64_t rows_of_tile(int64_t rows) { return ceil_div(rows, ceil_div(rows, kMaxRows)); }

constexpr int kWide = 8;  // vectors of a strip, where there is one filter

// A strip of columns of one group's outputs: `columns` that lie side by side in the block from `first`
// on, of which those that are outputs are written to y, the first output of the block.
struct Strip {
  const float* block;
  const float* weight;
  const float* bias;  // or null
  int64_t first, columns, vectors;
  float* y;
};

// sums(filters, vectors) = weights(filters, all channels and taps) * U(all channels and taps, strip)
void multiply_strip(const Convolution& conv, const ConvPlan& plan, const Strip& strip,
                    float* sums) {
  const int64_t tile_rows = rows_of_tile(conv.filters), depth = conv.channels * plan.taps;
  Tile t;
  t.a_row = depth;
  t.a_col = 1;
  t.b_table = plan.table.data();
  t.c_row = strip.vectors * kLanes;
  t.columns = kLanes;
  t.bias = nullptr;
  t.relu = false;
  for (int64_t c = 0; c < conv.channels; c += plan.block_channels) {
    t.depth = std::min(plan.block_channels, conv.channels - c) * plan.taps;
    t.b = strip.block + c * plan.plane + strip.first;
    t.add = c > 0;
    for (int64_t i = 0; i < conv.filters; i += tile_rows) {
      t.a = strip.weight + i * depth + c * plan.taps;
      t.c = sums + i * t.c_row;
      if (strip.vectors == kWide) {
        micro_kernel<1, kWide, Walk::kTable>(t);
      } else {
        find_micro_kernel<Walk::kTable>(std::min(tile_rows, conv.filters - i), strip.vectors)(t);
      }
    }
  }
}

// Adds the bias and writes what are outputs.
void write_strip(const Convolution& conv, const ConvPlan& plan, const Strip& strip,
                 const Strides& y_strides, const float* sums) {
  const D d;
  const int64_t width = strip.vectors * kLanes, count = conv.columns.count;
  int64_t n;
  for (int64_t j = 0; j < strip.columns; j += n) {
    const int64_t row = (strip.first + j) / plan.pitch, column = (strip.first + j) % plan.pitch;
    n = plan.pitch - column;
    if (column >= count) continue;
    n = std::min({count - column, strip.columns - j, kLanes});
    const float* from = sums + j;
    float* to = strip.y + row * y_strides[2] + column * y_strides[3];
    if (kHaveMasks && y_strides[3] == 1) {
      const auto mask = hn::FirstN(d, static_cast<size_t>(n));
      for (int64_t o = 0; o < conv.filters; ++o) {
        const V bias = strip.bias == nullptr ? hn::Zero(d) : hn::Set(d, strip.bias[o]);
        const V sum = hn::MaskedLoad(mask, d, from + o * width);
        hn::BlendedStore(hn::Add(sum, bias), mask, d, to + o * y_strides[1]);
      }
    } else {
      for (int64_t o = 0; o < conv.filters; ++o) {
        const float bias = strip.bias == nullptr ? 0.0f : strip.bias[o];
        for (int64_t i = 0; i < n; ++i)
          to[o * y_strides[1] + i * y_strides[3]] = from[o * width + i] + bias;
      }
    }
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
    const int64_t most_vectors = conv.filters == 1 ? kWide : 2;
    float* const block =
        scratch_for_b().get(plan.block_floats() + conv.filters * most_vectors * kLanes);
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
      const int64_t filter = group * conv.filters;
      Strip strip;
      strip.block = block;
      strip.weight = weight + filter * depth;
      strip.bias = bias == nullptr ? nullptr : bias + filter;
      strip.y = y + image * y_strides[0] + filter * y_strides[1] + i0 * y_strides[2];
      for (strip.first = 0; strip.first < columns; strip.first += strip.columns) {
        const int64_t left = columns - strip.first, vectors = ceil_div(left, kLanes);
        strip.vectors = vectors >= most_vectors ? most_vectors : std::min<int64_t>(vectors, 2);
        strip.columns = std::min(left, strip.vectors * kLanes);
        multiply_strip(conv, plan, strip, sums);
        write_strip(conv, plan, strip, y_strides, sums);
      }
    }
  });
}

// ---- The gradient of the weights

// Rows [i0, i0 + outputs) of dy, for all filters of a group, in strips of up to two vectors of filters:
// strip by strip, pixel by pixel.
void pack_gradient(const Convolution& conv, const float* dy, const Strides& strides,
                   int64_t outputs, float* to) {
  const int64_t count = conv.columns.count;
  const bool dense = strides[2] == count * strides[3];  // then all rows are one
  const int64_t runs = dense ? 1 : outputs, length = dense ? outputs * count : count;
  int64_t width;
  for (int64_t o = 0; o < conv.filters; o += width) {
    const int64_t left = conv.filters - o;
    width = left > kLanes ? kStrip : kLanes;
    for (int64_t i = 0; i < runs; ++i, to += length * width) {
      pack_strip(dy + o * strides[1] + i * strides[2], strides[3], strides[1], length,
                 std::min(width, left), width, to);
    }
  }
}

// sums((c, r, s), filters) += U dY^T for one block of channels, of which `sums` and `block` are.
void multiply_gradient(const Convolution& conv, const ConvPlan& plan, const float* block,
                       int64_t channels, int64_t outputs, const float* dy, float* sums) {
  const int64_t across = static_cast<int64_t>(conv.columns.offsets.size());
  const bool along_taps = channels < 4 && across > channels && conv.columns.stride == 1;
  const int64_t row_step = along_taps ? across : plan.taps;  // rows of a tile, in rows of U
  const int64_t count = along_taps ? across : channels;
  const int64_t tiles = channels * plan.taps / count;
  const int64_t tile_rows = rows_of_tile(count), padded = round_up(conv.filters, kLanes);
  Tile t;
  t.a_row = !along_taps ? plan.plane : across > 1 ? plan.table[1] - plan.table[0] : 0;
  t.a_col = 1;
  t.depth = conv.columns.count;
  t.runs = outputs;
  t.a_skip = plan.pitch - conv.columns.count;
  t.c_row = (along_taps ? 1 : plan.taps) * padded;
  t.columns = kLanes;
  t.add = true;
  t.bias = nullptr;
  t.relu = false;
  int64_t width;
  for (int64_t o = 0; o < padded; o += width) {
    width = std::min(padded - o, kStrip);
    t.b = dy + o * outputs * conv.columns.count;
    t.b_row = width;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t first = along_taps ? tile * row_step : tile;  // row of U
      for (int64_t i = 0; i < count; i += tile_rows) {
        t.a = block + plan.table[first] + i * t.a_row;
        t.c = sums + first * padded + i * t.c_row + o;
        find_micro_kernel<Walk::kRuns>(std::min(tile_rows, count - i), width / kLanes)(t);
      }
    }
  }
}

void convolve_weights_all(const Convolution& conv, const ConvPlan& plan, const float* dy,
                          const Strides& dy_strides, float* dweight) {
  const int64_t depth = conv.channels * plan.taps, padded = round_up(conv.filters, kLanes);
  const int64_t items = conv.images * plan.row_blocks, part = depth * padded;
  const int64_t parts = std::clamp<int64_t>(kPartFloats / std::max<int64_t>(1, conv.groups * part),
                                            1, std::min(items, kMostParts));
  std::vector<float> sums(static_cast<size_t>(conv.groups * parts * part), 0.0f);
  const auto sum_part = [&](int64_t group, int64_t p) HWY_ATTR {
    float* const block =
        scratch_for_b().get(plan.block_floats() + plan.block_rows * conv.columns.count * padded);
    float* const packed = block + plan.block_floats();
    for (int64_t item = items * p / parts; item < items * (p + 1) / parts; ++item) {
      const int64_t i0 = item % plan.row_blocks * plan.block_rows;
      const int64_t image = item / plan.row_blocks;
      const int64_t outputs = std::min(plan.block_rows, conv.rows.count - i0);
      pack_gradient(
          conv,
          dy + image * dy_strides[0] + group * conv.filters * dy_strides[1] + i0 * dy_strides[2],
          dy_strides, outputs, packed);
      const float* const x =
          conv.x + image * conv.x_strides[0] + group * conv.channels * conv.x_strides[1];
      for (int64_t c = 0; c < conv.channels; c += plan.block_channels) {
        const int64_t last = std::min(conv.channels, c + plan.block_channels);
        copy_block(conv, plan, x, c, last, i0, outputs, block);
        multiply_gradient(conv, plan, block, last - c, outputs, packed,
                          sums.data() + (group * parts + p) * part + c * plan.taps * padded);
      }
    }
  };
  parallel_for(0, conv.groups * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum_part(i / parts, i % parts);
  });
  for (int64_t group = 0; group < conv.groups; ++group) {
    float* const total = sums.data() + group * parts * part;
    for (int64_t p = 1; p < parts; ++p) {
      for (int64_t k = 0; k < part; ++k) total[k] += total[p * part + k];
    }
    float* const to = dweight + group * conv.filters * depth;
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t o = 0; o < conv.filters; ++o) to[o * depth + k] = total[k * padded + o];
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(convolve_all);
HWY_EXPORT(convolve_weights_all);

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
  HWY_DYNAMIC_DISPATCH(convolve_all)(conv, ConvPlan(conv, true, 0), weight, bias, y, y_strides);
}

void convolve_weights(const Convolution& conv, const float* dy, const Strides& dy_strides,
                      float* dweight) {
  const ConvPlan plan(conv, false, conv.filters * conv.columns.count);
  HWY_DYNAMIC_DISPATCH(convolve_weights_all)(conv, plan, dy, dy_strides, dweight);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
