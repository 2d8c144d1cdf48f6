#include "lamina/nn/bilinear.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

Tensor make_weight(int64_t in1, int64_t in2, int64_t out, DType dtype) {
  if (in1 < 1 || in2 < 0 || out < 0) {
    fail<ValueError>("Bilinear",
                     "expected in1_features above 0 and other sizes of at least 0, got ", in1, ", ",
                     in2, " and ", out);
  }
  check_floating("Bilinear", dtype);
  return empty({out, in1, in2}, dtype);
}

}  // namespace

Tensor functional::bilinear(const Tensor& x1, const Tensor& x2, const Tensor& weight,
                            const Tensor& bias) {
  constexpr const char* kName = "bilinear";
  const OpScope scope(kName);
  for (const Tensor* x : {&x1, &x2, &weight}) check_defined(kName, x->data());
  if (weight.dim() != 3) {
    fail<ShapeError>(kName, "expected a weight (out, in1, in2), got shape ", weight.shape().str());
  }
  const int64_t out = weight.size(0), in1 = weight.size(1), in2 = weight.size(2);
  Shape lead1 = x1.shape(), lead2 = x2.shape();
  if (x1.dim() > 0) lead1.erase(x1.dim() - 1);
  if (x2.dim() > 0) lead2.erase(x2.dim() - 1);
  if (x1.dim() == 0 || x2.dim() == 0 || x1.size(-1) != in1 || x2.size(-1) != in2 ||
      lead1 != lead2) {
    fail<ShapeError>(kName, "expected x1 (..., ", in1, ") and x2 (..., ", in2,
                     ") with the same leading extents, got ", x1.shape().str(), " and ",
                     x2.shape().str());
  }
  if (bias.defined() && bias.shape() != Shape{out}) {
    fail<ShapeError>(kName, "expected a bias of shape (", out, ",), got ", bias.shape().str());
  }
  const int64_t rows = lead1.numel();
  Shape shape = lead1;
  shape.push_back(out);
  const Tensor columns = weight.permute({1, 0, 2}).reshape({in1, out * in2});
  const Tensor partial = matmul(x1.reshape({rows, in1}), columns).reshape({rows, out, in2});
  const Tensor y = matmul(partial, x2.reshape({rows, in2, 1})).reshape(shape);
  return bias.defined() ? y + bias : y;
}

Bilinear::Bilinear(int64_t in1_features, int64_t in2_features, int64_t out_features,
                   const BilinearOptions& options)
    : weight(this, "weight", make_weight(in1_features, in2_features, out_features, options.dtype)),
      bias(this, "bias", options.bias ? empty(out_features, options.dtype) : Tensor()) {
  reset_parameters();
}

void Bilinear::reset_parameters() {
  const double bound = 1 / std::sqrt(static_cast<double>(weight.shape()[1]));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
}

std::string Bilinear::extra_repr() const {
  return absl::StrCat("in1_features=", weight.shape()[1], ", in2_features=", weight.shape()[2],
                      ", out_features=", weight.shape()[0],
                      ", bias=", internal::python_bool(bias.defined()));
}

}  // namespace lamina::nn
