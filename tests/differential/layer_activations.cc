// The activations by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

int64_t dim(const Settings& s) { return s.integer("dim"); }

}  // namespace

void add_activations(LayerTable& table) {
  namespace F = nn::functional;
  add_layer<nn::ReLU>(table, "ReLU", "relu", F::relu);
  add_layer<nn::ReLU6>(table, "ReLU6", "relu6", F::relu6);
  add_layer<nn::SELU>(table, "SELU", "selu", F::selu);
  add_layer<nn::SiLU>(table, "SiLU", "silu", F::silu);
  add_layer<nn::Mish>(table, "Mish", "mish", F::mish);
  add_layer<nn::Sigmoid>(table, "Sigmoid", "sigmoid", F::sigmoid);
  add_layer<nn::Tanh>(table, "Tanh", "tanh", F::tanh);
  add_layer<nn::Hardsigmoid>(table, "Hardsigmoid", "hardsigmoid", F::hardsigmoid);
  add_layer<nn::Hardswish>(table, "Hardswish", "hardswish", F::hardswish);
  add_layer<nn::Softsign>(table, "Softsign", "softsign", F::softsign);
  add_layer<nn::Tanhshrink>(table, "Tanhshrink", "tanhshrink", F::tanhshrink);
  add_layer<nn::LeakyReLU>(
      table, "LeakyReLU", "leaky_relu",
      [](const Settings& s) {
        nn::LeakyReLUOptions o;
        s.read("negative_slope", o.negative_slope);
        return o;
      },
      F::leaky_relu);
  add_layer<nn::ELU>(
      table, "ELU", "elu",
      [](const Settings& s) {
        nn::ELUOptions o;
        s.read("alpha", o.alpha);
        return o;
      },
      F::elu);
  add_layer<nn::CELU>(
      table, "CELU", "celu",
      [](const Settings& s) {
        nn::CELUOptions o;
        s.read("alpha", o.alpha);
        return o;
      },
      F::celu);
  add_layer<nn::GELU>(
      table, "GELU", "gelu",
      [](const Settings& s) {
        nn::GELUOptions o;
        s.read("approximate", o.approximate);
        return o;
      },
      F::gelu);
  add_layer<nn::Hardtanh>(
      table, "Hardtanh", "hardtanh",
      [](const Settings& s) {
        nn::HardtanhOptions o;
        s.read("min_val", o.min_val);
        s.read("max_val", o.max_val);
        return o;
      },
      F::hardtanh);
  add_layer<nn::Softplus>(
      table, "Softplus", "softplus",
      [](const Settings& s) {
        nn::SoftplusOptions o;
        s.read("beta", o.beta);
        s.read("threshold", o.threshold);
        return o;
      },
      F::softplus);
  add_layer<nn::GLU>(
      table, "GLU", "glu",
      [](const Settings& s) {
        nn::GLUOptions o;
        s.read("dim", o.dim);
        return o;
      },
      F::glu);
  add_layer<nn::Softmax>(table, "Softmax", "softmax", dim, F::softmax);
  add_layer<nn::LogSoftmax>(table, "LogSoftmax", "log_softmax", dim, F::log_softmax);
  add_layer<nn::Softmin>(table, "Softmin", "softmin", dim, F::softmin);

  add_layer<nn::Threshold>(
      table, "Threshold", "threshold",
      [](const Settings& s) {
        std::tuple<double, double> bounds{};
        s.read("threshold", std::get<0>(bounds));
        s.read("value", std::get<1>(bounds));
        return bounds;
      },
      F::threshold);
  table["PReLU"] = [](const Settings& s) {
    nn::PReLUOptions o;
    s.read("num_parameters", o.num_parameters);
    s.read("init", o.init);
    s.read("dtype", o.dtype);
    return layer(nn::PReLU(o));
  };
  table["F.prelu"] = [](const Settings&) {
    return Callee{nullptr, [](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{F::prelu(x.array(0), x.array(1))};
                  }};
  };
}

}  // namespace lamina::differential
