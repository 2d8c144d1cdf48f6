// apps/mnist's cnn on LibTorch: the same network, initialisation, batches of 100 in a new order in each epoch, and Adam
// with one cycle of the learning rate. Built by time_to_accuracy.py, not by Bazel.
//
//   libtorch_mnist_cnn EPOCHS SEED MNIST_FOLDER
//
// After each epoch comes a line with val_accuracy, that of the test images.
#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int64_t kBatch = 100;
constexpr double kMaxRate = 0.01, kPi = 3.14159265358979323846;

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
      : x(read_idx(prefix + "-images-idx3-ubyte", 16, 784)
              .to(torch::kFloat)
              .div_(255)
              .view({-1, 1, 28, 28})),
        y(read_idx(prefix + "-labels-idx1-ubyte", 8, 1).to(torch::kLong).squeeze(1)) {}
  torch::Tensor x, y;
};

torch::nn::Sequential cnn(int64_t width) {
  torch::nn::Sequential model;
  int64_t in = 1, out = width;
  for (int i = 0; i < 3; ++i) {
    model->push_back(
        torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1).bias(false)));
    model->push_back(torch::nn::BatchNorm2d(out));
    model->push_back(torch::nn::ReLU());
    if (i < 2) model->push_back(torch::nn::MaxPool2d(2));
    in = out;
    out *= 2;
  }
  model->push_back(torch::nn::Flatten());
  model->push_back(torch::nn::Linear(in * 7 * 7, 10));
  return model;
}

double between(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(kPi * share));
}

// PyTorch's OneCycleLR with its defaults, which its C++ API lacks.
void set_cycle(torch::optim::Adam& adam, int64_t step, int64_t steps) {
  const double up = 0.3 * static_cast<double>(steps) - 1,
               down = static_cast<double>(steps) - 1 - up;
  const auto at = static_cast<double>(step);
  const double first = kMaxRate / 25, last = first / 1e4;
  const bool rises = at <= up;
  const double share = rises ? at / up : (at - up) / down;
  auto& options = static_cast<torch::optim::AdamOptions&>(adam.param_groups()[0].options());
  options.lr(rises ? between(first, kMaxRate, share) : between(kMaxRate, last, share));
  options.betas({rises ? between(0.95, 0.85, share) : between(0.85, 0.95, share), 0.999});
}

double accuracy(torch::nn::Sequential& model, const Data& data) {
  const torch::NoGradGuard no_grad;
  model->eval();
  int64_t right = 0;
  const int64_t n = data.x.size(0);
  for (int64_t i = 0; i < n; i += kBatch) {
    const torch::Tensor out = model->forward(data.x.narrow(0, i, kBatch));
    right += (out.argmax(1) == data.y.narrow(0, i, kBatch)).sum().item<int64_t>();
  }
  return static_cast<double>(right) / static_cast<double>(n);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: libtorch_mnist_cnn EPOCHS SEED MNIST_FOLDER\n");
    return 1;
  }
  const int64_t epochs = std::atoi(argv[1]);
  const std::string folder = argv[3];
  if (const char* threads = std::getenv("THREADS")) torch::set_num_threads(std::atoi(threads));
  torch::manual_seed(std::atoi(argv[2]));
  const Data train(folder + "/train"), test(folder + "/t10k");
  torch::nn::Sequential model = cnn(16);
  torch::optim::Adam adam(model->parameters());
  const int64_t n = train.x.size(0), batches = n / kBatch;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    model->train();
    const torch::Tensor order = torch::randperm(n);
    for (int64_t i = 0; i < batches; ++i) {
      const torch::Tensor indices = order.narrow(0, i * kBatch, kBatch);
      set_cycle(adam, epoch * batches + i, epochs * batches);
      const torch::Tensor loss = torch::cross_entropy_loss(
          model->forward(train.x.index_select(0, indices)), train.y.index_select(0, indices));
      adam.zero_grad();
      loss.backward();
      adam.step();
    }
    std::printf("epoch %d: val_accuracy %.4f\n", static_cast<int>(epoch + 1),
                accuracy(model, test));
    std::fflush(stdout);
  }
}
