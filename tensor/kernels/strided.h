// Walks several operands of one shape in step.
#ifndef LAMINA_TENSOR_KERNELS_STRIDED_H_
#define LAMINA_TENSOR_KERNELS_STRIDED_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "lamina/tensor/parallel.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

inline constexpr int64_t kParallelGrain = 32768;  // elements that are worth a thread

// The same elements in the same order with the fewest dimensions: extents of 1 are dropped,
// neighbours that every operand steps through evenly are merged. At least one dimension remains.
template <int N>
struct StridedLoop {
  StridedLoop(const Shape& full_shape, const std::array<const Strides*, N>& full_strides) {
    for (int d = 0; d < full_shape.rank(); ++d) {
      if (full_shape[d] == 1) continue;
      const int last = shape.rank() - 1;
      bool merges = last >= 0;
      for (int i = 0; i < N && merges; ++i) {
        merges = strides[i][last] == (*full_strides[i])[d] * full_shape[d];
      }
      if (merges) {
        shape[last] *= full_shape[d];
        for (int i = 0; i < N; ++i) strides[i][last] = (*full_strides[i])[d];
      } else {
        shape.push_back(full_shape[d]);
        for (int i = 0; i < N; ++i) strides[i].push_back((*full_strides[i])[d]);
      }
    }
    if (shape.empty()) {
      shape.push_back(1);
      for (int i = 0; i < N; ++i) strides[i].push_back(1);
    }
  }

  int64_t inner() const { return shape[shape.rank() - 1]; }  // extent of the innermost dimension
  int64_t inner_stride(int operand) const { return strides[operand][shape.rank() - 1]; }

  // Calls row(offsets, n) for runs of n elements along the innermost dimension, on several threads
  // if it pays; offsets are each operand's first element of the run.
  template <class Row>
  void run(const Row& row) const {
    const int64_t n = inner();
    const int64_t rows = n == 0 ? 0 : shape.numel() / n;
    if (rows == 1) {
      parallel_for(0, n, kParallelGrain, [&](int64_t first, int64_t last) {
        std::array<int64_t, N> offsets;
        for (int i = 0; i < N; ++i) offsets[i] = first * inner_stride(i);
        row(offsets, last - first);
      });
      return;
    }
    const int64_t grain = std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(n, 1));
    parallel_for(0, rows, grain, [&](int64_t first, int64_t last) { run_rows(first, last, row); });
  }

  // The same on this thread, from the first element to the last.
  template <class Row>
  void run_in_order(const Row& row) const {
    const int64_t n = inner();
    if (n > 0) run_rows(0, shape.numel() / n, row);
  }

  Shape shape;
  std::array<Strides, N> strides;

 private:
  template <class Row>
  void run_rows(int64_t first, int64_t last, const Row& row) const {
    const int64_t n = inner();
    const int outer = shape.rank() - 1;
    if (outer == 0) {
      if (first < last) row(std::array<int64_t, N>{}, n);
      return;
    }
    if (outer == 1) {  // a product for each row: sums would wait for one another, by way of memory
      for (int64_t r = first; r < last; ++r) {
        std::array<int64_t, N> offsets;
        for (int i = 0; i < N; ++i) offsets[i] = r * strides[i][0];
        row(offsets, n);
      }
      return;
    }
    Shape index = Shape::filled(outer, 0);
    std::array<int64_t, N> offsets{};
    int64_t rest = first;
    for (int d = outer - 1; d >= 0; --d) {
      index[d] = rest % shape[d];
      rest /= shape[d];
      for (int i = 0; i < N; ++i) offsets[i] += index[d] * strides[i][d];
    }
    for (int64_t r = first; r < last;) {
      // The rows along the last outer dimension need no carrying.
      const int e = outer - 1;
      const int64_t end = std::min(last, r + shape[e] - index[e]);
      index[e] += end - r;
      for (; r < end; ++r) {
        row(offsets, n);
        for (int i = 0; i < N; ++i) offsets[i] += strides[i][e];
      }
      for (int d = e; d >= 0 && index[d] == shape[d]; --d) {
        for (int i = 0; i < N; ++i) offsets[i] -= shape[d] * strides[i][d];
        index[d] = 0;
        if (d == 0) break;
        ++index[d - 1];
        for (int i = 0; i < N; ++i) offsets[i] += strides[i][d - 1];
      }
    }
  }
};

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_STRIDED_H_
