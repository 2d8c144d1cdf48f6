#include "lamina/tensor/kernels/copy.h"

#include <algorithm>
#include <cstring>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/copy.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Element by element, in tiles, so that each line of the cache is used whole while it is there.
template <class T>
void transpose_elements(int64_t rows, int64_t columns, T* to, int64_t to_row, const T* from,
                        int64_t from_column) {
  constexpr int64_t kTile = 16;
  for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
    const int64_t c1 = std::min(columns, c0 + kTile);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = c0; c < c1; ++c) to[r * to_row + c] = from[c * from_column + r];
    }
  }
}

#if HWY_TARGET != HWY_SCALAR

// A vector of blocks of 16 bytes. Block b comes from `from + b * block_step`.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* from, int64_t block_step) {
  if constexpr (hn::MaxLanes(D()) * sizeof(T) == 16) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    constexpr int64_t kBlocks = hn::MaxLanes(hn::Half<D>()) * sizeof(T) / 16;
    return hn::Combine(d, load_blocks(half, from + kBlocks * block_step, block_step),
                       load_blocks(half, from, block_step));
  }
}

// As many rows as a block has elements, of one vector each.
template <class D>
HWY_INLINE void transpose_vectors(D d, uint32_t* to, int64_t to_row, const uint32_t* from,
                                  int64_t from_column) {
  const auto load = [&](int i) HWY_ATTR {
    return load_blocks(d, from + i * from_column, 4 * from_column);
  };
  const auto a = load(0), b = load(1), c = load(2), e = load(3);  // a block is part of a column
  const auto ac_low = hn::InterleaveLower(d, a, c), be_low = hn::InterleaveLower(d, b, e);
  const auto ac_high = hn::InterleaveUpper(d, a, c), be_high = hn::InterleaveUpper(d, b, e);
  hn::StoreU(hn::InterleaveLower(d, ac_low, be_low), d, to);
  hn::StoreU(hn::InterleaveUpper(d, ac_low, be_low), d, to + to_row);
  hn::StoreU(hn::InterleaveLower(d, ac_high, be_high), d, to + 2 * to_row);
  hn::StoreU(hn::InterleaveUpper(d, ac_high, be_high), d, to + 3 * to_row);
}
template <class D>
HWY_INLINE void transpose_vectors(D d, uint64_t* to, int64_t to_row, const uint64_t* from,
                                  int64_t from_column) {
  const auto a = load_blocks(d, from, 2 * from_column);
  const auto b = load_blocks(d, from + from_column, 2 * from_column);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, to);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, to + to_row);
}

template <class T>
void transpose_by_vectors(int64_t rows, int64_t columns, T* to, int64_t to_row, const T* from,
                          int64_t from_column) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kBlock = 16 / sizeof(T), kLanes = hn::MaxLanes(hn::ScalableTag<T>());
  if (rows < kBlock || columns < kLanes)
    return transpose_elements(rows, columns, to, to_row, from, from_column);
  for (int64_t c0 = 0; c0 < columns; c0 += kLanes) {
    const int64_t c = std::min(c0, columns - kLanes);  // the last vector may overlap
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      const int64_t r = std::min(r0, rows - kBlock);
      transpose_vectors(d, to + r * to_row + c, to_row, from + c * from_column + r, from_column);
    }
  }
}

#else

template <class T>
void transpose_by_vectors(int64_t rows, int64_t columns, T* to, int64_t to_row, const T* from,
                          int64_t from_column) {
  transpose_elements(rows, columns, to, to_row, from, from_column);
}

#endif

// Swaps two dimensions, of elements of `item` bytes: `to` is dense along columns, `from` is dense along rows.
void transpose_rows(int64_t item, int64_t rows, int64_t columns, void* to, int64_t to_row,
                    const void* from, int64_t from_column) {
  switch (item) {
    case 1:
      return transpose_elements(rows, columns, static_cast<uint8_t*>(to), to_row,
                                static_cast<const uint8_t*>(from), from_column);
    case 2:
      return transpose_elements(rows, columns, static_cast<uint16_t*>(to), to_row,
                                static_cast<const uint16_t*>(from), from_column);
    case 4:
      return transpose_by_vectors(rows, columns, static_cast<uint32_t*>(to), to_row,
                                  static_cast<const uint32_t*>(from), from_column);
    default:
      return transpose_by_vectors(rows, columns, static_cast<uint64_t*>(to), to_row,
                                  static_cast<const uint64_t*>(from), from_column);
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(transpose_rows);

namespace {

// Rows that are transposed together: they fill lines of the cache that are read along the columns.
constexpr int64_t kTransposed = 16;

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

// to[r * to_row + c] = from[c * from_column + r]
template <class T>
void transpose(int64_t rows, int64_t columns, T* to, int64_t to_row, const T* from,
               int64_t from_column) {
  const int64_t blocks = (rows + kTransposed - 1) / kTransposed;
  const int64_t grain =
      std::max<int64_t>(1, kParallelGrain / (kTransposed * std::max<int64_t>(1, columns)));
  const auto of_rows = HWY_DYNAMIC_DISPATCH(transpose_rows);
  parallel_for(0, blocks, grain, [&](int64_t first, int64_t last) {
    for (int64_t r = first * kTransposed; r < std::min(rows, last * kTransposed);
         r += kTransposed) {
      of_rows(sizeof(T), std::min(kTransposed, rows - r), columns, to + r * to_row, to_row,
              from + r, from_column);
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
          transpose(loop.shape[d], loop.inner(), to + offset[0] + i * to_next, loop.strides[0][d],
                    from + offset[1] + i * from_next, from_step);
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
#endif  // HWY_ONCE
