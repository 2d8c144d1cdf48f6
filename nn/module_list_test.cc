#include "lamina/nn/module_list.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/batch_norm.h"
#include "lamina/nn/child.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/conv.h"
#include "lamina/nn/dropout.h"
#include "lamina/nn/embedding.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/rnn.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Affine;
using test::Doubling;
using test::parameter_names;
using ::testing::ElementsAre;

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

// ---- Changing the list

std::vector<float> factors(const ModuleList<Affine>& list) {
  std::vector<float> all;
  for (const Affine& layer : list) all.push_back(layer.factor.item<float>());
  // The registry's order and names are the list's.
  const Named<Tensor> registered = list.named_parameters();
  EXPECT_LE(registered.size(), all.size());
  if (registered.size() == all.size()) {
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(registered[i].first, std::to_string(i) + ".factor");
      EXPECT_EQ(registered[i].second.item<float>(), all[i]);
    }
  }
  return all;
}

TEST(ModuleList, IsMadeOfModulesAndPointers) {
  const ModuleList<Affine> list{Affine(1), Doubling(), Affine(3)};
  EXPECT_THAT(factors(list), ElementsAre(1, 2, 3));
  const auto shared = std::make_shared<Doubling>();
  ModuleList<Affine> other;
  other.push_back(shared);
  EXPECT_EQ(other.shared(0), shared);
  EXPECT_EQ(other.shared(-1), shared);
}

TEST(ModuleList, InsertMovesThoseBehindIt) {
  ModuleList<Affine> list;
  list.insert(0, Affine(1));
  list.insert(0, std::make_shared<Affine>(2));
  list.insert(1, Affine(3));
  list.insert(3, Affine(4));  // at the end
  EXPECT_THAT(factors(list), ElementsAre(2, 3, 1, 4));
  list.insert(-1, Affine(5));  // before the last, as in PyTorch
  EXPECT_THAT(factors(list), ElementsAre(2, 3, 1, 5, 4));
  EXPECT_THROWS(IndexError, "[ModuleList] expected an index from -5 to 4, got 6",
                list.insert(6, Affine(9)));
  EXPECT_THROWS(IndexError, "got -6", list.insert(-6, Affine(9)));
  EXPECT_EQ(list.size(), 5);
}

TEST(ModuleList, SetPutsAModuleInAnothersPlace) {
  ModuleList<Affine> list{Affine(1), Affine(2)};
  list.set(-1, Affine(7));
  list.set(0, std::make_shared<Doubling>());
  EXPECT_THAT(factors(list), ElementsAre(2, 7));
  EXPECT_EQ(list[0](ones({})).item<float>(), 2);
  EXPECT_THROWS(IndexError, "got 2", list.set(2, Affine(9)));
}

TEST(ModuleList, EraseMovesThoseBehindItUp) {
  ModuleList<Affine> list{Affine(0), Affine(1), Affine(2), Affine(3)};
  list.erase(1);
  EXPECT_THAT(factors(list), ElementsAre(0, 2, 3));
  list.erase(-1);
  EXPECT_THAT(factors(list), ElementsAre(0, 2));
  list.push_back(Affine(8));
  EXPECT_THAT(factors(list), ElementsAre(0, 2, 8));
  EXPECT_THROWS(IndexError, "got 3", list.erase(3));
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.children().empty());
  EXPECT_THROWS(IndexError, "expected an index into a list that is not empty, got 0",
                list.erase(0));
  list.push_back(Affine(4));
  EXPECT_THAT(factors(list), ElementsAre(4));
}

TEST(ModuleList, EraseAndInsertKeepWhatCanBeCloned) {
  // A copy is made of the class that was given, wherever it stands now.
  ModuleList<Affine> list{Affine(1), Doubling(), Affine(3)};
  list.erase(0);
  list.insert(1, Doubling());
  const ModuleList<Affine> copy = clone(list);
  Tensor x = ones({});
  for (Affine& layer : copy) x = layer(x);
  EXPECT_EQ(x.item<float>(), 13);  // 1 * 2 * 2 * 3 + 1
}

TEST(ModuleList, ExtendAndPlusShareTheModules) {
  ModuleList<> a, b;
  a.push_back(Linear(2, 2));
  a.push_back(ReLU());
  b.push_back(Affine(3));
  b.push_back(Affine(4));
  const ModuleList<> both = a + b;
  a.extend(b);
  EXPECT_EQ(a.size(), 4);
  EXPECT_EQ(b.size(), 2);
  EXPECT_EQ(both.size(), 4);
  EXPECT_EQ(&a[2], &b[0]);
  EXPECT_EQ(&both[0], &a[0]);
  EXPECT_EQ(&both[3], &b[1]);
  EXPECT_THAT(parameter_names(both), ElementsAre("0.weight", "0.bias", "2.factor", "3.factor"));
  b.extend(b);
  EXPECT_EQ(b.size(), 4);
  EXPECT_EQ(&b[2], &b[0]);
  b.erase(0);  // of the list, not of the module
  EXPECT_EQ(&b[1], &a[2]);
}

TEST(ModuleList, AnExtendThatIsRefusedChangesNothing) {
  const auto list = std::make_shared<ModuleList<Module>>();
  ModuleList<Module> other;
  other.push_back(ReLU());
  other.push_back(list);
  EXPECT_THROWS(ValueError, "that module itself", list->extend(other));
  EXPECT_EQ(list->size(), 0);
  EXPECT_EQ(list->children().size(), 0u);
  list->push_back(ReLU());
  EXPECT_EQ(list->size(), 1);
  EXPECT_THROWS(ValueError, "that module itself", list->push_back(list));
  EXPECT_THROWS(ValueError, "\"0\"", list->set(0, list));
}

TEST(ModuleList, GivesItsModulesAsWhatTheyAre) {
  const ModuleList<> list{Linear(2, 3), ReLU()};
  EXPECT_EQ(list.at<Linear>(0).weight.shape(), Shape({3, 2}));
  EXPECT_EQ(&list.at<ReLU>(-1), &list[1]);
  EXPECT_THROWS(ValueError, "[ModuleList] expected a Linear at 1, got a ReLU", list.at<Linear>(1));
  EXPECT_THROWS(IndexError, "expected an index from -2 to 1, got 3", list.at<ReLU>(3));
  EXPECT_THROWS(IndexError, "got 1000002", list.shared(1000002));
}

TEST(ModuleList, RefusesAPlaceholder) {
  struct Net : Module {
    Child<Layer> none{this, "none", nullptr};
  };
  const Net net;
  ModuleList<> list{ReLU()};
  const char* text = "[ModuleList] expected a module, got a placeholder without one";
  EXPECT_THROWS(ValueError, text, list.push_back(net.none));
  EXPECT_THROWS(ValueError, text, list.insert(0, net.none));
  EXPECT_THROWS(ValueError, text, list.set(0, net.none));
  EXPECT_EQ(list.size(), 1);
}

TEST(ModuleList, ListsAllModulesAsAnyModuleDoes) {
  const ModuleList<> list{ReLU(), ReLU()};
  EXPECT_EQ(list.modules().size(), 3u);
}

// ---- The printed text: what ModuleList.__repr__ of PyTorch 2 makes of the same modules

TEST(ModuleList, HoldsAndPrintsModulesOfAllKinds) {
  ModuleList<Module> list;
  list.push_back(Linear(10, 3));
  list.push_back(Conv2d(1, 2, 3));
  list.push_back(Dropout(0.5));
  list.push_back(BatchNorm2d(5));
  list.push_back(Embedding(4, 10));
  list.push_back(LSTM(4, 5));
  EXPECT_EQ(list.at<LSTM>(-1)(ones({2, 1, 4})).output.shape(), Shape({2, 1, 5}));
  EXPECT_EQ(list.str(), R"(ModuleList(
  (0): Linear(in_features=10, out_features=3, bias=True)
  (1): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
  (2): Dropout(p=0.5, inplace=False)
  (3): BatchNorm2d(5, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
  (4): Embedding(4, 10)
  (5): LSTM(4, 5)
))");
}

TEST(ModuleList, PrintsEqualNeighboursOnce) {
  ModuleList<> list;
  for (int i = 0; i < 5; ++i) list.push_back(Linear(2, 2));
  EXPECT_EQ(list.str(),
            "ModuleList(\n  (0-4): 5 x Linear(in_features=2, out_features=2, bias=True)\n)");
  list.push_back(ReLU());
  list.push_back(Linear(2, 2));
  list.push_back(Linear(2, 3));
  for (int i = 0; i < 2; ++i) list.push_back(Sequential{Linear(2, 2), ReLU()});
  EXPECT_EQ(list.str(),
            R"(ModuleList(
  (0-4): 5 x Linear(in_features=2, out_features=2, bias=True)
  (5): ReLU()
  (6): Linear(in_features=2, out_features=2, bias=True)
  (7): Linear(in_features=2, out_features=3, bias=True)
  (8-9): 2 x Sequential(
    (0): Linear(in_features=2, out_features=2, bias=True)
    (1): ReLU()
  )
))");
  EXPECT_EQ(ModuleList<>().str(), "ModuleList()");
  // A Sequential's are not folded.
  EXPECT_EQ((Sequential{ReLU(), ReLU()}).str(), "Sequential(\n  (0): ReLU()\n  (1): ReLU()\n)");
}

TEST(ModuleList, OfListsFoldsWithinAndWithout) {
  ModuleList<Module> outer;
  for (int i = 0; i < 2; ++i) outer.push_back(ModuleList<>{ReLU(), ReLU()});
  EXPECT_EQ(outer.str(), "ModuleList(\n  (0-1): 2 x ModuleList(\n    (0-1): 2 x ReLU()\n  )\n)");
}

TEST(ModuleList, RefusesNull) {
  ModuleList<> list;
  EXPECT_THROWS(ValueError, "[ModuleList] expected a module, got null", list.push_back(nullptr));
  EXPECT_THROWS(ValueError, "got null", list.push_back(std::shared_ptr<Layer>()));
  list.push_back(ReLU());
  EXPECT_THROWS(ValueError, "got null", list.set(0, std::shared_ptr<Layer>()));
  EXPECT_EQ(list.str(), "ModuleList(\n  (0): ReLU()\n)");
}

TEST(ModuleList, IsMadeOfPointersAndModules) {
  const auto shared = std::make_shared<Doubling>();
  const ModuleList<Affine> list{shared, Affine(3), std::shared_ptr<Affine>(shared)};
  EXPECT_EQ(&list[0], shared.get());
  EXPECT_EQ(&list[2], shared.get());
  EXPECT_EQ(list[1].factor.item<float>(), 3);
  struct Net : Module {
    explicit Net(std::shared_ptr<Doubling> part) : parts(this, "parts", std::move(part), ReLU()) {}
    Child<ModuleList<>> parts;
  };
  EXPECT_EQ(&(*Net(shared).parts)[0], shared.get());
  struct Other : Module {
    Child<ModuleList<Module>> parts{this, "parts", std::make_shared<ModuleList<Module>>(ReLU())};
  };
  EXPECT_EQ((*Other().parts)[0].name(), "ReLU");  // that list, not one around it
  EXPECT_THROWS(ValueError, "[ModuleList] expected a module, got null",
                ModuleList<>(ReLU(), std::shared_ptr<Layer>()));
}

TEST(ModuleList, IteratesAsAlgorithmsWant) {
  const ModuleList<Affine> list{Affine(1), Doubling(), Affine(3)};
  EXPECT_EQ(std::distance(list.begin(), list.end()), 3);
  const auto found = std::find_if(list.begin(), list.end(), [](const Affine& layer) {
    return layer.factor.item<float>() == 2;
  });
  EXPECT_EQ(&*found, &list[1]);
  EXPECT_EQ(found->name(), "Doubling");
}

}  // namespace
}  // namespace lamina::nn
