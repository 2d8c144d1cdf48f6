// Starting values for parameters. The functions whose names end in _ write in place, record no
// gradient, and return the tensor; those that draw take floating dtypes and draw from
// default_generator(), the same bits for a seed at any number of threads. All throw RuntimeError
// for an undefined tensor.
//
//   init::kaiming_normal_(linear.weight, {0, init::Fan::kOut, "relu"});
//   Parameter weight{this, "weight", init::orthogonal_(empty({out, in}))};
#ifndef LAMINA_NN_INIT_H_
#define LAMINA_NN_INIT_H_

#include <cstdint>
#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::init {

// ---- One value, or one distribution
Tensor constant_(const Tensor& x, Scalar value);  // of any dtype, as are the next two
Tensor zeros_(const Tensor& x);
Tensor ones_(const Tensor& x);
// In [low, high). Throws ValueError unless low <= high.
Tensor uniform_(const Tensor& x, double low = 0, double high = 1);
// Of the normal distribution. Throws ValueError unless stddev >= 0.
Tensor normal_(const Tensor& x, double mean = 0, double stddev = 1);

struct TruncNormalOptions {
  double mean = 0;
  double std = 1;
  double a = -2;  // the bounds, which may be infinite
  double b = 2;
};
// Of the normal distribution without what lies outside [a, b], however far from the mean that is;
// the bounds are rounded to x's dtype. Throws ValueError unless a <= b and std > 0.
Tensor trunc_normal_(const Tensor& x, const TruncNormalOptions& options = {});

// ---- Scaled to the width of the layer

// The inputs that one output of a weight sees, and the outputs that one input reaches: of a weight
// (out, in, ...), in and out times the extents behind them. Throws ShapeError below rank 2.
struct FanInAndOut {
  int64_t fan_in;
  int64_t fan_out;
};
FanInAndOut calculate_fan_in_and_fan_out(const Tensor& weight);

// How much a layer must amplify so that the activation after it keeps the variance: 1 for linear,
// identity, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d and
// sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + a^2)) for leaky_relu of slope a, 3/4 for
// selu. In any letter case; ValueError for other names.
double calculate_gain(const std::string& nonlinearity, double a = 0);

// For weights (out, in, ...) before a saturating activation: zero mean and standard deviation
// gain sqrt(2 / (fan_in + fan_out)). Throw ShapeError below rank 2, and ValueError for a gain that
// is below 0 or not finite. Source: Glorot and Bengio, "Understanding the difficulty of training
// deep feedforward neural networks", AISTATS 2010.
Tensor xavier_uniform_(const Tensor& x, double gain = 1);  // within sqrt(3) of that
Tensor xavier_normal_(const Tensor& x, double gain = 1);

enum class Fan { kIn, kOut };
struct KaimingOptions {
  double a = 0;  // the slope of leaky_relu
  Fan mode = Fan::kIn;
  std::string nonlinearity = "leaky_relu";  // which calculate_gain knows
};
// For weights (out, in, ...) before a ReLU: zero mean and standard deviation gain / sqrt(fan), so
// that the variance of the activations (fan in) or of the gradients (fan out) is that of the layer
// before. Throw as those above. Source: He et al., "Delving deep into rectifiers", ICCV 2015.
Tensor kaiming_uniform_(const Tensor& x, const KaimingOptions& options = {});  // within sqrt(3)
Tensor kaiming_normal_(const Tensor& x, const KaimingOptions& options = {});

// ---- Matrices and kernels of a kind

// gain times a matrix (x.shape[0], all the rest) with orthonormal rows, or columns if it has more
// rows, uniformly distributed among those. Throws ShapeError below rank 2. Source: Saxe et al.,
// "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR
// 2014; Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
Tensor orthogonal_(const Tensor& x, double gain = 1);
// Normal with zero mean, but ceil(sparsity * rows) elements of each column, at random, are 0. x is
// (rows, columns): ShapeError; sparsity from 0 to 1 and stddev >= 0: ValueError. Source: Martens,
// "Deep learning via Hessian-free optimization", ICML 2010.
Tensor sparse_(const Tensor& x, double sparsity, double stddev = 0.01);
// Ones on the diagonal of (rows, columns), zeros elsewhere; any dtype. ShapeError for other ranks.
Tensor eye_(const Tensor& x);
// The kernel of a convolution that passes its input on: x is (out, in, ...) of rank 3 to 5, and in
// each group of output channels the i-th one has a 1 at the centre of its i-th kernel; zeros
// elsewhere. Any dtype. Throws ShapeError for other ranks, ValueError unless groups divide out.
Tensor dirac_(const Tensor& x, int64_t groups = 1);

// ---- New tensors

// Of shape (fan_in, fan_out), as for x.matmul(weight), and otherwise as above.
Tensor xavier_uniform(int64_t fan_in, int64_t fan_out, double gain = 1, DType dtype = float32);
Tensor xavier_normal(int64_t fan_in, int64_t fan_out, double gain = 1, DType dtype = float32);
Tensor kaiming_uniform(int64_t fan_in, int64_t fan_out, const KaimingOptions& options = {},
                       DType dtype = float32);
Tensor kaiming_normal(int64_t fan_in, int64_t fan_out, const KaimingOptions& options = {},
                      DType dtype = float32);

// Those of lamina, under the name of this namespace too, and with the parameters of needle's.
using lamina::one_hot;
using lamina::ones;
using lamina::rand;
using lamina::randn;
using lamina::zeros;
Tensor rand(const Shape& shape, double low, double high, DType dtype = float32);
Tensor randn(const Shape& shape, double mean, double stddev, DType dtype = float32);
Tensor randb(const Shape& shape, double p = 0.5, DType dtype = bool_);  // 1 with probability p
Tensor constant(const Shape& shape, Scalar value = 1, DType dtype = float32);

}  // namespace lamina::nn::init

#endif  // LAMINA_NN_INIT_H_
