#include "lamina/nn/loss.h"

namespace lamina::nn {

Tensor CrossEntropyLoss::forward(const Tensor& logits, const Tensor& labels) {
  constexpr const char* kName = "CrossEntropyLoss";
  check_defined(kName, logits.data());
  check_defined(kName, labels.data());
  if (logits.dim() == 0) fail<ShapeError>(kName, "expected logits (..., classes), got shape ()");
  const int d = logits.dim() == 1 ? 0 : normalize_dim(kName, options_.class_dim, logits.dim());
  Shape expected = logits.shape();
  const int64_t classes = expected[d];
  expected.erase(d);
  if (labels.shape() != expected) {
    Shape classes_last = logits.shape();
    classes_last.erase(logits.dim() - 1);
    fail<ShapeError>(
        kName, "expected labels of shape ", expected.str(), " for logits ", logits.shape().str(),
        " with class_dim = ", options_.class_dim, ", got ", labels.shape().str(),
        labels.shape() == classes_last ? "; for classes in the last dimension set class_dim = -1"
                                       : "");
  }
  if (logits.dim() == 2 && d == 1) return mean(cross_entropy(logits, labels));
  Dims order;  // the classes last
  for (int i = 0; i < logits.dim(); ++i) {
    if (i != d) order.push_back(i);
  }
  order.push_back(d);
  return mean(cross_entropy(logits.permute(order).reshape({expected.numel(), classes}),
                            labels.reshape(expected.numel())));
}

}  // namespace lamina::nn
