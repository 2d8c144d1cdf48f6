#include "lamina/nn/state_dict.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/sequential.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Net : Layer {
  Tensor forward(const Tensor& x) override { return second(first(x)); }
  Child<Linear> first{this, "first", 2, 3};
  Buffer mean{this, "mean", zeros(3)};
  Buffer scratch{this, "scratch", zeros(3), false};
  Parameter scale{this, "scale", ones(3)};
  Buffer steps{this, "steps", zeros({}, int64)};
  Child<Linear> second{this, "second", 3, 1, LinearOptions{.bias = false}};
};

std::vector<std::string> names_of(const StateDict& state) {
  std::vector<std::string> names;
  for (const auto& entry : state) names.push_back(entry.first);
  return names;
}
std::vector<float> everything(const Module& module) {
  std::vector<float> all;
  for (const auto& [name, value] : module.state_dict()) {
    if (!value) continue;
    for (const float x : value->to(float32).to_vector<float>()) all.push_back(x);
  }
  return all;
}

// ---- state_dict()

TEST(StateDict, HasParametersThenBuffersModuleByModule) {
  // The order of PyTorch 1.13 for the same module, with the disabled bias that it leaves out.
  EXPECT_THAT(names_of(Net().state_dict()),
              ElementsAre("scale", "mean", "steps", "first.weight", "first.bias", "second.weight",
                          "second.bias"));
}

TEST(StateDict, SharesStorageButHasNoHistory) {
  const Net net;
  const StateDict state = net.state_dict();
  EXPECT_EQ(state.at("first.weight").data().storage(), net.first->weight.data().storage());
  EXPECT_FALSE(state.at("first.weight").requires_grad());
  ASSERT_NE(state.find("second.bias"), nullptr);
  EXPECT_FALSE(state.find("second.bias")->has_value());
  EXPECT_EQ(state.find("scratch"), nullptr);
}

TEST(StateDict, ListsATiedWeightUnderEachOfItsPaths) {
  struct Tied : Net {
    Child<Linear> third{this, "third", second};
  };
  Tied tied;
  tied.second->weight = Tensor(NDArray::ones({1, 3}));
  const StateDict state = tied.state_dict();
  EXPECT_EQ(state.at("second.weight").data().storage(), state.at("third.weight").data().storage());
  EXPECT_EQ(tied.named_parameters().back().first, "second.weight");
}

TEST(StateDict, IsAnOrderedMap) {
  StateDict state{{"b", ones(1)}, {"a", std::nullopt}, {"c", zeros(2)}};
  EXPECT_EQ(state.size(), 3);
  EXPECT_TRUE(state.contains("a") && !state.contains("d"));
  state.set("b", full(1, 5.f));  // in its place
  state.set("d", Tensor());      // undefined is none
  EXPECT_THAT(names_of(state), ElementsAre("b", "a", "c", "d"));
  EXPECT_EQ(state.at("b").item<float>(), 5);
  EXPECT_FALSE(state.find("d")->has_value());
  EXPECT_TRUE(state.erase("b"));
  EXPECT_FALSE(state.erase("b"));
  EXPECT_THAT(names_of(state), ElementsAre("a", "c", "d"));
  EXPECT_EQ(state.at("c").numel(), 2);
  EXPECT_THROWS(IndexError, "[StateDict] expected the name of a value (c), got \"b\"",
                state.at("b"));
  EXPECT_THROWS(IndexError,
                "[StateDict] expected the name of a value (c), got \"a\", which has none",
                state.at("a"));
  EXPECT_THROWS(ValueError, "[StateDict] expected names that differ, got \"x\" twice",
                StateDict({{"x", ones(1)}, {"x", ones(1)}}));
}

TEST(StateDict, JoinsStatesUnderPrefixesAndTakesThemOut) {
  StateDict part{{"weight", ones(2)}, {"bias", std::nullopt}};
  StateDict all{{"step", ones(1)}};
  all.add("b.", part);
  all.add("a.", {{"weight", zeros(3)}});
  all.set("ab", ones(1));
  EXPECT_THAT(names_of(all), ElementsAre("step", "b.weight", "b.bias", "a.weight", "ab"));
  EXPECT_EQ(all.at("b.weight").data().storage(), part.at("weight").data().storage());

  EXPECT_THROWS(ValueError, "[StateDict] expected names that are not there yet, got \"a.weight\"",
                all.add("a.", {{"new", ones(1)}, {"weight", ones(1)}}));
  EXPECT_EQ(all.size(), 5);

  const StateDict taken = all.take("b.");
  EXPECT_THAT(names_of(taken), ElementsAre("weight", "bias"));
  EXPECT_EQ(taken.at("weight").numel(), 2);
  EXPECT_FALSE(taken.find("bias")->has_value());
  EXPECT_THAT(names_of(all), ElementsAre("step", "a.weight", "ab"));
  EXPECT_EQ(all.at("a.weight").numel(), 3);
  EXPECT_TRUE(all.take("c.").empty());

  all.add("old.", all);
  EXPECT_THAT(names_of(all),
              ElementsAre("step", "a.weight", "ab", "old.step", "old.a.weight", "old.ab"));
}

TEST(StateDict, CloneHasCopies) {
  Net net;
  const StateDict live = net.state_dict(), copy = live.clone();
  net.mean.set_data(NDArray::full(3, 4.f));
  NDArray(net.scale.data()).fill_(7);
  EXPECT_EQ(live.at("scale").sum().item<float>(), 21);
  EXPECT_EQ(copy.at("scale").sum().item<float>(), 3);
  EXPECT_EQ(names_of(copy), names_of(live));
  EXPECT_FALSE(copy.find("second.bias")->has_value());
  EXPECT_FALSE(copy.at("scale").requires_grad());
}

TEST(StateDict, AtOfATemporaryStaysAlive) {
  const Tensor& scale = StateDict{{"scale", full(3, 2.f)}}.at("scale");
  EXPECT_EQ(scale.sum().item<float>(), 6);
}

TEST(StateDict, GoesThroughTheArraysOfACheckpoint) {
  const Net net;
  Net other;
  other.load_state_dict(StateDict(net.state_dict().arrays()));
  EXPECT_EQ(everything(other), everything(net));
}

// ---- load_state_dict()

TEST(LoadStateDict, CopiesIntoTheTensorsThatAreThere) {
  const Net from;
  Net to;
  const Tensor weight = to.first->weight, mean = to.mean;
  from.mean.set_data(NDArray::full(3, 4.f));
  from.steps.set_data(NDArray::full({}, 12, int64));
  const LoadResult result = to.load_state_dict(from.state_dict());
  EXPECT_THAT(result.missing_keys, IsEmpty());
  EXPECT_THAT(result.unexpected_keys, IsEmpty());
  EXPECT_EQ(everything(to), everything(from));
  EXPECT_EQ(to.steps.item<int64_t>(), 12);
  EXPECT_EQ(to.first->weight.get().impl(), weight.impl());
  EXPECT_THAT(mean.to_vector<float>(), ElementsAre(4, 4, 4));
  EXPECT_TRUE(to.first->weight.requires_grad());
  EXPECT_NE(to.first->weight.data().storage(), from.first->weight.data().storage());
}

TEST(LoadStateDict, IsNoticedByABackwardThatNeedsTheOldValues) {
  Net net;
  const Tensor loss = net(ones({1, 2})).sum();
  net.load_state_dict(Net().state_dict());
  EXPECT_THROWS(RuntimeError, "changed in place", loss.backward());
}

TEST(LoadStateDict, SaysAllThatDoesNotFitInPyTorchsWords) {
  Net net;
  const std::vector<float> before = everything(net);
  StateDict state = Net().state_dict();
  state.erase("scale");
  state.erase("first.bias");
  state.set("extra", ones(1));
  state.set("first.extra", ones(1));
  state.set("first.weight", ones({2, 3}));
  state.set("mean", std::nullopt);
  state.set("second.bias", ones(1));
  state.set("steps", zeros({}));
  try {
    net.load_state_dict(state);
    FAIL() << "loaded";
  } catch (const RuntimeError& e) {
    EXPECT_STREQ(
        e.what(),
        "[load_state_dict] Error(s) in loading state_dict for Net:\n"
        "\tMissing key(s) in state_dict: \"scale\", \"first.bias\". \n"
        "\tUnexpected key(s) in state_dict: \"extra\", \"first.extra\". \n"
        "\tvalue mismatch for mean: no value in checkpoint, the shape in current model is (3,).\n"
        "\tdtype mismatch for steps: copying a param of dtype float32 from checkpoint, the dtype "
        "in "
        "current model is int64.\n"
        "\tsize mismatch for first.weight: copying a param with shape (2, 3) from checkpoint, the "
        "shape in current model is (3, 2).\n"
        "\tvalue mismatch for second.bias: copying a param with shape (1,) from checkpoint, the "
        "current model has it disabled, without a value.");
  }
  EXPECT_EQ(everything(net), before);  // nothing has changed
}

// What loading says of a state with one thing wrong, without the two lines that open it.
std::string problem_of(const StateDict& state) {
  Net net;
  const std::vector<float> before = everything(net);
  try {
    net.load_state_dict(state);
  } catch (const RuntimeError& e) {
    EXPECT_EQ(everything(net), before);
    const std::string text = e.what(), opening =
                                           "[load_state_dict] Error(s) in loading state_dict "
                                           "for Net:\n\t";
    EXPECT_EQ(text.substr(0, opening.size()), opening);
    return text.substr(opening.size());
  }
  return "loaded";
}

TEST(LoadStateDict, NamesTheOneThingThatIsWrong) {
  StateDict missing = Net().state_dict(), none = missing, disabled = missing, size = missing,
            unexpected = missing, dtype = missing;
  EXPECT_EQ(problem_of(missing), "loaded");
  missing.erase("first.weight");
  EXPECT_EQ(problem_of(missing), "Missing key(s) in state_dict: \"first.weight\". ");
  unexpected.set("third.weight", ones(1));
  EXPECT_EQ(problem_of(unexpected), "Unexpected key(s) in state_dict: \"third.weight\". ");
  none.set("first.weight", std::nullopt);
  EXPECT_EQ(
      problem_of(none),
      "value mismatch for first.weight: no value in checkpoint, the shape in current model is "
      "(3, 2).");
  disabled.set("second.bias", ones(1));
  EXPECT_EQ(problem_of(disabled),
            "value mismatch for second.bias: copying a param with shape (1,) from checkpoint, the "
            "current model has it disabled, without a value.");
  size.set("first.weight", ones({2, 3}));
  EXPECT_EQ(
      problem_of(size),
      "size mismatch for first.weight: copying a param with shape (2, 3) from checkpoint, the "
      "shape in current model is (3, 2).");
  dtype.set("steps", ones({}));
  EXPECT_EQ(problem_of(dtype),
            "dtype mismatch for steps: copying a param of dtype float32 from checkpoint, the dtype "
            "in current model is int64.");
}

TEST(LoadStateDict, NotStrictReturnsTheKeysThatDoNotFit) {
  Net net;
  StateDict state = Net().state_dict();
  state.erase("mean");
  state.set("extra", ones(1));
  const LoadResult result = net.load_state_dict(state, false);
  EXPECT_THAT(result.missing_keys, ElementsAre("mean"));
  EXPECT_THAT(result.unexpected_keys, ElementsAre("extra"));
  EXPECT_EQ(net.first->weight.to_vector<float>(), state.at("first.weight").to_vector<float>());
  // Shapes are checked all the same.
  const std::vector<float> before = everything(net);
  state = Net().state_dict();
  state.set("second.weight", ones({3, 1}));
  EXPECT_THROWS(RuntimeError, "size mismatch for second.weight", net.load_state_dict(state, false));
  EXPECT_EQ(everything(net), before);
}

TEST(LoadStateDict, AnAbsentDisabledEntryIsNone) {
  Net net;
  StateDict state = Net().state_dict();
  state.erase("second.bias");  // as PyTorch writes it
  EXPECT_THAT(net.load_state_dict(state).missing_keys, IsEmpty());
}

TEST(LoadStateDict, ConvertsFloatingDtypes) {
  Linear linear(2, 1, {.bias = false, .dtype = float64});
  linear.load_state_dict({{"weight", tensor({0.5f, 2.f}, {1, 2})}, {"bias", std::nullopt}});
  EXPECT_EQ(linear.weight.dtype(), float64);
  EXPECT_THAT(linear.weight.to_vector<double>(), ElementsAre(0.5, 2));
  const Tensor integers = zeros({1, 2}, int64);
  EXPECT_THROWS(RuntimeError, "dtype mismatch for weight: copying a param of dtype int64",
                linear.load_state_dict({{"weight", integers}}));
}

TEST(LoadStateDict, OfItsOwnStateChangesNothing) {
  Net net;
  const std::vector<float> before = everything(net);
  net.load_state_dict(net.state_dict());
  EXPECT_EQ(everything(net), before);
}

struct Square : Module {
  Parameter a{this, "a", tensor({1.f, 2.f, 3.f, 4.f}, {2, 2})};
  Parameter b{this, "b", tensor({5.f, 6.f, 7.f, 8.f}, {2, 2})};
};

TEST(LoadStateDict, ReadsValuesThatLieInTheModelBeforeItWritesThem) {
  Square exchanged;
  exchanged.load_state_dict({{"a", exchanged.b}, {"b", exchanged.a.detach()}});
  EXPECT_THAT(exchanged.a.to_vector<float>(), ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(exchanged.b.to_vector<float>(), ElementsAre(1, 2, 3, 4));
  Square transposed;
  transposed.load_state_dict({{"a", transposed.a.detach().t()}}, false);
  EXPECT_THAT(transposed.a.to_vector<float>(), ElementsAre(1, 3, 2, 4));
  Square rows;
  rows.load_state_dict(
      {{"a", rows.a.detach().select(0, 1).expand({2, 2})}, {"b", rows.a.detach()}});
  EXPECT_THAT(rows.a.to_vector<float>(), ElementsAre(3, 4, 3, 4));
  EXPECT_THAT(rows.b.to_vector<float>(), ElementsAre(1, 2, 3, 4));
}

TEST(LoadStateDict, OfAnEmptyModelAndAnEmptyState) {
  ReLU relu;
  EXPECT_THAT(relu.load_state_dict({}).missing_keys, IsEmpty());
  EXPECT_THROWS(RuntimeError, "Unexpected key(s) in state_dict: \"w\". ",
                relu.load_state_dict({{"w", std::nullopt}}));
}

// ---- Hooks

TEST(StateDictHooks, SeeEachModulesEntriesAndMayChangeThem) {
  Sequential model{Linear(1, 1), ReLU()};
  HookHandle handle = model[0].register_state_dict_hook(
      [](const Module& module, StateDict& state, const std::string& prefix) {
        EXPECT_EQ(module.name(), "Linear");
        EXPECT_EQ(prefix, "0.");
        state.set(prefix + "version", ones({}, int64));
      });
  EXPECT_THAT(names_of(model.state_dict()), ElementsAre("0.weight", "0.bias", "0.version"));
  handle.remove();
  EXPECT_THAT(names_of(model.state_dict()), ElementsAre("0.weight", "0.bias"));
}

TEST(StateDictHooks, MayRenameKeysOfAnOldStateAndSeeTheResult) {
  Sequential model{Linear(1, 1)};
  int loaded = 0;
  model[0].register_load_state_dict_pre_hook(
      [](Module&, StateDict& state, const std::string& prefix) {
        if (const std::optional<Tensor>* old = state.find(prefix + "kernel")) {
          state.set(prefix + "weight", *old);
          state.erase(prefix + "kernel");
        }
      });
  model.register_load_state_dict_post_hook([&](Module& module, const LoadResult& result) {
    ++loaded;
    EXPECT_EQ(&module, &model);
    EXPECT_EQ(module.get_parameter("0.weight").item<float>(), 3);
    EXPECT_THAT(result.unexpected_keys, IsEmpty());
  });
  const StateDict old{{"0.kernel", full({1, 1}, 3.f)}, {"0.bias", ones(1)}};
  model.load_state_dict(old);
  EXPECT_EQ(loaded, 1);
  EXPECT_TRUE(old.contains("0.kernel"));  // the hooks work on a copy
  EXPECT_THROWS(
      RuntimeError, "Unexpected key(s)",
      model.load_state_dict({{"0.kernel", ones({1, 1})}, {"0.bias", ones(1)}, {"x", {}}}));
  EXPECT_EQ(loaded, 1);
}

TEST(StateDictHooks, MayReplaceTheModulesThatWillBeLoaded) {
  // A head that grows to fit what comes.
  struct Model : Layer {
    Tensor forward(const Tensor& x) override { return head(x); }
    Child<Linear> head{this, "head", 2, 1};
  };
  Model model;
  int calls = 0;
  model.head->register_load_state_dict_pre_hook(
      [&](Module&, StateDict&, const std::string&) { ++calls; });
  model.register_load_state_dict_pre_hook(
      [&](Module&, StateDict& state, const std::string& prefix) {
        model.head = Linear(2, state.at(prefix + "head.weight").size(0));
      });
  model.load_state_dict({{"head.weight", ones({5, 2})}, {"head.bias", zeros(5)}});
  EXPECT_EQ(model.head->weight.shape(), Shape({5, 2}));
  EXPECT_EQ(model.head->weight.sum().item<float>(), 10);
  EXPECT_EQ(calls, 0);  // that module was gone
}

TEST(LoadStateDict, RefusesATargetWhoseElementsShareAnAddress) {
  struct Expanded : Net {
    Buffer wide{this, "wide", zeros(1).expand(3)};
  };
  Expanded net;
  StateDict state = net.state_dict();
  state.set("wide", ones(3));
  const std::vector<float> before = everything(net);
  state.set("scale", zeros(3));
  EXPECT_THROWS(RuntimeError,
                "cannot copy to wide: elements of the current model's share an address",
                net.load_state_dict(state));
  EXPECT_EQ(everything(net), before);
}

}  // namespace
}  // namespace lamina::nn
