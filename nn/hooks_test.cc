#include "lamina/nn/hooks.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/attention.h"
#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/rnn.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/nn/transformer.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Mixer;
using test::Scale;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Hooks, APreHookReplacesTheInputAndAHookTheOutput) {
  Scale layer(3);
  const Tensor x = full({}, 2.f);
  HookHandle pre =
      layer.register_forward_pre_hook([&](Module& module, std::vector<Tensor>& inputs) {
        EXPECT_EQ(&module, &layer);
        ASSERT_EQ(inputs.size(), 1u);
        EXPECT_EQ(inputs[0].impl(), x.impl());
        inputs[0] = inputs[0] + 5;
      });
  HookHandle post = layer.register_forward_hook(
      [&](Module& module, absl::Span<const Tensor> inputs, std::vector<Tensor>& outputs) {
        EXPECT_EQ(&module, &layer);
        EXPECT_EQ(inputs[0].item<float>(), 7);
        EXPECT_EQ(outputs[0].item<float>(), 21);
        outputs[0] = outputs[0] * 10;
      });
  EXPECT_EQ(layer(x).item<float>(), 210);
  EXPECT_EQ(x.item<float>(), 2);
  pre.remove();
  EXPECT_EQ(layer(full({}, 7.f)).item<float>(), 210);
  post.remove();
  EXPECT_EQ(layer(x).item<float>(), 6);
}

TEST(Hooks, RunInTheOrderInWhichTheyWereAdded) {
  Scale layer(1);
  std::string order;
  std::vector<HookHandle> handles;
  for (const char c : {'a', 'b', 'c'}) {
    handles.push_back(layer.register_forward_pre_hook(
        [&order, c](Module&, std::vector<Tensor>&) { order += c; }));
    layer.register_forward_hook([&order, c](Module&, absl::Span<const Tensor>,
                                            std::vector<Tensor>&) { order += c - 'a' + 'A'; });
  }
  layer(ones(1));
  EXPECT_EQ(order, "abcABC");
  order.clear();
  handles[1].remove();
  layer(ones(1));
  EXPECT_EQ(order, "acABC");
}

TEST(Hooks, StayWithAModuleThatMoves) {
  Scale layer(1);
  const Module* seen = nullptr;
  HookHandle handle = layer.register_forward_pre_hook(
      [&](Module& module, std::vector<Tensor>&) { seen = &module; });
  Scale moved = std::move(layer);
  Sequential model{std::move(moved)};
  model(ones(1));
  EXPECT_EQ(seen, &model[0]);
  seen = nullptr;
  handle.remove();
  model(ones(1));
  EXPECT_EQ(seen, nullptr);
}

TEST(Hooks, SeeTheTensorsAmongArgumentsAndResultsOfAnyKind) {
  Mixer mixer;
  std::vector<int64_t> counts;
  mixer.register_forward_pre_hook([&](Module&, std::vector<Tensor>& inputs) {
    counts.push_back(static_cast<int64_t>(inputs.size()));
    inputs[1] = full({}, 100.f);  // y
  });
  mixer.register_forward_hook(
      [&](Module&, absl::Span<const Tensor> inputs, std::vector<Tensor>& outputs) {
        EXPECT_EQ(inputs[1].item<float>(), 100);
        ASSERT_EQ(outputs.size(), 2u);
        outputs[1] = outputs[1] + 1;
      });
  const auto [product, rest] = mixer(full({}, 3.f), full({}, 5.f), 7, std::nullopt);
  EXPECT_EQ(product.item<float>(), 300);
  EXPECT_EQ(rest[0].item<float>(), 22);  // 7 x + 1
  EXPECT_EQ(mixer(full({}, 3.f), full({}, 5.f), 7, full({}, 2.f)).second[0].item<float>(), 15);
  EXPECT_THAT(counts, ElementsAre(2, 3));
}

struct Cache {
  int calls = 0;
};
struct Stateful : Callable<std::tuple<>(Cache& cache, const Tensor& x)> {
  std::tuple<> forward(Cache& cache, const Tensor&) override {
    ++cache.calls;
    return {};
  }
};
struct Silent : Callable<void()> {
  void forward() override { ++calls; }
  int calls = 0;
};

TEST(Hooks, LeaveReferencesAndModulesWithoutTensorsAlone) {
  int pre = 0, post = 0;
  const auto count_both = [&](Module& module) {
    module.register_forward_pre_hook([&](Module&, std::vector<Tensor>&) { ++pre; });
    module.register_forward_hook(
        [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>& outputs) {
          EXPECT_THAT(outputs, IsEmpty());
          ++post;
        });
  };
  Stateful stateful;
  Silent silent;
  count_both(stateful);
  count_both(silent);
  Cache cache;
  stateful(cache, ones(1));
  silent();
  EXPECT_EQ(cache.calls, 1);
  EXPECT_EQ(silent.calls, 1);
  EXPECT_EQ(pre, 2);
  EXPECT_EQ(post, 2);
}

struct State {
  template <class F>
  void for_each_tensor(F f) {
    f(hidden);
    f(cell);
  }
  Tensor hidden, cell;
};
struct Cell : Callable<State(const State&)> {
  State forward(const State& state) override { return {state.hidden + 1, state.cell + 2}; }
};

TEST(Hooks, SeeTheTensorsOfAStructThatTellsThem) {
  Cell cell;
  cell.register_forward_pre_hook(
      [](Module&, std::vector<Tensor>& inputs) { std::swap(inputs[0], inputs[1]); });
  const State given{full({}, 10.f), full({}, 20.f)};
  const State result = cell(given);
  EXPECT_EQ(result.hidden.item<float>(), 21);
  EXPECT_EQ(result.cell.item<float>(), 12);
  EXPECT_EQ(given.hidden.item<float>(), 10);
}

// The shapes that hooks of a call see, in order: of inputs, outputs, and gradients of the outputs;
// () stands for an undefined tensor.
struct Seen {
  template <class M>
  explicit Seen(M& module) {
    module.register_forward_pre_hook(
        [this](Module&, std::vector<Tensor>& tensors) { inputs = shapes(tensors); });
    module.register_forward_hook(
        [this](Module&, absl::Span<const Tensor>, std::vector<Tensor>& tensors) {
          outputs = shapes(tensors);
          tensors[0] = tensors[0] * 0;
        });
    module.register_backward_hook(
        [this](Module&, std::vector<Tensor>&, absl::Span<const Tensor> tensors) {
          gradients = shapes(tensors);
        });
  }
  static std::vector<Shape> shapes(absl::Span<const Tensor> tensors) {
    std::vector<Shape> all;
    for (const Tensor& x : tensors) all.push_back(x.defined() ? x.shape() : Shape());
    return all;
  }
  std::vector<Shape> inputs, outputs, gradients;
};

// The hook made the output 0.
void expect_replaced(const Tensor& output) {
  EXPECT_EQ(output.abs().max().item<float>(), 0);
  output.sum().backward();
}

TEST(Hooks, SeeWhatAttentionAndRecurrentLayersTakeAndGive) {
  const Shape x{2, 3, 4}, weights{2, 3, 3}, none{}, state{1, 3, 5};
  MultiheadAttention attention(4, 2);
  const Seen of_attention(attention);
  const Tensor query = randn(x).requires_grad_();
  expect_replaced(attention(query, query, query).output);
  EXPECT_THAT(of_attention.inputs, ElementsAre(x, x, x));
  EXPECT_THAT(of_attention.outputs, ElementsAre(x, weights));
  EXPECT_THAT(of_attention.gradients, ElementsAre(x, none));
  expect_replaced(attention(query));
  EXPECT_THAT(of_attention.outputs, ElementsAre(x, none));

  LSTM lstm(4, 5);  // (time, batch, features)
  const Seen of_lstm(lstm);
  expect_replaced(lstm(query).output);
  EXPECT_THAT(of_lstm.inputs, ElementsAre(x, none, none));
  EXPECT_THAT(of_lstm.outputs, ElementsAre(Shape({2, 3, 5}), state, state));
  EXPECT_THAT(of_lstm.gradients, ElementsAre(Shape({2, 3, 5}), none, none));
  lstm(query, {zeros(state), zeros(state)});
  EXPECT_THAT(of_lstm.inputs, ElementsAre(x, state, state));
}

TEST(Hooks, FireForEveryPartOfATransformer) {
  TransformerEncoder encoder(TransformerEncoderLayer(4, 2, {.dim_feedforward = 6}), 2);
  std::map<std::string, int> calls;
  for (const auto& entry : encoder.named_modules()) {
    entry.second->register_forward_hook(
        [&calls, name = entry.first](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) {
          ++calls[name];
        });
  }
  const Seen seen(encoder);
  const Tensor x = randn({3, 2, 4}).requires_grad_();
  expect_replaced(encoder(x));
  EXPECT_THAT(seen.inputs, ElementsAre(x.shape()));
  EXPECT_THAT(seen.outputs, ElementsAre(x.shape()));
  EXPECT_THAT(seen.gradients, ElementsAre(x.shape()));
  std::map<std::string, int> once{{"", 1}};
  for (const std::string layer : {"layers.0", "layers.1"}) {
    once[layer] = 1;
    for (const char* part : {"self_attn", "self_attn.out_proj", "linear1", "dropout", "linear2",
                             "norm1", "norm2", "dropout1", "dropout2"}) {
      once[layer + "." + part] = 1;
    }
  }
  EXPECT_EQ(calls, once);
}

TEST(Hooks, MayAddAndRemoveHooksAndCallTheModule) {
  Scale layer(2);
  int outer = 0, inner = 0;
  HookHandle handle;
  handle = layer.register_forward_hook(
      [&](Module& module, absl::Span<const Tensor> inputs, std::vector<Tensor>& outputs) {
        ++outer;
        handle.remove();
        module.register_forward_pre_hook([&](Module&, std::vector<Tensor>&) { ++inner; });
        outputs[0] = layer(inputs[0]) + 1;
      });
  EXPECT_EQ(layer(ones({})).item<float>(), 3);
  EXPECT_EQ(outer, 1);
  EXPECT_EQ(inner, 1);
}

TEST(Hooks, ThatChangeTheNumberOfTensorsAreRefused) {
  Scale layer(1);
  HookHandle handle =
      layer.register_forward_pre_hook([](Module&, std::vector<Tensor>& inputs) { inputs.clear(); });
  EXPECT_THROWS(RuntimeError,
                "[forward pre-hook] expected the hook of Scale to leave 1 tensor, got 0",
                layer(ones(1)));
  handle.remove();
  layer.register_forward_hook([](Module&, absl::Span<const Tensor>, std::vector<Tensor>& outputs) {
    outputs.push_back(ones(1));
  });
  EXPECT_THROWS(RuntimeError, "[forward hook] expected the hook of Scale to leave 1 tensor, got 2",
                layer(ones(1)));
}

TEST(Hooks, ThatMoveOrDestroyTheModuleOfTheCallAreRefused) {
  auto layer = std::make_unique<Scale>(2);
  std::unique_ptr<Scale> moved;
  layer->register_forward_pre_hook(
      [&](Module&, std::vector<Tensor>&) { moved = std::make_unique<Scale>(std::move(*layer)); });
  EXPECT_THROWS(RuntimeError,
                "[Module] expected hooks to leave the module that is called where it is, got one "
                "that was moved",
                (*layer)(ones(1)));
  layer = std::make_unique<Scale>(2);
  layer->register_forward_pre_hook([&](Module&, std::vector<Tensor>&) { layer.reset(); });
  EXPECT_THROWS(RuntimeError, "got one that was destroyed", (*layer)(ones(1)));
  layer = std::make_unique<Scale>(2);
  for (int i = 0; i < 2; ++i) {
    layer->register_forward_hook(
        [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { layer.reset(); });
  }
  EXPECT_THROWS(RuntimeError, "got one that was destroyed", (*layer)(ones(1)));
}

struct Owner : Layer {
  Tensor forward(const Tensor& x) override { return layer(x); }
  Child<Layer> layer{this, "layer", Scale(2)};
};

TEST(Hooks, TheLastOneMayReplaceTheModule) {
  Owner owner;
  owner.layer->register_forward_hook(
      [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { owner.layer = Scale(5); });
  EXPECT_EQ(owner(ones({})).item<float>(), 2);
  EXPECT_EQ(owner(ones({})).item<float>(), 5);
}

TEST(Hooks, RunOnSeveralThreadsAtOnce) {
  // In eval mode, with gradients recorded. The thread sanitizer watches.
  Sequential model{Linear(4, 4), ReLU(), Linear(4, 2)};
  model.eval();
  std::atomic<int> calls = 0;
  for (Module* module : model.modules()) {
    module->register_forward_pre_hook([&](Module&, std::vector<Tensor>&) { ++calls; });
    module->register_forward_hook(
        [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { ++calls; });
    module->register_backward_hook([](Module&, std::vector<Tensor>&, absl::Span<const Tensor>) {});
  }
  const Tensor x = randn({3, 4});
  const std::vector<float> expected = model(x).to_vector<float>();
  calls = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) EXPECT_EQ(model(x).to_vector<float>(), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls, 4 * 25 * 4 * 2);  // threads, calls, modules, pre-hook and hook
}

TEST(Hooks, ThatAreEmptyFunctionsAreRefused) {
  Scale layer(1);
  EXPECT_THROWS(ValueError, "[register_forward_hook] expected a function, got an empty one",
                layer.register_forward_hook(nullptr));
  EXPECT_THROWS(ValueError, "[register_backward_hook]", layer.register_backward_hook({}));
}

}  // namespace
}  // namespace lamina::nn
