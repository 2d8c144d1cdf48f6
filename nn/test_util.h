// What tests of modules share.
#ifndef LAMINA_NN_TEST_UTIL_H_
#define LAMINA_NN_TEST_UTIL_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn::test {

// x -> factor x + 1, so that the order of layers shows.
class Affine : public Layer {
 public:
  explicit Affine(double factor) : factor(this, "factor", full({}, factor)) {}
  Tensor forward(const Tensor& x) override { return x * factor + 1; }
  Parameter factor;
};
// x -> 2 x
class Doubling : public Affine {
 public:
  Doubling() : Affine(2) {}
  Tensor forward(const Tensor& x) override { return x * factor; }
};

// x -> scale x
struct Scale : Layer {
  explicit Scale(double value) : scale(this, "scale", full({}, value)) {}
  Tensor forward(const Tensor& x) override { return x * scale; }
  Parameter scale;
};
// x, y, n, and a tensor z that may be absent -> (x y, (n z)), or n x for n z.
using TensorAndMore = std::pair<Tensor, std::vector<Tensor>>;
struct Mixer : Callable<TensorAndMore(const Tensor&, Tensor, int, std::optional<Tensor>)> {
  TensorAndMore forward(const Tensor& x, Tensor y, int n, std::optional<Tensor> z) override {
    return {x * y, {z ? *z * n : x * n}};
  }
};

template <class T>
std::vector<std::string> names_of(const Named<T>& named) {
  std::vector<std::string> names;
  for (const auto& entry : named) names.push_back(entry.first);
  return names;
}
inline std::vector<std::string> parameter_names(const Module& module) {
  return names_of(module.named_parameters());
}

// sin(start), sin(start + 1), ...; and the sums by which tests know a result of PyTorch's on such
// numbers: of its elements, and of its elements times wave(shape, 0).
inline Tensor wave(const Shape& shape, double start) {
  return sin(arange(shape.numel(), float64) + start).reshape(shape);
}
inline void expect_sums(const Tensor& y, const Shape& shape, double sum, double weighted) {
  EXPECT_EQ(y.shape(), shape);
  EXPECT_NEAR(y.sum().item<double>(), sum, 1e-10);
  EXPECT_NEAR((y * wave(shape, 0)).sum().item<double>(), weighted, 1e-10);
}

}  // namespace lamina::nn::test

#endif  // LAMINA_NN_TEST_UTIL_H_
