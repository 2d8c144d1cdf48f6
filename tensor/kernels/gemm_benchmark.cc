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
#include "lamina/tensor/kernels/fma_peak.h"
#include "lamina/tensor/kernels/gemm.h"
#include "lamina/tensor/parallel.h"

namespace lamina::kernels {
namespace {

// The highest rate seen so far, in operations per second.
double measure_peak() {
  static double peak = 0;
  for (int i = 0; i < 10; ++i) peak = std::max(peak, fma_peak() * 1e9);
  return peak;
}

void peak(benchmark::State& state) {
  for (auto _ : state) measure_peak();
  state.counters["GFLOP/s"] = measure_peak() * 1e-9;
}
BENCHMARK(peak)->Name("fma_peak");

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
