#include "lamina/nn/data/transform.h"

namespace lamina::nn::data {

Tensor Transform::operator()(const Tensor& x, Generator& generator) const {
  if (!function_) fail<RuntimeError>("Transform", "expected a function to call, got none");
  return function_(x, generator);
}

Compose::Compose(std::vector<Transform> transforms) : transforms_(std::move(transforms)) {
  for (const Transform& transform : transforms_) {
    if (!transform) fail<ValueError>("Compose", "expected transforms, got one that is none");
  }
}

Tensor Compose::operator()(const Tensor& x, Generator& generator) const {
  Tensor y = x;
  for (const Transform& transform : transforms_) y = transform(y, generator);
  return y;
}

}  // namespace lamina::nn::data
