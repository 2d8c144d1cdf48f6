// Clownpiece-torch, week 3, part 4 and the challenge: activations, containers, layers, losses and Conv2D.
// What is expected is what the course says, or arithmetic by hand.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/tensor/test_util.h"

namespace lamina::courses {
namespace {

// ---- Activations

TEST(Activations, AreTheFormulasOfTheCourse) {
  const Tensor x = tensor({-2.0, 0.0, 0.5});
  const double e = std::exp(1.0);
  EXPECT_CLOSE(nn::Sigmoid()(x).data(),
               (std::vector<double>{1 / (1 + e * e), 0.5, 1 / (1 + 1 / std::sqrt(e))}), 1e-15);
  EXPECT_CLOSE(
      nn::Tanh()(x).data(),
      (std::vector<double>{(1 / e / e - e * e) / (1 / e / e + e * e), 0, (e - 1) / (e + 1)}),
      1e-15);
  EXPECT_CLOSE(nn::ReLU()(x).data(), (std::vector<double>{0, 0, 0.5}));
  EXPECT_CLOSE(nn::LeakyReLU()(x).data(), (std::vector<double>{-0.02, 0, 0.5}), 1e-15);
  EXPECT_CLOSE(nn::LeakyReLU({.negative_slope = 0.5})(x).data(), (std::vector<double>{-1, 0, 0.5}));
  EXPECT_EQ(nn::LeakyReLU().str(), "LeakyReLU(negative_slope=0.01)");
}

TEST(Activations, LeakyReLUHasAGradientBelowZero) {
  const Tensor x = tensor({-2.0, 2.0}).requires_grad_();
  nn::LeakyReLU()(x).sum().backward();
  EXPECT_CLOSE(x.grad().data(), (std::vector<double>{0.01, 1}), 1e-15);
}

// ---- Containers

TEST(Sequential, RunsItsModulesInOrder) {
  nn::Sequential model{nn::Linear(784, 128), nn::ReLU(), nn::Linear(128, 10)};
  const Tensor input = rand({5, 784});
  const Tensor output = model(input);
  EXPECT_EQ(output.shape(), (Shape{5, 10}));
  auto& first = model.at<nn::Linear>(0);
  auto& last = model.at<nn::Linear>(2);
  EXPECT_EQ(last(relu(first(input))).to_vector<float>(), output.to_vector<float>());
}

class SequentialLinear : public nn::Layer {
 public:
  SequentialLinear() {
    for (int i = 0; i < 5; ++i) layers->push_back(nn::Linear(10, 10));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (nn::Linear& layer : *layers) y = layer(y);
    return y;
  }
  nn::Child<nn::ModuleList<nn::Linear>> layers{this, "layers"};
};

TEST(ModuleList, TracksItsModules) {
  SequentialLinear model;
  EXPECT_EQ(model(ones({2, 10})).shape(), (Shape{2, 10}));
  EXPECT_EQ(model.parameters().size(), 10u);
  EXPECT_EQ(model.named_parameters()[9].first, "layers.4.bias");
}

// "if you put modules into a regular list, they won't be tracked": here a call says so.
TEST(ModuleList, AListOfTheLanguageIsAnError) {
  struct Forgotten : nn::Layer {
    Tensor forward(const Tensor& x) override { return layers[0](x); }
    std::vector<nn::Linear> layers = [] {
      std::vector<nn::Linear> all;
      all.emplace_back(2, 2);
      return all;
    }();
  };
  Forgotten model;
  EXPECT_TRUE(model.parameters().empty());
  EXPECT_THROWS(RuntimeError, "Linear", model(ones({1, 2})));
}

TEST(ModuleList, HasTheMethodsOfAList) {
  nn::ModuleList<nn::Linear> list{nn::Linear(1, 2), nn::Linear(2, 3)};
  EXPECT_EQ(list.size(), 2);              // __len__
  EXPECT_EQ(list[-1].weight.size(0), 3);  // __getitem__
  list.push_back(nn::Linear(3, 4));       // append
  list.set(0, nn::Linear(7, 2));          // __setitem__
  EXPECT_EQ(list[0].weight.size(1), 7);
  list.erase(1);  // __delitem__
  EXPECT_EQ(list.size(), 2);
  EXPECT_EQ(list[1].weight.size(0), 4);
  nn::ModuleList<nn::Linear> more{nn::Linear(4, 5)};
  EXPECT_EQ((list + more).size(), 3);  // __add__
  EXPECT_EQ(list.size(), 2);
  list.extend(more);  // extend
  std::vector<int64_t> widths;
  for (const nn::Linear& layer : list) widths.push_back(layer.weight.size(0));  // __iter__
  EXPECT_EQ(widths, (std::vector<int64_t>{2, 4, 5}));
  EXPECT_THROWS(IndexError, "3", list[3]);
}

class MyModule
    : public nn::Callable<Tensor(const Tensor&, const std::string&, const std::string&)> {
 public:
  Tensor forward(const Tensor& x, const std::string& choice, const std::string& act) override {
    return (*activations)[act]((*choices)[choice](x));
  }

 private:
  nn::Child<nn::ModuleDict<nn::Linear>> choices{
      this, "choices",
      nn::ModuleDict<nn::Linear>{{"1", nn::Linear(1, 10)}, {"2", nn::Linear(10, 10)}}};
  nn::Child<nn::ModuleDict<>> activations{
      this, "activations", nn::ModuleDict<>{{"relu", nn::ReLU()}, {"selu", nn::SELU()}}};
};

TEST(ModuleDict, ChoosesModulesByName) {
  MyModule model;
  EXPECT_EQ(model(ones({3, 1}), "1", "relu").shape(), (Shape{3, 10}));
  EXPECT_EQ(model(ones({3, 10}), "2", "selu").shape(), (Shape{3, 10}));
  EXPECT_EQ(model.named_parameters()[0].first, "choices.1.weight");
  EXPECT_THROWS(IndexError, "relu", model(ones({3, 1}), "1", "tanh"));
}

TEST(ModuleDict, HasTheMethodsOfADictionary) {
  nn::ModuleDict<> dict{{"a", nn::ReLU()}};
  dict.set("b", nn::Tanh());                                     // __setitem__
  EXPECT_EQ(dict["b"].name(), "Tanh");                           // __getitem__
  EXPECT_EQ(dict.size(), 2);                                     // __len__
  EXPECT_EQ(dict.keys(), (std::vector<std::string>{"a", "b"}));  // keys, __iter__
  EXPECT_EQ(dict.values()[0]->name(), "ReLU");                   // values
  EXPECT_EQ(dict.items()[1].first, "b");                         // items
  EXPECT_EQ(dict.items()[1].second->name(), "Tanh");
  dict.update({{"b", nn::Sigmoid()}, {"c", nn::GELU()}});  // update
  EXPECT_EQ(dict["b"].name(), "Sigmoid");
  dict.erase("a");  // __delitem__
  EXPECT_EQ(dict.keys(), (std::vector<std::string>{"b", "c"}));
  EXPECT_FALSE(dict.contains("a"));
}

// ---- Layers

TEST(Embedding, LooksUpRows) {
  nn::Embedding embedding(5, 3);
  const Tensor ids = tensor<int64_t>({{1, 4}, {0, 1}});
  const Tensor out = embedding(ids);
  EXPECT_EQ(out.shape(), (Shape{2, 2, 3}));
  // "the i-th one-hot vector" times the weight
  const Tensor product = matmul(one_hot(ids, 5).to(float32), embedding.weight);
  EXPECT_EQ(out.to_vector<float>(), product.to_vector<float>());
  manual_seed(0);
  const Tensor table = nn::Embedding(1000, 100).weight.detach();
  EXPECT_NEAR(table.mean().item<double>(), 0, 5 / std::sqrt(1e5));
  EXPECT_NEAR(table.std().item<double>(), 1, 0.01);
}

TEST(LayerNorm, OfTheLastTwoDimensionsByTheirProduct) {
  nn::LayerNorm norm(2 * 3, {.eps = 0});
  // 1 to 6 have the mean 3.5 and the variance 35 / 12; the second sample is twice as large.
  const Tensor x = stack({arange(1, 7), arange(2, 14, 2)}).to(float32).view({2, 2, 3});
  std::vector<double> expected;
  for (int sample = 0; sample < 2; ++sample) {
    for (int i = 1; i <= 6; ++i) expected.push_back((i - 3.5) / std::sqrt(35.0 / 12));
  }
  EXPECT_CLOSE(norm(x).data(), expected, 1e-6);
  EXPECT_EQ(norm(x).shape(), (Shape{2, 2, 3}));
  nn::LayerNorm plain(6, {.elementwise_affine = false});  // affine=False
  EXPECT_TRUE(plain.parameters().empty());
}

TEST(BatchNorm, MovesItsRunningStatistics) {
  const Tensor x =
      tensor({{1.f, 10.f}, {3.f, 30.f}});  // means 2 and 20, biased variances 1 and 100
  nn::BatchNorm1d norm(2, {.eps = 0, .momentum = 0.1, .biased_running_var = true});
  EXPECT_CLOSE(norm(x).data(), (std::vector<double>{-1, -1, 1, 1}), 1e-6);
  EXPECT_CLOSE(norm.running_mean.data(), (std::vector<double>{0.2, 2}), 1e-6);
  EXPECT_CLOSE(norm.running_var.data(), (std::vector<double>{0.9 + 0.1, 0.9 + 10}), 1e-6);
  norm.eval();
  EXPECT_CLOSE(norm(tensor({{1.2f, 2.f}})).data(), (std::vector<double>{1, 0}), 1e-6);
  // PyTorch's, the default: divided by n - 1, so twice as large of two samples.
  nn::BatchNorm1d unbiased(2, {.eps = 0});
  unbiased(x);
  EXPECT_CLOSE(unbiased.running_var.data(), (std::vector<double>{0.9 + 0.2, 0.9 + 20}), 1e-6);
  nn::BatchNorm2d of_images(2, {.eps = 0});
  EXPECT_CLOSE(of_images(x.view({2, 2, 1, 1})).data(), (std::vector<double>{-1, -1, 1, 1}), 1e-6);
  EXPECT_TRUE(nn::BatchNorm1d(2, {.affine = false}).parameters().empty());
}

TEST(MultiheadAttention, IsTheFormulaForEachHead) {
  manual_seed(0);
  constexpr int64_t kDim = 6, kHeads = 2, kHead = kDim / kHeads, kTime = 4;
  nn::MultiheadAttention attention(kDim, kHeads, {.bias = false, .dtype = float64});
  const Tensor x = randn({3, kTime, kDim}, float64);
  const auto causal_mask =
      zeros({kTime, kTime}, float64).masked_fill(ones({kTime, kTime}, bool_).triu(1), -INFINITY);
  for (const Tensor& mask : {Tensor(), causal_mask}) {
    const std::vector<Tensor> w = attention.get_parameter("in_proj_weight").chunk(3);
    std::vector<Tensor> heads;
    for (int64_t head = 0; head < kHeads; ++head) {
      const auto part = [&](int64_t i) {
        return matmul(x, w[static_cast<size_t>(i)].t()).narrow(-1, head * kHead, kHead);
      };
      Tensor scores = matmul(part(0), part(1).transpose(1, 2)) / std::sqrt(double{kHead});
      if (mask.defined()) scores = scores + mask;
      heads.push_back(matmul(scores.softmax(-1), part(2)));
    }
    const Tensor expected = matmul(cat(heads, -1), attention.get_parameter("out_proj.weight").t());
    EXPECT_CLOSE(attention(x, mask).data(), expected.to_vector<double>(), 1e-12);
  }
}

// ---- Losses

TEST(MSELoss, IsTheMeanOfSquares) {
  const Tensor prediction = tensor({1.f, 2.f, 4.f}), truth = tensor({1.f, 0.f, 1.f});
  EXPECT_FLOAT_EQ(nn::MSELoss()(prediction, truth).item<float>(), 13.f / 3);  // (0 + 4 + 9) / 3
  EXPECT_EQ(nn::MSELoss({.reduction = "sum"})(prediction, truth).item<float>(), 13);
  EXPECT_EQ(nn::MSELoss({.reduction = "none"})(prediction, truth).to_vector<float>(),
            (std::vector<float>{0, 4, 9}));
}

TEST(CrossEntropyLoss, IsMinusTheLogarithmOfTheRightClass) {
  // exp gives 1, 2, 5 and 3, 1, 4: probabilities 2/8 and 3/8 of the labels 1 and 0.
  const Tensor logits = tensor({{1.0, 2.0, 5.0}, {3.0, 1.0, 4.0}}).log();
  const Tensor labels = tensor<int64_t>({1, 0});
  EXPECT_NEAR(nn::CrossEntropyLoss()(logits, labels).item<double>(),
              -(std::log(2.0 / 8) + std::log(3.0 / 8)) / 2, 1e-15);
  // "replace log_probs = logits.softmax(dim=-1).log()"
  const Tensor log_probs = logits - logits.exp().sum(-1, true).log();
  EXPECT_CLOSE(nn::functional::log_softmax(logits, -1).data(), log_probs.to_vector<double>(),
               1e-14);
  EXPECT_CLOSE(logits.softmax(-1).log().data(), log_probs.to_vector<double>(), 1e-14);
}

TEST(CrossEntropyLoss, TakesClassesLastByItsOption) {
  const Tensor logits =
      tensor({1.0, 2.0, 5.0, 3.0, 1.0, 4.0}, {1, 2, 3}).log();  // (..., num_class)
  const Tensor labels = tensor<int64_t>({1, 0}, {1, 2});
  nn::CrossEntropyLoss loss({.class_dim = -1});
  EXPECT_NEAR(loss(logits, labels).item<double>(), -(std::log(2.0 / 8) + std::log(3.0 / 8)) / 2,
              1e-15);
  EXPECT_THROWS(ShapeError, "class_dim", nn::CrossEntropyLoss()(logits, labels));
}

// ---- "Optional Challenge: Add Support for Conv2d"

// "unfolded = unfold(images, kernel_size); return matmul(unfolded, kernel_weight)", with windows as rows.
class Conv2D : public nn::Layer {
 public:
  Conv2D(int64_t in_channels, int64_t out_channels, int64_t kernel_size_height,
         int64_t kernel_size_width)
      : weight(this, "weight",
               nn::init::kaiming_uniform_(
                   empty({out_channels, in_channels, kernel_size_height, kernel_size_width}))) {}

  Tensor forward(const Tensor& x) override {
    const int64_t height = weight.size(2), width = weight.size(3);
    const int64_t top = (height - 1) / 2, left = (width - 1) / 2;
    const Tensor padded = pad(x, {left, width - 1 - left, top, height - 1 - top});
    const Tensor unfolded = unfold(padded, {height, width}).transpose(1, 2);  // patches, patch_dim
    return matmul(unfolded, weight.flatten(1).t())
        .transpose(1, 2)
        .reshape({x.size(0), weight.size(0), x.size(2), x.size(3)});
  }

  nn::Parameter weight;
};

// For loops: y[o, i, j] = sum of weight[o, c, r, s] x[c, i + r - top, j + s - left].
std::vector<double> naive(const Tensor& x, const Tensor& weight) {
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3), kh = weight.size(2),
                kw = weight.size(3);
  std::vector<double> y;
  for (int64_t n = 0; n < x.size(0); ++n)
    for (int64_t o = 0; o < weight.size(0); ++o)
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = 0; j < width; ++j) {
          double sum = 0;
          for (int64_t c = 0; c < channels; ++c)
            for (int64_t r = 0; r < kh; ++r)
              for (int64_t s = 0; s < kw; ++s) {
                const int64_t row = i + r - (kh - 1) / 2, column = j + s - (kw - 1) / 2;
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                sum += weight.at<double>({o, c, r, s}) * x.at<double>({n, c, row, column});
              }
          y.push_back(sum);
        }
  return y;
}

TEST(Conv2D, ByUnfoldIsTheLoopsAndTheLayer) {
  manual_seed(0);
  for (const auto& [kh, kw] : std::vector<std::pair<int64_t, int64_t>>{{3, 3}, {2, 5}, {1, 1}}) {
    Conv2D by_unfold(2, 3, kh, kw);
    by_unfold.to(float64);
    nn::Conv2d layer(2, 3, {kh, kw},
                     {.stride = 1,
                      .padding = "same",
                      .dilation = 1,
                      .groups = 1,
                      .bias = false,
                      .dtype = float64});
    layer.weight.set_data(by_unfold.weight.data());
    const Tensor x = randn({2, 2, 6, 7}, float64), dy = randn({2, 3, 6, 7}, float64);
    EXPECT_CLOSE(by_unfold(x).data(), naive(x, by_unfold.weight), 1e-12);
    EXPECT_CLOSE(layer(x).data(), naive(x, by_unfold.weight), 1e-12);
    by_unfold(x).backward(dy);
    layer(x).backward(dy);
    EXPECT_CLOSE(layer.weight.grad().data(), by_unfold.weight.grad().to_vector<double>(), 1e-12);
  }
}

TEST(Fold, SumsWhereWindowsOverlap) {
  const Tensor x = ones({1, 1, 3, 3});
  EXPECT_EQ(fold(unfold(x, {2, 2}), {3, 3}, {2, 2}).to_vector<float>(),
            (std::vector<float>{1, 2, 1, 2, 4, 2, 1, 2, 1}));
}

}  // namespace
}  // namespace lamina::courses
