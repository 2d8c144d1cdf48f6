#include "lamina/nn/optim/optimizer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lamina::nn::optim {

Optimizer::Optimizer(const char* name, std::vector<Tensor> parameters)
    : parameters_(std::move(parameters)) {
  if (parameters_.empty()) fail<ValueError>(name, "expected at least one parameter, got none");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (!p.defined() || !p.is_leaf()) {
      fail<ValueError>(
          name, "expected leaves, got parameter ", i, ": ",
          p.defined() ? absl::StrCat("the result of ", p.grad_fn().name()) : "an undefined tensor");
    }
    for (size_t j = 0; j < i; ++j) {
      if (parameters_[j].impl() == p.impl()) {
        fail<ValueError>(name, "expected different parameters, got the same as ", j, " and ", i);
      }
    }
  }
}

void Optimizer::zero_grad() {
  for (const Tensor& parameter : parameters_) parameter.set_grad(Tensor());
}

}  // namespace lamina::nn::optim
