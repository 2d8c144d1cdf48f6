#include "lamina/tensor/kernels/fma_peak.h"

#include <chrono>
#include <cstdint>

#include "lamina/tensor/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/fma_peak.cc"
#include "hwy/foreach_target.h"
// Highway's headers come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Does `steps` times ten multiply-adds, ten because two units take four cycles each. Returns the
// number of floating point operations. The starts differ and are not constants, so that the
// compiler cannot merge the sums.
double multiply_adds(int64_t steps, const float* start, float* out) {
  const hn::ScalableTag<float> d;
  const auto next = [&] { return hn::Set(d, *start++); };
  const auto x = next();
  auto a = next(), b = next(), c = next(), e = next(), f = next();
  auto g = next(), h = next(), i = next(), j = next(), k = next();
  for (int64_t step = 0; step < steps; ++step) {
    a = hn::MulAdd(a, x, x), b = hn::MulAdd(b, x, x), c = hn::MulAdd(c, x, x),
    e = hn::MulAdd(e, x, x);
    f = hn::MulAdd(f, x, x), g = hn::MulAdd(g, x, x), h = hn::MulAdd(h, x, x),
    i = hn::MulAdd(i, x, x);
    j = hn::MulAdd(j, x, x), k = hn::MulAdd(k, x, x);
  }
  const auto left = hn::Add(hn::Add(a, b), hn::Add(c, e)),
             right = hn::Add(hn::Add(f, g), hn::Add(h, i));
  *out = hn::GetLane(hn::Add(hn::Add(left, right), hn::Add(j, k)));
  return 2.0 * 10 * static_cast<double>(steps) * static_cast<double>(hn::Lanes(d));
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(multiply_adds);

double fma_peak() {
  constexpr int64_t kSteps = 50000;
  static volatile float seed = 0.5f;
  float start[11], out;
  for (float& s : start) s = seed;
  const auto begin = std::chrono::steady_clock::now();
  const double operations = HWY_DYNAMIC_DISPATCH(multiply_adds)(kSteps, start, &out);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  seed = out * 0 + 0.5f;  // the result must be used
  return operations / seconds.count() * 1e-9;
}

}  // namespace lamina::kernels
#endif  // HWY_ONCE
