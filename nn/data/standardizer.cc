#include "lamina/nn/data/standardizer.h"

#include <cmath>
#include <vector>

namespace lamina::nn::data {
namespace {

constexpr const char* kName = "Standardizer";

void check_rows(const Tensor& x) {
  check_defined(kName, x.data());
  if (x.dim() == 2 && x.size(0) > 0) return;
  fail<ShapeError>(kName, "expected at least one row of (rows, columns), got ", x.shape().str());
}

void check_columns(const Tensor& x, const Tensor& mean) {
  check_defined(kName, x.data());
  check_floating(kName, x.dtype());
  if (x.dim() > 0 && x.size(-1) == mean.size(0)) return;
  fail<ShapeError>(kName, "expected (..., ", mean.size(0), "), got ", x.shape().str());
}

void check_finite(const Tensor& x, const char* what) {
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    fail<ValueError>(kName, "expected finite values, got ", what, " ", values[i], " of column ", i);
  }
}

}  // namespace

Standardizer Standardizer::fit(const Tensor& x) {
  check_rows(x);
  const NoGradGuard no_grad;
  const Tensor rows = x.to(float64), low = rows.amin(0), high = rows.amax(0);
  // The extremes are not finite if any value is not.
  check_finite(low, "the minimum");
  check_finite(high, "the maximum");
  // The mean of equal numbers may differ from them by a rounding, which would count as a deviation.
  const Tensor constant = low.eq(high);
  return Standardizer(where(constant, low, rows.mean(0)), rows.std(0, 0).masked_fill(constant, 1));
}

Standardizer Standardizer::fit(const Tensor& x, absl::Span<const int64_t> rows) {
  check_rows(x);
  for (const int64_t row : rows) {
    if (row < 0 || row >= x.size(0)) {
      fail<IndexError>(kName, "expected an index of the ", x.size(0), " rows, got ", row);
    }
  }
  const NoGradGuard no_grad;
  return fit(x.index_select(0, tensor(std::vector<int64_t>(rows.begin(), rows.end()),
                                      {static_cast<int64_t>(rows.size())})));
}

Standardizer::Standardizer(const Tensor& mean, const Tensor& std) {
  check_defined(kName, mean.data());
  check_defined(kName, std.data());
  if (mean.dim() != 1 || mean.shape() != std.shape()) {
    fail<ShapeError>(kName, "expected mean and std (columns), got ", mean.shape().str(), " and ",
                     std.shape().str());
  }
  mean_ = mean.detach().to(float64).clone();
  std_ = std.detach().to(float64).clone();
  check_finite(mean_, "the mean");
  check_finite(std_, "the std");
  const std::vector<double> deviations = std_.to_vector<double>();
  for (size_t i = 0; i < deviations.size(); ++i) {
    if (deviations[i] > 0) continue;
    fail<ValueError>(kName, "expected std above 0, got ", deviations[i], " of column ", i);
  }
}

Tensor Standardizer::transform(const Tensor& x) const {
  check_columns(x, mean_);
  return ((x.to(float64) - mean_) / std_).to(x.dtype());
}

Tensor Standardizer::inverse_transform(const Tensor& x) const {
  check_columns(x, mean_);
  return (x.to(float64) * std_ + mean_).to(x.dtype());
}

}  // namespace lamina::nn::data
