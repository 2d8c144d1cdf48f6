// Forward, and forward with backward, of every row at a large size, in float32: the row's first
// large sample if it has one, else its first sample.
//
//   bazel run //tests/op_cases:op_benchmark -- --benchmark_filter='^matmul'
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

std::vector<Tensor> inputs_of(const Sample& sample, bool require_grad) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < sample.size(); ++i) {
    const DType dtype = dtype_for(sample[i], float32);
    inputs.emplace_back(
        array_of(values_for(sample[i], i, dtype, Layout::kContiguous), dtype, Layout::kContiguous));
    if (require_grad && is_floating(dtype)) inputs.back().requires_grad_();
  }
  return inputs;
}

void forward(benchmark::State& state, const OpCase& row, const Sample& sample) {
  const std::vector<Tensor> inputs = inputs_of(sample, false);
  for (auto _ : state) benchmark::DoNotOptimize(row.forms[0].tensors(inputs));
}

void forward_and_backward(benchmark::State& state, const OpCase& row, const Sample& sample) {
  const std::vector<Tensor> inputs = inputs_of(sample, true);
  const Tensor dy = ones(row.forms[0].tensors(inputs)[0].shape());
  for (auto _ : state) {
    row.forms[0].tensors(inputs)[0].backward(dy);
    for (const Tensor& x : inputs) x.set_grad({});
  }
}

void register_all() {
  for (const OpCase& row : all_op_cases()) {
    if (!row.forms[0].tensors) continue;
    const Sample& sample = row.large_samples.empty() ? row.samples[0] : row.large_samples[0];
    benchmark::RegisterBenchmark((row.title() + "/forward").c_str(),
                                 [&](benchmark::State& state) { forward(state, row, sample); });
    if (!row.differentiable || row.result_dtype(float32) != float32) continue;
    benchmark::RegisterBenchmark(
        (row.title() + "/forward_and_backward").c_str(),
        [&](benchmark::State& state) { forward_and_backward(state, row, sample); });
  }
}

}  // namespace
}  // namespace lamina::op_cases

int main(int argc, char** argv) {
  lamina::op_cases::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
