#include "lamina/nn/batch_norm.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/init.h"
#include "lamina/nn/norm.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

// One copy of a tensor (channels) for each of n.
Tensor for_each(int64_t n, const Tensor& x) {
  return x.defined() ? x.expand({n, x.size(0)}).reshape(n * x.size(0)) : x;
}

}  // namespace

Tensor functional::instance_norm(const Tensor& x, const Tensor& running_mean,
                                 const Tensor& running_var, const Tensor& weight,
                                 const Tensor& bias, const InstanceNormCall& call) {
  constexpr const char* kName = "instance_norm";
  const OpScope scope(kName);
  check_defined(kName, x.data());
  if (x.dim() < 3) {
    fail<ShapeError>(kName,
                     "expected x (n, channels, ...) with extents behind the channels, got shape ",
                     x.shape().str());
  }
  if (!call.use_input_stats) {
    if (!running_mean.defined()) {
      fail<ValueError>(kName, "expected running statistics, or use_input_stats");
    }
    return batch_norm(x, running_mean, running_var, weight, bias,
                      {.momentum = call.momentum, .eps = call.eps});
  }
  const int64_t n = x.size(0), channels = x.size(1);
  for (const Tensor* t : {&running_mean, &running_var, &weight, &bias}) {
    if (t->defined() && t->shape() != Shape(channels)) {
      fail<ShapeError>(kName, "expected weight, bias and running statistics of shape (", channels,
                       ",), got ", t->shape().str());
    }
  }
  if (n * channels > 0 && x.numel() == n * channels) {
    fail<ValueError>(kName, "expected more than 1 value per channel of each image, got shape ",
                     x.shape().str());
  }
  // The n have channels of their own: a batch of one with n times as many.
  Shape shape = x.shape();
  shape[0] = 1;
  shape[1] = n * channels;
  const auto copies = [n](const Tensor& t) {
    return t.defined() ? for_each(n, t.detach()).clone() : t;
  };
  const Tensor mean = copies(running_mean), variance = copies(running_var);
  const Tensor y =
      batch_norm(x.reshape(shape), mean, variance, for_each(n, weight), for_each(n, bias),
                 {.training = true, .momentum = call.momentum, .eps = call.eps});
  if (mean.defined() && n > 0) {
    NDArray(running_mean.data()).copy_(lamina::mean(mean.data().reshape({n, channels}), 0));
    NDArray(running_var.data()).copy_(lamina::mean(variance.data().reshape({n, channels}), 0));
  }
  return y.reshape(x.shape());
}

namespace internal {
namespace {

Tensor filled(const char* name, bool present, int64_t features, double value, DType dtype) {
  if (features < 0) fail<ValueError>(name, "expected num_features of at least 0, got ", features);
  check_floating(name, dtype);
  return present ? full(features, value, dtype) : Tensor();
}

}  // namespace

ChannelNorm::ChannelNorm(const char* name, int64_t num_features, const BatchNormOptions& options)
    : weight(this, "weight", filled(name, options.affine, num_features, 1, options.dtype)),
      bias(this, "bias", filled(name, options.affine, num_features, 0, options.dtype)),
      running_mean(this, "running_mean",
                   filled(name, options.track_running_stats, num_features, 0, options.dtype)),
      running_var(this, "running_var",
                  filled(name, options.track_running_stats, num_features, 1, options.dtype)),
      num_batches_tracked(this, "num_batches_tracked",
                          options.track_running_stats ? zeros({}, int64) : Tensor()),
      num_features_(num_features),
      options_(options) {
  lamina::internal::check_eps(name, options.eps);
  const double momentum = options.momentum.value_or(0);
  if (!(momentum >= 0 && momentum <= 1)) {
    fail<ValueError>(name, "expected a momentum in [0, 1], got ", momentum);
  }
}

void ChannelNorm::reset_running_stats() {
  if (!running_mean.defined()) return;
  init::zeros_(running_mean);
  init::ones_(running_var);
  NDArray(num_batches_tracked.data()).copy_(NDArray::zeros({}, int64));
}

void ChannelNorm::reset_parameters() {
  reset_running_stats();
  if (weight.defined()) init::ones_(weight);
  if (bias.defined()) init::zeros_(bias);
}

std::string ChannelNorm::extra_repr() const {
  return absl::StrCat(num_features_, ", eps=", python_float(options_.eps),
                      ", momentum=", options_.momentum ? python_float(*options_.momentum) : "None",
                      ", affine=", python_bool(options_.affine),
                      ", track_running_stats=", python_bool(options_.track_running_stats));
}

void ChannelNorm::check_input(const char* name, const Tensor& x, int least, int most, int channel,
                              const char* wanted) const {
  check_defined(name, x.data());
  const int at = x.dim() + channel;
  if (x.dim() >= least && x.dim() <= most && x.size(at) == num_features_) return;
  fail<ShapeError>(name, "expected x ", wanted, " with ", num_features_, " channels, got shape ",
                   x.shape().str());
}

Tensor ChannelNorm::batch_norm(const Tensor& x) {
  const bool tracks = is_training() && running_mean.defined();
  BatchNormCall call{.training = is_training() || !running_mean.defined(),
                     .momentum = options_.momentum.value_or(0),
                     .eps = options_.eps,
                     .biased_running_var = options_.biased_running_var};
  if (!tracks) return lamina::batch_norm(x, running_mean, running_var, weight, bias, call);
  NDArray batches = num_batches_tracked.data();
  if (!options_.momentum) call.momentum = 1 / (1 + static_cast<double>(batches.item<int64_t>()));
  Tensor y = lamina::batch_norm(x, running_mean, running_var, weight, bias, call);
  if (x.numel() > 0) batches.copy_(batches + 1);
  return y;
}

}  // namespace internal

Tensor BatchNorm1d::forward(const Tensor& x) {
  const OpScope scope("BatchNorm1d");
  check_input("BatchNorm1d", x, 2, 3, x.defined() ? 1 - x.dim() : 0,
              "(n, channels) or (n, channels, length)");
  return batch_norm(x);
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  const OpScope scope("BatchNorm2d");
  check_input("BatchNorm2d", x, 4, 4, -3, "(n, channels, h, w)");
  return batch_norm(x);
}

InstanceNorm2d::InstanceNorm2d(int64_t num_features, const InstanceNormOptions& options)
    : ChannelNorm("InstanceNorm2d", num_features,
                  {.eps = options.eps,
                   .momentum = options.momentum,
                   .affine = options.affine,
                   .track_running_stats = options.track_running_stats,
                   .dtype = options.dtype}) {}

Tensor InstanceNorm2d::forward(const Tensor& x) {
  const OpScope scope("InstanceNorm2d");
  check_input("InstanceNorm2d", x, 3, 4, -3, "(n, channels, h, w) or (channels, h, w)");
  const InstanceNormCall call{.use_input_stats = is_training() || !running_mean.defined(),
                              .momentum = *options_.momentum,
                              .eps = options_.eps};
  const Tensor images = x.dim() == 3 ? x.unsqueeze(0) : x;
  const Tensor y = functional::instance_norm(images, running_mean, running_var, weight, bias, call);
  return x.dim() == 3 ? y.squeeze(0) : y;
}

}  // namespace lamina::nn
