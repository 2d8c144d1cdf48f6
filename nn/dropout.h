// Dropout: in training, elements become 0 at random and the others grow so that the mean stays. In
// eval mode the input itself. Random numbers come from default_generator(): one seed gives the same
// bits at any number of threads, and checkpoint() repeats them.
//
// Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014;
// Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
#ifndef LAMINA_NN_DROPOUT_H_
#define LAMINA_NN_DROPOUT_H_

#include <string>

#include "lamina/nn/layer.h"

namespace lamina::nn {

namespace internal {
// Throws ValueError, "[op] expected <option> in [0, 1], got 2", unless p is there.
void check_probability(const char* op, const char* option, double p);
}  // namespace internal

namespace functional {

// 0 with probability p, else x / (1 - p). Any shape, floating. Throws ValueError for p outside
// [0, 1].
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);
// The same for whole channels of x (n, channels, h, w) or (n, channels, length).
Tensor dropout2d(const Tensor& x, double p = 0.5, bool training = true);

}  // namespace functional

class Dropout : public Layer {
 public:
  explicit Dropout(double p = 0.5);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::dropout(x, p_, is_training()); }

 private:
  double p_;
};

class Dropout2d : public Layer {
 public:
  explicit Dropout2d(double p = 0.5);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::dropout2d(x, p_, is_training()); }

 private:
  double p_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_DROPOUT_H_
