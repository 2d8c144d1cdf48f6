// Lamina's training jobs, for tests/peers/compare.py to put beside LibTorch's.
//
//   train_bench JOB EPOCHS MNIST_FOLDER
//     linear  784-10, SGD 0.2
//     mlp     784-300-10 without biases, SGD 0.3
//     cnn     two 3x3 convolutions of 16 and 32 channels, each with ReLU and 2x2 max pooling, and a
//             linear layer; Adam 1e-3
//     gpt     4 blocks, 4 heads, width 128, context 64, 65 characters, batches of 12 of random text;
//             AdamW 1e-3; EPOCHS counts steps
//
// Batches of images are of 100, in order.
//
// The variable THREADS sets the number of threads.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lamina/nn.h"

namespace {

namespace nn = lamina::nn;

nn::data::DataLoader batches(const nn::data::LabelledImages& images) {
  return nn::data::DataLoader(images.images, images.labels, {.batch_size = 100});
}

nn::Sequential model_of(const std::string& job) {
  if (job == "cnn") {
    return nn::Sequential{nn::Unflatten(1, {1, 28, 28}),
                          nn::Conv2d(1, 16, 3, {.padding = 1}),
                          nn::ReLU(),
                          nn::MaxPool2d(2),
                          nn::Conv2d(16, 32, 3, {.padding = 1}),
                          nn::ReLU(),
                          nn::MaxPool2d(2),
                          nn::Flatten(),
                          nn::Linear(32 * 7 * 7, 10)};
  }
  if (job == "linear") return nn::Sequential(nn::Linear(784, 10));
  return nn::Sequential{nn::Linear(784, 300, {.bias = false}), nn::ReLU(),
                        nn::Linear(300, 10, {.bias = false})};
}

std::unique_ptr<nn::optim::Optimizer> optimizer_of(const std::string& job,
                                                   const nn::Sequential& model) {
  if (job == "cnn") return std::make_unique<nn::optim::Adam>(model.parameters());
  return std::make_unique<nn::optim::SGD>(model.parameters(),
                                          nn::optim::SGDOptions{.lr = job == "mlp" ? 0.3 : 0.2});
}

// A language model: the logits of the next token after each.
class Gpt : public nn::Layer {
 public:
  Gpt(int64_t tokens, int64_t context, int64_t width, int64_t heads, int64_t blocks)
      : token_embedding(this, "token_embedding", tokens, width),
        position_embedding(this, "position_embedding", context, width),
        blocks(this, "blocks", encoder(width, heads, blocks)),
        head(this, "head", width, tokens, nn::LinearOptions{.bias = false}) {}
  lamina::Tensor forward(const lamina::Tensor& ids) override {  // (batch, time)
    const lamina::Tensor positions = lamina::arange(ids.size(1));
    const lamina::Tensor x = token_embedding(ids) + position_embedding(positions);
    return head(blocks(x, {.is_causal = true}));
  }

 private:
  static nn::TransformerEncoder encoder(int64_t width, int64_t heads, int64_t blocks) {
    nn::TransformerLayerOptions options;
    options.dim_feedforward = 4 * width;
    options.dropout = 0;
    options.activation = "gelu";
    options.batch_first = true;
    options.norm_first = true;
    return nn::TransformerEncoder(nn::TransformerEncoderLayer(width, heads, options), blocks,
                                  nn::LayerNorm(lamina::Dims{width}));
  }

  nn::Child<nn::Embedding> token_embedding, position_embedding;
  nn::Child<nn::TransformerEncoder> blocks;
  nn::Child<nn::Linear> head;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void train_gpt(int steps) {
  constexpr int64_t kTokens = 65, kContext = 64, kBatch = 12;
  Gpt model(kTokens, kContext, 128, 4, 4);
  nn::optim::AdamW optimizer(model.parameters());
  const auto text = [](lamina::Shape shape) { return lamina::randint(0, kTokens, shape); };
  const lamina::Tensor x = text({kBatch, kContext}), y = text({kBatch * kContext});
  for (int i = 0; i < steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const lamina::Tensor loss =
        mean(lamina::cross_entropy(model(x).reshape({kBatch * kContext, kTokens}), y));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    std::printf("step %d train_s %.5f loss %.4f\n", i, seconds_since(begin), loss.item<double>());
  }
}

void train_on_mnist(const std::string& job, int epochs, const nn::data::Mnist& mnist) {
  nn::data::DataLoader train = batches(mnist.train), test = batches(mnist.test);
  nn::Sequential model = model_of(job);
  nn::CrossEntropyLoss loss;
  const std::unique_ptr<nn::optim::Optimizer> optimizer = optimizer_of(job, model);
  for (int e = 0; e < epochs; ++e) {
    const auto begin = std::chrono::steady_clock::now();
    const nn::train::EpochResult result = nn::train::epoch(model, train, loss, optimizer.get());
    const double seconds = seconds_since(begin);
    const nn::train::EpochResult tested = nn::train::epoch(model, test, loss);
    std::printf("epoch %d train_s %.3f train_loss %.4f train_err %.4f test_err %.4f\n", e, seconds,
                result.loss, result.error, tested.error);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  if (argc != 4 || (job != "linear" && job != "mlp" && job != "cnn" && job != "gpt")) {
    std::fprintf(stderr, "usage: train_bench linear|mlp|cnn|gpt EPOCHS MNIST_FOLDER\n");
    return 1;
  }
  if (const char* threads = std::getenv("THREADS")) lamina::set_num_threads(std::atoi(threads));
  lamina::manual_seed(0);
  std::printf("lamina job %s threads %d\n", job.c_str(), lamina::get_num_threads());
  const int epochs = std::atoi(argv[2]);
  if (job == "gpt") {
    train_gpt(epochs);
    return 0;
  }
  const absl::StatusOr<nn::data::Mnist> mnist = nn::data::load_mnist(argv[3]);
  if (!mnist.ok()) {
    std::fprintf(stderr, "train_bench: %s\n", mnist.status().ToString().c_str());
    return 1;
  }
  train_on_mnist(job, epochs, *mnist);
}
