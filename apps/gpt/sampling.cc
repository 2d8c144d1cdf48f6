#include "lamina/apps/gpt/sampling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace lamina::apps::gpt {
namespace {

constexpr const char* kName = "probabilities";

void check(const Tensor& logits, const SamplingOptions& options) {
  if (logits.dim() != 1 || logits.size(0) < 1) {
    fail<ShapeError>(kName, "expected logits (tokens), at least one, got ", logits.shape().str());
  }
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    fail<ValueError>(kName, "expected a finite temperature of at least 0, got ",
                     options.temperature);
  }
  if (options.top_k < 0) {
    fail<ValueError>(kName, "expected a top_k of at least 0, got ", options.top_k);
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    fail<ValueError>(kName, "expected a top_p above 0 and up to 1, got ", options.top_p);
  }
}

}  // namespace

std::vector<double> probabilities(const Tensor& logits, const SamplingOptions& options) {
  check(logits, options);
  const std::vector<double> values = logits.to(float64).to_vector<double>();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double largest = -kInfinity;
  for (const double value : values) {
    if (std::isnan(value) || value == kInfinity) {
      fail<ValueError>(kName, "expected logits that are numbers below infinity, got ", value);
    }
    largest = std::max(largest, value);
  }
  if (largest == -kInfinity) {
    fail<ValueError>(kName, "expected a logit above -infinity, got none among ", values.size());
  }

  std::vector<size_t> order(values.size());  // the likeliest first
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  if (options.temperature == 0) {
    order.resize(1);
  } else if (options.top_k > 0) {
    order.resize(std::min(order.size(), static_cast<size_t>(options.top_k)));
  }

  std::vector<double> result(values.size());
  double sum = 0;
  for (const size_t i : order) {
    // With temperature 0 there is the largest only, whose difference is 0.
    const double difference = values[i] - largest;
    result[i] = difference == 0 ? 1 : std::exp(difference / options.temperature);
    sum += result[i];
  }
  if (options.top_p < 1) {
    double kept = 0;
    size_t count = 0;
    while (count < order.size() && kept < options.top_p * sum) kept += result[order[count++]];
    for (size_t i = count; i < order.size(); ++i) result[order[i]] = 0;
    sum = kept;
  }
  for (double& each : result) each /= sum;
  return result;
}

int64_t draw(const std::vector<double>& probabilities, Generator& generator) {
  double left = random::uniform({1}, 0, 1, float64, generator).item<double>();
  size_t last = 0;  // that can come: for a sum that rounding has left below 1
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    last = i;
    left -= probabilities[i];
    if (left < 0) break;
  }
  return static_cast<int64_t>(last);
}

}  // namespace lamina::apps::gpt
