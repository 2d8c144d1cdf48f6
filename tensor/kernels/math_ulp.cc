#include "lamina/tensor/kernels/math_ulp.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace lamina::kernels {
namespace {

double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
// Their limit at -inf is 0.
double gelu(double x) { return x < -1e3 ? -0.0 : x * (0.5 * std::erfc(-x * std::sqrt(0.5))); }
double silu(double x) { return x < -1e3 ? -0.0 : x * sigmoid(x); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// The distance from `got` to the exact result in units of the last place that float32 has there.
double error_in_ulp(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(got))
    return std::isnan(exact) && std::isnan(got) ? 0 : kInfinity;
  if (std::isinf(exact)) return exact == static_cast<double>(got) ? 0 : kInfinity;
  if (exact == 0) return got == 0 && std::signbit(got) == std::signbit(exact) ? 0 : kInfinity;
  int exponent;
  std::frexp(exact, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent, -125) - 24);
  if (std::isinf(got)) {  // right if the exact result rounds there, or is within reach of it
    const double largest = std::numeric_limits<float>::max();
    return std::isinf(rounded) ? 0 : (largest + unit - std::abs(exact)) / unit;
  }
  return std::abs(static_cast<double>(got) - exact) / unit;
}

}  // namespace

const std::vector<UnaryFunction>& unary_functions() {
  static const auto& all = *new std::vector<UnaryFunction>{
      {"exp", UnaryOp::kExp, std::exp, 1.5},      {"expm1", UnaryOp::kExpm1, std::expm1, 0.51},
      {"log", UnaryOp::kLog, std::log, 1.5},      {"log1p", UnaryOp::kLog1p, std::log1p, 0.51},
      {"log2", UnaryOp::kLog2, std::log2, 0.51},  {"sqrt", UnaryOp::kSqrt, std::sqrt, 0.5},
      {"rsqrt", UnaryOp::kRsqrt, rsqrt, 1.5},     {"sin", UnaryOp::kSin, std::sin, 0.51},
      {"cos", UnaryOp::kCos, std::cos, 0.51},     {"tan", UnaryOp::kTan, std::tan, 0.51},
      {"asin", UnaryOp::kAsin, std::asin, 0.51},  {"acos", UnaryOp::kAcos, std::acos, 0.51},
      {"atan", UnaryOp::kAtan, std::atan, 0.51},  {"sinh", UnaryOp::kSinh, std::sinh, 0.51},
      {"cosh", UnaryOp::kCosh, std::cosh, 0.51},  {"tanh", UnaryOp::kTanh, std::tanh, 3.5},
      {"sigmoid", UnaryOp::kSigmoid, sigmoid, 3}, {"erf", UnaryOp::kErf, std::erf, 0.51},
      {"erfc", UnaryOp::kErfc, std::erfc, 0.51},  {"gelu", UnaryOp::kGelu, gelu, 7},
      {"silu", UnaryOp::kSilu, silu, 6},
  };
  return all;
}

const std::vector<BinaryFunction>& binary_functions() {
  static const auto& all = *new std::vector<BinaryFunction>{
      {"pow", BinaryOp::kPow, std::pow, 0.51},
      {"atan2", BinaryOp::kAtan2, std::atan2, 0.51},
  };
  return all;
}

Worst worst_of(const UnaryFunction& function, uint32_t first, uint32_t step) {
  const UnaryKernel kernel = unary_kernel(function.op, DType::kFloat32);
  Worst worst;
  constexpr int64_t kBuffer = 4096;
  std::vector<float> x, y(kBuffer);
  const auto flush = [&] {
    kernel(x.data(), y.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = function.f(static_cast<double>(x[i]));
      const double error = error_in_ulp(y[i], exact);
      if (error > worst.error) worst = {error, x[i], 0, y[i], exact};
    }
    x.clear();
  };
  for (uint64_t bits = first; bits <= std::numeric_limits<uint32_t>::max(); bits += step) {
    x.push_back(float_of(static_cast<uint32_t>(bits)));
    if (x.size() == kBuffer) flush();
  }
  flush();
  return worst;
}

Worst worst_of(const BinaryFunction& function, int64_t count) {
  const BinaryKernel kernel = binary_kernel(function.op, DType::kFloat32);
  const float special[] = {0,  -0.0f,  1,       -1,    0.5f,   -0.5f,     2,          -2, 3,
                           -3, 1e-40f, -1e-40f, 1e38f, -1e38f, HUGE_VALF, -HUGE_VALF, NAN};
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 8);
  std::vector<float> a, b;
  for (float x : special) {
    for (float y : special) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const bool moderate = i % 4 != 0;
    a.push_back(moderate ? normal(random) : float_of(static_cast<uint32_t>(random())));
    b.push_back(moderate ? normal(random) : float_of(static_cast<uint32_t>(random())));
    if (i % 4 == 1) b.back() = std::round(b.back());
    if (i % 4 == 2) a.back() = std::abs(a.back());
  }
  std::vector<float> out(a.size());
  kernel(a.data(), 1, b.data(), 1, out.data(), static_cast<int64_t>(a.size()));
  Worst worst;
  for (size_t i = 0; i < a.size(); ++i) {
    const double exact = function.f(a[i], b[i]), error = error_in_ulp(out[i], exact);
    if (error > worst.error) worst = {error, a[i], b[i], out[i], exact};
  }
  return worst;
}

}  // namespace lamina::kernels
