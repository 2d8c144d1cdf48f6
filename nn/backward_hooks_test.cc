// Hooks of the backward pass.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/hooks.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::Mixer;
using test::Scale;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Gradients {
  std::vector<std::vector<float>> inputs, outputs;  // empty for an undefined one
};
std::vector<float> values(const Tensor& t) {
  return t.defined() ? t.to_vector<float>() : std::vector<float>();
}
HookHandle record(Module& module, Gradients& gradients) {
  return module.register_backward_hook(
      [&gradients](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor> outputs) {
        for (const Tensor& t : inputs) gradients.inputs.push_back(values(t));
        for (const Tensor& t : outputs) gradients.outputs.push_back(values(t));
      });
}

TEST(BackwardHooks, ABackwardHookSeesTheGradientsOfInputsAndOutputs) {
  Scale layer(3);
  Gradients gradients;
  record(layer, gradients);
  Tensor x = full({}, 2.f).requires_grad_();
  (layer(x) * 5).backward();
  EXPECT_THAT(gradients.outputs, ElementsAre(ElementsAre(5)));
  EXPECT_THAT(gradients.inputs, ElementsAre(ElementsAre(15)));
  EXPECT_EQ(x.grad().item<float>(), 15);
  EXPECT_EQ(layer.scale.grad().item<float>(), 10);
}

TEST(BackwardHooks, ABackwardHookMayReplaceTheGradientsOfInputs) {
  Scale layer(3);
  layer.register_backward_hook([](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor>) {
    inputs[0] = inputs[0] * 100;
  });
  HookHandle pre = layer.register_backward_pre_hook(
      [](Module&, std::vector<Tensor>& outputs) { outputs[0] = outputs[0] + 1; });
  Tensor x = full({}, 2.f).requires_grad_();
  layer(x).backward();
  EXPECT_EQ(x.grad().item<float>(), 600);          // (1 + 1) * 3 * 100
  EXPECT_EQ(layer.scale.grad().item<float>(), 4);  // (1 + 1) * 2
  pre.remove();
  layer.zero_grad();
  layer(x).backward();
  EXPECT_EQ(layer.scale.grad().item<float>(), 2);
}

TEST(BackwardHooks, OfSeveralInputsAndOutputsComeTogether) {
  Mixer mixer;
  Gradients gradients;
  record(mixer, gradients);
  Tensor x = full({}, 3.f).requires_grad_(), z = full({}, 4.f).requires_grad_();
  const auto [product, rest] = mixer(x, full({}, 5.f), 7, z);
  (product + rest[0] * 2).backward();
  EXPECT_THAT(gradients.inputs, ElementsAre(ElementsAre(5), IsEmpty(), ElementsAre(14)));
  EXPECT_THAT(gradients.outputs, ElementsAre(ElementsAre(1), ElementsAre(2)));
  // Only one of the results goes into the loss.
  gradients = {};
  const auto again = mixer(x, full({}, 5.f), 7, z);
  again.first.backward();
  EXPECT_THAT(gradients.outputs, ElementsAre(ElementsAre(1), IsEmpty()));
}

TEST(BackwardHooks, OfAModuleWhoseInputsWantNoGradientRunToo) {
  // As in PyTorch, with no gradients of inputs.
  Scale layer(3);
  Gradients gradients;
  HookHandle handle = record(layer, gradients);
  layer(full({}, 2.f)).backward();
  EXPECT_THAT(gradients.outputs, ElementsAre(ElementsAre(1)));
  EXPECT_THAT(gradients.inputs, ElementsAre(IsEmpty()));
  gradients = {};
  const NoGradGuard no_grad;
  layer(full({}, 2.f));
  EXPECT_THAT(gradients.outputs, IsEmpty());
}

TEST(BackwardHooks, ABackwardHookGetsTheModuleWhereItIsNow) {
  Tensor x = ones({}).requires_grad_();
  const Module* seen = nullptr;
  std::optional<Scale> layer(std::in_place, 3);
  layer->register_backward_hook(
      [&](Module& module, std::vector<Tensor>&, absl::Span<const Tensor>) { seen = &module; });
  Tensor y = (*layer)(x);
  Scale moved = std::move(*layer);
  layer.reset();
  y.backward();
  EXPECT_EQ(seen, &moved);
  EXPECT_EQ(x.grad().item<float>(), 3);

  seen = nullptr;
  {
    const Scale gone = std::move(moved);
    y = const_cast<Scale&>(gone)(x);
  }
  y.backward();  // the module is gone; gradients flow
  EXPECT_EQ(seen, nullptr);
  EXPECT_EQ(x.grad().item<float>(), 6);
}

TEST(BackwardHooks, OfNestedModulesRunFromTheOutsideIn) {
  std::string order;
  Sequential inner{Scale(2), ReLU()};
  Sequential model{std::move(inner), Scale(3)};
  for (const auto& [name, module] : model.named_modules()) {
    module->register_backward_hook(
        [&order, name = name](Module&, std::vector<Tensor>&, absl::Span<const Tensor>) {
          order += "[" + name + "]";
        });
  }
  Tensor x = ones({}).requires_grad_();
  model(x).backward();
  EXPECT_EQ(x.grad().item<float>(), 6);
  // A module's hook waits for the gradients of its inputs: PyTorch 1.13 printed the same.
  EXPECT_EQ(order, "[1][0.1][0.0][0][]");
}

TEST(BackwardHooks, OfTheBackwardPassTakePartInSecondDerivatives) {
  Scale layer(3);
  layer.register_backward_hook([](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor>) {
    inputs[0] = inputs[0] * inputs[0];
  });
  Tensor x = full({}, 2.f).requires_grad_();
  const Tensor y = layer(x * x);
  const Tensor gx = grad({y}, {x}, {}, {.create_graph = true})[0];
  EXPECT_EQ(gx.item<float>(), 36);  // 3^2 * 2x
  EXPECT_EQ(grad({gx}, {x})[0].item<float>(), 18);
}

TEST(BackwardHooks, SeeUndefinedGradientsOfOutputsThatTheLossLeavesOut) {
  struct Cached : Layer {
    Tensor forward(const Tensor& x) override {
      kept = x * 2;
      return x * 3;
    }
    Tensor kept;
  };
  Cached layer;
  Gradients gradients;
  record(layer, gradients);
  Tensor x = ones({}).requires_grad_();
  layer(x);
  layer.kept.backward();
  EXPECT_THAT(gradients.outputs, ElementsAre(IsEmpty()));
  EXPECT_THAT(gradients.inputs, ElementsAre(ElementsAre(2)));
}

TEST(BackwardHooks, OfTheBackwardPassMayDestroyTheModule) {
  auto layer = std::make_unique<Scale>(3);
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    layer->register_backward_pre_hook([&](Module&, std::vector<Tensor>&) {
      ++calls;
      layer.reset();
    });
  }
  Tensor x = ones({}).requires_grad_();
  (*layer)(x).backward();
  EXPECT_EQ(calls, 1);  // nobody is left to call the second for
  EXPECT_EQ(x.grad().item<float>(), 3);
}

TEST(BackwardHooks, ThrownFromLeaveTheModuleUsable) {
  Scale layer(3);
  HookHandle handle = layer.register_backward_hook(
      [](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor>) { inputs.clear(); });
  Tensor x = ones({}).requires_grad_();
  EXPECT_THROWS(RuntimeError, "[backward hook] expected the hook of Scale to leave 1 tensor, got 0",
                layer(x).backward());
  handle.remove();
  layer(x).backward();
  EXPECT_EQ(x.grad().item<float>(), 3);
}

TEST(BackwardHooks, OfTheBackwardPassCountFromTheNextCallOn) {
  Scale layer(3);
  layer.register_backward_pre_hook([](Module&, std::vector<Tensor>&) {});
  Tensor x = ones({}).requires_grad_();
  const Tensor y = layer(x);
  int calls = 0;
  layer.register_backward_hook(
      [&](Module&, std::vector<Tensor>&, absl::Span<const Tensor>) { ++calls; });
  y.backward();
  EXPECT_EQ(calls, 0);
  layer(x).backward();
  EXPECT_EQ(calls, 1);
}

TEST(BackwardHooks, ThatLeaveAGradientOfAnotherShapeAreNamed) {
  Scale layer(3);
  HookHandle handle = layer.register_backward_hook(
      [](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor>) { inputs[0] = ones(3); });
  Tensor x = ones({2, 2}).requires_grad_();
  EXPECT_THROWS(
      ShapeError,
      "[backward hook] expected the hook of Scale to leave a gradient of shape (2, 2) and "
      "dtype float32 for input 0, got shape (3,) and dtype float32",
      layer(x).sum().backward());
  handle.remove();
  handle = layer.register_backward_pre_hook(
      [](Module&, std::vector<Tensor>& outputs) { outputs[0] = outputs[0].to(float64); });
  EXPECT_THROWS(
      ShapeError,
      "[backward pre-hook] expected the hook of Scale to leave a gradient of shape (2, 2) "
      "and dtype float32 for output 0, got shape (2, 2) and dtype float64",
      layer(x).sum().backward());
  handle.remove();
  layer(x).sum().backward();
  EXPECT_EQ(x.grad().sum().item<float>(), 12);
}

TEST(BackwardHooks, ThatWriteToAGradientAreNamed) {
  Scale layer(3);
  HookHandle handle = layer.register_backward_hook(
      [](Module&, std::vector<Tensor>&, absl::Span<const Tensor> outputs) { outputs[0].mul_(2); });
  Tensor x = ones(2).requires_grad_();
  EXPECT_THROWS(
      RuntimeError,
      "[backward hook] expected the hook of Scale to leave the gradients as they are, got "
      "one that was written to",
      layer(x).backward(ones(2)));
  handle.remove();
  layer.register_backward_pre_hook(
      [](Module&, std::vector<Tensor>& outputs) { outputs[0].mul_(2); });
  EXPECT_THROWS(RuntimeError,
                "[backward pre-hook] expected the hook of Scale to leave the gradients",
                layer(x).backward(ones(2)));
}

TEST(BackwardHooks, MayPutAnythingForAnInputThatWantsNoGradient) {
  Mixer mixer;
  mixer.register_backward_hook([](Module&, std::vector<Tensor>& inputs, absl::Span<const Tensor>) {
    inputs[1] = ones({7, 7});
  });
  Tensor x = full({}, 3.f).requires_grad_();
  mixer(x, full({}, 5.f), 7, std::nullopt).first.backward();
  EXPECT_EQ(x.grad().item<float>(), 5);
}

}  // namespace
}  // namespace lamina::nn
