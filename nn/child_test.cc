#include "lamina/nn/child.h"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/module_dict.h"
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

struct Net : Layer {
  Tensor forward(const Tensor& x) override { return second ? second(first(x)) : first(x); }
  Child<Affine> first{this, "first", 3.};
  Child<Layer> second{this, "second", nullptr};
};

static_assert(!std::is_swappable_v<Child<Linear>>);
static_assert(!std::is_assignable_v<Child<Linear>&, ReLU>);  // of another class
static_assert(!std::is_assignable_v<Child<Linear>&, Child<ReLU>>);
static_assert(!std::is_convertible_v<Child<Linear>, bool>);
static_assert(!std::is_constructible_v<Child<Linear>, Linear>);  // without an owner

TEST(Child, WithoutAnOwnerSaysSo) {
  EXPECT_THROWS(ValueError, "[Child] expected a module as its owner, got null",
                Child<ReLU>(nullptr, "activation"));
}

struct SumOptions {
  double scale = 1, shift = 0;
};
struct ScaledSum
    : Callable<Tensor(const Tensor&, const Tensor&, const Tensor&, const SumOptions&)> {
  Tensor forward(const Tensor& a, const Tensor& b, const Tensor& c, const SumOptions& o) override {
    return (a + b + c) * o.scale + o.shift;
  }
};
struct Scaling : Callable<Tensor(const Tensor&, const SumOptions&)> {
  Tensor forward(const Tensor& x, const SumOptions& o) override { return x * o.scale + o.shift; }
};

TEST(Child, IsCalledWithOptionsInBraces) {
  struct Owner : Module {
    Child<ScaledSum> sum{this, "sum"};
    Child<Scaling> scaling{this, "scaling"};
  } owner;
  const Tensor x = ones({});
  EXPECT_EQ(owner.sum(x, x, ones({}), {.shift = 0.5}).item<float>(), 3.5);
  EXPECT_EQ(owner.scaling(x, {.scale = 4, .shift = 1}).item<float>(), 5);
  const SumOptions options = {2, 3};
  EXPECT_EQ(owner.scaling(x, options).item<float>(), 5);
  EXPECT_EQ(owner.scaling(x, {}).item<float>(), 1);
}

TEST(Child, IsMadeFromArgumentsAModuleOrAPointer) {
  struct Owner : Module {
    Child<Affine> made{this, "made", 2.};
    Child<Affine> moved{this, "moved", Doubling()};
    Child<Layer> shared{this, "shared", std::make_shared<Affine>(4.)};
    Child<Layer> none{this, "none", nullptr};
  };
  const Owner owner;
  EXPECT_EQ(owner.made->factor.item<float>(), 2);
  EXPECT_EQ(owner.moved(full({}, 5.f)).item<float>(), 10);  // the subclass's forward
  EXPECT_EQ(owner.shared(full({}, 5.f)).item<float>(), 21);
  EXPECT_TRUE(owner.made && owner.shared && !owner.none);
  EXPECT_THAT(names_of(owner.named_children()), ElementsAre("made", "moved", "shared"));
  EXPECT_EQ(owner.children()[0], &*owner.made);
}

TEST(Child, WithoutAModuleSaysSoWhenItIsUsed) {
  Net net;
  const char* text = "[Child] expected a module in \"second\", got a placeholder without one";
  EXPECT_THROWS(RuntimeError, text, net.second(ones({})));
  EXPECT_THROWS(RuntimeError, text, net.second->train());
  EXPECT_THROWS(RuntimeError, text, *net.second);
  EXPECT_EQ(net.second.shared(), nullptr);
  EXPECT_EQ(net(ones({})).item<float>(), 4);
  EXPECT_EQ(net.modules().size(), 2u);
  net.eval();
  net.to(float64);
}

TEST(Child, PrintsAPlaceholderAsPyTorchDoes) {
  // PyTorch prints register_module("second", None) so.
  EXPECT_EQ(Net().str(), "Net(\n  (first): Affine()\n  (second): None\n)");
}

TEST(Child, AnAssignmentReplacesWhatIsRegistered) {
  Net net;
  net.second = Affine(10);
  EXPECT_EQ(net(ones({})).item<float>(), 41);  // (3 + 1) * 10 + 1
  EXPECT_THAT(parameter_names(net), ElementsAre("first.factor", "second.factor"));
  net.second = ReLU();
  EXPECT_THAT(parameter_names(net), ElementsAre("first.factor"));
  EXPECT_EQ(net.get_submodule("second").name(), "ReLU");
  net.first = Doubling();
  EXPECT_EQ(net(ones({})).item<float>(), 2);
  EXPECT_THAT(names_of(net.named_children()), ElementsAre("first", "second"));  // in their places
  const auto shared = std::make_shared<Affine>(5);
  net.second = shared;
  EXPECT_EQ(net.second.shared(), shared);
  EXPECT_EQ(&net.get_submodule("second"), shared.get());
  net.second = nullptr;
  EXPECT_FALSE(net.second);
  EXPECT_EQ(net.children().size(), 1u);
}

TEST(Child, AnAssignmentAfterAMoveReachesTheRegistry) {
  Net net;
  Net moved = std::move(net);
  moved.second = Affine(10);
  EXPECT_THAT(parameter_names(moved), ElementsAre("first.factor", "second.factor"));
  EXPECT_THROWS(RuntimeError, "[Child] expected a live module, got one that was moved from",
                net.second = Affine(10));
  EXPECT_THROWS(RuntimeError, "[Child] expected a live module, got one that was moved from",
                moved.second = std::move(net.second));
}

TEST(Child, AnAssignmentOfAnotherSharesItsModule) {
  struct Pair : Module {
    Child<Affine> a{this, "a", 2.}, b{this, "b", 3.};
    Child<Affine> c{this, "c", a};
    Child<Layer> any{this, "any", b.shared()};
  };
  Pair pair;
  EXPECT_EQ(&*pair.c, &*pair.a);
  EXPECT_EQ(&*pair.any, &*pair.b);
  EXPECT_THAT(parameter_names(pair), ElementsAre("a.factor", "b.factor"));
  pair.b = pair.a;
  EXPECT_EQ(&*pair.b, &*pair.a);
  EXPECT_THAT(parameter_names(pair), ElementsAre("a.factor", "any.factor"));
  pair.a = pair.a;
  EXPECT_EQ(pair.a->factor.item<float>(), 2);
  pair.a = std::move(*pair.a);  // into a module of its own
  EXPECT_EQ(pair.a->factor.item<float>(), 2);
  EXPECT_THROWS(RuntimeError, "moved from", pair.c(ones({})));
}

TEST(Child, OfASharedModuleOutlivesTheOtherOwner) {
  Net net;
  {
    Net other;
    other.second = Affine(10);
    net.second = other.second;
  }
  EXPECT_EQ(net(ones({})).item<float>(), 41);
}

TEST(Child, RefusesItsOwnerOrWhatHoldsIt) {
  const auto net = std::make_shared<Net>();
  net->second = Affine(10);
  EXPECT_THROWS(
      ValueError,
      "[Module] expected no cycle: a module for \"second\" that does not hold Net, which has that "
      "name, got that module itself",
      net->second = net);
  EXPECT_EQ((*net)(ones({})).item<float>(), 41);  // as before
  const auto outer = std::make_shared<Net>();
  outer->second = net;
  EXPECT_THROWS(ValueError, "got Net", net->second = outer);
  EXPECT_EQ((*outer)(ones({})).item<float>(), 131);  // ((3 + 1) * 3 + 1) * 10 + 1
}

TEST(Child, ThatIsRefusedIsNotRegistered) {
  const auto net = std::make_shared<Net>();
  Net outer;
  outer.second = net;
  EXPECT_THROWS(ValueError, "\"first\", which is registered already",
                Child<ReLU>(net.get(), "first"));
  EXPECT_THROWS(ValueError, "has no '.'", Child<ReLU>(net.get(), "a.b"));
  EXPECT_THROWS(ValueError, "that module itself", Child<Net>(net.get(), "self", net));
  EXPECT_THROWS(ValueError, "that module itself", Child<Layer>(net.get(), "self", outer.second));
  EXPECT_EQ(net->str(), "Net(\n  (first): Affine()\n  (second): None\n)");
  const Child<ReLU> self(net.get(), "self");  // the name is free
  EXPECT_EQ(net->children().size(), 2u);
}

// ---- The class's name, unless it overrides name()

template <class T>
struct Wrapped : Layer {
  Tensor forward(const Tensor& x) override { return x; }
  struct Part : Layer {
    Tensor forward(const Tensor& x) override { return x; }
  };
};
template <class T>
std::string name_of_a_local_class() {
  struct Local : Wrapped<T> {};
  return Local().name();
}
struct Renamed : ReLU {
  std::string name() const override { return "Foo"; }
};

TEST(Name, IsTheClasssWithoutNamespacesAndArguments) {
  struct InATest : Wrapped<int> {};
  EXPECT_EQ(ReLU().name(), "ReLU");
  EXPECT_EQ(InATest().name(), "InATest");
  EXPECT_EQ(Wrapped<int>().name(), "Wrapped");
  EXPECT_EQ((Wrapped<std::vector<Child<Linear>>>().name()), "Wrapped");
  EXPECT_EQ((Wrapped<Tensor (*)(const Tensor&)>().name()), "Wrapped");
  EXPECT_EQ((Wrapped<std::pair<int, InATest>>::Part().name()), "Part");
  EXPECT_EQ(name_of_a_local_class<std::string>(), "Local");
  EXPECT_EQ(Renamed().name(), "Foo");
  const Layer& base = Renamed();
  EXPECT_EQ(base.name(), "Foo");
  EXPECT_EQ(ModuleList<Linear>().name(), "ModuleList");
}

// ---- By name

TEST(ReplaceModule, ReachesTheMemberThatHoldsIt) {
  Net net;
  const std::shared_ptr<Doubling> given = std::make_shared<Doubling>();
  EXPECT_EQ(net.replace_module("second", given), given);  // a placeholder before
  EXPECT_EQ(net(ones({})).item<float>(), 8);              // (3 + 1) * 2
  EXPECT_EQ(net.second.shared(), given);
  net.replace_module("second", ReLU());
  EXPECT_EQ(net(ones({})).item<float>(), 4);
  EXPECT_THAT(names_of(net.named_children()), ElementsAre("first", "second"));
}

TEST(ReplaceModule, OfWhatWasRegisteredAtRunTime) {
  struct Bare : Module {};
  Bare m;
  m.register_module("a", Affine(1));
  m.register_module("b", ReLU());
  m.replace_module("a", std::make_shared<ModuleList<>>());
  EXPECT_EQ(m.get_submodule("a").name(), "ModuleList");
  EXPECT_THAT(names_of(m.named_children()), ElementsAre("a", "b"));
  EXPECT_THROWS(IndexError, "[replace_module] expected a module of Bare (a, b), got \"c\"",
                m.replace_module("c", ReLU()));
}

TEST(ReplaceModule, RefusesWhatTheMemberDoesNotTake) {
  Net net;
  EXPECT_THROWS(ValueError, "[replace_module] expected a Affine for \"first\", got a ReLU",
                net.replace_module("first", ReLU()));
  EXPECT_THROWS(ValueError, "got a ModuleList", net.replace_module("second", ModuleList<>()));
  EXPECT_THROWS(ValueError, "[replace_module] expected a module, got null",
                net.replace_module("first", std::shared_ptr<Affine>()));
  const auto shared = std::make_shared<Net>();
  EXPECT_THROWS(ValueError, "[Module] expected no cycle", shared->replace_module("second", shared));
  EXPECT_EQ(net(ones({})).item<float>(), 4);
}

TEST(ReplaceModule, InContainersIsAsTheyTakeThem) {
  struct Length : Callable<int64_t(const Tensor&)> {
    int64_t forward(const Tensor& x) override { return x.numel(); }
  };
  Sequential model{Affine(2), ReLU()};
  model.replace_module("1", Doubling());
  EXPECT_EQ(model(ones({})).item<float>(), 6);
  EXPECT_THROWS(ValueError, "for \"1\", got a Length", model.replace_module("1", Length()));
  EXPECT_EQ(model(ones({})).item<float>(), 6);
  ModuleDict<> dict{{"a", ReLU()}};
  dict.replace_module("a", Doubling());
  EXPECT_EQ(dict["a"](ones({})).item<float>(), 2);
  EXPECT_THROWS(ValueError, "got a Length", dict.replace_module("a", Length()));
}

TEST(UnregisterModule, TakesOutWhatWasRegisteredAtRunTime) {
  struct Bare : Module {};
  Bare m;
  const auto kept = m.register_module("a", Affine(1));
  m.register_module("none", nullptr);
  m.unregister_module("a");
  m.unregister_module("none");
  EXPECT_THAT(m.parameters(), IsEmpty());
  EXPECT_EQ(m.str(), "Bare()");
  EXPECT_EQ(kept->factor.item<float>(), 1);
  m.register_module("a", ReLU());  // the name is free
  EXPECT_THROWS(IndexError, "[unregister_module] expected a module of Bare (a), got \"b\"",
                m.unregister_module("b"));
}

TEST(UnregisterModule, LeavesMembersAndContainersWhole) {
  Net net;
  EXPECT_THROWS(
      ValueError,
      "[unregister_module] expected what register_module() put there, got \"first\", which "
      "is a Child",
      net.unregister_module("first"));
  Sequential model{Affine(2)};
  EXPECT_THROWS(ValueError, "or in a container", model.unregister_module("0"));
  EXPECT_THAT(parameter_names(net), ElementsAre("first.factor"));
  EXPECT_EQ(model(ones({})).item<float>(), 3);
}

TEST(Child, CopiesAreMadeByCloneOnly) {
  const Net net;
  EXPECT_THROWS(
      RuntimeError,
      "[Child] expected a child to stay in its module, which nn::clone(module) copies, got "
      "a plain copy",
      Child<Affine>(net.first));
}

}  // namespace
}  // namespace lamina::nn
