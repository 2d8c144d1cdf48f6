// The learning rate of a training run, as a share of its highest.
#ifndef LAMINA_APPS_WARMUP_COSINE_H_
#define LAMINA_APPS_WARMUP_COSINE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lamina::apps {

// 1 / (warmup + 1), 2 / (warmup + 1), ... in the steps below `warmup`, which need not be whole;
// from there half a cosine from 1 down to `lowest` at step `steps`, where it stays. Steps count
// from 0.
inline double warmup_cosine(int64_t step, double warmup, int64_t steps, double lowest) {
  constexpr double kPi = 3.141592653589793;
  const auto at = static_cast<double>(step), end = static_cast<double>(steps);
  if (at < warmup) return (at + 1) / (warmup + 1);
  const double done = std::min(1.0, (at - warmup) / std::max(1.0, end - warmup));
  return lowest + (1 - lowest) * (1 + std::cos(kPi * done)) / 2;
}

}  // namespace lamina::apps

#endif  // LAMINA_APPS_WARMUP_COSINE_H_
