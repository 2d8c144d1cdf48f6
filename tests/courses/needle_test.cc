// The notes on needle (10-414) homework 2: its examples, with the values that the notes give, or by hand.
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/tensor/test_util.h"

namespace lamina::courses {
namespace {

namespace init = nn::init;

// ---- "memory bug?"

int depth(GradFn node) {
  int depth = 0;
  for (; node; node = node.next_functions()[0]) ++depth;
  return depth;
}

TEST(Detach, AnUpdateThatIsRecordedMakesTheGraphGrow) {
  const Tensor grad = tensor({1.f, 1.f, 1.f});
  const double lr = 0.1;
  Tensor w = zeros(3).requires_grad_();
  for (int i = 0; i < 5; ++i) w = w + (-lr) * grad;
  EXPECT_EQ(depth(w.grad_fn()), 5);
  EXPECT_CLOSE(w.data(), std::vector<double>(3, -0.5), 1e-6);
}

TEST(Detach, AnUpdateOfTheDataDoesNot) {
  const Tensor grad = tensor({1.f, 1.f, 1.f});
  const double lr = 0.1;
  Tensor w = zeros(3).requires_grad_();
  for (int i = 0; i < 5; ++i) w.set_data(w.data() + (-lr) * grad.data());
  EXPECT_EQ(depth(w.grad_fn()), 0);
  EXPECT_TRUE(w.is_leaf());
  EXPECT_TRUE(w.requires_grad());
  EXPECT_CLOSE(w.data(), std::vector<double>(3, -0.5), 1e-6);
}

TEST(Detach, SharesTheDataAndNotTheHistory) {
  const Tensor w = ones(3).requires_grad_();
  const Tensor y = w * 2;
  const Tensor detached = y.detach();
  EXPECT_FALSE(detached.requires_grad());
  EXPECT_FALSE(detached.grad_fn());
  detached.fill_(7);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(3, 7));
}

// make_from_op: a node none of whose inputs needs a gradient is not kept.
TEST(Detach, WithoutAGradientToComputeThereIsNoNode) {
  const Tensor a = ones(3), b = ones(3);
  EXPECT_FALSE((a + b).grad_fn());
  EXPECT_FALSE((a + b).requires_grad());
  EXPECT_TRUE((a.clone().requires_grad_() + b).requires_grad());
}

// ---- "data precision"

TEST(Softmax, IsStable) {
  const Tensor x = tensor({1000.f, 10000.f, 100.f});
  const Tensor z = exp(x - x.max());  // softmax_stable of the notes
  EXPECT_EQ((z / z.sum()).to_vector<float>(), (std::vector<float>{0, 1, 0}));
  EXPECT_EQ(x.softmax(0).to_vector<float>(), (std::vector<float>{0, 1, 0}));
  // exp(x_i - c) / sum exp(x_k - c) is the same for any c.
  const Tensor y = tensor({1.0, 2.0, 3.0});
  EXPECT_CLOSE((y - 1000).softmax(0).data(), y.softmax(0).to_vector<double>(), 1e-12);
}

// ---- "initialization"

TEST(Init, MakesTensorsOfFanInAndFanOut) {
  manual_seed(0);
  constexpr int64_t kIn = 300, kOut = 200;
  const auto expect = [](const Tensor& x, double stddev, double bound) {
    EXPECT_EQ(x.shape(), (Shape{kIn, kOut}));
    EXPECT_NEAR(x.mean().item<double>(), 0, 5 * stddev / std::sqrt(double{kIn * kOut}));
    EXPECT_NEAR(x.std().item<double>(), stddev, 0.02 * stddev);
    if (bound > 0) {
      EXPECT_LE(x.abs().max().item<double>(), bound * (1 + 1e-6));
    }
  };
  const double xavier = std::sqrt(6.0 / (kIn + kOut)), kaiming = std::sqrt(6.0 / kIn);
  const init::KaimingOptions relu{.nonlinearity = "relu"};
  expect(init::xavier_uniform(kIn, kOut), xavier / std::sqrt(3.0), xavier);
  expect(init::xavier_uniform(kIn, kOut, /*gain=*/2), 2 * xavier / std::sqrt(3.0), 2 * xavier);
  expect(init::xavier_normal(kIn, kOut), std::sqrt(2.0 / (kIn + kOut)), 0);
  expect(init::kaiming_uniform(kIn, kOut, relu), kaiming / std::sqrt(3.0), kaiming);
  expect(init::kaiming_normal(kIn, kOut, relu), std::sqrt(2.0 / kIn), 0);
  expect(init::rand({kIn, kOut}, /*low=*/-1, /*high=*/1), 1 / std::sqrt(3.0), 1);
  expect(init::randn({kIn, kOut}, /*mean=*/0, /*stddev=*/3), 3, 0);
  EXPECT_NEAR(init::randn({kIn, kOut}, 5, 1).mean().item<double>(), 5, 0.05);
}

// ---- nn.Module

class TwoLinears : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return second(first(x)); }
  nn::Child<nn::Linear> first{this, "first", 2, 3};
  nn::Child<nn::Sequential> second{this, "second",
                                   nn::Sequential{nn::ReLU(), nn::Linear(3, 1), nn::Identity()}};
};

TEST(Module, FindsParametersAndModulesRecursively) {
  TwoLinears model;
  EXPECT_EQ(model.parameters().size(), 4u);  // _unpack_params
  std::vector<std::string> names;
  for (const nn::Module* child : model.children(/*recursive=*/true)) names.push_back(child->name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"Linear", "Sequential", "ReLU", "Linear", "Identity"}));
  EXPECT_TRUE(model.is_training());  // "default mode is training"
  model.eval();
  for (const nn::Module* child : model.children(true)) EXPECT_FALSE(child->is_training());
  model.train();
  for (const nn::Module* child : model.children(true)) EXPECT_TRUE(child->is_training());
}

TEST(Identity, GivesItsInput) {
  const Tensor x = tensor({1.f, -2.f});
  EXPECT_EQ(nn::Identity()(x).to_vector<float>(), (std::vector<float>{1, -2}));
}

// weight (in, out), both by kaiming_uniform; a bias made as (out, 1)
class Linear : public nn::Layer {
 public:
  Linear(int64_t in_features, int64_t out_features, bool has_bias = true)
      : weight(this, "weight", init::kaiming_uniform(in_features, out_features)),
        bias(this, "bias",
             has_bias ? init::kaiming_uniform(out_features, 1).reshape({1, out_features})
                      : Tensor()) {}
  Tensor forward(const Tensor& x) override {
    const Tensor y = x.matmul(weight);
    return bias.defined() ? y + bias.broadcast_to(y.shape()) : y;
  }
  nn::Parameter weight, bias;
};

TEST(Linear, OfNeedleIsOursWithItsWeightTransposed) {
  Linear linear(3, 2);
  nn::Linear ours(3, 2);
  ours.weight.set_data(linear.weight.data().t().clone());
  ours.bias.set_data(linear.bias.data().reshape(2));
  const Tensor x = randn({4, 3});
  EXPECT_CLOSE(ours(x).data(), linear(x).to_vector<double>(), 1e-6);
  EXPECT_LE(linear.weight.abs().max().item<double>(), std::sqrt(6.0 / 3));
  EXPECT_LE(linear.bias.abs().max().item<double>(), std::sqrt(6.0 / 2));
  EXPECT_EQ(Linear(3, 2, false).parameters().size(), 1u);
}

TEST(Sequential, LeavesItsInputAlone) {
  const Tensor x = tensor({{-1.f, 2.f}});
  nn::Sequential model{nn::ReLU(), nn::Identity()};
  EXPECT_EQ(model(x).to_vector<float>(), (std::vector<float>{0, 2}));
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{-1, 2}));
}

// ---- LogSumExp, an operation with compute() and gradient()

struct LogSumExp : Function<LogSumExp> {
  Dims axes;
  NDArray forward(Context& ctx, const NDArray& z, const Dims& along) {
    axes = along;
    ctx.save_input(z);
    const NDArray largest = amax(z, axes, true);
    return log(sum(exp(z - largest), axes)) + reshape(largest, sum(z, axes).shape());
  }
  Gradients backward(Context& ctx, const Tensor& out_grad) {
    const Tensor z = ctx.saved(0);
    const Tensor after_subtracting_max = exp(z - amax(z.detach(), axes, true));
    const Tensor z_sum = sum(after_subtracting_max, axes, true);
    return {reshape(out_grad, z_sum.shape()) / z_sum * after_subtracting_max};
  }
};

TEST(LogSumExp, IsTheFormulaWithItsGradient) {
  const Tensor z = tensor({{0.0, std::log(3.0)}, {1000.0, 1000.0}}).requires_grad_();
  const Tensor y = LogSumExp::apply(z, Dims{1});
  EXPECT_CLOSE(y.data(), (std::vector<double>{std::log(4.0), 1000 + std::log(2.0)}), 1e-12);
  y.sum().backward();
  EXPECT_CLOSE(z.grad().data(), (std::vector<double>{0.25, 0.75, 0.5, 0.5}), 1e-12);
  EXPECT_CLOSE(logsumexp(z, 1).data(), (std::vector<double>{std::log(4.0), 1000 + std::log(2.0)}),
               1e-12);
}

TEST(LogSumExp, TakesSeveralAxesAndAll) {
  const Tensor z = zeros({2, 3, 4}, float64);
  EXPECT_CLOSE(LogSumExp::apply(z, Dims{0, 2}).data(), std::vector<double>(3, std::log(8.0)),
               1e-12);
  EXPECT_CLOSE(LogSumExp::apply(z, Dims{}).data(), std::vector<double>(1, std::log(24.0)), 1e-12);
}

TEST(LogSumExp, HasDerivatives) {
  manual_seed(0);
  const std::vector<Tensor> z{randn({2, 3, 2}, float64).requires_grad_()};
  for (const Dims& axes : {Dims{1}, Dims{0, 2}, Dims{}}) {
    const TensorFunction f = [&](absl::Span<const Tensor> in) {
      return LogSumExp::apply(in[0], axes);
    };
    EXPECT_TRUE(gradcheck(f, z).passed) << gradcheck(f, z).message;
    EXPECT_TRUE(gradgradcheck(f, z).passed) << gradgradcheck(f, z).message;
  }
}

// ---- Momentum: u = beta u + (1 - beta) (gradient + decay w), w -= lr u

TEST(SGD, WithDampeningAsTheMomentumIsNeedles) {
  const double beta = 0.9, lr = 0.1, decay = 0.01;
  double w = 2, u = 0;
  const Tensor parameter = tensor({2.0}).requires_grad_();
  nn::optim::SGD sgd({parameter},
                     {.lr = lr, .momentum = beta, .dampening = beta, .weight_decay = decay});
  for (int step = 0; step < 3; ++step) {
    const double gradient = step + 1.0;
    // PyTorch's first step takes the gradient as it is, needle's (1 - beta) of it.
    u = step == 0 ? gradient + decay * w : beta * u + (1 - beta) * (gradient + decay * w);
    w -= lr * u;
    parameter.set_grad(tensor({gradient}));
    sgd.step();
    EXPECT_NEAR(parameter.item<double>(), w, 1e-14) << step;
  }
}

}  // namespace
}  // namespace lamina::courses
