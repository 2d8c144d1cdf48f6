// Winograd's minimal filtering F(2 x 2, 3 x 3), from Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2015): 2 x 2 outputs of a 3 x 3 kernel from 16 multiplications
// instead of 36.
//
// Along one axis, two outputs y of a kernel g over pixels d are
//   y0 = d0 g0 + d1 g1 + d2 g2 = m0 + m1 + m2    m0 = (d0 - d2) g0    m1 = (d1 + d2) (g0 + g1 + g2) / 2
//   y1 = d1 g0 + d2 g1 + d3 g2 = m1 - m2 - m3    m3 = (d1 - d3) g2    m2 = (d2 - d1) (g0 - g1 + g2) / 2
// or y = A^T [(G g) * (B^T d)], with * element by element and
//         | 1  0 -1  0 |        |  1   0   0  |         | 1  1  1  0 |
//   B^T = | 0  1  1  0 |    G = | 1/2 1/2 1/2 |   A^T = | 0  1 -1 -1 |
//         | 0 -1  1  0 |        | 1/2 -1/2 1/2|
//         | 0  1  0 -1 |        |  0   0   1  |
// In two dimensions, of 4 x 4 pixels that yield a tile of 2 x 2 outputs, Y = A^T [(G g G^T) * (B^T d B)] A.
// The sum over channels is one of the products in the brackets: for each of the 16 places in them a
// product of matrices, M(filters, tiles) = U(filters, channels) * V(channels, tiles).
//
// Larger tiles need fewer multiplications, but factors such as 1/24, and round more; here all factors are
// powers of 2, and small integers stay exact.
//
// A tile reads the image at steps of 2 with four taps along each axis, as a convolution of stride 2
// does. So conv_plan.h lays blocks of an image out for it: in each phase, neighbouring tiles read
// neighbouring floats, and a vector of the 4 x 4 pixels of consecutive tiles is 16 loads. Tiles too are
// thought to lie `pitch` apart; those between the rows are computed and dropped. Tiles are taken two
// vectors at a time, of which U, V and M stay in the caches. Blocks of small images are put side by
// side, to fill the vectors.

#include "lamina/tensor/kernels/conv_winograd.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/conv_winograd_plan.h"
#include "lamina/tensor/kernels/gemm_product.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/conv_winograd.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/conv_block-inl.h"
#include "lamina/tensor/kernels/gemm_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kWidth = 2 * kLanes;  // tiles that are multiplied at a time

// B^T d B of a vector of tiles of one channel: place k goes to v + k * v_place. places[4 r + s] tells
// where in `block` pixel (r, s) of the first tile is.
HWY_INLINE void transform_pixels(const float* block, const int64_t* places, float* v,
                                 int64_t v_place) {
  const D d;
  V t[4][4];  // B^T d
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const V d0 = hn::LoadU(d, block + places[s]), d1 = hn::LoadU(d, block + places[4 + s]);
    const V d2 = hn::LoadU(d, block + places[8 + s]), d3 = hn::LoadU(d, block + places[12 + s]);
    t[0][s] = hn::Sub(d0, d2);
    t[1][s] = hn::Add(d1, d2);
    t[2][s] = hn::Sub(d2, d1);
    t[3][s] = hn::Sub(d1, d3);
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r, v += 4 * v_place) {
    hn::StoreU(hn::Sub(t[r][0], t[r][2]), d, v);
    hn::StoreU(hn::Add(t[r][1], t[r][2]), d, v + v_place);
    hn::StoreU(hn::Sub(t[r][2], t[r][1]), d, v + 2 * v_place);
    hn::StoreU(hn::Sub(t[r][1], t[r][3]), d, v + 3 * v_place);
  }
}

// A^T m A of a vector of tiles of one filter: their outputs, the upper rows and the lower rows. Where
// these are not finite, `zeros` becomes NaN.
HWY_INLINE void transform_products(const float* m, int64_t m_place, float* upper, float* lower,
                                   V& zeros) {
  const D d;
  V t[2][4];  // A^T m
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s, m += m_place) {
    const V m0 = hn::LoadU(d, m), m1 = hn::LoadU(d, m + 4 * m_place);
    const V m2 = hn::LoadU(d, m + 8 * m_place), m3 = hn::LoadU(d, m + 12 * m_place);
    t[0][s] = hn::Add(hn::Add(m0, m1), m2);
    t[1][s] = hn::Sub(hn::Sub(m1, m2), m3);
  }
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    const V y0 = hn::Add(hn::Add(t[r][0], t[r][1]), t[r][2]);
    const V y1 = hn::Sub(hn::Sub(t[r][1], t[r][2]), t[r][3]);
    hn::StoreInterleaved2(y0, y1, d, r == 0 ? upper : lower);
    zeros = hn::MulAdd(y0, hn::Zero(d), hn::MulAdd(y1, hn::Zero(d), zeros));
  }
}

bool all_finite(const float* x, int64_t n) {
  const D d;
  V zeros = hn::Zero(d);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) zeros = hn::MulAdd(hn::LoadU(d, x + i), hn::Zero(d), zeros);
  if (i < n) zeros = hn::MulAdd(load_partial(x + i, n - i), hn::Zero(d), zeros);
  return hn::GetLane(hn::SumOfLanes(d, zeros)) == 0.0f;
}

// The scratch memory of a thread, and how far apart what is in it lies.
struct WinogradScratch {
  // Of V; a vector may be written across the end of a row.
  static constexpr int64_t kRow = kWidth + kLanes;
  int64_t block;             // blocks of an image
  int64_t v_place, m_place;  // places of V and M
  int64_t v_floats, m_floats;
  int64_t plane;  // upper and lower rows of outputs
  float *blocks, *v, *m, *outputs;

  explicit WinogradScratch(const WinogradPlan& w) {
    block = w.plan.block_floats();
    v_place = w.conv.channels * kRow + 16;  // in other sets of the cache
    m_place = w.conv.filters * kWidth + 16;
    v_floats = kPlaces * v_place;
    m_floats = kPlaces * m_place;
    plane = 2 * round_up(w.images * w.area, kLanes);
    const int64_t blocks_floats = w.images * block;
    blocks = scratch_for_b().get(blocks_floats + v_floats + m_floats + w.conv.filters * 2 * plane);
    v = blocks + blocks_floats;
    m = v + v_floats;
    outputs = m + m_floats;
    fill_zero(v, v_floats);  // tiles behind the last one are computed, too
  }
};

// The outputs, without the bias, of all tiles of the item whose blocks are in s. Returns false if one of
// them, or of those that are dropped, is not finite.
bool multiply_tiles(const WinogradPlan& w, const WinogradPlan::Item& it, const WinogradScratch& s) {
  const int64_t channels = w.conv.channels, filters = w.conv.filters;
  const int64_t area = it.rows * w.plan.pitch, tiles = it.images * area;
  const int64_t tile_rows = rows_of_tile(filters);
  const float* const u = w.u.data() + it.group * kPlaces * w.u_place;
  const D d;
  V zeros = hn::Zero(d);
  Tile t;
  t.a_row = channels;
  t.a_col = 1;
  t.b_row = WinogradScratch::kRow;
  t.depth = channels;
  t.c_row = kWidth;
  t.columns = kLanes;
  t.add = false;
  t.bias = nullptr;
  t.relu = false;
  for (int64_t l = 0; l < tiles; l += kWidth) {
    const int64_t width = std::min(kWidth, tiles - l), vectors = ceil_div(width, kLanes);
    for (int64_t j = 0; j < width;) {
      const int64_t image = (l + j) / area, place = (l + j) % area;
      const float* const block = s.blocks + image * s.block + place;
      for (int64_t c = 0; c < channels; ++c) {
        transform_pixels(block + c * w.plan.plane, w.plan.table.data(),
                         s.v + c * WinogradScratch::kRow + j, s.v_place);
      }
      j += std::min(kLanes, area - place);
    }
    // Place by place, so that V of one stays in the first-level cache.
    for (int k = 0; k < kPlaces; ++k) {
      t.b = s.v + k * s.v_place;
      for (int64_t i = 0; i < filters; i += tile_rows) {
        t.a = u + k * w.u_place + i * channels;
        t.c = s.m + k * s.m_place + i * kWidth;
        find_micro_kernel<Walk::kEven>(std::min(tile_rows, filters - i), vectors)(t);
      }
    }
    for (int64_t o = 0; o < filters; ++o) {
      float* const upper = s.outputs + o * 2 * s.plane + 2 * l;
      for (int64_t v = 0; v < vectors; ++v) {
        transform_products(s.m + o * kWidth + v * kLanes, s.m_place, upper + v * kWidth,
                           upper + s.plane + v * kWidth, zeros);
      }
    }
  }
  return hn::AllTrue(d, hn::Eq(zeros, hn::Zero(d)));
}

// Sets bad[k] where a block of rows (image, group, block) k is not finite.
void convolve_tiles(const WinogradPlan& w, float* y, const Strides& y_strides, char* bad) {
  const Convolution& conv = w.conv;
  const double work = static_cast<double>(w.images * w.area) *
                      static_cast<double>(kPlaces * conv.filters * conv.channels);
  const int64_t grain = static_cast<int64_t>(std::max(1.0, kParallelWork / 4 / work));
  parallel_for(0, w.items(), grain, [&](int64_t begin, int64_t end) HWY_ATTR {
    const WinogradScratch s(w);
    for (int64_t index = begin; index < end; ++index) {
      const WinogradPlan::Item it = w.item(index);
      for (int64_t n = 0; n < it.images; ++n) {
        copy_block(w.tiles, w.plan,
                   conv.x + (it.first_image + n) * conv.x_strides[0] +
                       it.group * conv.channels * conv.x_strides[1],
                   0, conv.channels, it.first_row, it.rows, s.blocks + n * s.block);
      }
      const bool are_finite = multiply_tiles(w, it, s);
      const int64_t first = 2 * it.first_row;
      const int64_t rows = std::min(2 * it.rows, conv.rows.count - first);
      const int64_t used = 2 * (it.rows * w.plan.pitch - (w.plan.pitch - w.tiles.columns.count));
      for (int64_t n = 0; n < it.images; ++n) {
        const int64_t image = it.first_image + n;
        bool finite = true;
        for (int64_t o = 0; o < conv.filters; ++o) {
          const int64_t filter = it.group * conv.filters + o;
          const float* const upper = s.outputs + o * 2 * s.plane + 2 * n * w.area;
          const float* const lower = upper + s.plane;
          const float shift = w.bias == nullptr ? 0.0f : w.bias[filter];
          float* const to = y + image * y_strides[0] + filter * y_strides[1] + first * y_strides[2];
          write_plane(upper, 2 * w.plan.pitch, shift, ceil_div(rows, 2), conv.columns.count, to,
                      2 * y_strides[2], y_strides[3]);
          write_plane(lower, 2 * w.plan.pitch, shift, rows / 2, conv.columns.count,
                      to + y_strides[2], 2 * y_strides[2], y_strides[3]);
          if (!are_finite) finite = finite && all_finite(upper, used) && all_finite(lower, used);
        }
        const int64_t block = it.first_row / w.plan.block_rows;
        bad[(image * conv.groups + it.group) * w.plan.row_blocks + block] = !finite;
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

HWY_EXPORT(convolve_tiles);

bool suits_winograd(const Convolution& conv) {
  // As measured: below these the transforms take longer than the multiplications that they save.
  constexpr int64_t kLeastChannels = 16, kLeastTiles = 64;
  constexpr int64_t kLargestWeights = 1 << 16;  // of a group, times kPlaces: 4 MiB
  for (const ConvAxis* axis : {&conv.rows, &conv.columns}) {
    const std::vector<int64_t>& o = axis->offsets;
    if (axis->stride != 1 || o.size() != 3) return false;
    const int64_t step = o[1] - o[0];
    if ((step != 1 && step != -1) || o[2] - o[1] != step) return false;
  }
  return std::min(conv.channels, conv.filters) >= kLeastChannels &&
         std::max(conv.channels, conv.filters) <= kMaxDepth &&
         conv.channels * conv.filters <= kLargestWeights &&
         conv.images * ceil_div(conv.rows.count, 2) * ceil_div(conv.columns.count, 2) >=
             kLeastTiles;
}

std::vector<ConvOutputs> convolve_by_winograd(const Convolution& conv, const float* weight,
                                              const float* bias, float* y,
                                              const Strides& y_strides) {
  const WinogradPlan w(conv, weight, bias);
  std::vector<char> bad(static_cast<size_t>(conv.images * conv.groups * w.plan.row_blocks));
  HWY_DYNAMIC_DISPATCH(convolve_tiles)(w, y, y_strides, bad.data());
  std::vector<ConvOutputs> outputs;
  for (int64_t k = 0; k < static_cast<int64_t>(bad.size()); ++k) {
    if (bad[static_cast<size_t>(k)] == 0) continue;
    const int64_t first = k % w.plan.row_blocks * 2 * w.plan.block_rows;
    const int64_t plane = k / w.plan.row_blocks;
    outputs.push_back({plane / conv.groups, plane % conv.groups, first,
                       std::min(2 * w.plan.block_rows, conv.rows.count - first)});
  }
  return outputs;
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
