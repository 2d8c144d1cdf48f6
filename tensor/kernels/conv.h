// Convolutions of float32 images, and the gradient of their weights.
//
// Raw pointers and strides, no checks; tensor/convolution.cc checks shapes and calls this. How it
// works, and why so, is told at the top of conv.cc. The bits of the result do not depend on the
// number of threads. Threads may call at the same time; each keeps its scratch memory for reuse
// until it ends, some MiB at most.
#ifndef LAMINA_TENSOR_KERNELS_CONV_H_
#define LAMINA_TENSOR_KERNELS_CONV_H_

#include <cstdint>
#include <vector>

#include "lamina/tensor/shape.h"

namespace lamina::kernels {

// One axis: output i reads the image at i * stride + offsets[k] for each tap k of the kernel. There
// is at least one tap. What lies outside of [0, extent) is 0.
struct ConvAxis {
  int64_t extent = 0;  // of the image
  int64_t count = 0;   // of outputs
  int64_t stride = 1;
  std::vector<int64_t> offsets;
};

// x (images, groups * channels, rows.extent, columns.extent), strides in elements.
struct Convolution {
  int64_t images = 0, groups = 1;
  int64_t channels = 0, filters = 0;  // of one group, in and out
  ConvAxis rows, columns;
  const float* x = nullptr;
  Strides x_strides;
};

// Whether the scratch memory of convolve and convolve_weights stays small. Kernels that reach far
// beyond the image need too much.
bool is_compact(const Convolution& conv);

// y[n, o, i, j] = bias[o] + sum over c, r, s of
//   weight[o, c, r, s] x[n, o / filters * channels + c, row i of tap r, column j of tap s]
// for dense weights (groups * filters, channels, taps of rows, taps of columns); a null bias is 0.
// 3 x 3 taps side by side at a stride of 1, over 16 to 512 channels and filters, are computed by
// Winograd's minimal filtering: an output's rounding errors are relative to the largest products of its
// block of 2 x 2. Over 256 channels of random numbers they were 1e-6 of the largest output at most (6e-7
// otherwise). Small integers stay exact.
void convolve(const Convolution& conv, const float* weight, const float* bias, float* y,
              const Strides& y_strides);

// The gradient of the weights: dense dweight[o, c, r, s] = the sum over n, i, j of
//   dy[n, o, i, j] x[n, o / filters * channels + c, row i of tap r, column j of tap s].
void convolve_weights(const Convolution& conv, const float* dy, const Strides& dy_strides,
                      float* dweight);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_CONV_H_
