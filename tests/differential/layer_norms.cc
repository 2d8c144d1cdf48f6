// The layers of normalisation by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

Dims shape_of(const Settings& s) {
  Dims shape;
  s.read("normalized_shape", shape);
  return shape;
}
// An eps that may be left out, or be absent, as in RMSNorm.
std::optional<double> eps_of(const Settings& s) {
  double eps = -1;
  s.read("eps", eps);
  return eps < 0 ? std::nullopt : std::optional<double>(eps);
}
Tensor at(const Arguments<Tensor>& x, size_t i) { return x.has(i) ? x.array(i) : Tensor(); }

Callee function(std::function<Tensor(const Arguments<Tensor>&)> f) {
  return {nullptr, [f](const Arguments<Tensor>& x) -> std::vector<Tensor> { return {f(x)}; }};
}

nn::BatchNormOptions batch_options(const Settings& s) {
  nn::BatchNormOptions o;
  s.read("eps", o.eps);
  double momentum = *o.momentum;
  s.read("momentum", momentum);
  o.momentum = momentum < 0 ? std::nullopt : std::optional<double>(momentum);
  s.read("affine", o.affine);
  s.read("track_running_stats", o.track_running_stats);
  s.read("biased_running_var", o.biased_running_var);
  s.read("dtype", o.dtype);
  return o;
}

// A function's own running statistics are results, too.
template <class F>
Callee with_statistics(const F& f) {
  return {nullptr, [f](const Arguments<Tensor>& x) {
            Tensor mean, variance;
            if (x.has(1))
              mean = x.array(1).detach().clone(), variance = x.array(2).detach().clone();
            std::vector<Tensor> results = {f(x.array(0), mean, variance, at(x, 3), at(x, 4))};
            if (mean.defined()) results.insert(results.end(), {mean, variance});
            return results;
          }};
}

}  // namespace

void add_norms(LayerTable& table) {
  namespace F = nn::functional;
  table["LayerNorm"] = [](const Settings& s) {
    nn::LayerNormOptions o;
    s.read("eps", o.eps);
    s.read("elementwise_affine", o.elementwise_affine);
    s.read("bias", o.bias);
    s.read("dtype", o.dtype);
    int64_t num_features = -1;
    s.read("num_features", num_features);
    return layer(num_features < 0 ? nn::LayerNorm(shape_of(s), o) : nn::LayerNorm(num_features, o));
  };
  table["F.layer_norm"] = [](const Settings& s) {
    return function([shape = shape_of(s), eps = eps_of(s)](const auto& x) {
      return F::layer_norm(x.array(0), shape, at(x, 1), at(x, 2), eps.value_or(1e-5));
    });
  };
  table["RMSNorm"] = [](const Settings& s) {
    nn::RMSNormOptions o;
    o.eps = eps_of(s);
    s.read("elementwise_affine", o.elementwise_affine);
    s.read("dtype", o.dtype);
    return layer(nn::RMSNorm(shape_of(s), o));
  };
  table["F.rms_norm"] = [](const Settings& s) {
    return function([shape = shape_of(s), eps = eps_of(s)](const auto& x) {
      return F::rms_norm(x.array(0), shape, at(x, 1), eps);
    });
  };
  table["GroupNorm"] = [](const Settings& s) {
    nn::GroupNormOptions o;
    s.read("eps", o.eps);
    s.read("affine", o.affine);
    s.read("dtype", o.dtype);
    return layer(nn::GroupNorm(s.integer("num_groups"), s.integer("num_channels"), o));
  };
  table["F.group_norm"] = [](const Settings& s) {
    return function([groups = s.integer("num_groups"), eps = eps_of(s)](const auto& x) {
      return F::group_norm(x.array(0), groups, at(x, 1), at(x, 2), eps.value_or(1e-5));
    });
  };
  table["BatchNorm1d"] = [](const Settings& s) {
    return layer(nn::BatchNorm1d(s.integer("num_features"), batch_options(s)));
  };
  table["BatchNorm2d"] = [](const Settings& s) {
    return layer(nn::BatchNorm2d(s.integer("num_features"), batch_options(s)));
  };
  table["F.batch_norm"] = [](const Settings& s) {
    BatchNormCall call;
    s.read("training", call.training);
    s.read("biased_running_var", call.biased_running_var);
    s.read("momentum", call.momentum);
    s.read("eps", call.eps);
    return with_statistics([call](const auto&... x) { return F::batch_norm(x..., call); });
  };
  table["InstanceNorm2d"] = [](const Settings& s) {
    nn::InstanceNormOptions o;
    s.read("eps", o.eps);
    s.read("momentum", o.momentum);
    s.read("affine", o.affine);
    s.read("track_running_stats", o.track_running_stats);
    s.read("dtype", o.dtype);
    return layer(nn::InstanceNorm2d(s.integer("num_features"), o));
  };
  table["F.instance_norm"] = [](const Settings& s) {
    nn::InstanceNormCall call;
    s.read("use_input_stats", call.use_input_stats);
    s.read("momentum", call.momentum);
    s.read("eps", call.eps);
    return with_statistics([call](const auto&... x) { return F::instance_norm(x..., call); });
  };
}

}  // namespace lamina::differential
