// Models that change while something walks over them, and models so deep that a walk ends.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/module_dict.h"
#include "lamina/nn/module_list.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Affine;
using test::Doubling;
using ::testing::ElementsAre;

constexpr const char* kEdited = "[Sequential] expected its modules to stay while it runs";

// ---- Changes meanwhile. PyTorch refuses those of a running Sequential, too.

TEST(Walk, AHookMayNotInsertIntoOrEraseFromTheRunningSequential) {
  Sequential model{Affine(1), Affine(2), Affine(3)};
  HookHandle handle = model[0].register_forward_pre_hook(
      [&](Module&, std::vector<Tensor>&) { model.push_back(Affine(4)); });
  EXPECT_THROWS(RuntimeError, kEdited, model(ones({})));
  handle.remove();
  EXPECT_EQ(model.size(), 4);
  handle = model[1].register_forward_hook(
      [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { model.erase(1); });
  EXPECT_THROWS(RuntimeError, kEdited, model(ones({})));
  EXPECT_EQ(model.size(), 3);
  EXPECT_EQ(model(ones({})).item<float>(), 29);  // ((1 + 1) * 3 + 1) * 4 + 1
}

TEST(Walk, AHookMayReplaceALayerOfTheRunningSequential) {
  Sequential model{Affine(1), Affine(2)};
  HookHandle handle = model[0].register_forward_hook(
      [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { model.set(1, Affine(5)); });
  EXPECT_EQ(model(ones({})).item<float>(), 11);  // (1 + 1) * 5 + 1
}

TEST(Walk, ARunningSequentialOfOtherTypesMayNotChangeThem) {
  struct Length : Callable<int64_t(const std::string&)> {
    int64_t forward(const std::string& text) override { return static_cast<int64_t>(text.size()); }
  };
  struct Editing : Callable<int64_t(int64_t)> {
    int64_t forward(int64_t n) override {
      if (edit) edit();
      return n;
    }
    std::function<void()> edit;
  };
  struct ToText : Callable<std::string(int64_t)> {
    std::string forward(int64_t n) override { return std::to_string(n); }
  };
  SequentialOf<int64_t(const std::string&)> model{Length(), Editing(), Editing()};
  model.at<Editing>(1).edit = [&] {  // 2 gets an integer, and would be one that takes a text
    model.erase(2);
    model.push_back(ToText());
    model.push_back(Length());
  };
  EXPECT_THROWS(RuntimeError, kEdited, model("abc"));
}

TEST(Walk, ApplyPassesOverWhatIsGone) {
  Sequential model{ReLU(), Linear(2, 2), Sequential{Linear(2, 2)}};
  std::vector<std::string> seen;
  model.apply([&](Module& module) {
    seen.push_back(module.name());
    if (module.name() != "ReLU") return;
    model.set(1, Doubling());
    model.at<Sequential>(2).clear();
  });
  EXPECT_THAT(seen, ElementsAre("ReLU", "Sequential", "Sequential"));
}

TEST(Walk, AStateDictHookMayEraseAndAddModules) {
  ModuleList<> list{Affine(1), Affine(2), Affine(3)};
  HookHandle handle =
      list[0].register_state_dict_hook([&](const Module&, StateDict&, const std::string&) {
        handle.remove();
        list.erase(0);
        for (int i = 0; i < 20; ++i) list.push_back(ReLU());
      });
  EXPECT_EQ(list.state_dict().size(), 3);  // those that were there
  EXPECT_EQ(list.state_dict().size(), 2);
}

TEST(Walk, TrainMayEraseAndAddModules) {
  struct Editing : Layer {
    Tensor forward(const Tensor& x) override { return x; }
    void train(bool training) override {
      Module::train(training);
      const std::function<void()> run = edit;  // for this module may go
      if (run) run();
    }
    std::function<void()> edit;
  };
  ModuleList<> list{Editing(), Affine(2)};
  list.at<Editing>(0).edit = [&] {
    list.erase(0);
    for (int i = 0; i < 20; ++i) list.push_back(ReLU());
  };
  list.eval();
  EXPECT_EQ(list.size(), 21);
  EXPECT_FALSE(list[0].is_training());
}

// What is registered past a container would not be in it.
template <class T, class = void>
constexpr bool kRegisters = false;
template <class T>
constexpr bool kRegisters<
    T, std::void_t<decltype(std::declval<T&>().register_module("x", std::make_shared<ReLU>()))>> =
    true;
static_assert(kRegisters<Module>);
static_assert(!kRegisters<Sequential> && !kRegisters<ModuleList<>> && !kRegisters<ModuleDict<>>);

// ---- Depth

// `levels` Sequentials, each the only module of the one before.
Sequential nested(int levels) {
  Sequential top;
  Sequential* at = &top;
  for (int i = 1; i < levels; ++i) {
    const auto next = std::make_shared<Sequential>();
    at->push_back(next);
    at = next.get();
  }
  return top;
}

TEST(Walk, AModelOfAnyDepthIsDestroyed) { EXPECT_EQ(nested(100000).size(), 1); }

TEST(Walk, ADeepModelWorks) {
  Sequential model = nested(1000);
  EXPECT_EQ(model.modules().size(), 1000u);
  EXPECT_EQ(clone(model).modules().size(), 1000u);
  EXPECT_EQ(model(ones({})).item<float>(), 1);
  model.eval();
  EXPECT_FALSE(model.modules().back()->is_training());
  EXPECT_EQ(model.state_dict().size(), 0);
}

TEST(Walk, AModelThatIsTooDeepSaysSo) {
  Sequential model = nested(20000);
  const char* text = "[Module] expected modules within modules to at most 1000 levels, got more";
  EXPECT_THROWS(RuntimeError, text, model.modules());
  EXPECT_THROWS(RuntimeError, text, model.parameters());
  EXPECT_THROWS(RuntimeError, text, model.apply([](Module&) {}));
  EXPECT_THROWS(RuntimeError, text, model.eval());
  EXPECT_THROWS(RuntimeError, text, model.state_dict());
  EXPECT_THROWS(RuntimeError, text, model.load_state_dict({}));
  EXPECT_THROWS(RuntimeError, text, model.str());
  EXPECT_THROWS(RuntimeError, text, clone(model));
  EXPECT_THROWS(RuntimeError, text, Sequential(std::make_shared<Sequential>(std::move(model))));
  EXPECT_EQ(nested(1000).modules().size(), 1000u);  // what threw left the count of levels as it was
}

// ---- Size

TEST(Walk, ContainersHoldThousandsOfModules) {
  constexpr int kCount = 2000;
  Sequential sequential;
  ModuleList<> list;
  ModuleDict<> dict;
  const auto shared = std::make_shared<Affine>(1);
  for (int i = 0; i < kCount; ++i) {
    sequential.push_back(shared);
    list.push_back(shared);
    dict.set(std::to_string(i), shared);
  }
  EXPECT_EQ(sequential(zeros({})).item<float>(), kCount);
  sequential.extend(sequential);
  sequential.erase(0);
  sequential.insert(0, ReLU());
  EXPECT_EQ(sequential.size(), 2 * kCount);
  EXPECT_EQ(&sequential[-1], shared.get());
  list.erase(0);
  EXPECT_EQ(list.size(), kCount - 1);
  EXPECT_EQ(dict.pop("0"), shared);
  EXPECT_EQ(dict.size(), kCount - 1);
  sequential.clear();
  list.clear();
  dict.clear();
  EXPECT_EQ(sequential.children().size() + list.children().size() + dict.children().size(), 0u);
}

// ---- Threads

TEST(Walk, TwoThreadsRunOneModelInEvalModeWithItsHooks) {
  Sequential model{Linear(8, 8), Sequential{ReLU(), Linear(8, 2)}};
  model.eval();
  model[1].register_forward_hook([](Module&, absl::Span<const Tensor>,
                                    std::vector<Tensor>& outputs) { outputs[0] = outputs[0] * 2; });
  const Tensor x = rand({4, 8});
  const std::vector<float> wanted =
      (model.at<Layer>(1).forward(model.at<Layer>(0)(x)) * 2).to_vector<float>();
  std::vector<int> wrong(2);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      const NoGradGuard no_grad;
      for (int i = 0; i < 100; ++i) count += model(x).to_vector<float>() != wanted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0));
}

}  // namespace
}  // namespace lamina::nn
