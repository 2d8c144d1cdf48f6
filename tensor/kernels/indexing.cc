#include "lamina/tensor/kernels/indexing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "lamina/tensor/kernels/strided.h"

namespace lamina::kernels {
namespace {

// Calls f with a null pointer to an unsigned type of `item` bytes: what only moves needs the size.
template <class F>
void dispatch_size(int64_t item, const F& f) {
  switch (item) {
    case 1:
      return f(static_cast<uint8_t*>(nullptr));
    case 2:
      return f(static_cast<uint16_t*>(nullptr));
    case 4:
      return f(static_cast<uint32_t*>(nullptr));
    default:
      return f(static_cast<uint64_t*>(nullptr));
  }
}

StridedLoop<3> loop_of(const TableWalk& walk) {
  return {walk.shape, {&walk.array_strides, &walk.table_strides, &walk.other_strides}};
}

// Calls body(element of array, element of other) for each of a row's n.
template <class A, class O, class Body>
void for_row(const StridedLoop<3>& loop, const TableWalk& walk,
             const std::array<int64_t, 3>& offset, int64_t n, A* array, O* other,
             const Body& body) {
  const int64_t array_step = loop.inner_stride(0), table_step = loop.inner_stride(1),
                other_step = loop.inner_stride(2);
  A* a = array + offset[0];
  O* o = other + offset[2];
  const int64_t* t = walk.table + offset[1];
  if (table_step == 0) {
    a += *t * walk.step;
    for (int64_t i = 0; i < n; ++i) body(a[i * array_step], o[i * other_step]);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      body(a[i * array_step + t[i * table_step] * walk.step], o[i * other_step]);
    }
  }
}

// Whether each row is one run of neighbours on both sides.
bool is_dense(const StridedLoop<3>& loop) {
  return loop.inner_stride(0) == 1 && loop.inner_stride(1) == 0 && loop.inner_stride(2) == 1;
}

// Whole rows of a table's choice, as an embedding takes them: rank 2 and dense. A loop as short as this one lets the
// processor reach the next rows, which come from anywhere, while it waits for one.
template <class T>
void take_rows(const StridedLoop<3>& loop, const TableWalk& walk, const T* from, T* to) {
  const int64_t n = loop.inner(), to_step = loop.strides[2][0], step = walk.step;
  const int64_t* table = walk.table;
  parallel_for(0, loop.shape[0], std::max<int64_t>(1, kParallelGrain / n),
               [=](int64_t first, int64_t last) {
                 for (int64_t r = first; r < last; ++r)
                   std::memcpy(to + r * to_step, from + table[r] * step, n * sizeof(T));
               });
}

template <class T>
void add(T* sums, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      sums[i] = static_cast<T>(static_cast<U>(sums[i]) + static_cast<U>(x[i]));
    } else {
      sums[i] += x[i];
    }
  }
}

template <class T, bool kAOne, bool kBOne>
void where_row(T* to, const bool* c, int64_t c_step, const T* a, const T* b, int64_t n) {
  if (c_step == 1) {
    for (int64_t i = 0; i < n; ++i) {
      const T x = a[kAOne ? 0 : i], y = b[kBOne ? 0 : i];
      to[i] = c[i] ? x : y;
    }
  } else {
    for (int64_t i = 0; i < n; ++i) {
      const T x = a[kAOne ? 0 : i], y = b[kBOne ? 0 : i];
      to[i] = c[i * c_step] ? x : y;
    }
  }
}

}  // namespace

void take(const TableWalk& walk, int64_t item, const void* array, void* other) {
  if (walk.shape.numel() == 0) return;
  const StridedLoop<3> loop = loop_of(walk);
  dispatch_size(item, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T* from = static_cast<const T*>(array);
    T* to = static_cast<T*>(other);
    if (is_dense(loop) && loop.shape.rank() == 2 && loop.strides[0][0] == 0 &&
        loop.strides[1][0] == 1) {
      return take_rows(loop, walk, from, to);
    }
    loop.run([&](const std::array<int64_t, 3>& offset, int64_t n) {
      if (is_dense(loop)) {
        std::memcpy(to + offset[2], from + offset[0] + walk.table[offset[1]] * walk.step,
                    n * sizeof(T));
      } else {
        for_row(loop, walk, offset, n, from, to, [](const T& a, T& o) { o = a; });
      }
    });
  });
}

void put(const TableWalk& walk, int64_t item, void* array, const void* other) {
  if (walk.shape.numel() == 0) return;
  const StridedLoop<3> loop = loop_of(walk);
  dispatch_size(item, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    loop.run_in_order([&](const std::array<int64_t, 3>& offset, int64_t n) {
      for_row(loop, walk, offset, n, static_cast<T*>(array), static_cast<const T*>(other),
              [](T& a, const T& o) { a = o; });
    });
  });
}

void add_at(const TableWalk& walk, DType dtype, void* array, const void* other) {
  if (walk.shape.numel() == 0) return;
  const StridedLoop<3> loop = loop_of(walk);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!std::is_same_v<T, bool>) {
      T* to = static_cast<T*>(array);
      const T* from = static_cast<const T*>(other);
      loop.run_in_order([&](const std::array<int64_t, 3>& offset, int64_t n) {
        if (is_dense(loop)) {
          add(to + offset[0] + walk.table[offset[1]] * walk.step, from + offset[2], n);
        } else {
          for_row(loop, walk, offset, n, to, from, [](T& a, const T& o) { add(&a, &o, 1); });
        }
      });
    }
  });
}

void fill_where(const Shape& shape, int64_t item, void* to, const Strides& to_strides,
                const bool* mask, const Strides& mask_strides, const void* value) {
  if (shape.numel() == 0) return;
  const StridedLoop<2> loop(shape, {&to_strides, &mask_strides});
  const int64_t to_step = loop.inner_stride(0), mask_step = loop.inner_stride(1);
  dispatch_size(item, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T v = *static_cast<const T*>(value);
    loop.run([&](const std::array<int64_t, 2>& offset, int64_t n) {
      T* t = static_cast<T*>(to) + offset[0];
      const bool* m = mask + offset[1];
      for (int64_t i = 0; i < n; ++i) {
        if (m[i * mask_step]) t[i * to_step] = v;
      }
    });
  });
}

void where(const Shape& shape, int64_t item, void* to, const bool* condition,
           const Strides& condition_strides, const void* a, const Strides& a_strides, const void* b,
           const Strides& b_strides) {
  if (shape.numel() == 0) return;
  const Strides to_strides = contiguous_strides(shape);
  const StridedLoop<4> loop(shape, {&to_strides, &condition_strides, &a_strides, &b_strides});
  const int64_t c_step = loop.inner_stride(1), a_step = loop.inner_stride(2),
                b_step = loop.inner_stride(3);
  dispatch_size(item, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    loop.run([&](const std::array<int64_t, 4>& offset, int64_t n) {
      T* t = static_cast<T*>(to) + offset[0];
      const bool* c = condition + offset[1];
      const T* x = static_cast<const T*>(a) + offset[2];
      const T* y = static_cast<const T*>(b) + offset[3];
      if (a_step == 1 && b_step == 1) {
        where_row<T, false, false>(t, c, c_step, x, y, n);
      } else if (a_step == 0 && b_step == 1) {
        where_row<T, true, false>(t, c, c_step, x, y, n);
      } else if (a_step == 1 && b_step == 0) {
        where_row<T, false, true>(t, c, c_step, x, y, n);
      } else {
        for (int64_t i = 0; i < n; ++i) t[i] = c[i * c_step] ? x[i * a_step] : y[i * b_step];
      }
    });
  });
}

}  // namespace lamina::kernels
