// Single operations of Lamina, for tests/peers/compare.py to put beside LibTorch's.
//
//   op_bench [FILTER]    rows "name best_microseconds", and fma_peak in GFLOP/s
//   op_bench --gflops    products in GFLOP/s and as a share of that peak, measured in the same run,
//                        one thread
//
// The variable THREADS sets the number of threads.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn.h"
#include "lamina/tensor/kernels/fma_peak.h"

namespace peer = lamina;

namespace {

peer::Tensor labels(int64_t n, int64_t classes) {
  return (peer::rand({n}) * classes).to(lamina::int64);
}
peer::Tensor mean_cross_entropy(const peer::Tensor& logits, const peer::Tensor& labels) {
  return mean(cross_entropy(logits, labels));
}
void clear_grad(peer::Tensor& leaf) { leaf.set_grad({}); }
peer::Tensor rows_of(const peer::Tensor& weight, const peer::Tensor& ids) {
  return index_select(weight, 0, ids);
}
peer::Tensor conv3x3(const peer::Tensor& x, const peer::Tensor& weight, const peer::Tensor& bias) {
  return conv2d(x, weight, bias, {1, 1});
}
peer::Tensor layer_normed(const peer::Tensor& x, const peer::Tensor& weight,
                          const peer::Tensor& bias) {
  return layer_norm(x, weight.shape(), weight, bias);
}
peer::Tensor batch_normed(const peer::Tensor& x, const peer::Tensor& weight,
                          const peer::Tensor& bias, const peer::Tensor& running_mean,
                          const peer::Tensor& running_var) {
  return batch_norm(x, running_mean, running_var, weight, bias, {.training = true});
}
void set_gradient(peer::Tensor& leaf, peer::Tensor gradient) { leaf.set_grad(std::move(gradient)); }
lamina::nn::optim::AdamW adamw_of(std::vector<peer::Tensor> leaves) {
  return lamina::nn::optim::AdamW(std::move(leaves), {.lr = 1e-3});
}
lamina::nn::optim::SGD momentum_sgd_of(std::vector<peer::Tensor> leaves) {
  return lamina::nn::optim::SGD(std::move(leaves), {.lr = 1e-3, .momentum = 0.9});
}

}  // namespace

#include "tests/peers/op_rows.h"

namespace {

using lamina::Tensor;

void gflops() {
  using Clock = std::chrono::steady_clock;
  const auto product = [](const char* name, int64_t m, int64_t k, int64_t n, const auto& f) {
    double peak = 0, best = 0;
    for (int i = 0; i < 20; ++i) {  // in turn: the processor's clock is not constant
      peak = std::max(peak, lamina::kernels::fma_peak());
      for (int j = 0; j < 20; ++j) {
        const auto begin = Clock::now();
        f();
        const double s = std::chrono::duration<double>(Clock::now() - begin).count();
        best = std::max(best, 2e-9 * static_cast<double>(m * k * n) / s);
      }
    }
    std::printf("%-34s %8.1f GFLOP/s of %6.1f: %5.1f %%\n", name, best, peak, 100 * best / peak);
  };
  const lamina::NoGradGuard no_grad;
  for (const int64_t n : {64, 512, 1024}) {
    const Tensor a = lamina::randn({n, n}), b = lamina::randn({n, n});
    product(("matmul_" + std::to_string(n)).c_str(), n, n, n, [&] { return a.matmul(b); });
  }
  const Tensor x = lamina::randn({100, 784}), w = lamina::randn({784, 300});
  product("matmul_100x784x300", 100, 784, 300, [&] { return x.matmul(w); });
  const Tensor weight = lamina::randn({300, 784}), bias = lamina::randn({300});
  product("linear_100x784x300", 100, 784, 300, [&] { return linear(x, weight, bias); });
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* threads = std::getenv("THREADS")) lamina::set_num_threads(std::atoi(threads));
  const std::string filter = argc > 1 ? argv[1] : "";
  if (filter == "--gflops") {
    lamina::set_num_threads(1);  // the peak is one core's
    gflops();
    return 0;
  }
  peers::OpBench(filter).run_all();
  if (std::string("fma_peak").find(filter) != std::string::npos) {
    double peak = 0;
    for (int i = 0; i < 100; ++i) peak = std::max(peak, lamina::kernels::fma_peak());
    std::printf("%-34s %12.3f\n", "fma_peak", peak);
  }
}
