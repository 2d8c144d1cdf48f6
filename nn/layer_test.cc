// Calls of modules that no module has as a member.
#include "lamina/nn/layer.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/sequential.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

struct Forgetful : Layer {
  explicit Forgetful(int count) {
    for (int i = 0; i < count; ++i) layers.emplace_back(2, 2);
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = ReLU()(x);  // without parameters: nothing is lost
    for (Linear& layer : layers) y = layer(y);
    return y;
  }
  std::vector<Linear> layers;
};

TEST(Call, OfAModuleInAPlainVectorIsAnError) {
  Forgetful net(2);
  const char* text =
      "[Linear] expected a module that Forgetful has as a member, for its forward calls it, got "
      "one "
      "without an owner, whose parameters would be neither trained nor saved. Declare it as "
      "nn::Child<Linear>, or keep several in an nn::ModuleList.";
  EXPECT_THROWS(RuntimeError, text, net(ones({1, 2})));
  EXPECT_THROWS(RuntimeError, text, Sequential{Forgetful(1)}(ones({1, 2})));
  {
    const NoGradGuard no_grad;  // a frozen helper from outside
    EXPECT_EQ(net(ones({1, 2})).shape(), Shape({1, 2}));
  }
  for (Linear& layer : net.layers) layer.requires_grad_(false);
  EXPECT_EQ(net(ones({1, 2})).shape(), Shape({1, 2}));
  EXPECT_EQ(net.layers[0](ones({1, 2})).shape(), Shape({1, 2}));  // outside any forward
}

TEST(Call, OfAModuleThatThrewLeavesNothingBehind) {
  Forgetful net(1);
  Linear linear(2, 2);
  EXPECT_THROWS(RuntimeError, "without an owner", net(ones({1, 2})));
  EXPECT_EQ(linear(ones({1, 2})).shape(), Shape({1, 2}));
}

TEST(Call, HooksMayCallModulesOfTheirOwn) {
  ReLU layer;
  Linear probe(1, 1);
  layer.register_forward_hook(
      [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>& outputs) { probe(outputs[0]); });
  EXPECT_EQ(layer(ones({1, 1})).item<float>(), 1);
}

struct Owner : Layer {
  Tensor forward(const Tensor& x) override { return layer(x); }
  Child<Linear> layer{this, "layer", 1, 1, LinearOptions{.bias = false}};
};

TEST(Call, HooksOfPartsMayCallTheWholeAndModulesOfTheirOwn) {
  Sequential whole{Owner(), ReLU()};
  Linear probe(1, 1);
  bool is_outer = true;
  whole.at<Owner>(0).layer->weight.set_data(NDArray::full({1, 1}, 2.f));
  whole.at<Owner>(0).layer->register_forward_hook(
      [&](Module&, absl::Span<const Tensor> inputs, std::vector<Tensor>& outputs) {
        probe(inputs[0]);
        if (std::exchange(is_outer, false)) outputs[0] = outputs[0] + whole(inputs[0]);
      });
  EXPECT_EQ(whole(ones({1, 1})).item<float>(), 4);  // 2 x + 2 x
  Forgetful net(1);                                 // whose forward is watched as before
  net.register_forward_pre_hook([](Module&, std::vector<Tensor>&) {});
  EXPECT_THROWS(RuntimeError, "without an owner", net(ones({1, 2})));
}

}  // namespace
}  // namespace lamina::nn
