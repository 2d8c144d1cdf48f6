// The networks of the application, images (n, 784) -> logits (n, 10). linear, two_layer and
// multi_layer are those of the Modern AI course: no bias, ReLU between the products, weights from a
// normal distribution with mean 0 and standard deviation sqrt(2 / fan_in). mlp_resnet is needle's
// MLPResNet; cnn is a plain convolutional network; patch_transformer has a header of its own.
#ifndef LAMINA_APPS_MNIST_MODELS_H_
#define LAMINA_APPS_MNIST_MODELS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn.h"

namespace lamina::apps::mnist {

inline constexpr int64_t kSide = 28, kPixels = kSide * kSide;
inline constexpr int64_t kClasses = 10;

class TwoLayer : public nn::Layer {
 public:
  explicit TwoLayer(int64_t hidden = 300);
  Tensor forward(const Tensor& x) override { return linear2(relu(linear1(x))); }

 private:
  nn::Child<nn::Linear> linear1, linear2;
};

class MultiLayer : public nn::Layer {
 public:
  // One hidden layer for each width; without any it is a single product.
  explicit MultiLayer(const std::vector<int64_t>& hidden);
  Tensor forward(const Tensor& x) override;

 private:
  nn::Child<nn::ModuleList<nn::Linear>> linears{this, "linears"};
};

// 784-width, ReLU, `blocks` residual blocks and width-10. A block is ReLU(x + f(x)), where f is
// Linear-BatchNorm-ReLU-Dropout to width / 2 and Linear-BatchNorm back.
nn::Sequential mlp_resnet(int64_t width = 100, int64_t blocks = 3, double dropout = 0.1);

// Three 3 x 3 convolutions to width, 2 width and 4 width channels, each with batch norm and ReLU, the first
// two with 2 x 2 max pooling, and a linear layer.
nn::Sequential cnn(int64_t width = 16);

enum class ModelKind { kLinear, kTwoLayer, kMultiLayer, kMlpResnet, kCnn, kPatchTransformer };

// Flags of this type take linear, two_layer, multi_layer, mlp_resnet, cnn or patch_transformer.
bool AbslParseFlag(absl::string_view text, ModelKind* kind, std::string* error);
std::string AbslUnparseFlag(ModelKind kind);

// How a model is trained unless the user says otherwise, with batches of 100.
struct Recipe {
  int64_t epochs;
  double learning_rate;
  bool is_adam;  // with one cycle, of which the learning rate is the highest; else gradient descent
};
const Recipe& recipe_of(ModelKind kind);

struct ModelSizes {
  std::vector<int64_t> hidden;  // of ModelKind::kMultiLayer
  int64_t width;                // of ModelKind::kCnn
};

// A model with weights from default_generator().
std::unique_ptr<nn::Layer> make_model(ModelKind kind, const ModelSizes& sizes);

// How many parameters a model has whose sizes may be any, without making it; 0 of the other kinds.
int64_t parameters_by_size(ModelKind kind, const ModelSizes& sizes);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_MODELS_H_
