// GFLOP/s of the float32 product on one thread, and its share of the processor's peak: the best
// rate of independent multiply-adds on the widest vectors, measured in the same run, before and
// among the products.
//
// Rows are named m x k x n, then what differs from row-major matrices: "at", "bt" are a transposed
// A or B (x * W' of a linear layer is bt, its weight gradient dY' * X is at). tests/peers has
// LibTorch's rows.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "lamina/tensor/kernels/gemm.h"
#include "lamina/tensor/kernels/targets.h"
#include "lamina/tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/tensor/kernels/gemm_benchmark.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the number of floating point operations. The compiler must not know the start values, or
// it finds that some sums are equal and computes them once.
double multiply_adds(int64_t steps, const float* start, float* out) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const V x = hn::Set(d, start[10]);
  V s0 = hn::Set(d, start[0]), s1 = hn::Set(d, start[1]), s2 = hn::Set(d, start[2]),
    s3 = hn::Set(d, start[3]);
  V s4 = hn::Set(d, start[4]), s5 = hn::Set(d, start[5]), s6 = hn::Set(d, start[6]),
    s7 = hn::Set(d, start[7]);
  V s8 = hn::Set(d, start[8]), s9 = hn::Set(d, start[9]);
  for (int64_t i = 0; i < steps; ++i) {
    s0 = hn::MulAdd(s0, x, x), s1 = hn::MulAdd(s1, x, x), s2 = hn::MulAdd(s2, x, x),
    s3 = hn::MulAdd(s3, x, x);
    s4 = hn::MulAdd(s4, x, x), s5 = hn::MulAdd(s5, x, x), s6 = hn::MulAdd(s6, x, x),
    s7 = hn::MulAdd(s7, x, x);
    s8 = hn::MulAdd(s8, x, x), s9 = hn::MulAdd(s9, x, x);
  }
  const V t0 = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)),
          t1 = hn::Add(hn::Add(s4, s5), hn::Add(s6, s7));
  *out = hn::GetLane(hn::Add(hn::Add(t0, t1), hn::Add(s8, s9)));
  return 2.0 * 10.0 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(steps);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

HWY_EXPORT(multiply_adds);

// The highest rate seen so far, in operations per second.
double measure_peak() {
  static double peak = 0;
  for (int i = 0; i < 10; ++i) {
    float start[11], out;
    std::fill(start, start + 11, 0.5f);
    benchmark::DoNotOptimize(start);
    const auto begin = std::chrono::steady_clock::now();
    const double work = HWY_DYNAMIC_DISPATCH(multiply_adds)(50000, start, &out);
    benchmark::DoNotOptimize(out);
    peak = std::max(
        peak,
        work / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return peak;
}

void fma_peak(benchmark::State& state) {
  for (auto _ : state) measure_peak();
  state.counters["GFLOP/s"] = measure_peak() * 1e-9;
}
BENCHMARK(fma_peak);

struct Shape {
  int64_t batch, m, k, n;
  bool at, bt;
};

void product(benchmark::State& state, const Shape& s) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> a(s.batch * s.m * s.k), b(s.batch * s.k * s.n), c(s.batch * s.m * s.n);
  for (float& x : a) x = normal(random);
  for (float& x : b) x = normal(random);
  GemmArgs args;
  args.m = s.m, args.n = s.n, args.k = s.k;
  args.a = a.data(), args.a_row = s.at ? 1 : s.k, args.a_col = s.at ? s.m : 1;
  args.b = b.data(), args.b_row = s.bt ? 1 : s.n, args.b_col = s.bt ? s.k : 1;
  args.c = c.data(), args.c_row = s.n, args.c_col = 1;
  const double peak = measure_peak();
  double best = 1e9;  // seconds per product; the machine may be shared
  for (auto _ : state) {
    constexpr int kTimes = 8;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kTimes; ++i) gemm_batched(args, s.batch, s.m * s.k, s.k * s.n, s.m * s.n);
    best = std::min(
        best,
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / kTimes);
  }
  const double work = 2.0 * static_cast<double>(s.batch * s.m * s.n * s.k);
  const double bytes = 4.0 * static_cast<double>(a.size() + b.size() + c.size());
  state.counters["us"] = best * 1e6;
  state.counters["GFLOP/s"] = work / best * 1e-9;
  state.counters["share"] = work / best / peak;
  state.counters["GB/s"] = bytes / best * 1e-9;
}

void register_products() {
  const Shape shapes[] = {
      {1, 1, 1, 1, 0, 0},          {1, 4, 4, 4, 0, 0},          {1, 16, 16, 16, 0, 0},
      {1, 64, 64, 64, 0, 0},       {1, 256, 256, 256, 0, 0},    {1, 512, 512, 512, 0, 0},
      {1, 1024, 1024, 1024, 0, 0}, {1, 1024, 1024, 1024, 1, 0}, {1, 1024, 1024, 1024, 0, 1},
      {1, 100, 784, 300, 0, 0},    {1, 100, 784, 300, 0, 1},    {1, 300, 100, 784, 1, 0},
      {1, 100, 10, 300, 0, 0},     {1, 100, 300, 10, 0, 1},     {1, 10, 100, 300, 1, 0},
      {48, 64, 32, 64, 0, 0},      {1, 768, 128, 512, 0, 1},    {1, 8, 1024, 1024, 0, 1},
      {1, 1, 784, 300, 0, 1},      {1, 1, 4096, 4096, 0, 0},    {1, 1, 4096, 4096, 0, 1},
      {1, 4096, 4096, 1, 0, 0},    {1, 4096, 4096, 1, 1, 0},
  };
  for (const Shape& s : shapes) {
    std::string name = std::to_string(s.m) + "x" + std::to_string(s.k) + "x" + std::to_string(s.n);
    if (s.batch > 1) name = std::to_string(s.batch) + "x(" + name + ")";
    name += s.at ? "_at" : s.bt ? "_bt" : "";
    benchmark::RegisterBenchmark(name.c_str(), [s](benchmark::State& state) { product(state, s); });
  }
}

}  // namespace
}  // namespace lamina::kernels

int main(int argc, char** argv) {
  lamina::set_num_threads(1);
  lamina::kernels::register_products();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
#endif
