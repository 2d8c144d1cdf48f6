// The activations by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

Callee function(std::function<Tensor(const Arguments<Tensor>&)> f) {
  return {nullptr,
          [f = std::move(f)](const Arguments<Tensor>& x) { return std::vector<Tensor>{f(x)}; }};
}

// Each as a module and as a function, under "F." and its name.
template <class L>
void add(LayerTable& table, const std::string& name, const std::string& function_name,
         Tensor (*f)(const Tensor&)) {
  table[name] = [](const Settings&) { return layer(L()); };
  table["F." + function_name] = [f](const Settings&) {
    return function([f](const Arguments<Tensor>& x) { return f(x.array(0)); });
  };
}
template <class L, class Options>
void add(LayerTable& table, const std::string& name, const std::string& function_name,
         Options (*read)(const Settings&), Tensor (*f)(const Tensor&, const Options&)) {
  table[name] = [read](const Settings& s) { return layer(L(read(s))); };
  table["F." + function_name] = [read, f](const Settings& s) {
    return function(
        [options = read(s), f](const Arguments<Tensor>& x) { return f(x.array(0), options); });
  };
}
template <class L>
void add_along(LayerTable& table, const std::string& name, const std::string& function_name,
               Tensor (*f)(const Tensor&, int64_t)) {
  table[name] = [](const Settings& s) { return layer(L(s.integer("dim"))); };
  table["F." + function_name] = [f](const Settings& s) {
    return function(
        [dim = s.integer("dim"), f](const Arguments<Tensor>& x) { return f(x.array(0), dim); });
  };
}

}  // namespace

void add_activations(LayerTable& table) {
  namespace F = nn::functional;
  add<nn::ReLU>(table, "ReLU", "relu", F::relu);
  add<nn::ReLU6>(table, "ReLU6", "relu6", F::relu6);
  add<nn::SELU>(table, "SELU", "selu", F::selu);
  add<nn::SiLU>(table, "SiLU", "silu", F::silu);
  add<nn::Mish>(table, "Mish", "mish", F::mish);
  add<nn::Sigmoid>(table, "Sigmoid", "sigmoid", F::sigmoid);
  add<nn::Tanh>(table, "Tanh", "tanh", F::tanh);
  add<nn::Hardsigmoid>(table, "Hardsigmoid", "hardsigmoid", F::hardsigmoid);
  add<nn::Hardswish>(table, "Hardswish", "hardswish", F::hardswish);
  add<nn::Softsign>(table, "Softsign", "softsign", F::softsign);
  add<nn::Tanhshrink>(table, "Tanhshrink", "tanhshrink", F::tanhshrink);
  add<nn::LeakyReLU, nn::LeakyReLUOptions>(
      table, "LeakyReLU", "leaky_relu",
      [](const Settings& s) {
        nn::LeakyReLUOptions o;
        s.read("negative_slope", o.negative_slope);
        return o;
      },
      F::leaky_relu);
  add<nn::ELU, nn::ELUOptions>(
      table, "ELU", "elu",
      [](const Settings& s) {
        nn::ELUOptions o;
        s.read("alpha", o.alpha);
        return o;
      },
      F::elu);
  add<nn::CELU, nn::CELUOptions>(
      table, "CELU", "celu",
      [](const Settings& s) {
        nn::CELUOptions o;
        s.read("alpha", o.alpha);
        return o;
      },
      F::celu);
  add<nn::GELU, nn::GELUOptions>(
      table, "GELU", "gelu",
      [](const Settings& s) {
        nn::GELUOptions o;
        s.read("approximate", o.approximate);
        return o;
      },
      F::gelu);
  add<nn::Hardtanh, nn::HardtanhOptions>(
      table, "Hardtanh", "hardtanh",
      [](const Settings& s) {
        nn::HardtanhOptions o;
        s.read("min_val", o.min_val);
        s.read("max_val", o.max_val);
        return o;
      },
      F::hardtanh);
  add<nn::Softplus, nn::SoftplusOptions>(
      table, "Softplus", "softplus",
      [](const Settings& s) {
        nn::SoftplusOptions o;
        s.read("beta", o.beta);
        s.read("threshold", o.threshold);
        return o;
      },
      F::softplus);
  add<nn::GLU, nn::GLUOptions>(
      table, "GLU", "glu",
      [](const Settings& s) {
        nn::GLUOptions o;
        s.read("dim", o.dim);
        return o;
      },
      F::glu);
  add_along<nn::Softmax>(table, "Softmax", "softmax", F::softmax);
  add_along<nn::LogSoftmax>(table, "LogSoftmax", "log_softmax", F::log_softmax);
  add_along<nn::Softmin>(table, "Softmin", "softmin", F::softmin);

  const auto bounds = [](const Settings& s) {
    std::pair<double, double> both{};
    s.read("threshold", both.first);
    s.read("value", both.second);
    return both;
  };
  table["Threshold"] = [bounds](const Settings& s) {
    const auto [threshold, value] = bounds(s);
    return layer(nn::Threshold(threshold, value));
  };
  table["F.threshold"] = [bounds](const Settings& s) {
    return function([both = bounds(s)](const Arguments<Tensor>& x) {
      return F::threshold(x.array(0), both.first, both.second);
    });
  };
  table["PReLU"] = [](const Settings& s) {
    nn::PReLUOptions o;
    s.read("num_parameters", o.num_parameters);
    s.read("init", o.init);
    s.read("dtype", o.dtype);
    return layer(nn::PReLU(o));
  };
  table["F.prelu"] = [](const Settings&) {
    return function([](const Arguments<Tensor>& x) { return F::prelu(x.array(0), x.array(1)); });
  };
}

}  // namespace lamina::differential
