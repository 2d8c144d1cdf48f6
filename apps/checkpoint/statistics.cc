#include "lamina/apps/checkpoint/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace lamina::apps::checkpoint {
namespace {

template <class T>
long double widened(T element) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(element);
  } else {
    return static_cast<long double>(element);
  }
}

// f(x) for each element.
template <class F>
void for_each(const NDArray& array, F f) {
  const NDArray rows = array.contiguous();
  dispatch_all(rows.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto* data = reinterpret_cast<const T*>(rows.raw_data());
    for (int64_t i = 0; i < rows.numel(); ++i) f(widened(data[i]));
  });
}

}  // namespace

Statistics statistics_of(const NDArray& array) {
  Statistics result;
  long double sum = 0;
  for_each(array, [&](long double x) {
    if (!std::isfinite(x)) {
      ++(std::isnan(x) ? result.nan : result.inf);
      return;
    }
    const bool first = result.finite++ == 0;
    if (first || x < result.min) result.min = x;
    if (first || x > result.max) result.max = x;
    sum += x;
  });
  if (result.finite == 0) return result;
  result.mean = sum / static_cast<long double>(result.finite);
  if (result.finite == 1) return result;
  long double squares = 0;
  for_each(array, [&](long double x) {
    if (std::isfinite(x)) squares += (x - result.mean) * (x - result.mean);
  });
  result.standard_deviation = std::sqrt(squares / static_cast<long double>(result.finite - 1));
  return result;
}

Difference difference_of(const NDArray& a, const NDArray& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Difference result;
  const NDArray left = a.contiguous(), right = b.contiguous();
  dispatch_all(left.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto* from = reinterpret_cast<const T*>(left.raw_data());
    const auto* to = reinterpret_cast<const T*>(right.raw_data());
    for (int64_t i = 0; i < left.numel(); ++i) {
      const long double x = widened(from[i]), y = widened(to[i]);
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      ++result.elements;
      if (!std::isfinite(x) || !std::isfinite(y)) {
        result.absolute = result.relative = kInfinity;
        continue;
      }
      const long double absolute = std::abs(x - y);
      const long double relative = absolute / std::max(std::abs(x), std::abs(y));
      result.absolute = std::max(result.absolute, static_cast<double>(absolute));
      result.relative = std::max(result.relative, static_cast<double>(relative));
    }
  });
  return result;
}

}  // namespace lamina::apps::checkpoint
