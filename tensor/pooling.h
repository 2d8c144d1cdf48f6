// Windows of pooling and places of resampling, for both types: NDArray here, Tensor in autograd/.
#ifndef LAMINA_TENSOR_POOLING_H_
#define LAMINA_TENSOR_POOLING_H_

#include <cstdint>

#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/windows.h"

namespace lamina::internal {

// The windows of pooling over the last `axes` (1 or 2) dimensions of `shape`, which has one or two more
// in front; over one dimension the rows are one. No stride means the kernel. Throws ShapeError or
// ValueError.
kernels::Windows pool_windows(const char* op, const Shape& shape, const Dims& kernel,
                              const MaxPoolOptions& options, int axes);

// What the sums of windows are divided by: (rows, columns), float64; undefined if all are alike.
NDArray pool_divisors(const kernels::Windows& windows, bool count_include_pad);

// Throws ShapeError unless `shape` is (N, C, H, W) or (C, H, W) with pixels.
void check_images(const char* op, const Shape& shape);

// Windows of different lengths: output i is the mean of `lengths[i]` places, which are in row i of
// `places` (outputs, longest); `unused` is true behind them. int64, bool, float64.
struct AdaptiveWindows {
  NDArray places, unused, lengths;
};
AdaptiveWindows adaptive_windows(int64_t extent, int64_t outputs);

// The rows and columns of what interpolate makes of H x W. Throws ValueError.
Dims interpolated_size(int64_t height, int64_t width, const InterpolateOptions& options);
// Place i of an axis is (1 - weight[i]) x[low[i]] + weight[i] x[high[i]]. int64, float64; for kNearest
// `low` alone.
struct Interpolation {
  NDArray low, high, weight;
};
// `axis` is 0 for rows, 1 for columns.
Interpolation interpolation(int64_t extent, int64_t outputs, const InterpolateOptions& options,
                            int axis);

}  // namespace lamina::internal

#endif  // LAMINA_TENSOR_POOLING_H_
