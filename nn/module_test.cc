#include "lamina/nn/module.h"

#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/module_list.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::names_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The example of module.h and of the course.
class SimpleNet : public Layer {
 public:
  SimpleNet(int64_t in, int64_t hidden, int64_t out)
      : layer1(this, "layer1", in, hidden), layer2(this, "layer2", hidden, out) {}
  Tensor forward(const Tensor& x) override { return layer2(activation(layer1(x))); }

  Child<Linear> layer1;
  Child<ReLU> activation{this, "activation"};
  Child<Linear> layer2;
};

class Identity : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return x; }
};

// ---- What is registered

TEST(Module, NamesParametersByThePathToThem) {
  const SimpleNet net(4, 3, 2);
  const Named<Tensor> parameters = net.named_parameters();
  EXPECT_THAT(names_of(parameters),
              ElementsAre("layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"));
  EXPECT_EQ(parameters[0].second.shape(), Shape({3, 4}));
  EXPECT_EQ(parameters[3].second.shape(), Shape({2}));
  EXPECT_EQ(parameters[2].second.impl(), net.layer2->weight.get().impl());
  EXPECT_THAT(names_of(net.named_children()), ElementsAre("layer1", "activation", "layer2"));
}

struct Mixed : Identity {
  Child<Linear> first{this, "first", 2, 2};
  Parameter scale{this, "scale", ones(2)};
  Buffer mean{this, "mean", zeros(2)};
  Child<Linear> second{this, "second", 2, 2, LinearOptions{.bias = false}};
  Parameter shift{this, "shift", ones(2)};
};

TEST(Module, ListsItsOwnMembersBeforeThoseOfChildrenEachInOrderOfDeclaration) {
  // As PyTorch's named_parameters does for the same module.
  const Mixed mixed;
  EXPECT_THAT(names_of(mixed.named_parameters()),
              ElementsAre("scale", "shift", "first.weight", "first.bias", "second.weight"));
  EXPECT_EQ(mixed.parameters().size(), 5u);
}

TEST(Module, ListsOnlyItsOwnMembersIfNotRecursive) {
  const Mixed mixed;
  EXPECT_THAT(names_of(mixed.named_parameters(false)), ElementsAre("scale", "shift"));
  EXPECT_EQ(mixed.parameters(false).size(), 2u);
  EXPECT_THAT(SimpleNet(1, 1, 1).parameters(false), IsEmpty());
}

TEST(Module, ListsABaseClassesMembersFirst) {
  struct Derived : Mixed {
    Parameter extra{this, "extra", ones(1)};
  };
  EXPECT_THAT(names_of(Derived().named_parameters(false)), ElementsAre("scale", "shift", "extra"));
}

TEST(Module, KeepsBuffersApartFromParameters) {
  struct Outer : Identity {
    Buffer count{this, "count", zeros({}, int64)};
    Buffer absent{this, "absent", Tensor()};
    Child<Mixed> inner{this, "inner"};
  };
  const Outer outer;
  EXPECT_THAT(names_of(outer.named_buffers()), ElementsAre("count", "inner.mean"));
  EXPECT_THAT(names_of(outer.named_buffers(false)), ElementsAre("count"));
  EXPECT_EQ(outer.buffers().size(), 2u);
  EXPECT_FALSE(outer.inner->mean.requires_grad());
  for (const std::string& name : names_of(outer.named_parameters())) EXPECT_NE(name, "inner.mean");
}

TEST(Module, ListsATiedTensorOnceUnderItsFirstName) {
  struct Tied : Identity {
    Child<Linear> encoder{this, "encoder", 2, 2, LinearOptions{.bias = false}};
    Parameter decoder{this, "decoder", encoder->weight};
    Parameter again{this, "again", encoder->weight};
  };
  const Tied tied;
  EXPECT_THAT(names_of(tied.named_parameters()), ElementsAre("decoder"));
  EXPECT_EQ(tied.decoder.get().impl(), tied.encoder->weight.get().impl());
}

TEST(Module, LeavesOutADisabledOptionalParameter) {
  EXPECT_THAT(names_of(Linear(2, 2, {.bias = false}).named_parameters()), ElementsAre("weight"));
}

TEST(Module, HandsOutHandlesNotCopies) {
  Linear layer(1, 1);
  layer.parameters()[0].set_data(NDArray::full({1, 1}, 5.f));
  EXPECT_EQ(layer.weight.item<float>(), 5);
}

TEST(Module, ThrowsForADuplicateName) {
  struct TwoParameters : Identity {
    Parameter a{this, "w", ones(1)}, b{this, "w", ones(1)};
  };
  struct ParameterAndChild : Identity {
    Parameter a{this, "w", ones(1)};
    Child<ReLU> b{this, "w"};
  };
  struct ChildAndBuffer : Identity {
    Child<ReLU> a{this, "w"};
    Buffer b{this, "w", ones(1)};
  };
  struct AlsoAgainstAnEmptySlot : Identity {
    Parameter a{this, "w", Tensor()}, b{this, "w", ones(1)};
  };
  const char* text = "[Module] expected a new name, got \"w\", which is registered already";
  EXPECT_THROWS(ValueError, text, TwoParameters());
  EXPECT_THROWS(ValueError, text, ParameterAndChild());
  EXPECT_THROWS(ValueError, text, ChildAndBuffer());
  EXPECT_THROWS(ValueError, text, AlsoAgainstAnEmptySlot());
}

TEST(Module, ThrowsForANameThatIsEmptyOrHasADot) {
  struct Empty : Identity {
    Parameter a{this, "", ones(1)};
  };
  struct Dotted : Identity {
    Child<ReLU> a{this, "a.b"};
  };
  EXPECT_THROWS(ValueError, "[Module] expected a name that is not empty and has no '.', got \"\"",
                Empty());
  EXPECT_THROWS(ValueError,
                "[Module] expected a name that is not empty and has no '.', got \"a.b\"", Dotted());
}

// ---- Modes and gradients

TEST(Module, TrainAndEvalReachEveryModuleBelow) {
  struct Outer : Identity {
    Child<SimpleNet> net{this, "net", 1, 1, 1};
    Child<ModuleList<>> list{this, "list"};
  };
  Outer outer;
  outer.list->push_back(ReLU());
  EXPECT_TRUE(outer.is_training());
  outer.eval();
  EXPECT_FALSE(outer.is_training() || outer.net->is_training() ||
               outer.net->layer2->is_training() || (*outer.list)[0].is_training());
  outer.net->train();
  EXPECT_TRUE(outer.net->is_training() && outer.net->layer2->is_training());
  EXPECT_FALSE(outer.is_training() || outer.list->is_training());
  outer.train();
  EXPECT_TRUE((*outer.list)[0].is_training());
}

TEST(Module, ZeroGradClearsTheGradientsOfAllParameters) {
  SimpleNet net(3, 2, 1);
  net(ones({4, 3})).sum().backward();
  for (const Tensor& p : net.parameters()) EXPECT_TRUE(p.grad().defined());
  net.zero_grad();
  for (const Tensor& p : net.parameters()) EXPECT_FALSE(p.grad().defined());
}

// ---- Moving

static_assert(std::is_move_constructible_v<SimpleNet>);
static_assert(!std::is_move_assignable_v<SimpleNet> && !std::is_copy_assignable_v<SimpleNet>);

TEST(Module, AMovedModuleHasTheSameMembers) {
  SimpleNet net(3, 2, 1);
  net.eval();
  const Tensor x = randn({4, 3});
  const std::vector<float> before = net(x).to_vector<float>();
  const std::vector<Tensor> parameters = net.parameters();
  SimpleNet moved = std::move(net);
  EXPECT_EQ(moved(x).to_vector<float>(), before);
  EXPECT_FALSE(moved.is_training());
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(moved.parameters()[i].impl(), parameters[i].impl());
  moved.train();
  EXPECT_TRUE(moved.layer1->is_training());
}

TEST(Module, AVectorOfModulesMayGrow) {
  std::vector<SimpleNet> nets;
  for (int i = 1; i <= 5; ++i) nets.emplace_back(i, i, i);
  EXPECT_EQ(nets[2].layer1->weight.shape(), Shape({3, 3}));
  EXPECT_EQ(nets[2].parameters().size(), 4u);
}

TEST(Module, AMoveLeavesAnOptimizersHandlesOnTheModel) {
  Linear layer(1, 1, {.bias = false});
  layer.weight.set_data(NDArray::ones({1, 1}));
  optim::SGD sgd(layer.parameters(), {.lr = 0.5});
  Linear moved = std::move(layer);
  moved(ones({1, 1})).sum().backward();  // the gradient is 1
  sgd.step();
  EXPECT_EQ(moved.weight.item<float>(), 0.5f);
}

TEST(Module, UseOfAMovedFromModuleThrows) {
  SimpleNet net(3, 2, 1);
  const SimpleNet owner = std::move(net);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, net(ones({1, 3})));
  EXPECT_THROWS(RuntimeError, text, net.parameters());
  EXPECT_THROWS(RuntimeError, text, net.buffers());
  EXPECT_THROWS(RuntimeError, text, net.named_children());
  EXPECT_THROWS(RuntimeError, text, net.train());
  EXPECT_THROWS(RuntimeError, text, net.is_training());
  EXPECT_THROWS(RuntimeError, text, net.zero_grad());
  EXPECT_THROWS(RuntimeError, text, net.str());
  EXPECT_THROWS(RuntimeError, text, Parameter(&net, "p", ones(1)));
}

TEST(Module, UseOfAMovedFromMemberThrowsInsteadOfCrashing) {
  SimpleNet net(3, 2, 1);
  Linear linear(3, 2);
  const SimpleNet owner = std::move(net);
  const Linear other = std::move(linear);
  const char* child = "[Child] expected a live module, got one that was moved from";
  const char* member = "[Parameter] expected a live member, got one that was moved from";
  EXPECT_THROWS(RuntimeError, child, net.forward(ones({1, 3})));
  EXPECT_THROWS(RuntimeError, child, net.layer1->parameters());
  EXPECT_THROWS(RuntimeError, member, linear.forward(ones({1, 3})));
  EXPECT_THROWS(RuntimeError, member, linear.weight.shape());
  EXPECT_THROWS(RuntimeError, member, linear.bias.defined());
  EXPECT_THROWS(RuntimeError, member, linear.str());
}

// ---- Kinds of modules

class Gated : public Linear {
 public:
  explicit Gated(int64_t n) : Linear(n, n) {}
  Tensor forward(const Tensor& x) override { return Linear::forward(x) * gate; }
  Parameter gate{this, "gate", full({}, 10.)};
};

TEST(Module, ASubclassOfALayerAddsParametersAndOverridesForward) {
  Gated gated(1);
  gated.weight.set_data(NDArray::full({1, 1}, 3.f));
  gated.bias.set_data(NDArray::full(1, 1.f));
  EXPECT_THAT(names_of(gated.named_parameters()), ElementsAre("weight", "bias", "gate"));
  Linear& base = gated;
  Layer& layer = gated;
  EXPECT_EQ(base(ones({1, 1})).item<float>(), 40);  // (3 + 1) * 10
  EXPECT_EQ(layer(ones({1, 1})).item<float>(), 40);
  EXPECT_EQ(layer.str(), "Gated(in_features=1, out_features=1, bias=True)");
}

template <class Activation>
class Block : public Layer {
 public:
  explicit Block(int64_t n) : linear(this, "linear", n, n) {}
  Tensor forward(const Tensor& x) override { return activation(linear(x)); }
  Child<Linear> linear;
  Child<Activation> activation{this, "activation"};
};

TEST(Module, ALayerMayBeATemplate) {
  Block<ReLU> block(1);
  block.linear->weight.set_data(NDArray::full({1, 1}, -1.f));
  block.linear->bias.set_data(NDArray::zeros(1));
  EXPECT_EQ(block(full({1, 1}, 2.f)).item<float>(), 0);
  EXPECT_EQ(block(full({1, 1}, -2.f)).item<float>(), 2);
}

class Attention : public Callable<Tensor(const Tensor& q, const Tensor& k, const Tensor& mask)> {
 public:
  Tensor forward(const Tensor& q, const Tensor& k, const Tensor& mask) override {
    const Tensor y = q * k * scale;
    return mask.defined() ? y * mask : y;
  }
  Parameter scale{this, "scale", full({}, 2.)};
};
class LoudAttention : public Attention {
 public:
  Tensor forward(const Tensor& q, const Tensor& k, const Tensor& mask) override {
    return Attention::forward(q, k, mask) * 10;
  }
};

TEST(Module, ACallableTakesSeveralInputs) {
  Attention attention;
  EXPECT_EQ(attention(full({}, 3), full({}, 5), {}).item<int64_t>(), 30);
  EXPECT_EQ(attention(full({}, 3), attention.scale, full({}, 7)).item<int64_t>(), 84);
  LoudAttention loud;
  Attention& base = loud;
  EXPECT_EQ(base(full({}, 3), full({}, 5), {}).item<int64_t>(), 300);
  struct Outer : Identity {
    Child<LoudAttention> attention{this, "attention"};
  };
  EXPECT_EQ(Outer().attention(full({}, 3), full({}, 5), Tensor()).item<int64_t>(), 300);
}

TEST(Module, ACallableTakesAndGivesAnyType) {
  using State = std::pair<Tensor, Tensor>;
  struct Cell : Callable<State(const Tensor& x, State state, int64_t steps)> {
    State forward(const Tensor& x, State state, int64_t steps) override {
      return {x + state.first * steps, std::move(state.second)};
    }
  };
  Cell cell;
  const Tensor c = ones(1);
  const auto [h, kept] = cell(full(1, 2.f), {full(1, 3.f), c}, 4);
  EXPECT_EQ(h.item<float>(), 14);
  EXPECT_EQ(kept.impl(), c.impl());
}

TEST(Module, AVectorOfChildrenRegistersEach) {
  struct Stack : Layer {
    explicit Stack(int64_t n) {
      for (int64_t i = 0; i < n; ++i) layers.emplace_back(this, "layer" + std::to_string(i), 2, 2);
    }
    Tensor forward(const Tensor& x) override {
      Tensor y = x;
      for (const Child<Linear>& layer : layers) y = layer(y);
      return y;
    }
    std::vector<Child<Linear>> layers;
  };
  Stack stack(3);
  EXPECT_EQ(stack(ones({1, 2})).shape(), Shape({1, 2}));
  EXPECT_THAT(names_of(stack.named_children()), ElementsAre("layer0", "layer1", "layer2"));
}

// ---- The printed text: what PyTorch 1.13 printed for the same modules in Python

TEST(Module, PrintsTheCoursesSimpleNetAsPyTorchDoes) {
  std::ostringstream out;
  out << SimpleNet(784, 128, 10);
  EXPECT_EQ(out.str(),
            R"(SimpleNet(
  (layer1): Linear(in_features=784, out_features=128, bias=True)
  (activation): ReLU()
  (layer2): Linear(in_features=128, out_features=10, bias=True)
))");
}

class Banner : public Identity {
 public:
  std::string extra_repr() const override { return "width=3\nheight=4"; }
};
class Wide : public Identity {
 public:
  Wide() {
    list->push_back(Linear(2, 3, {.bias = false}));
    list->push_back(Sequential{Linear(3, 3), ReLU()});
  }
  std::string extra_repr() const override { return "scale=2"; }
  Child<Banner> banner{this, "banner"};
  Child<Sequential> empty{this, "empty"};
  Child<ModuleList<>> list{this, "list"};
  Child<ModuleList<>> none{this, "none"};
  Child<Sequential> banners{this, "banners", Banner()};
};

TEST(Module, PrintsNestedModulesAndManyLinedExtrasAsPyTorchDoes) {
  EXPECT_EQ(Banner().str(), "Banner(\n  width=3\n  height=4\n)");
  EXPECT_EQ(Wide().str(),
            R"(Wide(
  scale=2
  (banner): Banner(
    width=3
    height=4
  )
  (empty): Sequential()
  (list): ModuleList(
    (0): Linear(in_features=2, out_features=3, bias=False)
    (1): Sequential(
      (0): Linear(in_features=3, out_features=3, bias=True)
      (1): ReLU()
    )
  )
  (none): ModuleList()
  (banners): Sequential(
    (0): Banner(
      width=3
      height=4
    )
  )
))");
}

}  // namespace
}  // namespace lamina::nn
