// The layer of docs/layers.md.
#ifndef LAMINA_TESTS_DOCS_CENTRED_LINEAR_H_
#define LAMINA_TESTS_DOCS_CENTRED_LINEAR_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "lamina/nn.h"

namespace lamina::docs {

struct CentredLinearOptions {
  double momentum = 0.1;  // the part of a batch in the running mean, from 0 to 1
  bool shift = true;
};

// scale linear(x - mean) + shift: x (..., in_features) -> (..., out_features). In training the mean
// moves towards that of each batch first.
class CentredLinear : public nn::Layer {
 public:
  // Throws ValueError for a momentum out of range, and as nn::Linear does.
  CentredLinear(int64_t in_features, int64_t out_features, const CentredLinearOptions& options = {})
      : linear(this, "linear", in_features, out_features, nn::LinearOptions{.bias = false}),
        scale(this, "scale", ones(out_features)),
        shift(this, "shift", options.shift ? zeros(out_features) : Tensor()),
        mean(this, "mean", zeros(in_features)),
        momentum_(options.momentum) {
    if (!(momentum_ >= 0 && momentum_ <= 1)) {
      fail<ValueError>("CentredLinear", "expected a momentum from 0 to 1, got ", momentum_);
    }
  }

  std::string extra_repr() const override {
    return absl::StrCat("momentum=", momentum_, ", shift=", shift.defined() ? "True" : "False");
  }

  Tensor forward(const Tensor& x) override {
    if (x.dim() == 0 || x.size(-1) != mean.size(0)) {
      fail<ShapeError>("CentredLinear", "expected x (..., ", mean.size(0), "), got shape ",
                       x.shape().str());
    }
    if (is_training()) {
      const NoGradGuard no_grad;
      mean.lerp_(x.reshape({-1, x.size(-1)}).mean(0), momentum_);
    }
    const Tensor y = scale * linear(x - mean);
    return shift.defined() ? y + shift : y;
  }

  nn::Child<nn::Linear> linear;
  nn::Parameter scale;  // (out_features)
  nn::Parameter shift;  // (out_features), or undefined
  nn::Buffer mean;      // (in_features), of past inputs

 private:
  double momentum_;
};

}  // namespace lamina::docs

#endif  // LAMINA_TESTS_DOCS_CENTRED_LINEAR_H_
