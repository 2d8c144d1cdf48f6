#include "lamina/nn/linear.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"

namespace lamina::nn {
namespace {

Tensor make_weight(int64_t in, int64_t out, DType dtype) {
  if (in < 0 || out < 0) {
    fail<ValueError>("Linear", "expected sizes of at least 0, got ", in, " and ", out);
  }
  check_floating("Linear", dtype);
  return empty({out, in}, dtype);
}

}  // namespace

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& options)
    : weight(this, "weight", make_weight(in_features, out_features, options.dtype)),
      bias(this, "bias", options.bias ? empty(out_features, options.dtype) : Tensor()) {
  reset_parameters();
}

Tensor Linear::forward(const Tensor& x) {
  constexpr const char* kOp = "linear";
  check_defined(kOp, x.data());
  const int64_t in_features = weight.shape()[1];
  if (x.dim() == 0 || x.size(-1) != in_features) {
    fail<ShapeError>(kOp, "expected x (..., ", in_features, "), got shape ", x.shape().str());
  }
  return linear(x, weight, bias);
}

void Linear::reset_parameters() {
  if (weight.shape()[1] ==
      0) {  // no input: the bound is not defined, and the weight has no element
    if (bias.defined()) init::uniform_(bias, 0, 0);
    return;
  }
  const double bound = 1 / std::sqrt(static_cast<double>(weight.shape()[1]));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
}

std::string Linear::extra_repr() const {
  return absl::StrCat("in_features=", weight.shape()[1], ", out_features=", weight.shape()[0],
                      ", bias=", bias.defined() ? "True" : "False");
}

}  // namespace lamina::nn
