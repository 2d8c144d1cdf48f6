#include "lamina/nn/position.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

void check_base(const char* name, double base) {
  if (base > 0 && std::isfinite(base)) return;
  fail<ValueError>(name, "expected a finite base above 0, got ", base);
}
void check_offset(const char* name, int64_t offset) {
  if (offset >= 0) return;
  fail<ValueError>(name, "expected an offset of at least 0, got ", offset);
}

// (length, pairs) of float64: (offset + p) / base^(2 i / width).
Tensor angles(int64_t length, int64_t pairs, int64_t width, double base, int64_t offset) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < pairs; ++i) {
    const double exponent = 2 * static_cast<double>(i) / static_cast<double>(width);
    frequencies.push_back(1 / std::pow(base, exponent));
  }
  const Tensor positions = arange(length, float64) + static_cast<double>(offset);
  return positions.unsqueeze(1) * tensor(frequencies, {1, pairs});
}

Tensor stacked(const Tensor& a, const Tensor& b, int64_t dim) {
  const std::vector<Tensor> both{a, b};
  return stack(absl::Span<const Tensor>(both), dim);
}
Tensor joined(const Tensor& a, const Tensor& b, int64_t dim) {
  const std::vector<Tensor> both{a, b};
  return cat(absl::Span<const Tensor>(both), dim);
}

}  // namespace

Tensor functional::sinusoidal_position_encoding(int64_t length, int64_t width,
                                                const SinusoidalPositionOptions& options) {
  constexpr const char* kName = "sinusoidal_position_encoding";
  const OpScope scope(kName);
  if (length < 0 || width < 0) {
    fail<ValueError>(kName, "expected a length and a width of at least 0, got ", length, " and ",
                     width);
  }
  check_base(kName, options.base);
  check_offset(kName, options.offset);
  check_floating(kName, options.dtype);
  const int64_t pairs = (width + 1) / 2;
  const Tensor angle = angles(length, pairs, width, options.base, options.offset);
  return stacked(sin(angle), cos(angle), -1)
      .reshape({length, 2 * pairs})
      .narrow(1, 0, width)
      .to(options.dtype);
}

Tensor functional::rotary_position_encoding(const Tensor& x, int64_t offset,
                                            const RotaryPositionOptions& options) {
  constexpr const char* kName = "rotary_position_encoding";
  const OpScope scope(kName);
  check_defined(kName, x.data());
  check_floating(kName, x.dtype());
  check_base(kName, options.base);
  check_offset(kName, offset);
  if (x.dim() < 2 || x.size(-1) % 2 != 0) {
    fail<ShapeError>(kName, "expected x (..., length, d) with an even d, got shape ",
                     x.shape().str());
  }
  if (is_half(x.dtype())) {
    return rotary_position_encoding(x.to(float32), offset, options).to(x.dtype());
  }
  const int64_t d = x.size(-1), pairs = d / 2;
  const Tensor angle = angles(x.size(-2), pairs, d, options.base, offset);
  const Tensor c = cos(angle).to(x.dtype()), s = sin(angle).to(x.dtype());
  if (options.interleaved) {
    Shape shape = x.shape();
    shape[x.dim() - 1] = pairs;
    shape.push_back(2);
    const Tensor in_pairs = x.reshape(shape);
    const Tensor a = in_pairs.select(-1, 0), b = in_pairs.select(-1, 1);
    return stacked(a * c - b * s, b * c + a * s, -1).reshape(x.shape());
  }
  const Tensor a = x.narrow(-1, 0, pairs), b = x.narrow(-1, pairs, pairs);
  return joined(a * c - b * s, b * c + a * s, -1);
}

SinusoidalPositionEncoding::SinusoidalPositionEncoding(double base) : base_(base) {
  check_base("SinusoidalPositionEncoding", base);
}

std::string SinusoidalPositionEncoding::extra_repr() const {
  return absl::StrCat("base=", internal::python_float(base_));
}

Tensor SinusoidalPositionEncoding::at(const Tensor& x, int64_t offset) const {
  constexpr const char* kName = "SinusoidalPositionEncoding";
  check_defined(kName, x.data());
  check_floating(kName, x.dtype());
  if (x.dim() < 2) {
    fail<ShapeError>(kName, "expected x (..., length, width), got shape ", x.shape().str());
  }
  return x + functional::sinusoidal_position_encoding(
                 x.size(-2), x.size(-1), {.base = base_, .offset = offset, .dtype = x.dtype()});
}

RotaryPositionEncoding::RotaryPositionEncoding(const RotaryPositionOptions& options)
    : options_(options) {
  check_base("RotaryPositionEncoding", options.base);
}

std::string RotaryPositionEncoding::extra_repr() const {
  return absl::StrCat("base=", internal::python_float(options_.base),
                      ", interleaved=", internal::python_bool(options_.interleaved));
}

}  // namespace lamina::nn
