#include "lamina/nn/sequential.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
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
#include "lamina/nn/parameter.h"
#include "lamina/nn/rnn.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Affine;
using test::Doubling;
using test::names_of;
using test::parameter_names;
using ::testing::ElementsAre;

// ---- Sequential

TEST(Sequential, RunsItsLayersInOrder) {
  Sequential model{Affine(2), Affine(10), Doubling()};
  EXPECT_EQ(model(full({}, 3.)).item<float>(), 142);  // ((3 * 2 + 1) * 10 + 1) * 2
  EXPECT_EQ(model.size(), 3);
  EXPECT_THAT(parameter_names(model), ElementsAre("0.factor", "1.factor", "2.factor"));
}

TEST(Sequential, WithoutLayersGivesItsInput) {
  Sequential model;
  const Tensor x = ones(2);
  EXPECT_EQ(model(x).impl(), x.impl());
  EXPECT_EQ(model.size(), 0);
}

TEST(Sequential, OfSequentialsIsNested) {
  Sequential model{Sequential{Affine(2), Affine(3)}, Sequential{Affine(4)}};
  EXPECT_EQ(model(ones({})).item<float>(), 41);  // ((2 + 1) * 3 + 1) * 4 + 1
  EXPECT_THAT(parameter_names(model), ElementsAre("0.0.factor", "0.1.factor", "1.0.factor"));
}

TEST(Sequential, FromASingleSequentialIsAMove) {
  Sequential inner{Affine(2), Affine(3)};
  Sequential model(std::move(inner));
  EXPECT_THAT(parameter_names(model), ElementsAre("0.factor", "1.factor"));
  Sequential braced{std::move(model)};
  EXPECT_THAT(parameter_names(braced), ElementsAre("0.factor", "1.factor"));
}

TEST(Sequential, FromASingleSubclassOfItIsNested) {
  struct Stage : Sequential {
    Stage() : Sequential{Affine(2)} {}
  };
  const Sequential model{Stage()};
  EXPECT_THAT(parameter_names(model), ElementsAre("0.0.factor"));
}

TEST(Sequential, GrowsByPushBack) {
  Sequential model;
  for (int i = 1; i <= 3; ++i) model.push_back(Affine(i));
  EXPECT_EQ(model(ones({})).item<float>(), 16);  // ((1 + 1) * 2 + 1) * 3 + 1
}

TEST(Sequential, MadeInBracesDrawsStartingValuesInOrder) {
  manual_seed(5);
  const Linear first(4, 3), second(3, 2);
  manual_seed(5);
  const Sequential model{Linear(4, 3), Linear(3, 2)};
  EXPECT_EQ(model.parameters()[0].to_vector<float>(), first.weight.to_vector<float>());
  EXPECT_EQ(model.parameters()[2].to_vector<float>(), second.weight.to_vector<float>());
}

TEST(Sequential, MovedFromThrowsInsteadOfPassingItsInputOn) {
  Sequential model{Affine(2)};
  const Sequential moved = std::move(model);
  const char* text = "[Module] expected a live module, got one that was moved from";
  EXPECT_THROWS(RuntimeError, text, model(ones(1)));
  EXPECT_THROWS(RuntimeError, text, model.size());
  EXPECT_THROWS(RuntimeError, text, model.push_back(ReLU()));
}

// ---- Named

TEST(Sequential, NamesItsModulesAsYouSay) {
  Sequential model{{"double", Doubling()}, {"plus", Affine(1)}};
  EXPECT_EQ(model(full({}, 3.f)).item<float>(), 7);
  EXPECT_THAT(parameter_names(model), ElementsAre("double.factor", "plus.factor"));
  const Sequential one{{"only", Affine(1)}};
  EXPECT_THAT(parameter_names(one), ElementsAre("only.factor"));
}

TEST(Sequential, MixesNamedModulesWithNumberedOnes) {
  Sequential model;
  EXPECT_TRUE(model.empty());
  model.push_back(Linear(3, 4));
  model.push_back("linear2", Linear(4, 4));
  model.push_back("shared", std::make_shared<ReLU>());
  model.push_back(std::make_shared<ReLU>());
  model.push_back(ReLU());
  EXPECT_THAT(names_of(model.named_children()), ElementsAre("0", "linear2", "shared", "3", "4"));
  EXPECT_FALSE(model.empty());
}

TEST(Sequential, RefusesNamesThatModulesRefuse) {
  Sequential model{{"a", ReLU()}};
  EXPECT_THROWS(ValueError, "\"a\", which is registered already", model.push_back("a", ReLU()));
  EXPECT_THROWS(ValueError, "got \"\"", model.push_back("", ReLU()));
  EXPECT_THROWS(ValueError, "got \"b.c\"", model.push_back("b.c", ReLU()));
  EXPECT_THROWS(ValueError, "\"x\", which is registered already",
                Sequential({{"x", ReLU()}, {"x", ReLU()}}));
  EXPECT_THROWS(ValueError, "[Sequential] expected a module, got null",
                model.push_back(std::shared_ptr<ReLU>()));
  EXPECT_EQ(model.size(), 1);
  EXPECT_EQ(model(ones(1)).item<float>(), 1);
}

TEST(Sequential, PrintsAsPyTorchDoes) {
  const Sequential model{{"hidden", Linear(2, 3)}, {"act", ReLU()}};
  EXPECT_EQ(model.str(),
            R"(Sequential(
  (hidden): Linear(in_features=2, out_features=3, bias=True)
  (act): ReLU()
))");
}

// ---- Access

TEST(Sequential, GivesItsModulesByNumber) {
  const auto shared = std::make_shared<Doubling>();
  Sequential model{Affine(1), ReLU()};
  model.push_back(shared);
  EXPECT_EQ(&model[2], shared.get());
  EXPECT_EQ(&model[-1], shared.get());
  EXPECT_EQ(&model.at<Doubling>(2), shared.get());
  EXPECT_EQ(&model.at<Affine>(-1), shared.get());
  EXPECT_EQ(model.at<Affine>(0).factor.item<float>(), 1);
  EXPECT_THROWS(ValueError, "[Sequential] expected a Linear at 1, got a ReLU", model.at<Linear>(1));
  EXPECT_THROWS(IndexError, "[Sequential] expected an index from -3 to 2, got 4", model[4]);
  EXPECT_THROWS(IndexError, "[Sequential] expected an index from -3 to 2, got 1000003",
                model.at<ReLU>(1000003));
  EXPECT_THROWS(IndexError, "expected an index into a list that is not empty, got 0",
                Sequential()[0]);
}

TEST(Sequential, IsIteratedInOrder) {
  const Sequential model{Affine(2), ReLU(), Affine(3)};
  std::string names;
  for (const Module& module : model) names += module.name() + " ";
  EXPECT_EQ(names, "Affine ReLU Affine ");
  EXPECT_EQ(std::distance(model.begin(), model.end()), 3);
  EXPECT_EQ(std::count_if(model.begin(), model.end(),
                          [](const Module& module) { return module.name() == "Affine"; }),
            2);
  EXPECT_EQ(model.begin()->parameter_count(), 1);
  EXPECT_EQ(Sequential().begin(), Sequential().end());
}

TEST(Sequential, IsMadeOfPointersToo) {
  const auto shared = std::make_shared<Doubling>();
  const std::shared_ptr<Layer> base = shared;
  Sequential model{shared, ReLU(), base};
  EXPECT_EQ(&model[0], shared.get());
  EXPECT_EQ(model.shared(2), shared);
  EXPECT_EQ(shared.use_count(), 4);  // the caller's two are left alone
  const Sequential named{{"a", shared}, {"b", ReLU()}};
  EXPECT_EQ(&named[0], shared.get());
  const Sequential nested{std::make_shared<Sequential>(Doubling())};
  EXPECT_EQ(nested.size(), 1);
  EXPECT_EQ(nested[0].name(), "Sequential");
  struct Net : Module {
    explicit Net(std::shared_ptr<Doubling> part) : body(this, "body", std::move(part), ReLU()) {}
    Child<Sequential> body;
  };
  EXPECT_EQ(&(*Net(shared).body)[0], shared.get());
  struct Other : Module {
    Child<Sequential> body{this, "body", std::make_shared<Sequential>(Doubling(), ReLU())};
  };
  EXPECT_EQ(Other().body->size(), 2);  // that one, not one around it
  EXPECT_THROWS(ValueError, "[Sequential] expected a module, got null",
                (Sequential{ReLU(), std::shared_ptr<Layer>()}));
  EXPECT_THROWS(ValueError, "got null", model.insert(0, std::shared_ptr<Layer>()));
  EXPECT_EQ(model.size(), 3);
}

// ---- Other signatures

// text -> its length -> whether that is odd, and a pair of tensors.
struct Length : Callable<int64_t(const std::string&)> {
  int64_t forward(const std::string& text) override { return static_cast<int64_t>(text.size()); }
};
struct Odd : Callable<bool(int64_t)> {
  bool forward(int64_t n) override { return n % 2 == 1; }
};
struct AddOne : Callable<int64_t(int64_t)> {
  int64_t forward(int64_t n) override { return n + 1; }
};
using TwoTensors = std::pair<Tensor, Tensor>;
struct Split : Callable<TwoTensors(const Tensor&, int64_t)> {
  TwoTensors forward(const Tensor& x, int64_t n) override { return {x * n, x + n}; }
};
struct Join : Callable<Tensor(TwoTensors)> {
  Tensor forward(TwoTensors parts) override { return parts.first - parts.second; }
};

TEST(Sequential, OfOtherSignaturesHandsOnWhatEachGives) {
  SequentialOf<bool(const std::string&)> model{Length(), AddOne(), Odd()};
  EXPECT_TRUE(model("four"));
  EXPECT_FALSE(model("three"));
  SequentialOf<Tensor(const Tensor&, int64_t)> tensors{Split(), Join(), Doubling()};
  EXPECT_EQ(tensors(full({}, 5.f), 3).item<float>(), 14);  // (5 * 3 - (5 + 3)) * 2
  EXPECT_EQ(tensors.str(), "Sequential(\n  (0): Split()\n  (1): Join()\n  (2): Doubling()\n)");
  SequentialOf<int64_t(int64_t)> numbers{AddOne(), AddOne(), AddOne()};
  EXPECT_EQ(numbers(1), 4);
  EXPECT_EQ((SequentialOf<int64_t(int64_t)>()(6)), 6);       // hands on what it got
  SequentialOf<Tensor(Tensor)> by_value{Affine(2), ReLU()};  // const and & do not matter
  EXPECT_EQ(by_value(ones({})).item<float>(), 3);
}

TEST(Sequential, GradientsAndHooksGoThroughOtherSignatures) {
  SequentialOf<Tensor(const Tensor&, int64_t)> model{Split(), Join(), Doubling()};
  int seen = 0;
  for (Module* module : model.modules()) {
    module->register_forward_hook(
        [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { ++seen; });
  }
  Tensor x = full({}, 5.f).requires_grad_();
  model(x, 3).backward();
  EXPECT_EQ(x.grad().item<float>(), 4);  // (3 - 1) * 2
  EXPECT_EQ(seen, 4);
}

TEST(Sequential, RefusesAModuleThatDoesNotTakeWhatComes) {
  Sequential model{Affine(2)};
  EXPECT_THROWS(ValueError,
                "[Sequential] expected a module that takes (Tensor), which the module before it "
                "gives, as \"1\", got Odd, which takes (long)",
                model.push_back(Odd()));
  EXPECT_THROWS(
      ValueError,
      "[Sequential] expected a module that takes (long), as the Sequential does, as \"0\", "
      "got Affine, which takes (Tensor)",
      (SequentialOf<Tensor(int64_t)>{Affine(2)}));
  SequentialOf<bool(int64_t)> flags{Odd()};
  EXPECT_THROWS(ValueError, "expected a module that takes (bool)", flags.push_back(AddOne()));
  SequentialOf<bool(int64_t)> numbers{AddOne()};
  EXPECT_THROWS(ValueError, "expected a module that takes (bool)", flags.extend(numbers));
  EXPECT_EQ(model.size(), 1);  // as before
  EXPECT_EQ(flags.size(), 1);
  EXPECT_TRUE(flags(3));
  EXPECT_EQ(model(ones({})).item<float>(), 3);
}

TEST(Sequential, ThatEndsInAnotherTypeThrowsWhenItIsCalled) {
  SequentialOf<bool(int64_t)> unfinished{AddOne()}, empty;
  EXPECT_THROWS(RuntimeError, "[Sequential] expected its last module to give bool, got long",
                unfinished(1));
  unfinished.push_back(Odd());
  EXPECT_TRUE(unfinished(2));
  EXPECT_THROWS(RuntimeError, "[Sequential] expected at least one module", empty(1));
}

// What an RNN gives without its last state.
struct Output : Callable<Tensor(const RNNResult&)> {
  Tensor forward(const RNNResult& result) override { return result.output; }
};
struct LastHidden : Callable<Tensor(const LSTMResult&)> {
  Tensor forward(const LSTMResult& result) override { return result.state.hidden; }
};

TEST(Sequential, LeavesOutArgumentsThatMayBeLeftOut) {
  // LibTorch's test ModuleForwardMethodOptionalArg.
  Sequential model{Linear(2, 3), GRU(3, 4), Output(), LSTM(4, 5), LastHidden(), Linear(5, 1)};
  const Tensor x = randn({6, 2, 2});
  const RNNResult middle = model.at<GRU>(1)(model.at<Linear>(0)(x));
  const LSTMResult end = model.at<LSTM>(3)(middle.output);
  EXPECT_EQ(model(x).to_vector<float>(), model.at<Linear>(5)(end.state.hidden).to_vector<float>());
  EXPECT_EQ(model(x).shape(), Shape({1, 2, 1}));
  SequentialOf<RNNResult(const Tensor&)> first{std::make_shared<GRU>(2, 4)};
  EXPECT_EQ(first(x).output.shape(), Shape({6, 2, 4}));
  SequentialOf<Tensor(const Tensor&, const Tensor&)> both{GRU(2, 4), Output()};
  EXPECT_EQ(both(x, zeros({1, 2, 4})).shape(), Shape({6, 2, 4}));
  EXPECT_THROWS(ValueError, "expected a module that takes (Tensor)",
                (Sequential{ReLU(), Split()}));  // it needs both
  const Sequential copy = clone(model);
  EXPECT_EQ(copy.size(), 6);
}

// ---- Misuse, and threads

static_assert(!std::is_constructible_v<Sequential, Affine&>);   // a copy: Sequential model(layer);
static_assert(!std::is_constructible_v<Sequential, Module&&>);  // it cannot be called
static_assert(!std::is_constructible_v<Sequential, int>);
static_assert(!std::is_convertible_v<Affine, Sequential>);

TEST(Sequential, MayRunOnSeveralThreadsAtOnce) {
  // With gradients recorded too: the graphs share the parameters. The thread sanitizer watches.
  Sequential model{Linear(5, 4), ReLU(), Linear(4, 3)};
  model.eval();
  const Tensor x = randn({6, 5});
  const std::vector<float> expected = model(x).to_vector<float>();
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (std::vector<float>& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) result = model(x).to_vector<float>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace lamina::nn
