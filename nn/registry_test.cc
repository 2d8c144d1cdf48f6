// What modules know of their members: registering, lists, lookup, and what is done to all at once.
#include "lamina/nn/registry.h"

#include <cstdint>
#include <memory>
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
#include "lamina/nn/parameter.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Affine;
using test::Doubling;
using test::names_of;
using test::parameter_names;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Bare : Module {};

// ---- Registering at run time

TEST(Register, PutsWhatIsGivenInTheRegistryAndReturnsIt) {
  Bare m;
  const Tensor w = ones(2), steps = zeros({}, int64);
  EXPECT_EQ(m.register_parameter("w", w).impl(), w.impl());
  EXPECT_TRUE(w.requires_grad());
  EXPECT_EQ(m.register_buffer("steps", steps).impl(), steps.impl());
  const std::shared_ptr<Linear> shared = std::make_shared<Linear>(2, 3);
  EXPECT_EQ(m.register_module("shared", shared), shared);
  const std::shared_ptr<ReLU> moved = m.register_module("moved", ReLU());
  EXPECT_THAT(m.named_parameters(),
              ElementsAre(Pair("w", testing::_), Pair("shared.weight", testing::_),
                          Pair("shared.bias", testing::_)));
  EXPECT_EQ(m.get_parameter("w").impl(), w.impl());
  EXPECT_EQ(m.get_buffer("steps").impl(), steps.impl());
  EXPECT_THAT(m.children(), ElementsAre(shared.get(), moved.get()));
}

TEST(Register, TakesNoValueAsAPlaceholder) {
  Bare m;
  EXPECT_FALSE(m.register_parameter("bias", Tensor()).defined());
  EXPECT_FALSE(m.register_buffer("mean", Tensor()).defined());
  m.register_module("shortcut", nullptr);
  m.register_module("typed", std::shared_ptr<Linear>());
  EXPECT_THAT(m.parameters(), IsEmpty());
  EXPECT_THAT(m.buffers(), IsEmpty());
  EXPECT_THAT(m.children(), IsEmpty());
  EXPECT_FALSE(m.get_parameter("bias").defined());
  EXPECT_FALSE(m.get_buffer("mean").defined());
  EXPECT_THROWS(ValueError, "\"bias\", which is registered already",
                m.register_parameter("bias", ones(1)));
  EXPECT_THROWS(ValueError, "\"shortcut\", which is registered already",
                m.register_module("shortcut", ReLU()));
}

TEST(Register, ThrowsForANameThatIsEmptyDottedOrTaken) {
  const auto each = [](const std::string& name, const std::string& text, bool is_taken) {
    for (const char* kind : {"parameter", "buffer", "module"}) {
      for (const char* there : {"parameter", "buffer", "module", "none"}) {
        if (is_taken == (there == std::string("none"))) continue;
        Bare m;
        const auto add = [&m](const std::string& what, const std::string& as) {
          if (what == "parameter") m.register_parameter(as, ones(1));
          if (what == "buffer") m.register_buffer(as, ones(1));
          if (what == "module") m.register_module(as, ReLU());
        };
        add(there, name);
        const size_t before = m.parameters().size() + m.buffers().size() + m.children().size();
        EXPECT_THROWS(ValueError, text, add(kind, name));
        EXPECT_EQ(m.parameters().size() + m.buffers().size() + m.children().size(), before);
        add(kind, "other");  // the failure left nothing behind
      }
    }
  };
  each("", "[Module] expected a name that is not empty and has no '.', got \"\"", false);
  each("a.b", "[Module] expected a name that is not empty and has no '.', got \"a.b\"", false);
  each("w", "[Module] expected a new name, got \"w\", which is registered already", true);
}

TEST(Register, ThrowsForAParameterThatCannotBeTrained) {
  Bare m;
  const Tensor w = ones(1).requires_grad_();
  EXPECT_THROWS(ValueError, "[Parameter] expected a leaf for \"w\", got the result of mul",
                m.register_parameter("w", w * 2));
  EXPECT_THROWS(DTypeError,
                "[Parameter] expected a floating dtype, such as float32, for \"w\", got int64",
                m.register_parameter("w", zeros(1, int64)));
  m.register_parameter("w", w);  // the name is still free
  EXPECT_EQ(m.parameters().size(), 1u);
}

TEST(Register, ThrowsForAModuleThatWasMovedFrom) {
  Bare m;
  const Bare owner = std::move(m);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, m.register_parameter("w", ones(1)));
  EXPECT_THROWS(RuntimeError, text, m.register_buffer("w", ones(1)));
  EXPECT_THROWS(RuntimeError, text, m.register_module("w", ReLU()));
  EXPECT_THROWS(RuntimeError, text, m.register_module("w", nullptr));
  const auto gone = std::make_shared<ReLU>();
  const ReLU taken = std::move(*gone);
  Bare other;
  EXPECT_THROWS(RuntimeError, text, other.register_module("gone", gone));
  EXPECT_THAT(other.str(), "Bare()");
}

TEST(Register, ThrowsForAModuleAddedToItselfOrInACycle) {
  const auto top = std::make_shared<Bare>(), middle = std::make_shared<Bare>(),
             low = std::make_shared<Bare>();
  top->register_module("middle", middle);
  middle->register_module("low", low);
  EXPECT_THROWS(ValueError,
                "[Module] expected no cycle: a module for \"me\" that does not hold Bare, which "
                "has that name, "
                "got that module itself",
                low->register_module("me", low));
  EXPECT_THROWS(
      ValueError,
      "[Module] expected no cycle: a module for \"back\" that does not hold Bare, which has that "
      "name, got Bare",
      low->register_module("back", top));
  EXPECT_THROWS(ValueError, "\"back\"", middle->register_module("back", top));
  EXPECT_EQ(top->modules().size(), 3u);
  top->register_module("again", low);  // shared, but no cycle
  low->register_module("back", std::make_shared<Bare>());
  EXPECT_THAT(names_of(top->named_modules()),
              ElementsAre("", "middle", "middle.low", "middle.low.back"));
}

TEST(Register, LeavesABufferThatIsNotPersistentOutOfTheState) {
  Bare m;
  m.register_buffer("kept", ones(1));
  m.register_buffer("scratch", ones(1), false);
  EXPECT_THAT(names_of(m.named_buffers()), ElementsAre("kept", "scratch"));
  EXPECT_EQ(m.state_dict().size(), 1);
  EXPECT_TRUE(m.state_dict().contains("kept"));
}

// ---- Lists

// Children "0", "1", ...
struct Tree : Module {
  template <class... T>
  explicit Tree(int number, T&&... children) : number(number) {
    (register_module(std::to_string(this->children().size()), std::move(children)), ...);
  }
  int number;
};
Tree deep() {
  return Tree(0, Tree(1, Tree(2), Tree(3)), Tree(4), Tree(5, Tree(6), Tree(7, Tree(8), Tree(9))));
}

TEST(Lists, OfModulesAreInOrderParentsFirst) {
  // Names and order are PyTorch's for the same tree.
  const Tree tree = deep();
  EXPECT_THAT(names_of(tree.named_modules()),
              ElementsAre("", "0", "0.0", "0.1", "1", "2", "2.0", "2.1", "2.1.0", "2.1.1"));
  int number = 0;
  for (Module* module : tree.modules()) EXPECT_EQ(dynamic_cast<Tree&>(*module).number, number++);
  EXPECT_EQ(number, 10);
  EXPECT_EQ(tree.modules()[0], &tree);
  EXPECT_THAT(names_of(tree.named_children()), ElementsAre("0", "1", "2"));
  EXPECT_THAT(names_of(tree.named_children(true)),
              ElementsAre("0", "0.0", "0.1", "1", "2", "2.0", "2.1", "2.1.0", "2.1.1"));
  EXPECT_THAT(names_of(tree.named_modules(false)), ElementsAre("", "0", "1", "2"));
  EXPECT_EQ(tree.children().size(), 3u);
  EXPECT_EQ(tree.children(true).size(), 9u);
  EXPECT_EQ(tree.modules(false).size(), 4u);
}

TEST(Lists, NameWhatIsSharedOnce) {
  // As PyTorch does for the same modules.
  const auto linear = std::make_shared<Linear>(2, 2);
  Bare inner, outer;
  inner.register_module("0", linear);
  outer.register_module("0", linear);
  outer.register_module("1", std::move(inner));
  outer.register_module("2", linear);
  EXPECT_THAT(names_of(outer.named_modules()), ElementsAre("", "0", "1"));
  EXPECT_THAT(names_of(outer.named_children()), ElementsAre("0", "1"));
  EXPECT_THAT(parameter_names(outer), ElementsAre("0.weight", "0.bias"));
  std::vector<std::string> state;
  for (const auto& entry : outer.state_dict()) state.push_back(entry.first);
  EXPECT_THAT(state,
              ElementsAre("0.weight", "0.bias", "1.0.weight", "1.0.bias", "2.weight", "2.bias"));
}

TEST(Lists, OfTensorsAreOfOneModuleOrOfAllBelow) {
  struct Norm : Module {
    Parameter scale{this, "scale", ones(2)};
    Buffer mean{this, "mean", zeros(2)};
  };
  Norm norm;
  norm.register_module("inner", Norm());
  EXPECT_THAT(names_of(norm.named_parameters()), ElementsAre("scale", "inner.scale"));
  EXPECT_THAT(names_of(norm.named_parameters(false)), ElementsAre("scale"));
  EXPECT_THAT(names_of(norm.named_buffers()), ElementsAre("mean", "inner.mean"));
  EXPECT_THAT(names_of(norm.named_buffers(false)), ElementsAre("mean"));
  EXPECT_EQ(norm.parameters(false)[0].impl(), norm.scale.get().impl());
  EXPECT_EQ(norm.buffers(false)[0].impl(), norm.mean.get().impl());
  EXPECT_EQ(norm.buffers().size(), 2u);
}

// ---- Lookup

TEST(Lookup, FindsWhatAPathNames) {
  const Sequential model{Linear(2, 3), Sequential{ReLU(), Linear(3, 1)}};
  EXPECT_EQ(&model.get_submodule(""), &model);
  EXPECT_EQ(&model.get_submodule("1.1"), &model.at<Sequential>(1)[1]);
  EXPECT_EQ(model.get_parameter("1.1.weight").impl(),
            model.at<Sequential>(1).at<Linear>(1).weight.get().impl());
  EXPECT_EQ(model[0].get_parameter("bias").shape(), Shape({3}));
}

TEST(Lookup, ListsWhatIsThereInstead) {
  struct Net : Module {
    Child<Linear> body{this, "body", 1, 1};
    Child<ReLU> act{this, "act"};
    Child<Layer> head{this, "head", nullptr};
    Parameter scale{this, "scale", ones(1)};
    Buffer mean{this, "mean", ones(1)};
  };
  const Net net;
  EXPECT_THROWS(IndexError, "[get_submodule] expected a module of Net (body, act), got \"haed\"",
                net.get_submodule("haed"));
  EXPECT_THROWS(IndexError, "[get_submodule] expected a module of Net (body, act), got \"head\"",
                net.get_submodule("head"));  // a placeholder
  EXPECT_THROWS(
      IndexError,
      "[get_submodule] expected a module of Linear, which has none, got \"x\" in \"body.x\"",
      net.get_submodule("body.x"));
  EXPECT_THROWS(IndexError, "expected a module of Net (body, act), got \"\" in \".\"",
                net.get_submodule("."));
  EXPECT_THROWS(IndexError, "got \"\" in \"body.\"", net.get_submodule("body."));
  EXPECT_THROWS(IndexError, "[get_parameter] expected a parameter of Net (scale), got \"mean\"",
                net.get_parameter("mean"));
  EXPECT_THROWS(IndexError,
                "[get_parameter] expected a parameter of Linear (weight, bias), got \"w\" in "
                "\"body.w\"",
                net.get_parameter("body.w"));
  EXPECT_THROWS(IndexError,
                "[get_parameter] expected a module of Net (body, act), got \"tail\" in "
                "\"tail.weight\"",
                net.get_parameter("tail.weight"));
  EXPECT_THROWS(IndexError, "[get_parameter] expected a parameter of Net (scale), got \"\"",
                net.get_parameter(""));
  EXPECT_THROWS(IndexError, "[get_buffer] expected a buffer of Net (mean), got \"scale\"",
                net.get_buffer("scale"));
  EXPECT_THROWS(IndexError,
                "[get_buffer] expected a buffer of ReLU, which has none, got \"x\" in \"act.x\"",
                net.get_buffer("act.x"));
}

// ---- All at once

TEST(Apply, CallsChildrenBeforeTheirParent) {
  // The order of PyTorch's apply() for the same tree.
  Tree tree = deep();
  std::vector<int> order;
  tree.apply([&](Module& module) { order.push_back(dynamic_cast<Tree&>(module).number); });
  EXPECT_THAT(order, ElementsAre(2, 3, 1, 4, 6, 8, 9, 7, 5, 0));
}

TEST(Apply, CallsWithThoseOfAClassOnceEach) {
  const auto shared = std::make_shared<Doubling>();
  Sequential model{Affine(3), ReLU()};
  model.push_back(shared);
  model.push_back(shared);
  int affine = 0, relu = 0;
  model.apply<Affine>([&](Affine& layer) {
    layer.factor.set_data(NDArray::full({}, 5.f));
    ++affine;
  });
  model.apply<ReLU>([&](ReLU&) { ++relu; });
  EXPECT_EQ(affine, 2);
  EXPECT_EQ(relu, 1);
  EXPECT_EQ(model(ones({})).item<float>(), 150);  // (5 + 1) * 5 * 5
}

TEST(Apply, GivesAConstModelsModulesAsConst) {
  const Sequential model{Affine(3), ReLU(), Affine(4)};
  double sum = 0;
  model.apply<Affine>([&](auto& layer) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(layer)>>);
    sum += layer.factor.template item<double>();
  });
  EXPECT_EQ(sum, 7);
  int count = 0;
  model.apply([&](const Module&) { ++count; });
  EXPECT_EQ(count, 4);
}

TEST(Apply, MayReplaceModules) {
  Bare model;
  model.register_module("0", Sequential{ReLU(), Affine(2)});
  struct Head : Module {
    Child<Layer> act{this, "act", ReLU()};
  };
  model.register_module("1", Head());
  model.apply<Head>([](Head& head) { head.act = Affine(7); });
  EXPECT_THAT(parameter_names(model), ElementsAre("0.1.factor", "1.act.factor"));
}

TEST(ParameterCount, IsTheNumberOfElementsSharedOnesOnce) {
  Sequential model{Linear(784, 128), ReLU(), Linear(128, 10)};
  EXPECT_EQ(model.parameter_count(), 101770);  // 784 * 128 + 128 + 128 * 10 + 10
  EXPECT_EQ(ReLU().parameter_count(), 0);
  Linear a(3, 3, {.bias = false});
  Linear b(3, 3, {.bias = false});
  b.weight = a.weight;
  EXPECT_EQ((Sequential{std::move(a), std::move(b)}).parameter_count(), 9);
  struct Buffered : Module {
    Buffer b{this, "b", ones(5)};
    Parameter off{this, "off", Tensor()};
  };
  EXPECT_EQ(Buffered().parameter_count(), 0);
}

TEST(RequiresGrad, FreezesAndThawsAllParameters) {
  Sequential model{Linear(2, 2), ReLU(), Linear(2, 1)};
  model[0].requires_grad_(false);
  model(ones({1, 2})).sum().backward();
  EXPECT_FALSE(model.at<Linear>(0).weight.grad().defined());
  EXPECT_TRUE(model.at<Linear>(2).weight.grad().defined());
  EXPECT_EQ(model.parameters().size(), 4u);  // frozen ones are still there
  model.requires_grad_();
  for (const Tensor& p : model.parameters()) EXPECT_TRUE(p.requires_grad());
  Bare with_buffer;
  with_buffer.register_buffer("b", ones(1));
  with_buffer.requires_grad_();
  EXPECT_FALSE(with_buffer.get_buffer("b").requires_grad());
}

TEST(ZeroGrad, SkipsThoseWithoutAGradient) {
  Bare m;
  const Tensor x = m.register_parameter("x", ones(5)), y = m.register_parameter("y", ones(5));
  (x * 2).sum().backward();
  EXPECT_TRUE(x.grad().defined() && !y.grad().defined());
  m.zero_grad();
  EXPECT_FALSE(x.grad().defined() || y.grad().defined());
}

struct Typed : Layer {
  Tensor forward(const Tensor& x) override { return linear(x) * mean; }
  Child<Linear> linear{this, "linear", 2, 2};
  Buffer mean{this, "mean", full(2, 0.5f)};
  Buffer count{this, "count", zeros({}, int64)};
};

TEST(To, ConvertsWhatIsFloatingInPlace) {
  Typed model;
  model(ones({1, 2})).sum().backward();
  const Tensor weight = model.linear->weight;
  const std::vector<float> values = weight.to_vector<float>();
  model.to(float64);
  EXPECT_EQ(weight.dtype(), float64);  // a handle that an optimizer holds
  EXPECT_EQ(weight.impl(), model.linear->weight.get().impl());
  EXPECT_TRUE(weight.requires_grad() && weight.is_leaf());
  EXPECT_EQ(weight.grad().dtype(), float64);  // as in PyTorch
  EXPECT_THAT(weight.grad().to_vector<double>(), ElementsAre(0.5, 0.5, 0.5, 0.5));
  EXPECT_EQ(model.mean.dtype(), float64);
  EXPECT_EQ(model.count.dtype(), int64);
  EXPECT_THAT(weight.to_vector<double>(), ElementsAre(values[0], values[1], values[2], values[3]));
  EXPECT_EQ(model(ones({1, 2}, float64)).dtype(), float64);
  model.to(float32);
  EXPECT_EQ(weight.to_vector<float>(), values);
}

TEST(To, ThrowsForADTypeThatIsNotFloating) {
  Typed model;
  EXPECT_THROWS(DTypeError, "[to] expected a floating dtype, got int64", model.to(int64));
  EXPECT_EQ(model.linear->weight.dtype(), float32);
}

TEST(To, SkipsDisabledEntries) {
  struct Optional : Module {
    Parameter weight{this, "weight", ones(2)}, bias{this, "bias", Tensor()};
    Buffer mean{this, "mean", Tensor()};
  };
  Optional m;
  m.register_module("none", nullptr);
  m.to(float64);
  EXPECT_EQ(m.weight.dtype(), float64);
  EXPECT_FALSE(m.bias.defined() || m.mean.defined());
  EXPECT_FALSE(m.state_dict().find("bias")->has_value());
}

}  // namespace
}  // namespace lamina::nn
