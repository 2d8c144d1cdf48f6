#include "lamina/nn/summary.h"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/attention.h"
#include "lamina/nn/child.h"
#include "lamina/nn/conv.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/pooling.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/shape.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct SimpleNet : Layer {
  SimpleNet(int64_t in, int64_t hidden, int64_t out)
      : layer1(this, "layer1", in, hidden), layer2(this, "layer2", hidden, out) {}
  Tensor forward(const Tensor& x) override { return layer2(activation(layer1(x))); }
  Child<Linear> layer1;
  Child<ReLU> activation{this, "activation"};
  Child<Linear> layer2;
};

TEST(Summary, CountsParametersBytesAndMultiplyAdds) {
  // 784 * 128 + 128 = 100,480 and 128 * 10 + 10 = 1,290 parameters of 4 bytes;
  // 32 * 784 * 128 = 3,211,264 and 32 * 128 * 10 = 40,960 multiply-adds.
  SimpleNet model(784, 128, 10);
  std::ostringstream out;
  out << summary(model, zeros({32, 784}));
  EXPECT_EQ(out.str(),
            "Layer               Output shape  Parameters    Bytes  Multiply-adds\n"
            "SimpleNet           (32, 10)         101,770  407,080      3,252,224\n"
            "  layer1: Linear    (32, 128)        100,480  401,920      3,211,264\n"
            "  activation: ReLU  (32, 128)              0        0              0\n"
            "  layer2: Linear    (32, 10)           1,290    5,160         40,960\n");
}

TEST(Summary, CountsConvolutions) {
  // 8 filters of 3 x 3 and a bias each: 80 parameters; 14 * 14 * 8 * 10 + 10 = 15,690 of the last.
  // 2 * 8 * 28 * 28 outputs of 9 = 112,896, and 2 * 1,568 * 10 = 31,360 multiply-adds.
  Sequential model{Conv2d(1, 8, 3, {.padding = 1}), ReLU(), MaxPool2d(2), Flatten(),
                   Linear(1568, 10)};
  EXPECT_EQ(summary(model, zeros({2, 1, 28, 28})).str(),
            "Layer           Output shape    Parameters   Bytes  Multiply-adds\n"
            "Sequential      (2, 10)             15,770  63,080        144,256\n"
            "  0: Conv2d     (2, 8, 28, 28)          80     320        112,896\n"
            "  1: ReLU       (2, 8, 28, 28)           0       0              0\n"
            "  2: MaxPool2d  (2, 8, 14, 14)           0       0              0\n"
            "  3: Flatten    (2, 1568)                0       0              0\n"
            "  4: Linear     (2, 10)             15,690  62,760         31,360\n");
}

TEST(Summary, CountsTheProductsOfAttention) {
  // in_proj: 24 * 8 + 24 = 216 parameters, 3 * 5 * 24 * 8 = 2,880 multiply-adds; scores and results
  // of 2 heads with 4 features: 3 * 2 * 5 * 5 * 4 = 600 each; out_proj: 3 * 5 * 8 * 8 = 960.
  MultiheadAttention attention(8, 2);
  EXPECT_EQ(summary(attention, zeros({3, 5, 8})).str(),
            "Layer                                        Output shape  Parameters  Bytes  "
            "Multiply-adds\n"
            "MultiheadAttention                           (3, 5, 8)            288  1,152          "
            "5,040\n"
            "  out_proj: NonDynamicallyQuantizableLinear  (3, 5, 8)             72    288          "
            "  960\n");
}

TEST(Summary, HasARowPerModuleWithThoseBelow) {
  Sequential model{Sequential{Linear(4, 3), ReLU()}, Linear(3, 2, {.bias = false})};
  const Summary s = summary(model, zeros({5, 4}));
  std::vector<std::string> names;
  std::vector<int64_t> depths, parameters, multiply_adds;
  for (const Summary::Row& row : s.rows) {
    names.push_back(row.name + ":" + row.type);
    depths.push_back(row.depth);
    parameters.push_back(row.parameters);
    multiply_adds.push_back(row.multiply_adds);
  }
  EXPECT_THAT(names, ElementsAre(":Sequential", "0:Sequential", "0:Linear", "1:ReLU", "1:Linear"));
  EXPECT_THAT(depths, ElementsAre(0, 1, 2, 2, 1));
  EXPECT_THAT(parameters, ElementsAre(21, 15, 15, 0, 6));
  EXPECT_THAT(multiply_adds, ElementsAre(90, 60, 60, 0, 30));
  EXPECT_THAT(s.rows[1].outputs, ElementsAre(Shape({5, 3})));
}

TEST(Summary, CountsBuffersInBytesAndWideDtypesByTheirSize) {
  struct Norm : Layer {
    Tensor forward(const Tensor& x) override { return x * scale; }
    Parameter scale{this, "scale", ones(3, float64)};
    Buffer steps{this, "steps", zeros({}, int64)};
    Buffer mask{this, "mask", zeros(5, uint8)};
    Parameter off{this, "off", Tensor()};
  };
  Norm norm;
  const Summary s = summary(norm, ones(3, float64));
  EXPECT_EQ(s.rows[0].parameters, 3);
  EXPECT_EQ(s.rows[0].bytes, 3 * 8 + 8 + 5);
}

TEST(Summary, CountsWhatIsSharedOnceAndItsCallsEach) {
  struct Twice : Layer {
    Tensor forward(const Tensor& x) override {
      const Tensor part = again(linear(x.narrow(0, 0, 1)));
      return part + linear(x);
    }
    Child<Linear> linear{this, "linear", 3, 3};
    Child<Linear> again{this, "again", linear};
    Child<Linear> unused{this, "unused", 1000, 1};
  };
  Twice model;
  const Summary s = summary(model, zeros({2, 3}));
  ASSERT_EQ(s.rows.size(), 3u);
  EXPECT_EQ(s.rows[0].parameters, 12 + 1001);
  EXPECT_EQ(s.rows[1].multiply_adds, 9 + 9 + 18);
  EXPECT_THAT(s.rows[1].outputs, ElementsAre(Shape({2, 3})));  // of the last call
  EXPECT_THAT(s.rows[2].outputs, IsEmpty());
  EXPECT_EQ(s.rows[2].multiply_adds, 0);
  EXPECT_THAT(s.str(), testing::HasSubstr("unused: Linear  -                  1,001"));
}

struct ModeKeeper : Layer {
  Tensor forward(const Tensor& x) override {
    was_training = is_training();
    with_gradients = is_grad_enabled();
    if (fails) fail<ValueError>("ModeKeeper", "told to");
    return x * scale;
  }
  Parameter scale{this, "scale", ones(1)};
  bool was_training = true, with_gradients = true, fails = false;
};

TEST(Summary, LeavesModesGradientsAndHooksAsTheyWere) {
  Sequential model{ModeKeeper(), ModeKeeper()};
  model[1].eval();
  int calls = 0;
  model[0].register_forward_hook(
      [&](Module&, absl::Span<const Tensor>, std::vector<Tensor>&) { ++calls; });
  auto& first = model.at<ModeKeeper>(0);
  const auto check = [&] {
    EXPECT_TRUE(model.is_training() && first.is_training() && !model[1].is_training());
    EXPECT_TRUE(is_grad_enabled());
  };
  summary(model, ones(2));
  EXPECT_FALSE(first.was_training || first.with_gradients);
  EXPECT_EQ(calls, 1);
  check();
  first.fails = true;
  EXPECT_THROWS(ValueError, "[ModeKeeper] told to", summary(model, ones(2)));
  check();
  first.fails = false;
  EXPECT_EQ(summary(model, ones(2)).rows[2].outputs.size(), 1u);
}

TEST(Summary, TakesAnyArgumentsAndShowsEveryTensorOfTheResult) {
  using Two = std::pair<Tensor, Tensor>;
  struct Split : Callable<Two(const Tensor&, int64_t, Tensor)> {
    Two forward(const Tensor& x, int64_t n, Tensor y) override { return {x.narrow(0, 0, n), y}; }
  };
  struct Nothing : Callable<void()> {
    void forward() override {}
  };
  Split split;
  const Summary s = summary(split, ones({4, 2}), 3, ones({}));
  EXPECT_EQ(s.str(),
            "Layer  Output shape  Parameters  Bytes  Multiply-adds\n"
            "Split  (3, 2), ()             0      0              0\n");
  Nothing nothing;
  EXPECT_THAT(summary(nothing).rows[0].outputs, IsEmpty());
}

TEST(Summary, OfAMovedFromModelThrows) {
  SimpleNet model(2, 2, 2);
  const SimpleNet moved = std::move(model);
  EXPECT_THROWS(RuntimeError, "[Module] expected a live module, got one that was moved from",
                summary(model, zeros({1, 2})));
}

}  // namespace
}  // namespace lamina::nn
