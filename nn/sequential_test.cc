#include "lamina/nn/sequential.h"

#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

// x -> factor x + 1, so that the order of layers shows.
class Affine : public Layer {
 public:
  explicit Affine(double factor) : factor(this, "factor", full({}, factor)) {}
  std::string name() const override { return "Affine"; }
  Tensor forward(const Tensor& x) override { return x * factor + 1; }
  Parameter factor;
};
class Doubling : public Affine {
 public:
  Doubling() : Affine(2) {}
  Tensor forward(const Tensor& x) override { return x * factor; }
};

std::vector<std::string> parameter_names(const Module& module) {
  std::vector<std::string> names;
  for (const auto& entry : module.named_parameters()) names.push_back(entry.first);
  return names;
}

// ---- Sequential

TEST(Sequential, RunsItsLayersInOrder) {
  Sequential model{Affine(2), Affine(10), Doubling()};
  EXPECT_EQ(model(full({}, 3.)).item<float>(), 142);  // ((3 * 2 + 1) * 10 + 1) * 2
  EXPECT_EQ(model.size(), 3);
  EXPECT_THAT(parameter_names(model), ElementsAre("0.factor", "1.factor", "2.factor"));
}

TEST(Sequential, WithoutLayersGivesItsInput) {
  Sequential model;
  const Tensor x = ones(2);
  EXPECT_EQ(model(x).impl(), x.impl());
  EXPECT_EQ(model.size(), 0);
}

TEST(Sequential, OfSequentialsIsNested) {
  Sequential model{Sequential{Affine(2), Affine(3)}, Sequential{Affine(4)}};
  EXPECT_EQ(model(ones({})).item<float>(), 41);  // ((2 + 1) * 3 + 1) * 4 + 1
  EXPECT_THAT(parameter_names(model), ElementsAre("0.0.factor", "0.1.factor", "1.0.factor"));
}

TEST(Sequential, FromASingleSequentialIsAMove) {
  Sequential inner{Affine(2), Affine(3)};
  Sequential model(std::move(inner));
  EXPECT_THAT(parameter_names(model), ElementsAre("0.factor", "1.factor"));
  Sequential braced{std::move(model)};
  EXPECT_THAT(parameter_names(braced), ElementsAre("0.factor", "1.factor"));
}

TEST(Sequential, FromASingleSubclassOfItIsNested) {
  struct Stage : Sequential {
    Stage() : Sequential{Affine(2)} {}
    std::string name() const override { return "Stage"; }
  };
  const Sequential model{Stage()};
  EXPECT_THAT(parameter_names(model), ElementsAre("0.0.factor"));
}

TEST(Sequential, GrowsByPushBack) {
  Sequential model;
  for (int i = 1; i <= 3; ++i) model.push_back(Affine(i));
  EXPECT_EQ(model(ones({})).item<float>(), 16);  // ((1 + 1) * 2 + 1) * 3 + 1
}

TEST(Sequential, MadeInBracesDrawsStartingValuesInOrder) {
  manual_seed(5);
  const Linear first(4, 3), second(3, 2);
  manual_seed(5);
  const Sequential model{Linear(4, 3), Linear(3, 2)};
  EXPECT_EQ(model.parameters()[0].to_vector<float>(), first.weight.to_vector<float>());
  EXPECT_EQ(model.parameters()[2].to_vector<float>(), second.weight.to_vector<float>());
}

TEST(Sequential, MovedFromThrowsInsteadOfPassingItsInputOn) {
  Sequential model{Affine(2)};
  const Sequential moved = std::move(model);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, model(ones(1)));
  EXPECT_THROWS(RuntimeError, text, model.size());
  EXPECT_THROWS(RuntimeError, text, model.push_back(ReLU()));
}

static_assert(!std::is_constructible_v<Sequential, Affine&>);   // a copy: Sequential model(layer);
static_assert(!std::is_constructible_v<Sequential, Module&&>);  // it cannot be called
static_assert(!std::is_constructible_v<Sequential, int>);
static_assert(!std::is_convertible_v<Affine, Sequential>);

TEST(Sequential, MayRunOnSeveralThreadsAtOnce) {
  // With gradients recorded too: the graphs share the parameters. The thread sanitizer watches.
  Sequential model{Linear(5, 4), ReLU(), Linear(4, 3)};
  model.eval();
  const Tensor x = randn({6, 5});
  const std::vector<float> expected = model(x).to_vector<float>();
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (std::vector<float>& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) result = model(x).to_vector<float>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace lamina::nn
