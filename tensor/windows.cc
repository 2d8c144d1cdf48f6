#include "lamina/tensor/windows.h"

#include <algorithm>

namespace lamina::internal {

Dims per_axis(const char* op, const char* name, const Dims& numbers, int axes, int64_t least) {
  if (numbers.rank() < 1 || numbers.rank() > axes ||
      *std::min_element(numbers.begin(), numbers.end()) < least) {
    fail<ValueError>(op, "expected ", axes == 1 ? "one number" : "one or two numbers",
                     " of at least ", least, " for the ", name, ", got ", numbers.str());
  }
  Dims all = numbers;
  if (all.rank() < axes) all.push_back(numbers[0]);
  return all;
}

int64_t count_windows(const char* op, int64_t extent, int64_t kernel, int64_t dilation,
                      int64_t padding, int64_t stride) {
  int64_t reach, padded;
  if (__builtin_mul_overflow(kernel - 1, dilation, &reach) ||
      __builtin_mul_overflow(padding, 2, &padded) ||
      __builtin_add_overflow(padded, extent, &padded)) {
    fail<ShapeError>(op, "expected windows whose sizes are below 2^63, got kernel ", kernel,
                     ", dilation ", dilation, " and padding ", padding);
  }
  return reach >= padded ? 0 : (padded - reach - 1) / stride + 1;
}

kernels::Windows windows_over(const char* op, const Dims& image, const Dims& kernel,
                              const Dims& dilation, const Dims& padding, const Dims& stride) {
  kernels::Windows w{{image[0], kernel[0], dilation[0], padding[0], stride[0], 0},
                     {image[1], kernel[1], dilation[1], padding[1], stride[1], 0}};
  for (kernels::WindowAxis* axis : {&w.rows, &w.columns}) {
    axis->count =
        count_windows(op, axis->extent, axis->kernel, axis->dilation, axis->padding, axis->stride);
  }
  return w;
}

}  // namespace lamina::internal
