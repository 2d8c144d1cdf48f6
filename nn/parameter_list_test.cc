#include "lamina/nn/parameter_list.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::names_of;
using test::parameter_names;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- ParameterList

struct Scales : Layer {
  explicit Scales(int count) {
    for (int i = 0; i < count; ++i) scales->push_back(full({}, i + 2.f));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (const Parameter& scale : *scales) y = y * scale;
    return y;
  }
  Child<ParameterList> scales{this, "scales"};
};

TEST(ParameterList, RegistersItsParametersByNumber) {
  Scales model(3);
  EXPECT_THAT(parameter_names(model), ElementsAre("scales.0", "scales.1", "scales.2"));
  model(full({}, 10.f)).backward();
  EXPECT_EQ((*model.scales)[0].grad().item<float>(), 120);  // 10 * 3 * 4
  EXPECT_EQ((*model.scales)[-1].grad().item<float>(), 60);
  EXPECT_EQ(model.get_parameter("scales.1").impl(), (*model.scales)[1].get().impl());
}

TEST(ParameterList, GrowsAndIsAssignedTo) {
  const Tensor first = ones(2);
  ParameterList list({first, ones(3)});
  EXPECT_TRUE(first.requires_grad());
  EXPECT_EQ(list[0].get().impl(), first.impl());
  list.extend({ones(4), ones(5)});
  list.push_back(ones(6));
  EXPECT_EQ(list.size(), 5);
  list[1] = full(7, 3.f);
  list[-1] = Tensor();  // disabled
  EXPECT_EQ(list.get_parameter("1").shape(), Shape({7}));
  EXPECT_THAT(parameter_names(list), ElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(list.size(), 5);
  EXPECT_TRUE(ParameterList().empty());
}

TEST(ParameterList, RefusesWhatParametersRefuse) {
  ParameterList list({ones(2)});
  EXPECT_THROWS(ValueError, "[Parameter] expected a leaf", list.push_back(list[0] * 2));
  EXPECT_THROWS(DTypeError, "expected a floating dtype, such as float32, for \"1\", got int64",
                list.push_back(zeros(2, int64)));
  EXPECT_THROWS(IndexError, "[ParameterList] expected an index from -1 to 0, got 1", list[1]);
  EXPECT_THROWS(IndexError, "got -2", list[-2]);
  EXPECT_THROWS(IndexError,
                "[ParameterList] expected an index into a list that is not empty, got 0",
                ParameterList()[0]);
  EXPECT_EQ(list.size(), 1);
  list.push_back(ones(1));
  EXPECT_THAT(parameter_names(list), ElementsAre("0", "1"));
}

TEST(ParameterList, IsMovedWithItsParameters) {
  ParameterList list({ones(2)});
  ParameterList moved = std::move(list);
  moved.push_back(ones(1));
  EXPECT_EQ(moved.size(), 2);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, list.size());
  EXPECT_THROWS(RuntimeError, text, list[0]);
  EXPECT_THROWS(RuntimeError, text, list.push_back(ones(1)));
  EXPECT_THROWS(RuntimeError, text, for (const Parameter& p : list) p.grad());
  EXPECT_THROWS(RuntimeError, text, list.str());
}

TEST(ParameterList, PrintsAsPyTorchDoes) {
  ParameterList list(
      {ones({2, 3}), ones(4, float64), ones({}), ones(0), ones(2, float16), ones(2, bfloat16)});
  EXPECT_EQ(list.str(),
            R"(ParameterList(
    (0): Parameter containing: [torch.float32 of size 2x3]
    (1): Parameter containing: [torch.float64 of size 4]
    (2): Parameter containing: [torch.float32 of size ]
    (3): Parameter containing: [torch.float32 of size 0]
    (4): Parameter containing: [torch.float16 of size 2]
    (5): Parameter containing: [torch.bfloat16 of size 2]
))");
  EXPECT_EQ(ParameterList().str(), "ParameterList()");
  struct Outer : Module {
    Child<ParameterList> list{this, "list", std::vector<Tensor>{ones(1), ones(2)}};
    Child<ParameterDict> dict{this, "dict", ParameterDict{{"w", ones({2, 3})}}};
    Child<ParameterList> n{this, "n"};
  };
  EXPECT_EQ(Outer().str(),
            R"(Outer(
  (list): ParameterList(
      (0): Parameter containing: [torch.float32 of size 1]
      (1): Parameter containing: [torch.float32 of size 2]
  )
  (dict): ParameterDict(  (w): Parameter containing: [torch.FloatTensor of size 2x3])
  (n): ParameterList()
))");
}

TEST(ParameterList, PrintsDisabledParametersAsPyTorchPrintsNone) {
  EXPECT_EQ(ParameterList({Tensor()}).str(), "ParameterList(  (0): Object of type: NoneType)");
  EXPECT_EQ((ParameterDict{{"n", Tensor()}, {"w", ones(2)}}).str(),
            R"(ParameterDict(
    (n): Object of type: NoneType
    (w): Parameter containing: [torch.FloatTensor of size 2]
))");
}

// ---- ParameterDict

TEST(ParameterDict, KeepsParametersInTheOrderOfTheirKeys) {
  ParameterDict dict{{"w", ones({2, 3})}, {"b", ones(4)}};
  EXPECT_THAT(parameter_names(dict), ElementsAre("w", "b"));
  EXPECT_THAT(dict.keys(), ElementsAre("w", "b"));
  EXPECT_EQ(dict.values()[1].impl(), dict["b"].get().impl());
  EXPECT_THAT(names_of(dict.items()), ElementsAre("w", "b"));
  EXPECT_EQ(dict.items()[0].second.impl(), dict.get_parameter("w").impl());
  EXPECT_TRUE(dict["w"].requires_grad());
  EXPECT_TRUE(dict.contains("w") && !dict.contains("x"));
  EXPECT_EQ(dict.size(), 2);
  EXPECT_TRUE(ParameterDict().empty());
}

TEST(ParameterDict, SetAndUpdateReplaceInPlaceOrAddAtTheEnd) {
  ParameterDict dict{{"a", ones(1)}, {"b", ones(2)}};
  dict.set("a", ones(3));
  dict.set("c", ones(4));
  dict["b"] = ones(5);
  EXPECT_THAT(dict.keys(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(dict.get_parameter("a").shape(), Shape({3}));
  EXPECT_EQ(dict.get_parameter("b").shape(), Shape({5}));
  const ParameterDict other{{"d", ones(6)}, {"a", ones(7)}};
  dict.update(other);
  EXPECT_THAT(dict.keys(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(dict["a"].get().impl(), other["a"].get().impl());
  EXPECT_EQ(dict["d"].get().impl(), other["d"].get().impl());
  dict.update(dict);
  EXPECT_EQ(dict.size(), 4);
}

TEST(ParameterDict, UpdateLeavesFrozenParametersFrozen) {
  ParameterDict from{{"w", ones(1)}, {"b", ones(1)}}, to{{"w", ones(2)}};
  from["w"].requires_grad_(false);
  from["b"].requires_grad_(false);
  to.update(from);
  EXPECT_FALSE(from["w"].requires_grad() || from["b"].requires_grad());
  EXPECT_EQ(to["b"].get().impl(), from["b"].get().impl());
}

TEST(ParameterDict, PopEraseAndClearTakeOut) {
  ParameterDict dict{{"a", ones(1)}, {"b", ones(2)}, {"c", ones(3)}};
  const Tensor b = dict["b"];
  EXPECT_EQ(dict.pop("b").impl(), b.impl());
  EXPECT_THAT(parameter_names(dict), ElementsAre("a", "c"));
  EXPECT_EQ(dict["c"].shape(), Shape({3}));
  dict.erase("a");
  EXPECT_THAT(dict.keys(), ElementsAre("c"));
  dict.set("a", ones(4));
  EXPECT_THAT(parameter_names(dict), ElementsAre("c", "a"));
  dict.clear();
  EXPECT_TRUE(dict.empty());
  EXPECT_THAT(dict.parameters(), IsEmpty());
}

TEST(ParameterDict, RefusesWhatDoesNotFit) {
  ParameterDict dict{{"w", ones(1)}, {"b", ones(1)}};
  const char* text = "[ParameterDict] expected a key of \"w\", \"b\", got \"x\"";
  EXPECT_THROWS(IndexError, text, dict["x"]);
  EXPECT_THROWS(IndexError, text, dict.pop("x"));
  EXPECT_THROWS(IndexError, text, dict.erase("x"));
  EXPECT_THROWS(ValueError, "got \"a.b\"", dict.set("a.b", ones(1)));
  EXPECT_THROWS(ValueError, "got \"\"", dict.set("", ones(1)));
  EXPECT_THROWS(ValueError, "[Parameter] expected a leaf", dict.set("w", dict["b"] * 2));
  EXPECT_THROWS(DTypeError, "expected a floating dtype", dict.set("n", zeros(1, int64)));
  EXPECT_THROWS(ValueError, "\"w\", which is registered already",
                ParameterDict({{"w", ones(1)}, {"w", ones(1)}}));
  EXPECT_EQ(dict.size(), 2);
  EXPECT_EQ(dict.parameters().size(), 2u);
  const ParameterDict moved = std::move(dict);
  EXPECT_THROWS(RuntimeError, "[Module] expected a live module, got one that was moved from",
                dict.contains("w"));
  EXPECT_THROWS(RuntimeError, "moved from", dict.set("w", ones(1)));
}

TEST(ParameterDict, PrintsAsPyTorchDoes) {
  const ParameterDict dict{{"b", ones(4, float64)}, {"s", ones({})}, {"w", ones({2, 3})}};
  EXPECT_EQ(dict.str(),
            R"(ParameterDict(
    (b): Parameter containing: [torch.DoubleTensor of size 4]
    (s): Parameter containing: [torch.FloatTensor of size ]
    (w): Parameter containing: [torch.FloatTensor of size 2x3]
))");
  EXPECT_EQ(ParameterDict().str(), "ParameterDict()");
}

// ---- Both

TEST(ParameterContainers, LeaveFrozenParametersFrozen) {
  const Linear other(2, 2);
  other.weight.requires_grad_(false);
  ParameterList list;
  list.push_back(other.weight);
  ParameterDict dict;
  dict.set("w", other.weight);
  const ParameterDict braced{{"w", other.weight}, {"b", other.bias}};
  EXPECT_FALSE(other.weight.requires_grad());
  EXPECT_TRUE(other.bias.requires_grad());
  EXPECT_EQ(braced["w"].get().impl(), other.weight.get().impl());
  EXPECT_EQ(list[0].get().impl(), other.weight.get().impl());
  EXPECT_EQ(dict["w"].get().impl(), other.weight.get().impl());
}

TEST(ParameterContainers, GrowWithoutMovingTheirParameters) {
  ParameterList list({ones(3)});
  ParameterDict dict{{"a", ones(4)}, {"b", ones(5)}};
  const Parameter &first = list[0], &b = dict["b"];
  for (int i = 0; i < 100; ++i) {
    list.push_back(ones(1));
    dict.set(std::to_string(i), ones(1));
  }
  dict.erase("a");
  EXPECT_EQ(&first, &list[0]);
  EXPECT_EQ(first.numel(), 3);
  EXPECT_EQ(&b, &dict["b"]);
  EXPECT_EQ(b.numel(), 5);
}

TEST(ParameterList, AnExtendThatIsRefusedChangesNothing) {
  ParameterList list({ones(1)});
  EXPECT_THROWS(DTypeError, "got int64", list.extend({ones(2), ones(1, int64)}));
  EXPECT_EQ(list.size(), 1);
  EXPECT_EQ(list.parameters().size(), 1u);
  list.extend({ones(3), ones(4)});
  EXPECT_THAT(parameter_names(list), ElementsAre("0", "1", "2"));
}

}  // namespace
}  // namespace lamina::nn
