// What tests of automatic differentiation share.
#ifndef LAMINA_AUTOGRAD_TEST_UTIL_H_
#define LAMINA_AUTOGRAD_TEST_UTIL_H_

#include <cstdint>
#include <vector>

#include "lamina/autograd/tensor.h"

namespace lamina::test {

using Values = std::vector<double>;

// A float64 leaf that requires a gradient; without a shape, 1-d.
inline Tensor leaf(const Values& values, const Shape& shape) {
  return tensor(values, shape).requires_grad_();
}
inline Tensor leaf(const Values& values) {
  return leaf(values, static_cast<int64_t>(values.size()));
}

inline Values values_of(const Tensor& x) { return x.to_vector<double>(); }
inline Values grad_of(const Tensor& x) { return values_of(x.grad()); }

}  // namespace lamina::test

#endif  // LAMINA_AUTOGRAD_TEST_UTIL_H_
