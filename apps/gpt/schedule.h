// The learning rate of a training run, as a share of its highest.
#ifndef LAMINA_APPS_GPT_SCHEDULE_H_
#define LAMINA_APPS_GPT_SCHEDULE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lamina::apps::gpt {

// 1 / (warmup + 1), 2 / (warmup + 1), ... in the first `warmup` steps, 1 in the next; from there half a
// cosine down to 0.1 at step `steps`, where it stays. Steps count from 0; warmup is below `steps`.
inline double rate_of_step(int64_t step, int64_t warmup, int64_t steps) {
  constexpr double kLowest = 0.1, kPi = 3.141592653589793;
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  const double done =
      std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(steps - warmup));
  return kLowest + (1 - kLowest) * (1 + std::cos(kPi * done)) / 2;
}

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_SCHEDULE_H_
