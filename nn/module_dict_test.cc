#include "lamina/nn/module_dict.h"

#include <memory>
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

TEST(ModuleDict, KeepsModulesInTheOrderOfTheirKeys) {
  const ModuleDict<> dict{{"linear", Linear(10, 3)}, {"act", ReLU()}, {"double", Doubling()}};
  EXPECT_EQ(dict.size(), 3);
  EXPECT_FALSE(dict.empty());
  EXPECT_THAT(dict.keys(), ElementsAre("linear", "act", "double"));
  EXPECT_THAT(dict.values(), ElementsAre(&dict["linear"], &dict["act"], &dict["double"]));
  EXPECT_THAT(names_of(dict.items()), ElementsAre("linear", "act", "double"));
  EXPECT_EQ(dict.items()[1].second, &dict["act"]);
  EXPECT_THAT(names_of(dict.named_children()), ElementsAre("linear", "act", "double"));
  EXPECT_THAT(parameter_names(dict), ElementsAre("linear.weight", "linear.bias", "double.factor"));
  EXPECT_EQ(dict["double"](full({}, 4.f)).item<float>(), 8);
  EXPECT_TRUE(dict.contains("act") && !dict.contains("acts"));
}

TEST(ModuleDict, SetReplacesInPlaceOrAddsAtTheEnd) {
  ModuleDict<Affine> dict;
  EXPECT_TRUE(dict.empty());
  dict.set("a", Affine(1));
  dict.set("b", std::make_shared<Affine>(2));
  dict.set("a", Doubling());
  EXPECT_THAT(dict.keys(), ElementsAre("a", "b"));
  EXPECT_EQ(dict["a"](ones({})).item<float>(), 2);  // the new one, by its own forward
  EXPECT_EQ(dict["b"].factor.item<float>(), 2);
  EXPECT_THAT(parameter_names(dict), ElementsAre("a.factor", "b.factor"));
  EXPECT_EQ(dict.get_parameter("a.factor").impl(), dict["a"].factor.get().impl());
}

TEST(ModuleDict, UpdateSetsAllOfTheOthersWhichBothHold) {
  ModuleDict<Affine> dict{{"1", Affine(1)}, {"2", Affine(2)}};
  const ModuleDict<Affine> other{{"3", Affine(3)}, {"1", Doubling()}};
  dict.update(other);
  EXPECT_THAT(dict.keys(), ElementsAre("1", "2", "3"));  // as PyTorch orders them
  EXPECT_EQ(&dict["1"], &other["1"]);
  EXPECT_EQ(&dict["3"], &other["3"]);
  EXPECT_EQ(dict["2"].factor.item<float>(), 2);
  dict.update(dict);
  EXPECT_EQ(dict.size(), 3);
  const ModuleDict<Affine> copy = clone(dict);
  EXPECT_EQ(copy["1"](ones({})).item<float>(), 2);  // still a Doubling
}

TEST(ModuleDict, PopEraseAndClearTakeOut) {
  ModuleDict<> dict{{"a", Affine(1)}, {"b", Affine(2)}, {"c", Affine(3)}, {"d", ReLU()}};
  const std::shared_ptr<Layer> taken = dict.pop("b");
  EXPECT_EQ(dynamic_cast<Affine&>(*taken).factor.item<float>(), 2);
  EXPECT_THAT(dict.keys(), ElementsAre("a", "c", "d"));
  EXPECT_THAT(parameter_names(dict), ElementsAre("a.factor", "c.factor"));
  dict.erase("d");
  dict.erase("a");
  EXPECT_THAT(dict.keys(), ElementsAre("c"));
  EXPECT_EQ(dict.at<Affine>("c").factor.item<float>(), 3);
  dict.set("a", ReLU());  // at the end now
  EXPECT_THAT(dict.keys(), ElementsAre("c", "a"));
  dict.clear();
  EXPECT_TRUE(dict.empty());
  EXPECT_THAT(dict.keys(), IsEmpty());
  EXPECT_THAT(dict.parameters(), IsEmpty());
  dict.set("c", ReLU());
  EXPECT_EQ(dict.size(), 1);
}

TEST(ModuleDict, ListsTheKeysThatAreThere) {
  ModuleDict<> dict{{"linear", Linear(1, 1)}, {"act", ReLU()}}, none;
  const char* text = "[ModuleDict] expected a key of \"linear\", \"act\", got \"batch\"";
  EXPECT_THROWS(IndexError, text, dict["batch"]);
  EXPECT_THROWS(IndexError, text, dict.at<ReLU>("batch"));
  EXPECT_THROWS(IndexError, text, dict.pop("batch"));
  EXPECT_THROWS(IndexError, text, dict.erase("batch"));
  EXPECT_THROWS(IndexError, text, dict.shared("batch"));
  EXPECT_THROWS(IndexError, "[ModuleDict] expected a container that is not empty, got \"x\"",
                none["x"]);
  EXPECT_EQ(dict.size(), 2);
}

TEST(ModuleDict, GivesItsModulesAsWhatTheyAre) {
  const ModuleDict<> dict{{"linear", Linear(2, 3)}, {"act", ReLU()}};
  EXPECT_EQ(dict.at<Linear>("linear").weight.shape(), Shape({3, 2}));
  EXPECT_EQ(dict.shared("act").get(), &dict.at<ReLU>("act"));
  EXPECT_THROWS(ValueError, "[ModuleDict] expected a Linear at act, got a ReLU",
                dict.at<Linear>("act"));
}

TEST(ModuleDict, RefusesKeysThatModulesRefuse) {
  struct Named : ModuleDict<> {
    Parameter scale{this, "scale", ones(1)};
    Child<ReLU> act{this, "act"};
  };
  Named dict;
  EXPECT_THROWS(ValueError, "got \"\"", dict.set("", ReLU()));
  EXPECT_THROWS(ValueError, "got \"a.b\"", dict.set("a.b", ReLU()));
  EXPECT_THROWS(ValueError, "\"scale\", which is registered already", dict.set("scale", ReLU()));
  EXPECT_THROWS(ValueError, "\"act\", which is registered already", dict.set("act", ReLU()));
  EXPECT_THROWS(ValueError, "\"a\", which is registered already",
                ModuleDict<>({{"a", ReLU()}, {"a", ReLU()}}));
  EXPECT_TRUE(dict.empty());
  dict.set("x", ReLU());
  dict.clear();
  EXPECT_EQ(dict.children().size(), 1u);  // the member stays
}

TEST(ModuleDict, RefusesItself) {
  const auto dict = std::make_shared<ModuleDict<Module>>();
  EXPECT_THROWS(ValueError, "that module itself", dict->set("me", dict));
  EXPECT_TRUE(dict->empty());
  dict->set("me", ReLU());
  EXPECT_THROWS(ValueError, "that module itself", dict->set("me", dict));
  EXPECT_EQ((*dict)["me"].name(), "ReLU");
  ModuleDict<Module> other;
  other.set("x", ReLU());
  other.set("outer", dict);
  EXPECT_THROWS(ValueError, "that module itself", dict->update(other));
  EXPECT_THAT(dict->keys(), ElementsAre("me", "x"));
  EXPECT_EQ(dict->children().size(), 2u);
}

TEST(ModuleDict, IsMovedWithItsModules) {
  ModuleDict<> dict{{"a", Affine(1)}};
  ModuleDict<> moved = std::move(dict);
  moved.set("b", ReLU());
  EXPECT_THAT(moved.keys(), ElementsAre("a", "b"));
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, dict.size());
  EXPECT_THROWS(RuntimeError, text, dict.contains("a"));
  EXPECT_THROWS(RuntimeError, text, dict.keys());
  EXPECT_THROWS(RuntimeError, text, dict["a"]);
  EXPECT_THROWS(RuntimeError, text, dict.set("a", ReLU()));
  EXPECT_THROWS(RuntimeError, text, dict.clear());
  EXPECT_THROWS(RuntimeError, text, moved.update(dict));
}

TEST(ModuleDict, PrintsAsPyTorchDoes) {
  ModuleDict<Module> dict{{"conv", Linear(2, 3)}, {"act", ReLU()}};
  dict.set("inner", ModuleDict<>{{"x", Sequential{ReLU()}}});
  dict.set("empty", ModuleDict<>());
  EXPECT_EQ(dict.str(),
            R"(ModuleDict(
  (conv): Linear(in_features=2, out_features=3, bias=True)
  (act): ReLU()
  (inner): ModuleDict(
    (x): Sequential(
      (0): ReLU()
    )
  )
  (empty): ModuleDict()
))");
}

TEST(ModuleDict, IsMadeOfPointersAndModules) {
  const auto shared = std::make_shared<Doubling>();
  const ModuleDict<> dict{{"a", shared}, {"b", ReLU()}, {"c", std::shared_ptr<Layer>(shared)}};
  EXPECT_EQ(&dict["a"], shared.get());
  EXPECT_EQ(dict.shared("c"), shared);
  EXPECT_THAT(parameter_names(dict), ElementsAre("a.factor"));
  EXPECT_EQ(clone(dict).at<Doubling>("a").factor.item<float>(), 2);
  EXPECT_THROWS(ValueError, "[ModuleDict] expected a module, got null",
                ModuleDict<>({{"a", std::shared_ptr<Layer>()}}));
}

TEST(ModuleDict, RefusesAPlaceholder) {
  struct Net : Module {
    Child<Layer> none{this, "none", nullptr};
  };
  const Net net;
  ModuleDict<> dict{{"a", ReLU()}};
  const char* text = "[ModuleDict] expected a module, got a placeholder without one";
  EXPECT_THROWS(ValueError, text, dict.set("a", net.none));
  EXPECT_THROWS(ValueError, text, dict.set("b", net.none));
  EXPECT_EQ(dict.size(), 1);
}

TEST(ModuleDict, ListsAllModulesAsAnyModuleDoes) {
  const ModuleDict<> dict{{"a", ReLU()}};
  EXPECT_EQ(dict.modules().size(), 2u);
}

}  // namespace
}  // namespace lamina::nn
