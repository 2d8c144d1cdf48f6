// The float32 matrix product.
//
// Goals, in this order: the same bits at any number of threads; most of the processor's
// multiply-add peak from some 64 x 64 x 64 up; any strides without copies made by the caller;
// little overhead for tiny products; memory speed for products with a vector. Non-goals: other
// dtypes (Eigen serves them), Strassen-like schemes (they change the rounding), tuning per
// processor model, NUMA.
//
// How it works. C is computed in tiles of up to kMaxRows x 2 vectors (14 x 32 floats on AVX-512).
// A tile's sums stay in registers while the micro-kernel walks along k: per step it loads two
// vectors of B, broadcasts one element of each row of A and does rows x 2 multiply-adds. 14 x 2
// sums, 2 vectors of B and a broadcast fill 31 of 32 registers; 28 independent sums hide the
// latency of the multiply-add, and 16 loads per 28 multiply-adds leave the load ports idle half of
// the time. With 16 registers a tile has 6 rows.
//
// Around it stand the loops of Goto and van de Geijn ("Anatomy of High-Performance Matrix
// Multiplication", 2008): blocks of kMaxColumns of B, panels of kMaxDepth along k, blocks of rows
// of A, strips of B two vectors wide, tiles of rows. B is packed strip by strip into a padded
// buffer in the order in which the micro-kernel reads it; where k runs along the memory (the weight
// of a linear layer) the packing transposes in registers. B is used in place when its rows are
// contiguous and too few tiles would share the packing. A is used in place, since the micro-kernel
// takes any two strides: a transposed A costs nothing. Two kinds of A are copied, block by block:
// where neither neighbour is adjacent, and where rows are multiples of 4 KiB apart, for these fall
// into the same few sets of the caches (some 2 % at 1024, 5 % at 2048).
//
// Rows are divided evenly among tiles (100 rows are seven tiles of 13 and one of 9, not seven of 14
// and one of 2), since a tile of few rows cannot hide the multiply-add's latency. Columns that do
// not fill two vectors form one or two strips of one vector, masked where the processor has masks.
//
// Two shapes leave this scheme. A few rows (or columns) against long contiguous columns (rows) are
// dot products: nothing is packed, lanes run along k. One row times many contiguous columns adds up
// whole rows of B, because only long runs let the memory stream.
//
// What the bits of an element depend on: its row of A, its column of B, the strides, m, n and k;
// never threads or blocks of work. Outside the dot products they do not depend on m and n either:
// each element is summed in the order of k within a panel, then panel by panel, and panels depend
// on k only.
//
// Rejected, as measured on an AMD EPYC with AVX-512: copying every A (no faster); panels of 256 or
// 384 (2 % slower at 1024: C is read and written more often); prefetching C (no gain); splitting k
// among threads (bits would change with the number of threads).

#include "lamina/tensor/kernels/gemm.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "lamina/tensor/kernels/gemm_product.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/gemm.cc"
#include "hwy/foreach_target.h"
// Highway's headers, and those that use them, come after foreach_target.h.
#include "hwy/highway.h"
#include "lamina/tensor/kernels/gemm_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

// Runs a tile whose C, bias or mask the micro-kernel cannot address: through a buffer.
void run_buffered(const Product& g, Tile t, MicroKernel kernel, int64_t i0, int64_t rows,
                  int64_t j0, bool first, bool last) {
  HWY_ALIGN float buffer[kMaxRows * kStrip];
  t.c = buffer;
  t.c_row = kStrip;
  t.add = t.relu = false;
  t.bias = nullptr;
  kernel(t);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < t.columns; ++j)
      g.put(i0 + i, j0 + j, buffer[i * kStrip + j], first, last);
  }
}

// A few rows times a B whose columns are contiguous.
void multiply_by_dots(const Product& g, bool parallel) {
  using Rows = std::make_integer_sequence<int, kDotRows>;
  static constexpr std::array<Dot, kDotRows + 1> kOne = dots<1>(Rows()), kFour = dots<4>(Rows());
  constexpr int64_t kDepth = 2048;  // four columns of it fill 32 KiB
  const int64_t tile_rows = ceil_div(g.m, ceil_div(g.m, kDotRows));
  for (int64_t p0 = 0; p0 < g.k; p0 += kDepth) {
    const int64_t depth = std::min(kDepth, g.k - p0);
    const bool first = p0 == 0, last = p0 + depth == g.k;
    const float* a = g.a + p0 * g.a_col;
    int64_t a_row = g.a_row;
    if (g.a_col != 1) {
      a_row = depth + kPad;
      float* copy = scratch_for_a().get(g.m * a_row);
      for (int64_t p = 0; p < depth; ++p) {
        for (int64_t i = 0; i < g.m; ++i) copy[i * a_row + p] = a[i * g.a_row + p * g.a_col];
      }
      a = copy;
    }
    for_each(parallel, ceil_div(g.n, 4), [&](int64_t begin, int64_t end) {
      const int64_t j1 = std::min(g.n, 4 * end);
      int64_t columns;
      for (int64_t j = 4 * begin; j < j1; j += columns) {
        columns = j + 4 <= j1 ? 4 : 1;
        for (int64_t i = 0; i < g.m; i += tile_rows) {
          const int64_t rows = std::min(tile_rows, g.m - i);
          const Dot dot = columns == 4 ? kFour[rows] : kOne[rows];
          dot(g, a + i * a_row, a_row, g.b + p0 + j * g.b_col, depth, i, j, first, last);
        }
      }
    });
  }
}

// The width of the strip that begins where `columns` are left of a block.
int64_t strip_width(int64_t columns) { return columns >= kStrip ? kStrip : kLanes; }

// Sizes by which the work is split; they depend on the product only.
struct Plan {
  int64_t depth;       // of a panel
  int64_t tile_rows;   // of a tile
  int64_t block_rows;  // of a block of tiles
  bool copy_a, pack_b, parallel;

  explicit Plan(const Product& g) {
    depth = g.k <= kMaxDepth ? g.k : round_up(ceil_div(g.k, ceil_div(g.k, kMaxDepth)), 8);
    tile_rows = g.m <= kMaxRows ? g.m : ceil_div(g.m, ceil_div(g.m, kMaxRows));
    block_rows = tile_rows * kTilesPerBlock;
    const double work =
        static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k);
    parallel = work >= kParallelWork;
    const bool spread = std::abs(g.a_row) > 1 && std::abs(g.a_col) > 1;
    const bool conflict = g.a_col == 1 && g.a_row % 1024 == 0 && g.m > 1 && g.k >= 256;
    copy_a = (spread && g.n > 2 * kStrip) || (conflict && g.n >= 256);
    const bool contiguous_rows = g.b_col == 1 && (kHaveMasks || g.n % kStrip == 0);
    pack_b = !contiguous_rows || (g.m > 3 * kMaxRows && g.n * g.k > 64 * 64);
  }
};

// One block of columns of B, one panel along k.
struct Panel {
  int64_t j0, columns, p0, depth;
  bool first, last;
  const float* packed_b;  // or null
};

// Copies rows of A: as rows of depth + kPad if they are contiguous, or else tile by tile, each as
// depth x tile_rows.
void copy_rows(const Product& g, const Plan& plan, const Panel& panel, int64_t i0, int64_t i1,
               float* to) {
  const float* a = g.a + panel.p0 * g.a_col;
  if (g.a_col == 1) {
    for (int64_t i = i0; i < i1; ++i, to += panel.depth + kPad) {
      std::memcpy(to, a + i * g.a_row, panel.depth * sizeof(float));
    }
    return;
  }
  for (int64_t i = i0; i < i1; i += plan.tile_rows, to += plan.tile_rows * panel.depth) {
    const int64_t rows = std::min(plan.tile_rows, i1 - i);
    for (int64_t p = 0; p < panel.depth; ++p) {
      const float* from = a + i * g.a_row + p * g.a_col;
      for (int64_t r = 0; r < rows; ++r) to[p * plan.tile_rows + r] = from[r * g.a_row];
    }
  }
}

// The rows [i0, i1) and columns [j0, j1) of a panel's product. copied_a holds the rows from i0 on,
// or is null.
void multiply(const Product& g, const Plan& plan, const Panel& panel, int64_t i0, int64_t i1,
              int64_t j0, int64_t j1, const float* copied_a) {
  const bool direct_c = g.c_col == 1 && (g.bias == nullptr || g.bias_col == 1);
  Tile t;
  t.depth = panel.depth;
  t.a_row = copied_a == nullptr ? g.a_row : g.a_col == 1 ? panel.depth + kPad : 1;
  t.a_col = copied_a == nullptr || g.a_col == 1 ? g.a_col : plan.tile_rows;
  t.c_row = g.c_row;
  t.add = !panel.first || g.accumulate;
  t.relu = panel.last && g.relu;
  int64_t width;
  for (int64_t j = j0; j < j1; j += width) {
    width = strip_width(j1 - j);
    t.columns = std::min(width, j1 - j);
    const bool direct = direct_c && (kHaveMasks || t.columns == width);
    if (panel.packed_b != nullptr) {
      t.b = panel.packed_b + (j - panel.j0) * panel.depth;
      t.b_row = width;
    } else {
      t.b = g.b + panel.p0 * g.b_row + j;
      t.b_row = g.b_row;
    }
    t.bias = g.bias != nullptr && panel.last ? g.bias + j * g.bias_col : nullptr;
    for (int64_t i = i0; i < i1; i += plan.tile_rows) {
      const int64_t rows = std::min(plan.tile_rows, i1 - i);
      const MicroKernel kernel = find_micro_kernel<Walk::kEven>(rows, width / kLanes);
      if (copied_a == nullptr) {
        t.a = g.a + i * g.a_row + panel.p0 * g.a_col;
      } else {
        t.a = copied_a + (i - i0) * (g.a_col == 1 ? t.a_row : panel.depth);
      }
      if (direct) {
        t.c = g.c + i * g.c_row + j;
        kernel(t);
      } else {
        run_buffered(g, t, kernel, i, rows, j, panel.first, panel.last);
      }
    }
  }
}

void multiply_panel(const Product& g, const Plan& plan, Panel panel) {
  if (plan.pack_b) {
    float* packed = scratch_for_b().get(panel.depth * round_up(panel.columns, kLanes));
    for_each(plan.parallel, ceil_div(panel.columns, kStrip),
             [&](int64_t begin, int64_t end) HWY_ATTR {
               const int64_t j1 = std::min(panel.columns, end * kStrip);
               int64_t width;
               for (int64_t j = begin * kStrip; j < j1; j += width) {
                 width = strip_width(j1 - j);
                 pack_strip(g.b + panel.p0 * g.b_row + (panel.j0 + j) * g.b_col, g.b_row, g.b_col,
                            panel.depth, std::min(width, j1 - j), width, packed + j * panel.depth);
               }
             });
    panel.packed_b = packed;
  }
  // A thread's work is a range of strips of blocks of rows, all strips of the first block first.
  const int64_t strips = ceil_div(panel.columns, kStrip);
  for_each(plan.parallel, ceil_div(g.m, plan.block_rows) * strips,
           [&](int64_t begin, int64_t end) HWY_ATTR {
             for (int64_t next; begin < end; begin = next) {
               const int64_t block = begin / strips;
               next = std::min(end, (block + 1) * strips);
               const int64_t i0 = block * plan.block_rows, i1 = std::min(g.m, i0 + plan.block_rows);
               const float* copied_a = nullptr;
               if (plan.copy_a) {
                 float* to =
                     scratch_for_a().get(round_up(i1 - i0, plan.tile_rows) * (panel.depth + kPad));
                 copy_rows(g, plan, panel, i0, i1, to);
                 copied_a = to;
               }
               const int64_t j0 = (begin - block * strips) * kStrip,
                             j1 = (next - block * strips) * kStrip;
               multiply(g, plan, panel, i0, i1, panel.j0 + j0,
                        panel.j0 + std::min(panel.columns, j1), copied_a);
             }
           });
}

// Few rows, columns contiguous along k, and k so long that adding up lanes costs little. If A must
// be copied for it, enough columns must share the copy.
bool suits_dots(const Product& g) {
  return g.m <= kMaxDotRows && g.b_row == 1 && (g.b_col != 1 || g.n == 1) &&
         g.k >= std::max(16 * g.m, 4 * kLanes) && (g.a_col == 1 || g.n >= 256);
}

// sum[j] += x[0] * b[j] + x[x_step] * b[b_row + j] + ..., kRows rows of B in order. sum has room
// for whole vectors.
template <int kRows>
void add_rows(const float* x, int64_t x_step, const float* b, int64_t b_row, int64_t columns,
              float* sum) {
  const D d;
  V factor[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) factor[r] = hn::Set(d, x[r * x_step]);
  const auto step = [&](int64_t j, auto&& load) HWY_ATTR {
    V total = hn::Load(d, sum + j);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) total = hn::MulAdd(factor[r], load(b + r * b_row + j), total);
    hn::Store(total, d, sum + j);
  };
  int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes)
    step(j, [&](const float* p) HWY_ATTR { return hn::LoadU(d, p); });
  if (j < columns) step(j, [&](const float* p) HWY_ATTR { return load_partial(p, columns - j); });
}

// One row times a B whose rows are contiguous: reads whole rows of B, as fast as the memory streams
// them, and keeps the sums in the L1 cache.
void multiply_row(const Product& g, const Plan& plan) {
  constexpr int64_t kColumns = 4096, kItem = 512;
  for_each(plan.parallel, ceil_div(g.n, kItem), [&](int64_t begin, int64_t end) {
    float* sum = scratch_for_a().get(kColumns);
    const int64_t j1 = std::min(g.n, end * kItem);
    for (int64_t j = begin * kItem; j < j1; j += kColumns) {
      const int64_t columns = std::min(kColumns, j1 - j);
      for (int64_t p0 = 0; p0 < g.k; p0 += plan.depth) {
        const int64_t p1 = std::min(g.k, p0 + plan.depth);
        std::fill(sum, sum + round_up(columns, kLanes), 0.0f);
        int64_t p = p0;
        for (; p + 8 <= p1; p += 8)
          add_rows<8>(g.a + p * g.a_col, g.a_col, g.b + p * g.b_row + j, g.b_row, columns, sum);
        for (; p < p1; ++p)
          add_rows<1>(g.a + p * g.a_col, 0, g.b + p * g.b_row + j, 0, columns, sum);
        // What remains, adding to C, bias and ReLU, is the product of 1 and the sums.
        const float one = 1.0f;
        Product rest = g;
        rest.a = &one;
        rest.b = sum;
        rest.b_row = 0;
        rest.c += j * g.c_col;
        if (g.bias != nullptr) rest.bias += j * g.bias_col;
        multiply(rest, plan, {0, columns, 0, 1, p0 == 0, p1 == g.k, nullptr}, 0, 1, 0, columns,
                 nullptr);
      }
    }
  });
}

void multiply_all(const GemmArgs& args) {
  const Product g(args);
  const Plan plan(g);
  if (suits_dots(g)) return multiply_by_dots(g, plan.parallel);
  if (Product t = g.transposed(); suits_dots(t)) return multiply_by_dots(t, plan.parallel);
  if (g.m == 1 && g.b_col == 1 && g.n >= kMinRowColumns) return multiply_row(g, plan);
  const int64_t block_columns = plan.pack_b ? kMaxColumns : g.n;
  for (int64_t j0 = 0; j0 < g.n; j0 += block_columns) {
    for (int64_t p0 = 0; p0 < g.k; p0 += plan.depth) {
      const int64_t depth = std::min(plan.depth, g.k - p0);
      multiply_panel(
          g, plan,
          {j0, std::min(block_columns, g.n - j0), p0, depth, p0 == 0, p0 + depth == g.k, nullptr});
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

HWY_EXPORT(multiply_all);

// A sum over nothing.
void multiply_nothing(const GemmArgs& args) {
  const Product g(args);
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) g.put(i, j, 0.0f, true, true);
  }
}

}  // namespace

void gemm(const GemmArgs& args) {
  if (args.m <= 0 || args.n <= 0) return;
  if (args.k <= 0) return multiply_nothing(args);
  HWY_DYNAMIC_DISPATCH(multiply_all)(args);
}

void gemm_batched(const GemmArgs& args, int64_t batch, int64_t a_batch, int64_t b_batch,
                  int64_t c_batch) {
  if (batch <= 0) return;
  // One B for all, and the rows of A and C follow on: this is one product.
  if (batch > 1 && b_batch == 0 && a_batch == args.m * args.a_row &&
      c_batch == args.m * args.c_row) {
    GemmArgs all = args;
    all.m *= batch;
    return gemm(all);
  }
  const auto run = [&](int64_t begin, int64_t end) {
    GemmArgs one = args;
    for (int64_t t = begin; t < end; ++t) {
      one.a = args.a + t * a_batch;
      one.b = args.b + t * b_batch;
      one.c = args.c + t * c_batch;
      gemm(one);
    }
  };
  // Large products use the threads one after another, small ones side by side.
  const double work =
      static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k);
  if (work >= 64.0 * kParallelWork || work * static_cast<double>(batch) < kParallelWork)
    return run(0, batch);
  const double grain =
      std::min(static_cast<double>(batch), kParallelWork / 4 / std::max(work, 1.0));
  parallel_for(0, batch, std::max<int64_t>(1, static_cast<int64_t>(grain)), run);
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE