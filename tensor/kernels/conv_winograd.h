// Convolutions with kernels of 3 x 3 by Winograd's minimal filtering; conv_winograd.cc tells how it
// works. Private to conv.cc.
#ifndef LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_H_
#define LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_H_

#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/conv.h"

namespace lamina::kernels {

// Whether convolve_by_winograd applies, and is faster than the convolution as it is defined.
bool suits_winograd(const Convolution& conv);

// Rows [first, first + count) of the outputs of one image and group.
struct ConvOutputs {
  int64_t image, group;
  int64_t first, count;
};

// As convolve. Returns the outputs among which there is an infinity or NaN, of which the transforms make
// more than there should be: they are to be computed otherwise.
std::vector<ConvOutputs> convolve_by_winograd(const Convolution& conv, const float* weight,
                                              const float* bias, float* y,
                                              const Strides& y_strides);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_CONV_WINOGRAD_H_
