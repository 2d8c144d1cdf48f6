// Starting values for parameters. Each writes in place, records no gradient, and draws from
// default_generator().
#ifndef LAMINA_NN_INIT_H_
#define LAMINA_NN_INIT_H_

#include <string>

#include "lamina/autograd.h"

namespace lamina::nn::init {

void uniform_(const Tensor& x, double low, double high);    // [low, high)
void normal_(const Tensor& x, double mean, double stddev);  // of the normal distribution

// How much a layer must amplify so that the activation after it keeps the variance: 1 for linear
// and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + a^2)) for leaky_relu of slope a, 3/4
// for selu. In any letter case; ValueError for other names.
double calculate_gain(const std::string& nonlinearity, double a = 0);

// The inputs or the outputs that one weight meets: of a weight (out, in, ...), in or out times the
// extents behind them.
enum class Fan { kIn, kOut };

struct KaimingOptions {
  double a = 0;  // the slope of leaky_relu
  Fan mode = Fan::kIn;
  std::string nonlinearity = "leaky_relu";  // which calculate_gain knows
};
// For weights before a ReLU: zero mean, standard deviation gain / sqrt(fan), so that the variance
// of the activations (fan in) or of the gradients (fan out) is that of the layer before. Throws
// ShapeError below rank 2. Source: He et al., "Delving deep into rectifiers", ICCV 2015.
void kaiming_uniform_(const Tensor& x, const KaimingOptions& options = {});  // +- sqrt(3) of that
void kaiming_normal_(const Tensor& x, const KaimingOptions& options = {});

}  // namespace lamina::nn::init

#endif  // LAMINA_NN_INIT_H_
