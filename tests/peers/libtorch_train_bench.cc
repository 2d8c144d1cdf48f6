// LibTorch's training jobs, beside train_bench.cc: libtorch_train_bench JOB EPOCHS MNIST_FOLDER.
// Built by compare.py, not by Bazel.
#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int64_t kBatch = 100;

torch::Tensor read_idx(const std::string& path, int64_t header, int64_t item) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  return torch::from_blob(bytes.data() + header, {static_cast<int64_t>(bytes.size() - header)},
                          torch::kUInt8)
      .clone()
      .view({-1, item});
}

struct Data {
  explicit Data(const std::string& prefix)
      : x(read_idx(prefix + "-images-idx3-ubyte", 16, 784).to(torch::kFloat) / 255),
        y(read_idx(prefix + "-labels-idx1-ubyte", 8, 1).to(torch::kLong).squeeze(1)) {}
  torch::Tensor x, y;
};

struct Result {
  double loss, error;
};

// Without an optimizer it measures only.
Result epoch(torch::nn::Sequential& model, const Data& data, torch::optim::Optimizer* optimizer) {
  model->train(optimizer != nullptr);
  const torch::AutoGradMode mode(optimizer != nullptr);
  double total = 0;
  int64_t wrong = 0;
  const int64_t n = data.x.size(0);
  for (int64_t i = 0; i < n; i += kBatch) {
    const torch::Tensor x = data.x.narrow(0, i, kBatch), y = data.y.narrow(0, i, kBatch);
    const torch::Tensor out = model->forward(x);
    if (optimizer != nullptr) {
      const torch::Tensor loss = torch::cross_entropy_loss(out, y);
      optimizer->zero_grad();
      loss.backward();
      optimizer->step();
      total += loss.item<float>() * kBatch;
    }
    wrong += (out.argmax(1) != y).sum().item<int64_t>();
  }
  return {total / static_cast<double>(n), static_cast<double>(wrong) / static_cast<double>(n)};
}

torch::nn::Sequential model_of(const std::string& job) {
  using torch::nn::Linear;
  using torch::nn::LinearOptions;
  if (job == "linear") return torch::nn::Sequential(Linear(784, 10));
  return torch::nn::Sequential(Linear(LinearOptions(784, 300).bias(false)), torch::nn::ReLU(),
                               Linear(LinearOptions(300, 10).bias(false)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  if (argc != 4 || (job != "linear" && job != "mlp")) {
    std::fprintf(stderr, "usage: libtorch_train_bench linear|mlp EPOCHS MNIST_FOLDER\n");
    return 1;
  }
  const std::string folder = argv[3];
  if (const char* threads = std::getenv("THREADS")) torch::set_num_threads(std::atoi(threads));
  torch::manual_seed(0);
  std::printf("libtorch job %s threads %d\n", job.c_str(), torch::get_num_threads());

  const Data train(folder + "/train"), test(folder + "/t10k");
  torch::nn::Sequential model = model_of(job);
  torch::optim::SGD optimizer(model->parameters(), job == "mlp" ? 0.3 : 0.2);
  for (int e = 0; e < std::atoi(argv[2]); ++e) {
    const auto begin = std::chrono::steady_clock::now();
    const Result result = epoch(model, train, &optimizer);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("epoch %d train_s %.3f train_loss %.4f train_err %.4f test_err %.4f\n", e,
                seconds.count(), result.loss, result.error, epoch(model, test, nullptr).error);
    std::fflush(stdout);
  }
}
