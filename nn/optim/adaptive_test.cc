// Steps of Adam, AdamW, RMSprop, Adagrad, Adadelta, NAdam and Lion by hand. Long runs beside PyTorch are in
// tests/differential.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/optim/adadelta.h"
#include "lamina/nn/optim/adagrad.h"
#include "lamina/nn/optim/adam.h"
#include "lamina/nn/optim/lion.h"
#include "lamina/nn/optim/nadam.h"
#include "lamina/nn/optim/rmsprop.h"
#include "lamina/nn/optim/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using test::parameter;

// The parameter after a step with this gradient.
double step(Optimizer& optimizer, double gradient) {
  const Tensor p = optimizer.parameters()[0];
  p.set_grad(full({1}, gradient, float64));
  optimizer.step();
  return p.item<double>();
}

double state(const Optimizer& optimizer, const char* key) {
  return optimizer.state_dict().at(key).item<double>();
}

TEST(Adam, DividesTheUnbiasedAverages) {
  Adam adam({parameter({0})}, {.lr = 0.5, .betas = {0.5, 0.75}, .eps = 0});
  EXPECT_NEAR(step(adam, 4), -0.5, 1e-15);  // m = 2, v = 4: 4 / sqrt(16)
  // m = 1, v = 3
  EXPECT_NEAR(step(adam, 0), -0.5 - 0.5 * (1 / 0.75) / std::sqrt(3 / 0.4375), 1e-15);
  EXPECT_EQ(state(adam, "state.0.exp_avg"), 1);
  EXPECT_EQ(state(adam, "state.0.exp_avg_sq"), 3);
  Adam with_eps({parameter({0})}, {.lr = 0.5, .betas = {0.5, 0.75}, .eps = 4});
  EXPECT_NEAR(step(with_eps, 4), -0.25, 1e-15);  // outside the root
}

TEST(Adam, AmsgradKeepsTheLargestSecondMoment) {
  Adam adam({parameter({0})}, {.lr = 0.5, .betas = {0.5, 0.75}, .eps = 0, .amsgrad = true});
  step(adam, 4);
  EXPECT_NEAR(step(adam, 0), -0.5 - 0.5 * (1 / 0.75) / std::sqrt(4 / 0.4375), 1e-15);
  EXPECT_EQ(state(adam, "state.0.max_exp_avg_sq"), 4);
}

TEST(Adam, DecaysByTheGradientAndAdamWApartFromIt) {
  // g = -5 + 0.5 * 2 = -4, of which only the sign counts
  Adam adam({parameter({2})}, {.lr = 0.5, .eps = 0, .weight_decay = 0.5, .maximize = true});
  EXPECT_NEAR(step(adam, 5), 2.5, 1e-14);
  EXPECT_NEAR(state(adam, "state.0.exp_avg"), -0.4, 1e-15);
  // 2 (1 - 0.5 * 0.5) + 0.5
  AdamW adamw({parameter({2})}, {.lr = 0.5, .eps = 0, .weight_decay = 0.5, .maximize = true});
  EXPECT_NEAR(step(adamw, 5), 2, 1e-14);
  EXPECT_NEAR(state(adamw, "state.0.exp_avg"), -0.5, 1e-15);
}

TEST(RMSprop, DividesByTheRootOfTheAverageSquare) {
  RMSprop rmsprop({parameter({0})}, {.lr = 0.5, .alpha = 0.75, .eps = 0});
  EXPECT_EQ(step(rmsprop, 4), -1);    // v = 16 / 4
  EXPECT_EQ(step(rmsprop, 2), -1.5);  // v = 3 + 4 / 4
  EXPECT_EQ(state(rmsprop, "state.0.square_avg"), 4);
  RMSprop with_eps({parameter({0})}, {.lr = 0.5, .alpha = 0.75, .eps = 2});
  EXPECT_EQ(step(with_eps, 4), -0.5);  // outside the root
}

TEST(RMSprop, CentersTheSecondMoment) {
  RMSprop rmsprop({parameter({0})}, {.lr = 0.5, .alpha = 0.5, .eps = 0, .centered = true});
  EXPECT_EQ(step(rmsprop, 4), -1);  // v = 8, a = 2, sqrt(8 - 4) = 2
  EXPECT_EQ(state(rmsprop, "state.0.grad_avg"), 2);
  EXPECT_FALSE(rmsprop.state_dict().contains("state.0.momentum_buffer"));
}

TEST(RMSprop, AddsUpAMomentum) {
  RMSprop rmsprop({parameter({0})}, {.lr = 0.5, .alpha = 0.75, .eps = 0, .momentum = 0.5});
  EXPECT_EQ(step(rmsprop, 4), -1);  // b = 2
  EXPECT_EQ(step(rmsprop, 2), -2);  // b = 0.5 * 2 + 1
  RMSprop both({parameter({0})},
               {.lr = 0.5, .alpha = 0.5, .eps = 0, .momentum = 0.5, .centered = true});
  EXPECT_EQ(step(both, 4), -1);    // b = 4 / 2
  EXPECT_EQ(step(both, 0), -1.5);  // b = 0.5 * 2
}

TEST(RMSprop, DecaysAndClimbs) {
  // g = -3 + 0.5 * 2 = -2, v = 4 / 4, d = -2
  RMSprop rmsprop({parameter({2})},
                  {.lr = 0.5, .alpha = 0.75, .eps = 0, .weight_decay = 0.5, .maximize = true});
  EXPECT_EQ(step(rmsprop, 3), 3);
}

TEST(RMSprop, AVarianceThatRoundingMakesNegativeIsZero) {
  const Tensor p = zeros(1).requires_grad_();
  RMSprop rmsprop({p}, {.lr = 1e-6, .alpha = 0.9, .centered = true});
  p.set_grad(full({1}, 0.1f));
  for (int i = 0; i < 1000; ++i) rmsprop.step();
  EXPECT_TRUE(std::isfinite(p.item<float>()));
}

TEST(Adagrad, DividesByTheRootOfTheSumOfSquares) {
  Adagrad adagrad({parameter({0})}, {.lr = 1, .lr_decay = 0.5, .eps = 0});
  EXPECT_EQ(step(adagrad, 3), -1);
  EXPECT_NEAR(step(adagrad, 4), -1 - 4 / 5. / 1.5, 1e-15);  // the root of 9 + 16
  EXPECT_EQ(state(adagrad, "state.0.sum"), 25);
}

TEST(Adagrad, TheSumBeginsWithAnOption) {
  Adagrad adagrad(
      {parameter({2})},
      {.lr = 1, .weight_decay = 0.5, .initial_accumulator_value = 16, .eps = 1, .maximize = true});
  EXPECT_NEAR(step(adagrad, 4), 2.5, 1e-15);  // g = -4 + 1; 2 + 3 / (5 + 1)
}

TEST(Adadelta, ScalesByTheRatioOfTheRoots) {
  Adadelta adadelta({parameter({0})}, {.lr = 0.5, .rho = 0.75, .eps = 9});
  EXPECT_NEAR(step(adadelta, 8), -2.4, 1e-15);  // v = 64 / 4; 3 / 5 * 8 = 4.8
  EXPECT_NEAR(state(adadelta, "state.0.acc_delta"), 5.76, 1e-14);
  // v = 12 + 64 / 4
  EXPECT_NEAR(step(adadelta, 8), -2.4 - 4 * std::sqrt((5.76 + 9) / (28 + 9)), 1e-15);
}

TEST(Adadelta, DecaysAndClimbs) {
  // g = -9 + 0.5 * 2 = -8
  Adadelta adadelta({parameter({2})},
                    {.lr = 0.5, .rho = 0.75, .eps = 9, .weight_decay = 0.5, .maximize = true});
  EXPECT_NEAR(step(adadelta, 9), 2 + 2.4, 1e-15);
}

TEST(NAdam, HasPyTorchsMomentumSchedule) {
  // Without decay of the momentum mu_t = 0.5 / 2 always, and with beta2 = 0 the root is |gradient|.
  NAdam nadam({parameter({0})}, {.lr = 1, .betas = {0.5, 0}, .eps = 0, .momentum_decay = 0});
  // m = 1: (0.75 / 0.75 * 2 + 0.25 / (1 - 1 / 64) * 1) / 2
  const double first = 1 + 8 / 63.;
  EXPECT_NEAR(step(nadam, 2), -first, 1e-15);
  // m = 1.5: (0.75 / (15 / 16) * 2 + 0.25 / (1 - 1 / 256) * 1.5) / 2
  EXPECT_NEAR(step(nadam, 2), -first - 0.8 - 48 / 255., 1e-15);
  EXPECT_EQ(state(nadam, "state.0.mu_product"), 1 / 16.);
}

TEST(NAdam, TheMomentumGrows) {
  // mu_1 = 0.5 (1 - 0.96 / 2) = 0.26, mu_2 = 0.5 (1 - 0.9216 / 2) = 0.2696; g = 3 + 0.5 * 2, m = 2
  NAdam nadam({parameter({2})},
              {.lr = 1, .betas = {0.5, 0}, .eps = 4, .weight_decay = 0.5, .momentum_decay = 1});
  EXPECT_NEAR(step(nadam, 3), 2 - (4 + 0.2696 / (1 - 0.26 * 0.26 * 0.2696) * 2) / 8, 1e-15);
}

TEST(Lion, MovesByTheSignOfTheInterpolation) {
  Lion lion({parameter({8})}, {.lr = 0.25, .betas = {0.5, 0.75}, .weight_decay = 0.5});
  EXPECT_EQ(step(lion, 2), 6.75);        // 8 * 0.875 - 0.25; m = 0.5
  EXPECT_EQ(step(lion, -0.5), 5.90625);  // the sign of 0.25 - 0.25; m = 0.25
  EXPECT_EQ(step(lion, -1), 5.41796875);
  EXPECT_TRUE(std::isnan(step(lion, test::kNan)));
}

TEST(AdaptiveOptimizers, RefuseOptionsOutOfRange) {
  const Tensor p = parameter({0});
  EXPECT_THROWS(ValueError, "[RMSprop] alpha: expected a number from 0 to 1, got 1.5",
                RMSprop({p}, {.alpha = 1.5}));
  EXPECT_THROWS(ValueError, "[RMSprop] momentum: expected a finite number of at least 0, got -1",
                RMSprop({p}, {.momentum = -1}));
  EXPECT_THROWS(ValueError, "[Adagrad] lr_decay: expected a finite number of at least 0, got -1",
                Adagrad({p}, {.lr_decay = -1}));
  EXPECT_THROWS(ValueError, "[Adagrad] initial_accumulator_value: expected",
                Adagrad({p}, {.initial_accumulator_value = -1}));
  EXPECT_THROWS(ValueError, "[Adadelta] rho: expected a number from 0 to 1, got -0.5",
                Adadelta({p}, {.rho = -0.5}));
  EXPECT_THROWS(ValueError,
                "[NAdam] momentum_decay: expected a finite number of at least 0, got -1",
                NAdam({p}, {.momentum_decay = -1}));
  EXPECT_THROWS(ValueError, "[NAdam] beta1: expected a number from 0 to below 1, got 1",
                NAdam({p}, {.betas = {1, 0.9}}));
  EXPECT_THROWS(ValueError, "[Lion] beta2: expected a number from 0 to below 1, got 1",
                Lion({p}, {.betas = {0.9, 1}}));
}

TEST(RMSprop, AStateThatIsNotFiniteStaysSo) {
  // As in PyTorch: infinity minus infinity is no variance of 0, which would make steps of 1 / eps.
  const Tensor p = parameter({0});
  RMSprop rmsprop({p}, {.centered = true});
  step(rmsprop, test::kInf);
  NDArray(p.data()).fill_(0);
  EXPECT_TRUE(std::isnan(step(rmsprop, 1)));
}

}  // namespace
}  // namespace lamina::nn::optim
