#include "lamina/tensor/kernels/copy.h"

#include <cstring>

#include "lamina/tensor/kernels/strided.h"

namespace lamina::kernels {
namespace {

template <class To, class From>
void convert_all(const StridedLoop<2>& loop, To* to, const From* from) {
  const int64_t to_step = loop.inner_stride(0), from_step = loop.inner_stride(1);
  loop.run([&](const std::array<int64_t, 2>& offset, int64_t n) {
    To* t = to + offset[0];
    const From* f = from + offset[1];
    if (to_step == 1 && from_step == 1) {
      for (int64_t i = 0; i < n; ++i) t[i] = convert<To>(f[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) t[i * to_step] = convert<To>(f[i * from_step]);
    }
  });
}

// Swaps two dimensions: `to` is dense along columns, `from` is dense along rows. In tiles, so that
// each line of the cache is used whole while it is there.
template <class T>
void transpose_tiles(int64_t rows, int64_t columns, T* to, int64_t to_row, const T* from,
                     int64_t from_column) {
  constexpr int64_t kTile = 16;
  const int64_t tile_rows = (rows + kTile - 1) / kTile;
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / (kTile * columns));
  parallel_for(0, tile_rows, grain, [&](int64_t first, int64_t last) {
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = std::min(columns, c0 + kTile);
      for (int64_t r0 = first * kTile; r0 < std::min(rows, last * kTile); r0 += kTile) {
        const int64_t r1 = std::min(rows, r0 + kTile);
        for (int64_t r = r0; r < r1; ++r) {
          for (int64_t c = c0; c < c1; ++c) to[r * to_row + c] = from[c * from_column + r];
        }
      }
    }
  });
}

// T is an unsigned type of the element's size: a copy within one dtype moves bits.
template <class T>
void move_all(const StridedLoop<2>& loop, T* to, const T* from) {
  const int rank = loop.shape.rank();
  const int64_t to_step = loop.inner_stride(0), from_step = loop.inner_stride(1);
  if (to_step == 1 && from_step != 1 && from_step != 0) {
    for (int d = rank - 2; d >= 0; --d) {  // a dimension along which `from` is dense?
      if (loop.strides[1][d] != 1 || loop.shape[d] < 4) continue;
      // Everything else is walked around the transposition of d and the last dimension.
      Shape outer;
      Strides to_outer, from_outer;
      for (int e = 0; e < rank - 1; ++e) {
        if (e == d) continue;
        outer.push_back(loop.shape[e]);
        to_outer.push_back(loop.strides[0][e]);
        from_outer.push_back(loop.strides[1][e]);
      }
      const StridedLoop<2> around(outer, {&to_outer, &from_outer});
      const int64_t to_next = around.inner_stride(0), from_next = around.inner_stride(1);
      const auto planes = [&](const std::array<int64_t, 2>& offset, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          transpose_tiles(loop.shape[d], loop.inner(), to + offset[0] + i * to_next,
                          loop.strides[0][d], from + offset[1] + i * from_next, from_step);
        }
      };
      around.run(planes);
      return;
    }
  }
  loop.run([&](const std::array<int64_t, 2>& offset, int64_t n) {
    T* t = to + offset[0];
    const T* f = from + offset[1];
    if (to_step == 1 && from_step == 1) {
      std::memcpy(t, f, n * sizeof(T));
    } else if (to_step == 1 && from_step == 0) {
      std::fill_n(t, n, *f);
    } else if (to_step == 1 && from_step == -1) {
      for (int64_t i = 0; i < n; ++i) t[i] = f[-i];
    } else {
      for (int64_t i = 0; i < n; ++i) t[i * to_step] = f[i * from_step];
    }
  });
}

}  // namespace

void copy(const Shape& shape, DType to_dtype, void* to, const Strides& to_strides, DType from_dtype,
          const void* from, const Strides& from_strides) {
  if (shape.numel() == 0) return;
  const StridedLoop<2> loop(shape, {&to_strides, &from_strides});
  if (to_dtype == from_dtype) {
    switch (size_of(to_dtype)) {
      case 1:
        return move_all(loop, static_cast<uint8_t*>(to), static_cast<const uint8_t*>(from));
      case 2:
        return move_all(loop, static_cast<uint16_t*>(to), static_cast<const uint16_t*>(from));
      case 4:
        return move_all(loop, static_cast<uint32_t*>(to), static_cast<const uint32_t*>(from));
      default:
        return move_all(loop, static_cast<uint64_t*>(to), static_cast<const uint64_t*>(from));
    }
  }
  dispatch_all(to_dtype, [&](auto to_type) {
    dispatch_all(from_dtype, [&](auto from_type) {
      convert_all(loop, static_cast<typename decltype(to_type)::type*>(to),
                  static_cast<const typename decltype(from_type)::type*>(from));
    });
  });
}

}  // namespace lamina::kernels
