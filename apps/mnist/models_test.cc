#include "lamina/apps/mnist/models.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/apps/mnist/patch_transformer.h"

namespace lamina::apps::mnist {
namespace {

std::vector<std::pair<std::string, Shape>> named_shapes(const nn::Module& model) {
  std::vector<std::pair<std::string, Shape>> shapes;
  for (const auto& [name, parameter] : model.named_parameters()) {
    shapes.emplace_back(name, parameter.shape());
  }
  return shapes;
}

TEST(Models, HaveTheCourseNamesAndNoBias) {
  using Expected = std::vector<std::pair<std::string, Shape>>;
  EXPECT_EQ(named_shapes(*make_model(ModelKind::kLinear, {})), (Expected{{"weight", {10, 784}}}));
  EXPECT_EQ(named_shapes(*make_model(ModelKind::kTwoLayer, {})),
            (Expected{{"linear1.weight", {300, 784}}, {"linear2.weight", {10, 300}}}));
  EXPECT_EQ(named_shapes(*make_model(ModelKind::kMultiLayer, {{512, 256}, 16})),
            (Expected{{"linears.0.weight", {512, 784}},
                      {"linears.1.weight", {256, 512}},
                      {"linears.2.weight", {10, 256}}}));
}

TEST(Models, AreNormalWithVarianceTwoByFanIn) {
  manual_seed(1);
  const std::unique_ptr<nn::Layer> model = make_model(ModelKind::kMultiLayer, {{512, 256}, 16});
  for (const auto& [name, weight] : model->named_parameters()) {
    const double expected = std::sqrt(2.0 / static_cast<double>(weight.size(1)));
    double sum = 0, squares = 0;
    for (double x : weight.to_vector<double>()) {
      sum += x;
      squares += x * x;
    }
    const auto n = static_cast<double>(weight.numel());
    // Within five standard deviations of what n samples of the distribution give.
    EXPECT_NEAR(sum / n, 0, 5 * expected / std::sqrt(n)) << name;
    EXPECT_NEAR(std::sqrt(squares / n), expected, 5 * expected / std::sqrt(2 * n)) << name;
  }
}

TEST(Models, ApplyReluBetweenTheProducts) {
  const Tensor x = randn({5, 784});
  {
    const std::unique_ptr<nn::Layer> model = make_model(ModelKind::kTwoLayer, {});
    const std::vector<Tensor> w = model->parameters();
    EXPECT_EQ((*model)(x).to_vector<float>(),
              matmul(relu(matmul(x, w[0].t())), w[1].t()).to_vector<float>());
  }
  {
    const std::unique_ptr<nn::Layer> model = make_model(ModelKind::kMultiLayer, {{20, 30}, 16});
    const std::vector<Tensor> w = model->parameters();
    const Tensor hidden = relu(matmul(relu(matmul(x, w[0].t())), w[1].t()));
    EXPECT_EQ((*model)(x).to_vector<float>(), matmul(hidden, w[2].t()).to_vector<float>());
  }
}

TEST(Models, PrintAsInPyTorch) {
  EXPECT_EQ(make_model(ModelKind::kLinear, {})->str(),
            "Linear(in_features=784, out_features=10, bias=False)");
  EXPECT_EQ(make_model(ModelKind::kTwoLayer, {})->str(), R"(TwoLayer(
  (linear1): Linear(in_features=784, out_features=300, bias=False)
  (linear2): Linear(in_features=300, out_features=10, bias=False)
))");
  EXPECT_EQ(make_model(ModelKind::kMultiLayer, {{512}, 16})->str(), R"(MultiLayer(
  (linears): ModuleList(
    (0): Linear(in_features=784, out_features=512, bias=False)
    (1): Linear(in_features=512, out_features=10, bias=False)
  )
))");
}

TEST(Models, MlpResnetIsNeedles) {
  EXPECT_EQ(mlp_resnet(8, 1).str(), R"(Sequential(
  (0): Linear(in_features=784, out_features=8, bias=True)
  (1): ReLU()
  (2): Sequential(
    (0): Residual(
      (fn): Sequential(
        (0): Linear(in_features=8, out_features=4, bias=True)
        (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
        (2): ReLU()
        (3): Dropout(p=0.1, inplace=False)
        (4): Linear(in_features=4, out_features=8, bias=True)
        (5): BatchNorm1d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
      )
    )
    (1): ReLU()
  )
  (3): Linear(in_features=8, out_features=10, bias=True)
))");
  int64_t parameters = 0;
  for (const Tensor& p : mlp_resnet().parameters()) parameters += p.numel();
  // 784 100 + 100, three times (100 50 + 50 + 50 100 + 100 and 2 50 + 2 100), 100 10 + 10
  EXPECT_EQ(parameters, 78500 + 3 * (10150 + 300) + 1010);
}

TEST(PatchTransformer, TakesPatchesRowByRow) {
  const Tensor image = arange(784, float32).view({1, 784});
  const Tensor all = patches(image.expand({2, 784}));
  EXPECT_EQ(all.shape(), (Shape{2, 16, 49}));
  // Row 1, column 2 of the patch in row 3, column 1 is pixel 22, 9.
  EXPECT_EQ(all.at<float>({1, 3 * 4 + 1, 1 * 7 + 2}), 22 * 28 + 9);
}

TEST(PatchTransformer, SeesWherePatchesAreAndStartsWithDifferentLayers) {
  PatchTransformer model;
  // With the same weights for all patches the head does not tell them apart: only positions do.
  const Tensor weight = model.get_parameter("head.weight").detach().view({10, 16, 64});
  weight.copy_(weight.narrow(1, 0, 1).clone().expand({10, 16, 64}));
  const Tensor x = zeros({2, 784});
  x[0].narrow(0, 0, 7).fill_(1);   // the first row of the first patch
  x[1].narrow(0, 14, 7).fill_(1);  // of the third
  const Tensor y = model(x);
  EXPECT_EQ(y.shape(), (Shape{2, 10}));
  EXPECT_GT((y[0] - y[1]).abs().max().item<float>(), 1e-4f);
  EXPECT_NE(model.get_parameter("encoder.layers.0.linear1.weight").to_vector<float>(),
            model.get_parameter("encoder.layers.1.linear1.weight").to_vector<float>());
}

// The weights after an epoch of training, all bits of them.
std::vector<std::vector<float>> trained(ModelKind kind, int threads) {
  set_num_threads(threads);
  manual_seed(7);
  const Tensor images = rand({1150, kPixels}), labels = randperm(1150).lt(575).to(int64);
  nn::data::DataLoaderOptions options;
  options.shuffle = true;
  nn::data::DataLoader loader(images, labels, options);
  const std::unique_ptr<nn::Layer> model = make_model(kind, {{64, 32}, 8});
  nn::optim::SGDOptions sgd;
  sgd.lr = 0.1;
  nn::optim::SGD optimizer(model->parameters(), sgd);
  nn::CrossEntropyLoss loss;
  nn::train::epoch(*model, loader, loss, &optimizer);
  std::vector<std::vector<float>> weights;
  for (const Tensor& weight : model->parameters()) weights.push_back(weight.to_vector<float>());
  return weights;
}

TEST(Models, TrainToTheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  for (ModelKind kind : {ModelKind::kLinear, ModelKind::kTwoLayer, ModelKind::kMultiLayer,
                         ModelKind::kMlpResnet, ModelKind::kCnn, ModelKind::kPatchTransformer}) {
    const auto weights = trained(kind, 1);
    EXPECT_EQ(trained(kind, 1), weights);
    EXPECT_EQ(trained(kind, 2), weights);
    EXPECT_EQ(trained(kind, 3), weights);
  }
  set_num_threads(before);
}

TEST(Models, OfAnySizeTellTheirParametersBeforeTheyAreMade) {
  // 784 20 + 20 30 + 30 10
  const ModelSizes hidden = {{20, 30}, 0};
  EXPECT_EQ(parameters_by_size(ModelKind::kMultiLayer, hidden), 16580);
  EXPECT_EQ(make_model(ModelKind::kMultiLayer, hidden)->parameter_count(), 16580);
  // 9 8 + 2 8, 9 8 16 + 2 16, 9 16 32 + 2 32, and 32 49 10 + 10
  EXPECT_EQ(parameters_by_size(ModelKind::kCnn, {{}, 8}), 88 + 1184 + 4672 + 15690);
  EXPECT_EQ(make_model(ModelKind::kCnn, {{}, 8})->parameter_count(), 88 + 1184 + 4672 + 15690);
  EXPECT_EQ(parameters_by_size(ModelKind::kLinear, {}), 0);
}

TEST(ModelKind, IsAFlagByItsName) {
  for (ModelKind kind : {ModelKind::kLinear, ModelKind::kTwoLayer, ModelKind::kMultiLayer,
                         ModelKind::kMlpResnet, ModelKind::kCnn, ModelKind::kPatchTransformer}) {
    ModelKind parsed{};
    std::string error;
    EXPECT_TRUE(AbslParseFlag(AbslUnparseFlag(kind), &parsed, &error));
    EXPECT_EQ(parsed, kind);
  }
  ModelKind parsed{};
  std::string error;
  EXPECT_FALSE(AbslParseFlag("conv", &parsed, &error));
  EXPECT_EQ(error,
            "expected one of linear, two_layer, multi_layer, mlp_resnet, cnn, patch_transformer");
}

}  // namespace
}  // namespace lamina::apps::mnist
