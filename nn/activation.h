// Activations: functions of each element as layers, any shape to the same, and softmax and its kin.
// Each is a module and a function of the same options:
//
//   nn::LeakyReLU act({.negative_slope = 0.2});
//   nn::functional::leaky_relu(x, {.negative_slope = 0.2});
//
// Names, defaults and values are those of PyTorch, and so are the gradients at kinks; but where it
// gives NaN for an infinity, this gives the limit. x is floating. Options outside their domain
// throw ValueError.
#ifndef LAMINA_NN_ACTIVATION_H_
#define LAMINA_NN_ACTIVATION_H_

#include <cstdint>
#include <string>
#include <utility>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct LeakyReLUOptions {
  double negative_slope = 0.01;
};
struct PReLUOptions {
  int64_t num_parameters = 1;  // one slope for all, or one per channel
  double init = 0.25;
  DType dtype = float32;
};
struct ELUOptions {
  double alpha = 1;
};
struct CELUOptions {
  double alpha = 1;  // not 0
};
struct GELUOptions {
  std::string approximate = "none";  // or "tanh"
};
struct HardtanhOptions {
  double min_val = -1;
  double max_val = 1;  // above min_val
};
struct SoftplusOptions {
  double beta = 1;        // not 0
  double threshold = 20;  // of beta x, above which the function is x itself
};
struct GLUOptions {
  int64_t dim = -1;
};

namespace functional {

// max(x, 0); 1 / (1 + e^-x); tanh(x)
using lamina::relu;
using lamina::sigmoid;
using lamina::tanh;
// Along `dim`; of -x for softmin.
using lamina::log_softmax;
using lamina::softmax;
Tensor softmin(const Tensor& x, int64_t dim);

// x above 0, else negative_slope x
Tensor leaky_relu(const Tensor& x, const LeakyReLUOptions& options = {});
// x above 0, else weight x: weight (1), or (channels) for x (n, channels, ...)
Tensor prelu(const Tensor& x, const Tensor& weight);
// min(max(x, 0), 6)
Tensor relu6(const Tensor& x);
// x above 0, else alpha (e^x - 1). Clevert et al., "Exponential linear units", ICLR 2016.
Tensor elu(const Tensor& x, const ELUOptions& options = {});
// 1.0507 times elu with alpha = 1.6733: keeps mean 0 and variance 1. Klambauer et al.,
// "Self-normalizing neural networks", NIPS 2017.
Tensor selu(const Tensor& x);
// x above 0, else alpha (e^(x / alpha) - 1)
Tensor celu(const Tensor& x, const CELUOptions& options = {});
// x Phi(x) with the normal distribution function, or its approximation by tanh
Tensor gelu(const Tensor& x, const GELUOptions& options = {});
// x sigmoid(x)
using lamina::silu;
// x tanh(softplus(x)). Misra, "Mish: a self regularized non-monotonic activation function", 2019.
Tensor mish(const Tensor& x);
// min(max(x, min_val), max_val), without gradient at the bounds
Tensor hardtanh(const Tensor& x, const HardtanhOptions& options = {});
// min(max(x + 3, 0), 6) / 6, and x times that
Tensor hardsigmoid(const Tensor& x);
Tensor hardswish(const Tensor& x);
// log(1 + e^(beta x)) / beta, without overflow
Tensor softplus(const Tensor& x, const SoftplusOptions& options = {});
// x / (1 + |x|)
Tensor softsign(const Tensor& x);
// x - tanh(x)
Tensor tanhshrink(const Tensor& x);
// x above the threshold, else value
Tensor threshold(const Tensor& x, double threshold, double value);
// a sigmoid(b), where a and b are the halves of x along `dim`, whose extent is even: ShapeError.
// Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.
Tensor glu(const Tensor& x, const GLUOptions& options = {});

}  // namespace functional

namespace internal {

// Throw ValueError.
void check_options(const char* name, const LeakyReLUOptions& options);
void check_options(const char* name, const ELUOptions& options);
void check_options(const char* name, const CELUOptions& options);
void check_options(const char* name, const GELUOptions& options);
void check_options(const char* name, const HardtanhOptions& options);
void check_options(const char* name, const SoftplusOptions& options);
inline void check_options(const char*, const GLUOptions&) {}

// What stands between the brackets.
std::string repr(const LeakyReLUOptions& options);
std::string repr(const ELUOptions& options);
std::string repr(const CELUOptions& options);
std::string repr(const GELUOptions& options);
std::string repr(const HardtanhOptions& options);
std::string repr(const SoftplusOptions& options);
std::string repr(const GLUOptions& options);

// A function of `functional` as a module.
template <Tensor (*kFunction)(const Tensor&)>
class Activation : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return kFunction(x); }
};
template <class Options, Tensor (*kFunction)(const Tensor&, const Options&)>
class ActivationWith : public Layer {
 public:
  std::string extra_repr() const override { return repr(options_); }
  Tensor forward(const Tensor& x) override { return kFunction(x, options_); }

 protected:
  ActivationWith(const char* name, Options options) : options_(std::move(options)) {
    check_options(name, options_);
  }

 private:
  Options options_;
};
template <Tensor (*kFunction)(const Tensor&, int64_t)>
class ActivationAlong : public Layer {
 public:
  explicit ActivationAlong(int64_t dim) : dim_(dim) {}
  std::string extra_repr() const override { return "dim=" + std::to_string(dim_); }
  Tensor forward(const Tensor& x) override { return kFunction(x, dim_); }

 private:
  int64_t dim_;
};

}  // namespace internal

class ReLU : public internal::Activation<functional::relu> {};
class ReLU6 : public internal::Activation<functional::relu6> {};
class SELU : public internal::Activation<functional::selu> {};
class SiLU : public internal::Activation<functional::silu> {};
class Mish : public internal::Activation<functional::mish> {};
class Sigmoid : public internal::Activation<functional::sigmoid> {};
class Tanh : public internal::Activation<functional::tanh> {};
class Hardsigmoid : public internal::Activation<functional::hardsigmoid> {};
class Hardswish : public internal::Activation<functional::hardswish> {};
class Softsign : public internal::Activation<functional::softsign> {};
class Tanhshrink : public internal::Activation<functional::tanhshrink> {};

class LeakyReLU : public internal::ActivationWith<LeakyReLUOptions, functional::leaky_relu> {
 public:
  explicit LeakyReLU(const LeakyReLUOptions& options = {}) : ActivationWith("LeakyReLU", options) {}
};
class ELU : public internal::ActivationWith<ELUOptions, functional::elu> {
 public:
  explicit ELU(const ELUOptions& options = {}) : ActivationWith("ELU", options) {}
};
class CELU : public internal::ActivationWith<CELUOptions, functional::celu> {
 public:
  explicit CELU(const CELUOptions& options = {}) : ActivationWith("CELU", options) {}
};
class GELU : public internal::ActivationWith<GELUOptions, functional::gelu> {
 public:
  explicit GELU(const GELUOptions& options = {}) : ActivationWith("GELU", options) {}
};
class Hardtanh : public internal::ActivationWith<HardtanhOptions, functional::hardtanh> {
 public:
  explicit Hardtanh(const HardtanhOptions& options = {}) : ActivationWith("Hardtanh", options) {}
};
class Softplus : public internal::ActivationWith<SoftplusOptions, functional::softplus> {
 public:
  explicit Softplus(const SoftplusOptions& options = {}) : ActivationWith("Softplus", options) {}
};
class GLU : public internal::ActivationWith<GLUOptions, functional::glu> {
 public:
  explicit GLU(const GLUOptions& options = {}) : ActivationWith("GLU", options) {}
};

class Softmax : public internal::ActivationAlong<functional::softmax> {
 public:
  using ActivationAlong::ActivationAlong;
};
class LogSoftmax : public internal::ActivationAlong<functional::log_softmax> {
 public:
  using ActivationAlong::ActivationAlong;
};
class Softmin : public internal::ActivationAlong<functional::softmin> {
 public:
  using ActivationAlong::ActivationAlong;
};

class Threshold : public Layer {
 public:
  Threshold(double threshold, double value);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::threshold(x, threshold_, value_); }

 private:
  double threshold_, value_;
};

class PReLU : public Layer {
 public:
  explicit PReLU(const PReLUOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return functional::prelu(x, weight); }
  void reset_parameters();

  Parameter weight;  // (num_parameters)

 private:
  double init_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_ACTIVATION_H_
