// Losses: what training makes small.
#ifndef LAMINA_NN_LOSS_H_
#define LAMINA_NN_LOSS_H_

#include <cstdint>
#include <string>

#include "lamina/nn/layer.h"

namespace lamina::nn {

// A loss compares predictions with targets; its result has one element.
using Loss = Callable<Tensor(const Tensor& predictions, const Tensor& targets)>;

struct CrossEntropyLossOptions {
  int64_t class_dim =
      1;  // the dimension of logits that counts the classes; of 1-d logits it is the only one
};

// The mean of -log_softmax(logits)[label]: logits with the classes in class_dim, int64 labels of
// the same shape without it. (n, classes) and (n), for images (n, classes, h, w) and (n, h, w), for
// one sample (classes) and (). Throws ShapeError, DTypeError for labels that are not int64,
// IndexError for a label outside [0, classes).
class CrossEntropyLoss : public Loss {
 public:
  explicit CrossEntropyLoss(const CrossEntropyLossOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& logits, const Tensor& labels) override;

 private:
  CrossEntropyLossOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_LOSS_H_
