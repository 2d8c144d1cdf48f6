#include "lamina/nn/init.h"

namespace lamina::nn::init {

void uniform_(const Tensor& x, double low, double high) {
  NDArray values = x.data();
  check_defined("uniform_", values);
  values.copy_(random::uniform(x.shape(), low, high, x.dtype()));
}

void normal_(const Tensor& x, double mean, double stddev) {
  NDArray values = x.data();
  check_defined("normal_", values);
  values.copy_(random::normal(x.shape(), mean, stddev, x.dtype()));
}

}  // namespace lamina::nn::init
