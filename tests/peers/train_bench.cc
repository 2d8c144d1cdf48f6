// Lamina's training jobs, for tests/peers/compare.py to put beside LibTorch's.
//
//   train_bench JOB EPOCHS MNIST_FOLDER
//     linear  784-10, SGD 0.2
//     mlp     784-300-10 without biases, SGD 0.3
//
// Batches of 100, in order.
//
// The variable THREADS sets the number of threads.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "lamina/nn.h"

namespace {

namespace nn = lamina::nn;

nn::data::DataLoader batches(const nn::data::LabelledImages& images) {
  return nn::data::DataLoader(images.images, images.labels, {.batch_size = 100});
}

nn::Sequential model_of(const std::string& job) {
  if (job == "linear") return nn::Sequential(nn::Linear(784, 10));
  return nn::Sequential{nn::Linear(784, 300, {.bias = false}), nn::ReLU(),
                        nn::Linear(300, 10, {.bias = false})};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  if (argc != 4 || (job != "linear" && job != "mlp")) {
    std::fprintf(stderr, "usage: train_bench linear|mlp EPOCHS MNIST_FOLDER\n");
    return 1;
  }
  const absl::StatusOr<nn::data::Mnist> mnist = nn::data::load_mnist(argv[3]);
  if (!mnist.ok()) {
    std::fprintf(stderr, "train_bench: %s\n", mnist.status().ToString().c_str());
    return 1;
  }
  if (const char* threads = std::getenv("THREADS")) lamina::set_num_threads(std::atoi(threads));
  lamina::manual_seed(0);
  std::printf("lamina job %s threads %d\n", job.c_str(), lamina::get_num_threads());

  nn::data::DataLoader train = batches(mnist->train), test = batches(mnist->test);
  nn::Sequential model = model_of(job);
  nn::CrossEntropyLoss loss;
  nn::optim::SGD optimizer(model.parameters(), {.lr = job == "mlp" ? 0.3 : 0.2});
  for (int e = 0; e < std::atoi(argv[2]); ++e) {
    const auto begin = std::chrono::steady_clock::now();
    const nn::train::EpochResult result = nn::train::epoch(model, train, loss, &optimizer);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const nn::train::EpochResult tested = nn::train::epoch(model, test, loss);
    std::printf("epoch %d train_s %.3f train_loss %.4f train_err %.4f test_err %.4f\n", e,
                seconds.count(), result.loss, result.error, tested.error);
    std::fflush(stdout);
  }
}
