// How a convolution is cut into blocks, and where a block of an image lies in scratch memory.
// Private to conv.cc, which tells how it works.
#ifndef LAMINA_TENSOR_KERNELS_CONV_PLAN_H_
#define LAMINA_TENSOR_KERNELS_CONV_PLAN_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/conv.h"
#include "lamina/tensor/kernels/gemm_product.h"

namespace lamina::kernels {

inline constexpr int64_t kBlockFloats = 1 << 16;   // of an operand or of sums: 256 KiB of L2
inline constexpr int64_t kLargestBlock = 1 << 20;  // of what is_compact accepts: 4 MiB
inline constexpr int64_t kSlack = 128;             // floats behind a block that may be read
inline constexpr int64_t kMostParts = 16;          // partial sums of the weights' gradient

// One axis as it lies in scratch memory: every phase (place modulo stride) that a tap reads is a
// piece of its own, in which the neighbour of an output's place is its neighbour's.
struct PlannedAxis {
  int64_t low;                  // the smallest offset
  int64_t reach;                // from it to the largest
  std::vector<int64_t> phases;  // in use, ascending
  struct Tap {
    int64_t piece, step;  // which phase, and how far into it
  };
  std::vector<Tap> taps;

  explicit PlannedAxis(const ConvAxis& axis) {
    const auto [least, most] = std::minmax_element(axis.offsets.begin(), axis.offsets.end());
    low = *least;
    reach = *most - low;
    for (int64_t offset : axis.offsets) phases.push_back((offset - low) % axis.stride);
    std::sort(phases.begin(), phases.end());
    phases.erase(std::unique(phases.begin(), phases.end()), phases.end());
    for (int64_t offset : axis.offsets) {
      const auto phase =
          std::lower_bound(phases.begin(), phases.end(), (offset - low) % axis.stride);
      taps.push_back({phase - phases.begin(), (offset - low) / axis.stride});
    }
  }
  // The places of one phase that `count` outputs read.
  int64_t places(int64_t count, int64_t stride) const { return count + reach / stride; }
};

struct ConvPlan {
  PlannedAxis rows, columns;
  int64_t taps;             // of both axes
  int64_t block_channels;   // whose products are summed at a time
  int64_t copied_channels;  // that are in scratch memory at a time
  int64_t block_rows;       // of outputs
  int64_t row_blocks;
  int64_t shared;              // zeros that end a row of a piece and begin the next one
  int64_t pitch;               // between rows of a piece
  int64_t plane;               // between channels
  std::vector<int64_t> table;  // where B's row (c, r, s) begins, for the channels of a block

  // Products of `most_depth` channels and taps are summed at a time. Blocks hold all channels or as many
  // as that, and beside them there is room for `planes` numbers of each column of outputs.
  ConvPlan(const Convolution& conv, int64_t most_depth, bool all_channels, int64_t planes)
      : rows(conv.rows), columns(conv.columns) {
    taps = static_cast<int64_t>(rows.taps.size() * columns.taps.size());
    block_channels = std::clamp<int64_t>(most_depth / taps, 1, std::max<int64_t>(1, conv.channels));
    block_channels =
        ceil_div(conv.channels, ceil_div(std::max<int64_t>(1, conv.channels), block_channels));
    pitch = columns.places(conv.columns.count, conv.columns.stride);
    shared = columns.reach / conv.columns.stride;
    for (int64_t phase : columns.phases) {
      const Inside in = inside(conv.columns, columns.low + phase, pitch);
      shared = std::min({shared, in.first, pitch - in.last});
    }
    pitch -= shared;
    block_rows = conv.rows.count;
    copied_channels = all_channels ? conv.channels : block_channels;
    while (block_rows > 1 && (planes * block_rows * pitch > kBlockFloats ||
                              copied_channels * plane_of(conv, block_rows) > kBlockFloats)) {
      block_rows = ceil_div(block_rows, 2);
    }
    row_blocks = ceil_div(conv.rows.count, block_rows);
    block_rows = ceil_div(conv.rows.count, row_blocks);
    plane = plane_of(conv, block_rows);
    const int64_t piece = piece_of(conv, block_rows);
    const int64_t across = static_cast<int64_t>(columns.phases.size());
    for (int64_t c = 0; c < block_channels; ++c) {
      for (const PlannedAxis::Tap& r : rows.taps) {
        for (const PlannedAxis::Tap& s : columns.taps) {
          table.push_back(c * plane + (r.piece * across + s.piece) * piece + r.step * pitch +
                          s.step);
        }
      }
    }
  }

  // Which of the places `start`, `start` + stride, ... of an image are in it, of the first `most`.
  struct Inside {
    int64_t first, last;
  };
  static Inside inside(const ConvAxis& axis, int64_t start, int64_t most) {
    const auto first_from = [&](int64_t from) {
      return std::min(most, from >= 0 ? 0 : ceil_div(-from, axis.stride));
    };
    return {first_from(start), first_from(start - axis.extent)};
  }

  int64_t piece_of(const Convolution& conv, int64_t outputs) const {
    return rows.places(outputs, conv.rows.stride) * pitch + shared;
  }
  // An odd number of cache lines, so that channels do not meet in the same sets of the cache.
  int64_t plane_of(const Convolution& conv, int64_t outputs) const {
    const int64_t pieces = static_cast<int64_t>(rows.phases.size() * columns.phases.size());
    return (ceil_div(pieces * piece_of(conv, outputs), 16) | 1) * 16;
  }
  // Rounded up to whole cache lines.
  int64_t block_floats() const { return copied_channels * plane + kSlack; }
};

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_CONV_PLAN_H_
