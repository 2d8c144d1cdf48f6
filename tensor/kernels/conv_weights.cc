// The gradient of the weights of convolutions. conv.cc tells how it works.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "lamina/tensor/kernels/conv.h"
#include "lamina/tensor/kernels/conv_plan.h"
#include "lamina/tensor/kernels/gemm_product.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/conv_weights.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/conv_block-inl.h"
#include "lamina/tensor/kernels/gemm_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

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
  const int64_t tap_step = across > 1 ? plan.table[1] - plan.table[0] : 0;
  bool along_taps = channels < 4 && across > channels;
  for (int64_t s = 1; s < across && along_taps; ++s)
    along_taps = plan.table[s] - plan.table[s - 1] == tap_step;
  const int64_t row_step = along_taps ? across : plan.taps;  // rows of a tile, in rows of U
  const int64_t count = along_taps ? across : channels;
  const int64_t tiles = channels * plan.taps / count;
  const int64_t tile_rows = rows_of_tile(count), padded = round_up(conv.filters, kLanes);
  Tile t;
  t.a_row = along_taps ? tap_step : plan.plane;
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

// sums[k] += the dot product of dy(rows, columns) and row k of U, for kTaps of them.
template <int kTaps>
void add_dots(const float* block, const int64_t* table, int64_t pitch, const float* dy,
              int64_t dy_row, int64_t rows, int64_t columns, float* sums) {
  const D d;
  V total[kTaps];
#pragma GCC unroll 16
  for (int k = 0; k < kTaps; ++k) total[k] = hn::Zero(d);
  for (int64_t i = 0; i < rows; ++i, block += pitch, dy += dy_row) {
    const auto step = [&](int64_t j, auto&& load) HWY_ATTR {
      const V gradient = load(dy + j);
#pragma GCC unroll 16
      for (int k = 0; k < kTaps; ++k)
        total[k] = hn::MulAdd(gradient, load(block + table[k] + j), total[k]);
    };
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes)
      step(j, [&](const float* p) HWY_ATTR { return hn::LoadU(d, p); });
    if (j < columns) step(j, [&](const float* p) HWY_ATTR { return load_partial(p, columns - j); });
  }
#pragma GCC unroll 16
  for (int k = 0; k < kTaps; ++k) sums[k] += hn::GetLane(hn::SumOfLanes(d, total[k]));
}

// Few filters in a group, of which vectors along filters would be mostly empty: dot products along the
// rows of outputs.
void convolve_few_weights(const Convolution& conv, const ConvPlan& plan, const float* dy,
                          const Strides& dy_strides, float* dweight) {
  const int64_t depth = conv.channels * plan.taps, items = conv.images * plan.row_blocks;
  const int64_t parts = std::clamp<int64_t>(kMostParts / conv.groups, 1, items);
  const int64_t size = conv.filters * depth;  // of one group's weights
  std::vector<float> sums(static_cast<size_t>(conv.groups * parts * size), 0.0f);
  parallel_for(0, conv.groups * parts, 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    float* const block = scratch_for_b().get(plan.block_floats());
    for (int64_t k = begin; k < end; ++k) {
      const int64_t part = k % parts, group = k / parts;
      for (int64_t item = items * part / parts; item < items * (part + 1) / parts; ++item) {
        const int64_t image = item / plan.row_blocks;
        const int64_t i0 = item % plan.row_blocks * plan.block_rows;
        const int64_t outputs = std::min(plan.block_rows, conv.rows.count - i0);
        const float* const dy_block =
            dy + image * dy_strides[0] + group * conv.filters * dy_strides[1] + i0 * dy_strides[2];
        for (int64_t c = 0; c < conv.channels; c += plan.block_channels) {
          const int64_t last = std::min(conv.channels, c + plan.block_channels);
          copy_block(conv, plan,
                     conv.x + image * conv.x_strides[0] + group * conv.channels * conv.x_strides[1],
                     c, last, i0, outputs, block);
          const int64_t rows = (last - c) * plan.taps;
          for (int64_t o = 0; o < conv.filters; ++o) {
            const float* const gradient = dy_block + o * dy_strides[1];
            float* const to = sums.data() + k * size + o * depth + c * plan.taps;
            int64_t row = 0;
            for (; row + 8 <= rows; row += 8) {
              add_dots<8>(block, plan.table.data() + row, plan.pitch, gradient, dy_strides[2],
                          outputs, conv.columns.count, to + row);
            }
            for (; row < rows; ++row) {
              add_dots<1>(block, plan.table.data() + row, plan.pitch, gradient, dy_strides[2],
                          outputs, conv.columns.count, to + row);
            }
          }
        }
      }
    }
  });
  for (int64_t group = 0; group < conv.groups; ++group) {
    for (int64_t r = 0; r < size; ++r) {
      float total = 0;
      for (int64_t p = 0; p < parts; ++p) total += sums[(group * parts + p) * size + r];
      dweight[group * size + r] = total;
    }
  }
}

void convolve_weights_all(const Convolution& conv, const ConvPlan& plan, const float* dy,
                          const Strides& dy_strides, float* dweight) {
  if (conv.filters < 4) return convolve_few_weights(conv, plan, dy, dy_strides, dweight);
  const int64_t depth = conv.channels * plan.taps, padded = round_up(conv.filters, kLanes);
  const int64_t items = conv.images * plan.row_blocks,
                pixels = plan.block_rows * conv.columns.count;
  // All of dy, group by group, image by image, block of rows by block.
  const std::unique_ptr<float[]> packed(
      new float[static_cast<size_t>(conv.groups * items * pixels * padded)]);
  parallel_for(0, conv.groups * items, 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t group = k / items, image = k % items / plan.row_blocks;
      const int64_t i0 = k % items % plan.row_blocks * plan.block_rows;
      pack_gradient(
          conv,
          dy + image * dy_strides[0] + group * conv.filters * dy_strides[1] + i0 * dy_strides[2],
          dy_strides, std::min(plan.block_rows, conv.rows.count - i0),
          packed.get() + k * pixels * padded);
    }
  });
  // A block of channels is summed over the items of a part, where it stays in the caches.
  const int64_t blocks = ceil_div(conv.channels, plan.block_channels);
  const int64_t parts = std::clamp<int64_t>(kMostParts / (blocks * conv.groups), 1, items);
  const int64_t block_sums = plan.block_channels * plan.taps * padded;
  std::vector<float> sums(static_cast<size_t>(conv.groups * blocks * parts * block_sums), 0.0f);
  parallel_for(0, conv.groups * blocks * parts, 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    float* const block = scratch_for_b().get(plan.block_floats());
    for (int64_t k = begin; k < end; ++k) {
      const int64_t part = k % parts, group = k / parts / blocks;
      const int64_t c = k / parts % blocks * plan.block_channels;
      const int64_t last = std::min(conv.channels, c + plan.block_channels);
      for (int64_t item = items * part / parts; item < items * (part + 1) / parts; ++item) {
        const int64_t i0 = item % plan.row_blocks * plan.block_rows;
        const int64_t outputs = std::min(plan.block_rows, conv.rows.count - i0);
        copy_block(conv, plan,
                   conv.x + item / plan.row_blocks * conv.x_strides[0] +
                       group * conv.channels * conv.x_strides[1],
                   c, last, i0, outputs, block);
        multiply_gradient(conv, plan, block, last - c, outputs,
                          packed.get() + (group * items + item) * pixels * padded,
                          sums.data() + k * block_sums);
      }
    }
  });
  parallel_for(0, conv.groups * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      float* const total = sums.data() + k * parts * block_sums;
      for (int64_t p = 1; p < parts; ++p) {
        for (int64_t e = 0; e < block_sums; ++e) total[e] += total[p * block_sums + e];
      }
      const int64_t row = k % blocks * plan.block_channels * plan.taps;
      const int64_t rows = std::min(plan.block_channels * plan.taps, depth - row);
      float* const to = dweight + k / blocks * conv.filters * depth + row;
      for (int64_t o = 0; o < conv.filters; ++o) {
        for (int64_t r = 0; r < rows; ++r) to[o * depth + r] = total[r * padded + o];
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

HWY_EXPORT(convolve_weights_all);

void convolve_weights(const Convolution& conv, const float* dy, const Strides& dy_strides,
                      float* dweight) {
  // The sums of a block fit into a half of the L2 cache.
  const int64_t depth = std::max<int64_t>(64, 2 * kBlockFloats / round_up(conv.filters, 16));
  const ConvPlan plan(conv, std::min(kMaxDepth, depth), false, conv.filters);
  HWY_DYNAMIC_DISPATCH(convolve_weights_all)(conv, plan, dy, dy_strides, dweight);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
