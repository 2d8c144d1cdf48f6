// LibTorch's training jobs, beside train_bench.cc: libtorch_train_bench JOB EPOCHS MNIST_FOLDER.
// Built by compare.py, not by Bazel.
#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
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
  if (job == "cnn") {
    using torch::nn::Conv2d;
    using torch::nn::Conv2dOptions;
    using torch::nn::MaxPool2d;
    using torch::nn::ReLU;
    return torch::nn::Sequential(torch::nn::Unflatten(torch::nn::UnflattenOptions(1, {1, 28, 28})),
                                 Conv2d(Conv2dOptions(1, 16, 3).padding(1)), ReLU(), MaxPool2d(2),
                                 Conv2d(Conv2dOptions(16, 32, 3).padding(1)), ReLU(), MaxPool2d(2),
                                 torch::nn::Flatten(), Linear(32 * 7 * 7, 10));
  }
  if (job == "linear") return torch::nn::Sequential(Linear(784, 10));
  return torch::nn::Sequential(Linear(LinearOptions(784, 300).bias(false)), torch::nn::ReLU(),
                               Linear(LinearOptions(300, 10).bias(false)));
}

std::unique_ptr<torch::optim::Optimizer> optimizer_of(const std::string& job,
                                                      torch::nn::Sequential& model) {
  if (job == "cnn") return std::make_unique<torch::optim::Adam>(model->parameters(), 1e-3);
  return std::make_unique<torch::optim::SGD>(model->parameters(), job == "mlp" ? 0.3 : 0.2);
}

// Attention as its users write it: the C++ API has no fused one.
struct BlockImpl : torch::nn::Module {
  BlockImpl(int64_t width, int64_t heads) : heads(heads) {
    using torch::nn::LayerNorm;
    using torch::nn::LayerNormOptions;
    using torch::nn::Linear;
    norm1 = register_module("norm1", LayerNorm(LayerNormOptions({width})));
    norm2 = register_module("norm2", LayerNorm(LayerNormOptions({width})));
    in_projection = register_module("in_projection", Linear(width, 3 * width));
    out_projection = register_module("out_projection", Linear(width, width));
    up = register_module("up", Linear(width, 4 * width));
    down = register_module("down", Linear(4 * width, width));
  }
  torch::Tensor forward(const torch::Tensor& input, const torch::Tensor& hidden) {
    const int64_t batch = input.size(0), time = input.size(1), width = input.size(2);
    const torch::Tensor qkv = in_projection(norm1(input))
                                  .view({batch, time, 3, heads, width / heads})
                                  .permute({2, 0, 3, 1, 4});
    const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
    const torch::Tensor scores = torch::matmul(qkv[0], qkv[1].transpose(-2, -1)) * scale;
    const torch::Tensor weights =
        torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
    const torch::Tensor attended =
        torch::matmul(weights, qkv[2]).transpose(1, 2).reshape({batch, time, width});
    const torch::Tensor x = input + out_projection(attended);
    return x + down(torch::gelu(up(norm2(x))));
  }
  int64_t heads;
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr};
  torch::nn::Linear in_projection{nullptr}, out_projection{nullptr}, up{nullptr}, down{nullptr};
};
TORCH_MODULE(Block);

struct GptImpl : torch::nn::Module {
  GptImpl(int64_t tokens, int64_t context, int64_t width, int64_t heads, int64_t count)
      : hidden(torch::ones({context, context}, torch::kBool).triu(1)) {
    using torch::nn::Embedding;
    token_embedding = register_module("token_embedding", Embedding(tokens, width));
    position_embedding = register_module("position_embedding", Embedding(context, width));
    for (int64_t i = 0; i < count; ++i) {
      blocks.push_back(register_module("block" + std::to_string(i), Block(width, heads)));
    }
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    head = register_module("head",
                           torch::nn::Linear(torch::nn::LinearOptions(width, tokens).bias(false)));
  }
  torch::Tensor forward(const torch::Tensor& ids) {
    const int64_t time = ids.size(1);
    torch::Tensor x = token_embedding(ids) + position_embedding(torch::arange(time));
    const torch::Tensor mask = hidden.narrow(0, 0, time).narrow(1, 0, time);
    for (Block& block : blocks) x = block(x, mask);
    return head(norm(x));
  }
  torch::Tensor hidden;
  torch::nn::Embedding token_embedding{nullptr}, position_embedding{nullptr};
  std::vector<Block> blocks;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(Gpt);

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void train_gpt(int steps) {
  constexpr int64_t kTokens = 65, kContext = 64, kSequences = 12;
  Gpt model(kTokens, kContext, 128, 4, 4);
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-3));
  const torch::Tensor x = torch::randint(kTokens, {kSequences, kContext});
  const torch::Tensor y = torch::randint(kTokens, {kSequences * kContext});
  for (int i = 0; i < steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const torch::Tensor loss = torch::cross_entropy_loss(model(x).view({-1, kTokens}), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    std::printf("step %d train_s %.5f loss %.4f\n", i, seconds_since(begin), loss.item<double>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  if (argc != 4 || (job != "linear" && job != "mlp" && job != "cnn" && job != "gpt")) {
    std::fprintf(stderr, "usage: libtorch_train_bench linear|mlp|cnn|gpt EPOCHS MNIST_FOLDER\n");
    return 1;
  }
  const int epochs = std::atoi(argv[2]);
  const std::string folder = argv[3];
  if (const char* threads = std::getenv("THREADS")) torch::set_num_threads(std::atoi(threads));
  torch::manual_seed(0);
  std::printf("libtorch job %s threads %d\n", job.c_str(), torch::get_num_threads());
  if (job == "gpt") {
    train_gpt(epochs);
    return 0;
  }

  const Data train(folder + "/train"), test(folder + "/t10k");
  torch::nn::Sequential model = model_of(job);
  const std::unique_ptr<torch::optim::Optimizer> optimizer = optimizer_of(job, model);
  for (int e = 0; e < epochs; ++e) {
    const auto begin = std::chrono::steady_clock::now();
    const Result result = epoch(model, train, optimizer.get());
    const double seconds = seconds_since(begin);
    std::printf("epoch %d train_s %.3f train_loss %.4f train_err %.4f test_err %.4f\n", e, seconds,
                result.loss, result.error, epoch(model, test, nullptr).error);
    std::fflush(stdout);
  }
}
