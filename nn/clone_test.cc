#include "lamina/nn/clone.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/module_dict.h"
#include "lamina/nn/module_list.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/parameter_list.h"
#include "lamina/nn/sequential.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

struct Net : Layer {
  explicit Net(int64_t n) : first(this, "first", n, n), width(n) {
    list->push_back(Linear(n, n));
    list->push_back(ReLU());
    scales->push_back(full(n, 2.f));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = first(x) * (*scales)[0] + shift;
    for (Layer& layer : *list) y = layer(y);
    return tail(y) * static_cast<double>(width);
  }
  Child<Linear> first;
  Child<ModuleList<>> list{this, "list"};
  Child<ParameterList> scales{this, "scales"};
  Child<Sequential> tail{this, "tail", Linear(2, 3), ReLU()};
  Child<Layer> none{this, "none", nullptr};
  Parameter shift{this, "shift", ones(2)};
  Parameter off{this, "off", Tensor()};
  Buffer count{this, "count", zeros({}, int64), false};
  int64_t width;
};

TEST(Clone, ComputesTheSameWithTensorsOfItsOwn) {
  Net net(2);
  net.count.set_data(NDArray::full({}, 7, int64));
  net.list->eval();
  Net copy = clone(net);
  const Tensor x = randn({4, 2});
  const std::vector<float> before = net(x).to_vector<float>();
  EXPECT_EQ(copy(x).to_vector<float>(), before);
  EXPECT_EQ(copy.str(), net.str());
  EXPECT_EQ(copy.count.item<int64_t>(), 7);
  EXPECT_TRUE(copy.is_training());
  EXPECT_FALSE(copy.list->is_training());

  const auto mine = copy.named_parameters(), theirs = net.named_parameters();
  ASSERT_EQ(mine.size(), 8u);
  for (size_t i = 0; i < mine.size(); ++i) {
    EXPECT_EQ(mine[i].first, theirs[i].first);
    EXPECT_NE(mine[i].second.data().storage(), theirs[i].second.data().storage());
    EXPECT_TRUE(mine[i].second.requires_grad());
    NDArray values = mine[i].second.data();
    values.fill_(0);
  }
  EXPECT_EQ(net(x).to_vector<float>(), before);
  EXPECT_EQ(copy(x).sum().item<float>(), 0);
}

TEST(Clone, ItsMembersAreThoseThatItRegisters) {
  const Net net(2);
  Net copy = clone(net);
  EXPECT_EQ(copy.first->weight.get().impl(), copy.get_parameter("first.weight").impl());
  EXPECT_EQ(&(*copy.list)[0], &copy.get_submodule("list.0"));
  EXPECT_EQ((*copy.scales)[0].get().impl(), copy.get_parameter("scales.0").impl());
  copy.shift = full(2, 9.f);
  copy.list->push_back(ReLU());
  copy.none = Linear(3, 3);
  EXPECT_EQ(copy.get_parameter("shift").at<float>({0}), 9);
  EXPECT_EQ(net.get_parameter("shift").at<float>({0}), 1);
  EXPECT_EQ(copy.list->size(), 3);
  EXPECT_EQ(net.list->size(), 2);
  EXPECT_FALSE(net.none);
}

TEST(Clone, KeepsTiesWithinTheModuleAndNoneToTheOriginal) {
  struct Tied : Layer {
    Tensor forward(const Tensor& x) override { return decoder(encoder(x)); }
    Child<Linear> encoder{this, "encoder", 2, 2};
    Child<Linear> decoder{this, "decoder", 2, 2};
    Child<Linear> again{this, "again", encoder};
  };
  Tied tied;
  tied.decoder->weight = tied.encoder->weight;
  Tied copy = clone(tied);
  EXPECT_EQ(copy.decoder->weight.get().impl(), copy.encoder->weight.get().impl());
  EXPECT_NE(copy.decoder->weight.get().impl(), tied.encoder->weight.get().impl());
  EXPECT_EQ(&*copy.again, &*copy.encoder);
  EXPECT_EQ(copy.parameters().size(), 3u);
}

TEST(Clone, HasNoGradientsAndTheSameFrozenParameters) {
  Net net(2);
  net(ones({1, 2})).sum().backward();
  net.shift.requires_grad_(false);
  const Net copy = clone(net);
  for (const Tensor& p : copy.parameters()) EXPECT_FALSE(p.grad().defined());
  EXPECT_FALSE(copy.shift.requires_grad());
  EXPECT_TRUE(copy.first->weight.requires_grad());
}

TEST(Clone, HasTheHooksUnderHandlesOfNobody) {
  Linear linear(1, 1);
  int calls = 0;
  HookHandle handle =
      linear.register_forward_pre_hook([&](Module&, std::vector<Tensor>&) { ++calls; });
  Linear copy = clone(linear);
  handle.remove();
  linear(ones({1, 1}));
  EXPECT_EQ(calls, 0);
  copy(ones({1, 1}));
  EXPECT_EQ(calls, 1);
}

TEST(Clone, OfContainers) {
  ModuleDict<> dict{{"a", Linear(1, 2)}, {"b", ReLU()}};
  const ModuleDict<> copy = clone(dict);
  EXPECT_THAT(copy.keys(), ElementsAre("a", "b"));
  EXPECT_EQ(copy.at<Linear>("a").weight.shape(), Shape({2, 1}));
  EXPECT_NE(&copy["a"], &dict["a"]);
  ParameterDict parameters{{"w", ones(3)}};
  const ParameterDict other = clone(parameters);
  parameters["w"] = zeros(3);
  EXPECT_EQ(other["w"].sum().item<float>(), 3);
  Sequential sequential{{"x", Linear(2, 2)}, {"y", ReLU()}};
  Sequential twin = clone(sequential);
  EXPECT_EQ(twin(ones({1, 2})).to_vector<float>(), sequential(ones({1, 2})).to_vector<float>());
}

TEST(Clone, APlainCopyThrows) {
  const Linear linear(1, 1);
  EXPECT_THROWS(
      RuntimeError,
      "[Module] expected a module to be moved, or copied with nn::clone(module), got a plain "
      "copy",
      const Linear copy = linear);
  EXPECT_EQ(clone(linear).weight.shape(), Shape({1, 1}));
}

struct Unique : Layer {
  Unique() = default;
  Unique(Unique&&) = default;
  Tensor forward(const Tensor& x) override { return x; }
};

TEST(Clone, NamesWhatCannotBeCopied) {
  Sequential model{{"fine", ReLU()}, {"odd", Unique()}};
  EXPECT_THROWS(RuntimeError,
                "[clone] expected modules that can be copied, got \"odd\": Unique has no copy "
                "constructor, or was registered as a pointer to its base class",
                clone(model));
  struct Wide : Linear {
    Wide() : Linear(1, 1) {}
    Parameter more{this, "more", ones(1)};
  };
  const Wide wide;
  const Linear& part = wide;
  EXPECT_THROWS(RuntimeError,
                "expected a module of class Linear, got one of a class derived from it",
                clone(part));
  ModuleList<Linear> list;
  list.push_back(std::shared_ptr<Linear>(std::make_shared<Wide>()));
  EXPECT_THROWS(RuntimeError, "registered as a pointer to its base class", clone(list));
  Linear gone(1, 1);
  const Linear owner = std::move(gone);
  EXPECT_THROWS(RuntimeError, "moved from", clone(gone));
}

TEST(Clone, OfASharedPointerToTheBaseOfAModuleThatIsKnownFromElsewhere) {
  struct Two : Layer {
    Tensor forward(const Tensor& x) override { return second(first(x)); }
    Child<Linear> first{this, "first", 1, 1};
    Child<Layer> second{this, "second", std::shared_ptr<Layer>(first.shared())};
  };
  const Two two;
  const Two copy = clone(two);
  EXPECT_EQ(&*copy.second, static_cast<Layer*>(&*copy.first));
  ModuleList<> list;
  list.push_back(std::shared_ptr<Layer>(two.first.shared()));
  EXPECT_EQ(clone(list).at<Linear>(0).weight.item<float>(), two.first->weight.item<float>());
}

TEST(Clone, HasBuffersOfItsOwn) {
  struct Counting : Layer {
    Tensor forward(const Tensor& x) override { return x + mean; }
    Buffer mean{this, "mean", full(2, 3.f)};
    Buffer scratch{this, "scratch", full(2, 4.f), false};
    Buffer off{this, "off", Tensor()};
  };
  const Counting module;
  const Counting copy = clone(module);
  EXPECT_NE(copy.mean.data().storage(), module.mean.data().storage());
  EXPECT_NE(copy.scratch.data().storage(), module.scratch.data().storage());
  module.mean.fill_(7);
  copy.scratch.fill_(8);
  EXPECT_THAT(copy.mean.to_vector<float>(), ElementsAre(3, 3));
  EXPECT_THAT(module.scratch.to_vector<float>(), ElementsAre(4, 4));
  EXPECT_FALSE(copy.off.defined());
  EXPECT_EQ(copy.buffers()[0].impl(), copy.mean.get().impl());
}

TEST(Clone, OfACloneThatIsKnownByABasePointer) {
  const Sequential model{Linear(1, 1)};
  const Sequential copy = clone(model);
  ModuleList<> list;
  list.push_back(std::dynamic_pointer_cast<Layer>(copy.shared(0)));
  EXPECT_EQ(clone(list).at<Linear>(0).weight.item<float>(),
            model.at<Linear>(0).weight.item<float>());
}

TEST(Clone, OfWhatWentOutOfADictionaryAndInAgain) {
  ModuleDict<> dict{{"a", Linear(1, 2)}};
  dict.set("b", dict.pop("a"));
  EXPECT_EQ(clone(dict).at<Linear>("b").weight.shape(), Shape({2, 1}));
}

}  // namespace
}  // namespace lamina::nn
