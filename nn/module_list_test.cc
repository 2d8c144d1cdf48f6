#include "lamina/nn/module_list.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/sequential.h"
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

TEST(ModuleList, HoldsClassesDerivedFromItsType) {
  ModuleList<Affine> list;
  list.push_back(Affine(3));
  list.push_back(Doubling());
  Tensor x = ones({});
  for (Affine& layer : list) x = layer(x);
  EXPECT_EQ(x.item<float>(), 8);  // (3 + 1) * 2, by the subclass's forward
  EXPECT_THAT(parameter_names(list), ElementsAre("0.factor", "1.factor"));
}

TEST(ModuleList, HoldsAnyLayersByDefault) {
  ModuleList<> list;
  list.push_back(Linear(2, 2));
  list.push_back(ReLU());
  list.push_back(Sequential{ReLU()});
  std::vector<std::string> names;
  for (Layer& layer : list) names.push_back(layer.name());
  EXPECT_THAT(names, ElementsAre("Linear", "ReLU", "Sequential"));
}

TEST(ModuleList, HoldsModulesThatAreNoLayers) {
  ModuleList<Module> list;
  list.push_back(ModuleList<>());
  EXPECT_EQ(list[0].name(), "ModuleList");
}

TEST(ModuleList, CountsNegativeIndicesFromTheEnd) {
  ModuleList<Affine> list;
  for (int i = 0; i < 3; ++i) list.push_back(Affine(i));
  EXPECT_EQ(list[0].factor.item<float>(), 0);
  EXPECT_EQ(list[2].factor.item<float>(), 2);
  EXPECT_EQ(list[-1].factor.item<float>(), 2);
  EXPECT_EQ(list[-3].factor.item<float>(), 0);
  EXPECT_EQ(list.size(), 3);
  EXPECT_FALSE(list.empty());
}

TEST(ModuleList, ThrowsForAnIndexOutside) {
  ModuleList<Affine> list, none;
  for (int i = 0; i < 3; ++i) list.push_back(Affine(i));
  EXPECT_THROWS(IndexError, "[ModuleList] expected an index from -3 to 2, got 3", list[3]);
  EXPECT_THROWS(IndexError, "[ModuleList] expected an index from -3 to 2, got -4", list[-4]);
  EXPECT_THROWS(IndexError, "[ModuleList] expected an index into a list that is not empty, got 0",
                none[0]);
}

TEST(ModuleList, AsAMemberRegistersWhatIsPushedLater) {
  struct Net : Layer {
    explicit Net(const std::vector<int64_t>& sizes) {
      for (size_t i = 1; i < sizes.size(); ++i) linears->push_back(Linear(sizes[i - 1], sizes[i]));
    }
    std::string name() const override { return "Net"; }
    Tensor forward(const Tensor& x) override {
      Tensor y = x;
      for (Linear& linear : *linears) y = linear(y);
      return y;
    }
    Child<ModuleList<Linear>> linears{this, "linears"};
  };
  Net net({784, 512, 256, 10});
  EXPECT_THAT(parameter_names(net),
              ElementsAre("linears.0.weight", "linears.0.bias", "linears.1.weight",
                          "linears.1.bias", "linears.2.weight", "linears.2.bias"));
  EXPECT_EQ((*net.linears)[-1].weight.shape(), Shape({10, 256}));
  EXPECT_EQ(net(ones({1, 784})).shape(), Shape({1, 10}));
}

TEST(ModuleList, MovedFromThrowsInsteadOfBeingEmpty) {
  ModuleList<> list;
  list.push_back(ReLU());
  const ModuleList<> moved = std::move(list);
  EXPECT_EQ(moved.size(), 1);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, list.size());
  EXPECT_THROWS(RuntimeError, text, for (Layer& layer : list) layer.eval());
  EXPECT_THROWS(RuntimeError, text, list[0]);
}

TEST(ModuleList, ASubclassMembersNameIsNotTakenByAnElement) {
  struct Odd : ModuleList<> {
    Parameter zero{this, "0", ones(1)};
  };
  Odd odd;
  EXPECT_THROWS(ValueError, "[Module] expected a new name, got \"0\", which is registered already",
                odd.push_back(ReLU()));
  EXPECT_EQ(odd.size(), 0);
}

}  // namespace
}  // namespace lamina::nn
