// The checks of convolutions, for both types: NDArray here, Tensor in autograd/.
#ifndef LAMINA_TENSOR_CONVOLUTION_H_
#define LAMINA_TENSOR_CONVOLUTION_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "lamina/tensor/ndarray.h"

namespace lamina::internal {

// What a convolution is given, each operand's shape by the name that errors give it.
struct ConvShapes {
  Shape x, weight;
  Shape bias;
  bool has_bias = false;
  std::string str() const;  // "input (8, 3, 32, 32), weight (16, 4, 3, 3)"
};

// The shapes. Throws RuntimeError unless x and weight are defined, DTypeError unless all have one
// floating dtype.
template <class A>
ConvShapes conv_shapes(const char* op, const A& x, const A& weight, const A& bias) {
  for (const A* operand : {&x, &weight}) {
    if (!operand->defined())
      fail<RuntimeError>(op, "expected a defined array, got one without a value");
  }
  check_floating(op, x.dtype());
  const bool has_bias = bias.defined();
  if (weight.dtype() != x.dtype() || (has_bias && bias.dtype() != x.dtype())) {
    fail<DTypeError>(op, "expected one dtype, got input ", name_of(x.dtype()), ", weight ",
                     name_of(weight.dtype()), has_bias ? ", bias " : "",
                     has_bias ? name_of(bias.dtype()) : "");
  }
  return {x.shape(), weight.shape(), has_bias ? bias.shape() : Shape(), has_bias};
}

// Throws ShapeError or ValueError unless a convolution along `axes` (1 or 2) dimensions takes them.
void check_convolution(const char* op, const ConvShapes& shapes, const ConvOptions& options,
                       int axes);
// The rows and columns of the result of conv_transpose2d; throws likewise.
Dims conv_transpose_size(const char* op, const ConvShapes& shapes,
                         const ConvTransposeOptions& options);

}  // namespace lamina::internal

#endif  // LAMINA_TENSOR_CONVOLUTION_H_
