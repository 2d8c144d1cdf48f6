#include "lamina/nn/dropout.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/repr.h"
#include "lamina/tensor/random.h"

namespace lamina::nn {
namespace {

std::string repr(double p) {
  return absl::StrCat("p=", internal::python_float(p), ", inplace=False");
}

}  // namespace

void internal::check_probability(const char* op, const char* option, double p) {
  if (p >= 0 && p <= 1) return;
  fail<ValueError>(op, "expected ", option, " in [0, 1], got ", p);
}

Tensor functional::dropout(const Tensor& x, double p, bool training) {
  internal::check_probability("dropout", "p", p);
  check_defined("dropout", x.data());
  check_floating("dropout", x.dtype());
  if (!training || p == 0) return x;
  return x * Tensor(random::dropout_mask(x.shape(), p, x.dtype()));
}

Tensor functional::dropout2d(const Tensor& x, double p, bool training) {
  internal::check_probability("dropout2d", "p", p);
  check_defined("dropout2d", x.data());
  check_floating("dropout2d", x.dtype());
  if (x.dim() != 3 && x.dim() != 4) {
    fail<ShapeError>("dropout2d",
                     "expected x (n, channels, h, w) or (n, channels, length), got shape ",
                     x.shape().str());
  }
  if (!training || p == 0) return x;
  Shape shape = Shape::filled(x.dim(), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  return x * Tensor(random::dropout_mask(shape, p, x.dtype()));
}

Dropout::Dropout(double p) : p_(p) { internal::check_probability("Dropout", "p", p); }
std::string Dropout::extra_repr() const { return repr(p_); }

Dropout2d::Dropout2d(double p) : p_(p) { internal::check_probability("Dropout2d", "p", p); }
std::string Dropout2d::extra_repr() const { return repr(p_); }

}  // namespace lamina::nn
