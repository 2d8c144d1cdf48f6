// Changing a Sequential: insert, erase, set, extend.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
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

// text -> its length -> whether that is odd
struct Length : Callable<int64_t(const std::string&)> {
  int64_t forward(const std::string& text) override { return static_cast<int64_t>(text.size()); }
};
struct Odd : Callable<bool(int64_t)> {
  bool forward(int64_t n) override { return n % 2 == 1; }
};
struct AddOne : Callable<int64_t(int64_t)> {
  int64_t forward(int64_t n) override { return n + 1; }
};
std::vector<std::string> keys_of(const Module& model) { return names_of(model.named_children()); }

TEST(Sequential, InsertNumbersAnewThoseBehindIt) {
  Sequential model{Affine(2), Affine(3)};
  model.insert(1, Doubling());
  EXPECT_EQ(model(ones({})).item<float>(), 19);  // (1 * 2 + 1) * 2 * 3 + 1
  EXPECT_THAT(keys_of(model), ElementsAre("0", "1", "2"));
  EXPECT_EQ(model.get_submodule("1").name(), "Doubling");
  model.insert(3, ReLU());  // at the end
  model.insert(-1, std::make_shared<Doubling>());
  model.insert(0, Affine(4));
  EXPECT_THAT(keys_of(model), ElementsAre("0", "1", "2", "3", "4", "5"));
  EXPECT_EQ(model(ones({})).item<float>(), 134);  // (((1 * 4 + 1) * 2 + 1) * 2 * 3 + 1) * 2
  EXPECT_THAT(parameter_names(model),
              ElementsAre("0.factor", "1.factor", "2.factor", "3.factor", "4.factor"));
  EXPECT_THROWS(IndexError, "[Sequential] expected an index from -6 to 5, got 7",
                model.insert(7, ReLU()));
}

TEST(Sequential, EraseMovesThoseBehindItUp) {
  Sequential model{Affine(2), ReLU(), Affine(3), Doubling()};
  model.erase(1);
  EXPECT_THAT(keys_of(model), ElementsAre("0", "1", "2"));
  EXPECT_EQ(model(ones({})).item<float>(), 20);  // ((1 * 2 + 1) * 3 + 1) * 2
  model.erase(-1);
  model.erase(0);
  EXPECT_EQ(model(ones({})).item<float>(), 4);  // 1 * 3 + 1
  EXPECT_THAT(parameter_names(model), ElementsAre("0.factor"));
  EXPECT_THROWS(IndexError, "got 1", model.erase(1));
  model.push_back(Doubling());
  EXPECT_THAT(keys_of(model), ElementsAre("0", "1"));
  model.clear();
  EXPECT_TRUE(model.empty());
  EXPECT_EQ(model.children().size(), 0u);
  EXPECT_EQ(model(ones({})).item<float>(), 1);
}

TEST(Sequential, InsertAndEraseKeepNamesOfYours) {
  Sequential model{{"body", Affine(2)}, {"head", Affine(3)}};
  model.insert(1, Doubling());
  model.insert(1, "act", ReLU());
  EXPECT_THAT(keys_of(model), ElementsAre("body", "act", "2", "head"));
  model.erase(0);
  EXPECT_THAT(keys_of(model), ElementsAre("act", "1", "head"));
  EXPECT_EQ(model.get_submodule("1").name(), "Doubling");
  EXPECT_THROWS(ValueError, "\"act\", which is registered already", model.insert(0, "act", ReLU()));
  EXPECT_THAT(keys_of(model), ElementsAre("act", "1", "head"));  // as before
}

TEST(Sequential, RefusesANumberThatIsTaken) {
  struct Stage : Sequential {
    Stage() : Sequential{Affine(2), Affine(3)} {}
    Parameter two{this, "2", ones(1)};
  };
  Stage stage;
  EXPECT_THROWS(ValueError, "[Sequential] expected the number \"2\" to be free",
                stage.insert(0, ReLU()));
  EXPECT_THAT(keys_of(stage), ElementsAre("0", "1"));
  EXPECT_EQ(stage(ones({})).item<float>(), 10);  // (1 * 2 + 1) * 3 + 1
}

TEST(Sequential, InsertAndEraseRefuseWhatDoesNotFit) {
  SequentialOf<bool(const std::string&)> model{Length(), AddOne(), Odd()};
  EXPECT_THROWS(
      ValueError,
      "[Sequential] expected a module that takes (long), which the module before it gives, "
      "as \"1\", got Affine, which takes (Tensor)",
      model.insert(1, Affine(1)));
  EXPECT_THROWS(
      ValueError,
      "expected a module that takes (bool), which the module before it gives, as \"1\", got "
      "AddOne, which takes (long)",
      model.insert(1, Odd()));  // the next one is the one that does not fit
  EXPECT_THROWS(ValueError, "as the Sequential does, as \"1\", got AddOne", model.erase(0));
  EXPECT_TRUE(model("four"));
  model.insert(1, AddOne());
  EXPECT_FALSE(model("four"));
  model.erase(1);
  model.erase(1);
  EXPECT_FALSE(model("four"));
}

TEST(Sequential, NamesTypesAsTheyAreWritten) {
  SequentialOf<int64_t(const std::string&)> model{Length()};
  EXPECT_THROWS(ValueError, "expected a module that takes (string), as the Sequential does",
                model.insert(0, AddOne()));
  EXPECT_THROWS(ValueError, "expected a Callable<long (std::string const&)> for \"0\"",
                model.replace_module("0", AddOne()));
}

TEST(Sequential, SetReplacesAModuleByOneThatFits) {
  Sequential model{Linear(2, 3), ReLU(), Linear(3, 4)};
  model.set(-1, Linear(3, 7, {.bias = false}));  // another head
  EXPECT_EQ(model(ones({1, 2})).shape(), Shape({1, 7}));
  EXPECT_EQ(model.get_parameter("2.weight").shape(), Shape({7, 3}));
  EXPECT_THROWS(IndexError, "[Sequential] expected an index from -3 to 2, got 3",
                model.set(3, ReLU()));
  struct Odd : Callable<int(const Tensor&)> {
    int forward(const Tensor&) override { return 1; }
  };
  EXPECT_THROWS(ValueError, "[Sequential]", model.set(0, Odd()));
  EXPECT_EQ(model(ones({1, 2})).shape(), Shape({1, 7}));
}

TEST(Sequential, ExtendSharesTheOthersModules) {
  Sequential a{Affine(1), Affine(2)};
  const Sequential b{{"x", Affine(3)}, {"y", Affine(4)}};
  a.extend(b);
  EXPECT_EQ(a.size(), 4);
  EXPECT_EQ(b.size(), 2);
  EXPECT_EQ(&a[2], &b[0]);
  EXPECT_EQ(&a[3], &b[1]);
  EXPECT_EQ(a(ones({})).item<float>(), 65);  // (((1 + 1) * 2 + 1) * 3 + 1) * 4 + 1
  EXPECT_THAT(names_of(a.named_children()), ElementsAre("0", "1", "2", "3"));
  Sequential twice{Affine(2)};
  twice.extend(twice);
  EXPECT_EQ(twice(ones({})).item<float>(), 7);  // (2 + 1) * 2 + 1, by one module
  EXPECT_THAT(parameter_names(twice), ElementsAre("0.factor"));
}

}  // namespace
}  // namespace lamina::nn
