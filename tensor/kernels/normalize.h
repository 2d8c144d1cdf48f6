// Normalisation: y = (x - mean) / sqrt(variance + eps) weight + bias, where groups of elements share
// mean and biased variance. All arrays are of one dtype, float32 or float64, but for mean and
// variance, which are float64 and one per group. Groups have elements.
//
// A mean is taken first and the squares of the deviations from it next, so that a large mean costs
// no accuracy. The order of the additions depends on the sizes and the instruction set.
#ifndef LAMINA_TENSOR_KERNELS_NORMALIZE_H_
#define LAMINA_TENSOR_KERNELS_NORMALIZE_H_

#include <cstdint>

#include "lamina/tensor/dtype.h"

namespace lamina::kernels {

// Each row of a dense (rows, n) array is a group; weight and bias are (n). Without `centered`, the
// mean is taken to be 0.
struct NormRows {
  int64_t rows, n;
  bool centered;
};

// Group g has `runs` runs of `segments` segments of `length` neighbours. Run r begins at element g
// group_step + r run_step, and its segments are segment_step apart. The elements of a run share
// element (g % period) runs + r of weight and bias.
struct NormSegments {
  int64_t groups, runs, segments, length;
  int64_t group_step, run_step, segment_step;
  int64_t period;
};

// weight and bias may be null, for 1 and 0.
struct NormForward {
  double eps;
  const void *x, *weight, *bias;
  void* y;
  double *mean, *variance;
};
void normalize(DType dtype, const NormRows& sizes, const NormForward& f);
void normalize(DType dtype, const NormSegments& sizes, const NormForward& f);

// From dy and what forward had: with h = (x - mean) / sqrt(variance + eps) and g = dy weight,
//   dx = (g - mean(g) - h mean(g h)) / sqrt(variance + eps),
//   dweight = sum(dy h) and dbias = sum(dy) over what shares an element of theirs.
// weight may be null, and so may those of the last three that are not wanted.
struct NormBackward {
  double eps;
  const void *dy, *x, *weight;
  const double *mean, *variance;
  void *dx, *dweight, *dbias;
};
void normalize_backward(DType dtype, const NormRows& sizes, const NormBackward& b);
void normalize_backward(DType dtype, const NormSegments& sizes, const NormBackward& b);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_NORMALIZE_H_
