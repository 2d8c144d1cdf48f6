// How Winograd's minimal filtering cuts a convolution into items, and its transformed weights. Private to
// conv_winograd.cc, which tells how it works.
#ifndef LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_PLAN_H_
#define LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_PLAN_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/conv.h"
#include "lamina/tensor/kernels/conv_plan.h"
#include "lamina/tensor/kernels/gemm_product.h"

namespace lamina::kernels {

inline constexpr int kPlaces = 16;  // of the transforms of a tile

// One axis of tiles: two outputs of `axis` each.
inline ConvAxis tiles_of(const ConvAxis& axis) {
  const int64_t low = *std::min_element(axis.offsets.begin(), axis.offsets.end());
  return {axis.extent, ceil_div(axis.count, 2), 2, {low, low + 1, low + 2, low + 3}};
}

// What all threads share.
struct WinogradPlan {
  const Convolution& conv;
  Convolution tiles;  // reads what the tiles read
  ConvPlan plan;
  int64_t area;          // tiles of a block of an image, with those that are dropped
  int64_t images;        // whose blocks lie side by side
  int64_t image_blocks;  // of so many images
  int64_t u_place;       // between the places of a group in u
  std::vector<float> u;  // (groups, places, filters, channels)
  const float* bias;     // or null

  static Convolution convolution_of_tiles(const Convolution& conv) {
    Convolution tiles = conv;
    tiles.rows = tiles_of(conv.rows);
    tiles.columns = tiles_of(conv.columns);
    return tiles;
  }

  WinogradPlan(const Convolution& convolution, const float* weight, const float* shift)
      : conv(convolution),
        tiles(convolution_of_tiles(convolution)),
        plan(tiles, kMaxDepth, true, 4 * convolution.filters),
        area(plan.block_rows * plan.pitch),
        u_place(round_up(conv.filters * conv.channels, 16) + 16),  // in other sets of the cache
        u(static_cast<size_t>(conv.groups * kPlaces * u_place)),
        bias(shift) {
    constexpr int64_t kBlocks = 8;  // at least, for threads to share
    const int64_t floats = std::max(plan.block_floats(), 4 * conv.filters * area);
    images = plan.row_blocks > 1 ? 1
                                 : std::clamp<int64_t>(kBlockFloats / 2 / floats, 1,
                                                       ceil_div(conv.images, kBlocks));
    image_blocks = ceil_div(conv.images, images);
    transform_weights(weight);
  }

  // G g G^T of each filter and channel.
  void transform_weights(const float* weight) {
    const int64_t filters = conv.filters, channels = conv.channels;
    // The gradient of an input has its taps in descending order.
    const int64_t row_step = conv.rows.offsets[1] > conv.rows.offsets[0] ? 3 : -3;
    const int64_t column_step = conv.columns.offsets[1] > conv.columns.offsets[0] ? 1 : -1;
    const int64_t first = (row_step < 0 ? 6 : 0) + (column_step < 0 ? 2 : 0);
    const auto transform = [](float g0, float g1, float g2, float* to) {
      to[0] = g0;
      to[1] = 0.5f * (g0 + g2 + g1);
      to[2] = 0.5f * (g0 + g2 - g1);
      to[3] = g2;
    };
    for (int64_t o = 0; o < conv.groups * filters; ++o) {
      float* to = u.data() + o / filters * kPlaces * u_place + o % filters * channels;
      for (int64_t c = 0; c < channels; ++c, ++to, weight += 9) {
        float rows[3][4], all[4][4];
        for (int64_t r = 0; r < 3; ++r) {
          const float* const g = weight + first + r * row_step;
          transform(g[0], g[column_step], g[2 * column_step], rows[r]);
        }
        for (int s = 0; s < 4; ++s) transform(rows[0][s], rows[1][s], rows[2][s], all[s]);
        for (int place = 0; place < kPlaces; ++place)
          to[place * u_place] = all[place % 4][place / 4];
      }
    }
  }

  struct Item {
    int64_t group, first_row, rows;  // of tiles
    int64_t first_image, images;
  };
  int64_t items() const { return image_blocks * conv.groups * plan.row_blocks; }
  Item item(int64_t index) const {
    Item it;
    it.first_row = index % plan.row_blocks * plan.block_rows;
    it.rows = std::min(plan.block_rows, tiles.rows.count - it.first_row);
    it.group = index / plan.row_blocks % conv.groups;
    it.first_image = index / plan.row_blocks / conv.groups * images;
    it.images = std::min(images, conv.images - it.first_image);
    return it;
  }
};

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_PLAN_H_
