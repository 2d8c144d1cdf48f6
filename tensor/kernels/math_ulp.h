// The errors of the float32 functions, in units in the last place, and the bounds that pointwise.h states. Shared
// by math_ulp (all arguments, minutes) and math_ulp_test (a sample, as a test).
#ifndef LAMINA_TENSOR_KERNELS_MATH_ULP_H_
#define LAMINA_TENSOR_KERNELS_MATH_ULP_H_

#include <cstdint>
#include <vector>

#include "lamina/tensor/kernels/pointwise.h"

namespace lamina::kernels {

// y = f(x) in double precision, which is exact here.
struct UnaryFunction {
  const char* name;
  UnaryOp op;
  double (*f)(double);
  double bound;  // in ULP, as pointwise.h states it
};
const std::vector<UnaryFunction>& unary_functions();

struct BinaryFunction {
  const char* name;
  BinaryOp op;
  double (*f)(double, double);
  double bound;
};
const std::vector<BinaryFunction>& binary_functions();

struct Worst {
  double error = 0;  // infinite where a NaN, an infinity or the sign of a zero is wrong
  float x = 0, y = 0;
  float got = 0;
  double expected = 0;
};
// Over the floats whose bits are first, first + step, ... below 2^32.
Worst worst_of(const UnaryFunction& function, uint32_t first, uint32_t step);
// Over `count` pairs: random bits, random numbers of moderate size, and special values.
Worst worst_of(const BinaryFunction& function, int64_t count);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_MATH_ULP_H_
