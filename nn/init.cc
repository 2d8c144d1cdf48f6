#include "lamina/nn/init.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"

namespace lamina::nn::init {
namespace {

// Past autograd, which therefore records nothing; what backward keeps still notices the write.
Tensor write(const Tensor& x, const NDArray& values) {
  NDArray(x.data()).copy_(values);
  return x;
}

void check_matrix(const char* op, const Tensor& x) {
  check_defined(op, x.data());
  if (x.dim() != 2) {
    fail<ShapeError>(op, "expected a matrix (rows, columns), got shape ", x.shape().str());
  }
}

// The standard deviations are 0 for a weight without elements, whose fans may be 0.
double xavier_deviation(const char* op, const Tensor& x, double gain) {
  const FanInAndOut fans = calculate_fan_in_and_fan_out(x);
  if (!(gain >= 0 && std::isfinite(gain))) {
    fail<ValueError>(op, "expected a finite gain >= 0, got ", gain);
  }
  if (x.numel() == 0) return 0;
  return gain * std::sqrt(2 / static_cast<double>(fans.fan_in + fans.fan_out));
}

double kaiming_deviation(const Tensor& x, const KaimingOptions& options) {
  const FanInAndOut fans = calculate_fan_in_and_fan_out(x);
  const double gain = calculate_gain(options.nonlinearity, options.a);
  if (x.numel() == 0) return 0;
  return gain / std::sqrt(options.mode == Fan::kIn ? fans.fan_in : fans.fan_out);
}

double unit(uint32_t high, uint32_t low) {  // in [0, 1): 53 bits
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// A truncated normal distribution, by rejection: where the bounds leave little more than a tail, of
// an exponential distribution; where they are close, of a uniform one; else of the normal one. Each
// accepts three of ten at least. After Robert, "Simulation of truncated normal variables",
// Statistics and Computing 1995.
class TruncatedNormal {
 public:
  explicit TruncatedNormal(const TruncNormalOptions& o)
      : o_(o), low_((o.a - o.mean) / o.std), high_((o.mean - o.b) / o.std) {}

  bool has(double x) const { return x >= o_.a && x <= o_.b; }
  bool proposes_normal() const { return nearest_ <= 0.5 && width_ >= 2.5; }
  // The sample that belongs to a position of the random numbers. Its attempts differ in the third
  // word of the counter, which is 0 in all other samplers: so one sample never sees the numbers of
  // another.
  double at(Generator::State begin, int64_t i) const {
    const uint64_t position = begin.position + static_cast<uint64_t>(i);
    for (uint32_t attempt = 0;; ++attempt) {
      const std::array<uint32_t, 4> words = philox(
          {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), attempt, 0},
          {static_cast<uint32_t>(begin.seed), static_cast<uint32_t>(begin.seed >> 32)});
      double x;
      if (propose(unit(words[0], words[1]), unit(words[2], words[3]), &x)) {
        return std::clamp(x, o_.a, o_.b);  // rounding may have crossed a bound
      }
    }
  }

 private:
  bool propose(double u, double v, double* x) const {
    if (proposes_normal()) {  // Box and Muller
      constexpr double kTwoPi = 6.283185307179586476925;
      *x = o_.mean + o_.std * std::sqrt(-2 * std::log1p(-u)) * std::cos(kTwoPi * v);
      return has(*x);
    }
    if (nearest_ <= 0.5) {
      *x = o_.a + (o_.b - o_.a) * u;
      const double z = (*x - o_.mean) / o_.std;
      return v < std::exp(-z * z / 2);
    }
    // Beyond the bound the density falls as exp(-nearest t - t^2 / 2).
    const double t = -std::log1p(u * std::expm1(-nearest_ * width_)) / nearest_;
    *x = low_ > high_ ? o_.a + o_.std * t : o_.b - o_.std * t;
    return v < std::exp(-t * t / 2);
  }

  const TruncNormalOptions o_;
  // In standard deviations: how far a is above the mean and b below it, and the interval's width.
  const double low_, high_, nearest_ = std::max(low_, high_), width_ = (o_.b - o_.a) / o_.std;
};

void check_options(const char* op, const TruncNormalOptions& o, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!std::isfinite(o.mean)) fail<ValueError>(op, "expected a finite mean, got ", o.mean);
  if (!(o.std > 0 && o.std < kInfinity)) {
    fail<ValueError>(op, "expected a finite standard deviation > 0, got ", o.std);
  }
  if (!(o.a <= o.b && o.a < kInfinity && o.b > -kInfinity)) {
    fail<ValueError>(op, "expected bounds a <= b with numbers between them, got ", o.a, " and ",
                     o.b);
  }
  check_holds(op, o.a, dtype);
  check_holds(op, o.b, dtype);
}

struct Gain {
  const char* nonlinearity;
  double gain;
};
const Gain kGains[] = {{"linear", 1},
                       {"identity", 1},
                       {"conv1d", 1},
                       {"conv2d", 1},
                       {"conv3d", 1},
                       {"conv_transpose1d", 1},
                       {"conv_transpose2d", 1},
                       {"conv_transpose3d", 1},
                       {"sigmoid", 1},
                       {"tanh", 5.0 / 3},
                       {"relu", std::sqrt(2.0)},
                       {"selu", 0.75}};

}  // namespace

Tensor constant_(const Tensor& x, Scalar value) {
  const OpScope scope("constant_");
  NDArray(x.data()).fill_(value);
  return x;
}

Tensor zeros_(const Tensor& x) {
  const OpScope scope("zeros_");
  return constant_(x, 0);
}

Tensor ones_(const Tensor& x) {
  const OpScope scope("ones_");
  return constant_(x, 1);
}

Tensor uniform_(const Tensor& x, double low, double high) {
  const OpScope scope("uniform_");
  check_defined("uniform_", x.data());
  return write(x, random::uniform(x.shape(), low, high, x.dtype()));
}

Tensor normal_(const Tensor& x, double mean, double stddev) {
  const OpScope scope("normal_");
  check_defined("normal_", x.data());
  return write(x, random::normal(x.shape(), mean, stddev, x.dtype()));
}

Tensor trunc_normal_(const Tensor& x, const TruncNormalOptions& options) {
  const OpScope scope("trunc_normal_");
  check_defined("trunc_normal_", x.data());
  check_floating("trunc_normal_", x.dtype());
  check_options("trunc_normal_", options, x.dtype());
  if (options.a == options.b) return constant_(x, options.a);
  const TruncatedNormal distribution(options);
  // Where most of the normal distribution stays, that sampler goes first: it is the faster one.
  const bool normal_first = distribution.proposes_normal();
  const DType dtype = to_computing(x.dtype());
  const NDArray values = normal_first ? random::normal(x.shape(), options.mean, options.std, dtype)
                                      : NDArray::empty(x.shape(), dtype);
  const Generator::State begin = default_generator().take(values.numel());
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    T* out = values.data<T>();
    constexpr int64_t kGrain = 1024;  // samples that are worth a thread
    parallel_for(0, values.numel(), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        if (normal_first && distribution.has(out[i])) continue;
        out[i] = convert<T>(distribution.at(begin, i));
      }
    });
  });
  return write(x, values);
}

FanInAndOut calculate_fan_in_and_fan_out(const Tensor& weight) {
  const OpScope scope("calculate_fan_in_and_fan_out");
  check_defined("calculate_fan_in_and_fan_out", weight.data());
  if (weight.dim() < 2) {
    fail<ShapeError>("calculate_fan_in_and_fan_out", "expected a weight (out, in, ...), got shape ",
                     weight.shape().str());
  }
  int64_t window = 1;
  for (int d = 2; d < weight.dim(); ++d) window *= weight.size(d);
  return {weight.size(1) * window, weight.size(0) * window};
}

double calculate_gain(const std::string& nonlinearity, double a) {
  const std::string name = absl::AsciiStrToLower(nonlinearity);
  if (name == "leaky_relu") return std::sqrt(2 / (1 + a * a));
  std::string known;
  for (const Gain& entry : kGains) {
    if (name == entry.nonlinearity) return entry.gain;
    absl::StrAppend(&known, entry.nonlinearity, ", ");
  }
  fail<ValueError>("calculate_gain", "expected one of ", known, "leaky_relu, got \"", nonlinearity,
                   "\"");
}

Tensor xavier_uniform_(const Tensor& x, double gain) {
  const OpScope scope("xavier_uniform_");
  const double bound = std::sqrt(3.0) * xavier_deviation("xavier_uniform_", x, gain);
  return uniform_(x, -bound, bound);
}

Tensor xavier_normal_(const Tensor& x, double gain) {
  const OpScope scope("xavier_normal_");
  return normal_(x, 0, xavier_deviation("xavier_normal_", x, gain));
}

Tensor kaiming_uniform_(const Tensor& x, const KaimingOptions& options) {
  const OpScope scope("kaiming_uniform_");
  const double bound = std::sqrt(3.0) * kaiming_deviation(x, options);
  return uniform_(x, -bound, bound);
}

Tensor kaiming_normal_(const Tensor& x, const KaimingOptions& options) {
  const OpScope scope("kaiming_normal_");
  return normal_(x, 0, kaiming_deviation(x, options));
}

Tensor orthogonal_(const Tensor& x, double gain) {
  const OpScope scope("orthogonal_");
  check_defined("orthogonal_", x.data());
  check_floating("orthogonal_", x.dtype());
  if (x.dim() < 2) {
    fail<ShapeError>("orthogonal_", "expected a rank of at least 2, got shape ", x.shape().str());
  }
  if (!std::isfinite(gain)) {
    fail<ValueError>("orthogonal_", "expected a finite gain, got ", gain);
  }
  if (x.numel() == 0) return x;
  const int64_t rows = x.size(0), columns = x.numel() / rows;
  const auto [q, r] = qr(random::normal({std::max(rows, columns), std::min(rows, columns)}, 0, 1,
                                        to_computing(x.dtype())));
  // The signs of the columns are the factorisation's choice; those that make r's diagonal positive
  // leave q without a preference.
  const NDArray oriented = where(r.diagonal() < 0, -q, q) * gain;
  return write(x, (rows < columns ? oriented.t() : oriented).reshape(x.shape()));
}

Tensor sparse_(const Tensor& x, double sparsity, double stddev) {
  const OpScope scope("sparse_");
  check_matrix("sparse_", x);
  if (!(sparsity >= 0 && sparsity <= 1)) {
    fail<ValueError>("sparse_", "expected a sparsity from 0 to 1, got ", sparsity);
  }
  const int64_t rows = x.size(0), columns = x.size(1);
  const auto zeros = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  NDArray values = random::normal(x.shape(), 0, stddev, x.dtype());
  const NDArray mask = NDArray::zeros(x.shape(), bool_);
  bool* masked = mask.data<bool>();
  for (int64_t column = 0; column < columns; ++column) {
    const NDArray order = random::permutation(rows);
    for (int64_t row : order.span<int64_t>().first(zeros)) masked[row * columns + column] = true;
  }
  return write(x, values.masked_fill_(mask, 0));
}

Tensor eye_(const Tensor& x) {
  const OpScope scope("eye_");
  check_matrix("eye_", x);
  return write(x, NDArray::eye(x.size(0), x.size(1), x.dtype()));
}

Tensor dirac_(const Tensor& x, int64_t groups) {
  const OpScope scope("dirac_");
  check_defined("dirac_", x.data());
  if (x.dim() < 3 || x.dim() > 5) {
    fail<ShapeError>("dirac_",
                     "expected a convolution's weight (out, in, ...) of rank 3 to 5, got shape ",
                     x.shape().str());
  }
  const int64_t out = x.size(0), in = x.size(1);
  if (groups < 1 || out % groups != 0) {
    fail<ValueError>("dirac_", "expected groups that divide the ", out, " output channels, got ",
                     groups);
  }
  const NDArray values = NDArray::zeros(x.shape(), x.dtype());
  if (values.numel() > 0) {
    NDArray centre = values;  // (out, in)
    while (centre.dim() > 2) centre = centre.select(2, centre.size(2) / 2);
    const int64_t per_group = out / groups, kept = std::min(per_group, in);
    for (int64_t g = 0; g < groups; ++g) {
      centre.narrow(0, g * per_group, kept).narrow(1, 0, kept).diagonal().fill_(1);
    }
  }
  return write(x, values);
}

Tensor xavier_uniform(int64_t fan_in, int64_t fan_out, double gain, DType dtype) {
  const OpScope scope("xavier_uniform");
  return xavier_uniform_(empty({fan_in, fan_out}, dtype), gain);
}

Tensor xavier_normal(int64_t fan_in, int64_t fan_out, double gain, DType dtype) {
  const OpScope scope("xavier_normal");
  return xavier_normal_(empty({fan_in, fan_out}, dtype), gain);
}

// The functions in place count the fans of (out, in): so they get the transpose.
Tensor kaiming_uniform(int64_t fan_in, int64_t fan_out, const KaimingOptions& options,
                       DType dtype) {
  const OpScope scope("kaiming_uniform");
  Tensor weight = empty({fan_in, fan_out}, dtype);
  kaiming_uniform_(weight.t(), options);
  return weight;
}

Tensor kaiming_normal(int64_t fan_in, int64_t fan_out, const KaimingOptions& options, DType dtype) {
  const OpScope scope("kaiming_normal");
  Tensor weight = empty({fan_in, fan_out}, dtype);
  kaiming_normal_(weight.t(), options);
  return weight;
}

Tensor rand(const Shape& shape, double low, double high, DType dtype) {
  const OpScope scope("rand");
  return random::uniform(shape, low, high, dtype);
}

Tensor randn(const Shape& shape, double mean, double stddev, DType dtype) {
  const OpScope scope("randn");
  return random::normal(shape, mean, stddev, dtype);
}

Tensor randb(const Shape& shape, double p, DType dtype) {
  const OpScope scope("randb");
  return bernoulli(shape, p, dtype);
}

Tensor constant(const Shape& shape, Scalar value, DType dtype) {
  const OpScope scope("constant");
  return full(shape, value, dtype);
}

}  // namespace lamina::nn::init
