// Single operations of LibTorch, beside op_bench.cc: libtorch_op_bench [FILTER]. Built by
// compare.py, not by Bazel.
#include <torch/torch.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace peer = torch;

namespace {

torch::Tensor labels(int64_t n, int64_t classes) { return torch::randint(classes, {n}); }
torch::Tensor mean_cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels) {
  return torch::cross_entropy_loss(logits, labels);
}
void clear_grad(torch::Tensor& leaf) { leaf.mutable_grad() = torch::Tensor(); }
torch::Tensor rows_of(const torch::Tensor& weight, const torch::Tensor& ids) {
  return torch::embedding(weight, ids);
}
torch::Tensor conv3x3(const torch::Tensor& x, const torch::Tensor& weight,
                      const torch::Tensor& bias) {
  return torch::conv2d(x, weight, bias, 1, 1);
}
torch::Tensor layer_normed(const torch::Tensor& x, const torch::Tensor& weight,
                           const torch::Tensor& bias) {
  return torch::layer_norm(x, weight.sizes(), weight, bias);
}
torch::Tensor batch_normed(const torch::Tensor& x, const torch::Tensor& weight,
                           const torch::Tensor& bias, const torch::Tensor& running_mean,
                           const torch::Tensor& running_var) {
  return torch::batch_norm(x, weight, bias, running_mean, running_var, true, 0.1, 1e-5, false);
}
void set_gradient(torch::Tensor& leaf, torch::Tensor gradient) {
  leaf.mutable_grad() = std::move(gradient);
}
torch::optim::AdamW adamw_of(std::vector<torch::Tensor> leaves) {
  return torch::optim::AdamW(std::move(leaves), torch::optim::AdamWOptions(1e-3));
}
torch::optim::SGD momentum_sgd_of(std::vector<torch::Tensor> leaves) {
  return torch::optim::SGD(std::move(leaves), torch::optim::SGDOptions(1e-3).momentum(0.9));
}

}  // namespace

#include "tests/peers/op_rows.h"

int main(int argc, char** argv) {
  if (const char* threads = std::getenv("THREADS")) torch::set_num_threads(std::atoi(threads));
  peers::OpBench(argc > 1 ? argv[1] : "").run_all();
}
