// The windows of images as columns, and back.
#ifndef LAMINA_TENSOR_KERNELS_UNFOLD_H_
#define LAMINA_TENSOR_KERNELS_UNFOLD_H_

#include <algorithm>
#include <cstdint>

#include "lamina/tensor/dtype.h"
#include "lamina/tensor/shape.h"

namespace lamina::kernels {

struct WindowAxis {
  int64_t extent;  // of the image
  int64_t kernel, dilation, padding, stride;
  int64_t count;  // of windows
};
struct Windows {
  WindowAxis rows, columns;
};

// The windows [first, last) whose element k along an axis is in the image.
struct WindowRange {
  int64_t first, last;
};
inline WindowRange windows_inside(const WindowAxis& axis, int64_t k) {
  const int64_t start = k * axis.dilation - axis.padding;  // of window 0
  const int64_t first = start >= 0 ? 0 : (-start - 1) / axis.stride + 1;
  const int64_t last = start >= axis.extent ? 0 : (axis.extent - start - 1) / axis.stride + 1;
  return {std::min(first, axis.count),
          std::max(std::min(first, axis.count), std::min(last, axis.count))};
}

// x (images, channels, H, W) of any strides -> dense columns (images, channels kh kw, L), for
// elements of `item` bytes. What lies in the padding is 0.
void unfold(const Windows& windows, int64_t images, int64_t channels, int64_t item, const void* x,
            const Strides& x_strides, void* columns);
// Adds dense columns (planes, kh kw, L) to dense images (planes, H, W). Not for bool, float16 and
// bfloat16.
void fold(const Windows& windows, int64_t planes, DType dtype, const void* columns, void* images);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_UNFOLD_H_
