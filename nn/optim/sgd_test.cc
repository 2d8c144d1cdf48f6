#include "lamina/nn/optim/sgd.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using ::testing::ElementsAre;

// ---- Steps

TEST(SGD, SubtractsTheLearningRateTimesTheGradient) {
  const Tensor p = tensor({1.f, 2.f}, {2}).requires_grad_();
  SGD sgd({p}, {.lr = 0.5});
  (p * p).sum().backward();  // the gradient is (2, 4)
  sgd.step();
  EXPECT_THAT(p.to_vector<float>(), ElementsAre(0, 0));
  p.set_grad(tensor({-1.f, 3.f}, {2}));
  sgd.step();
  sgd.step();  // the same gradient again
  EXPECT_THAT(p.to_vector<float>(), ElementsAre(1, -3));
}

TEST(SGD, AddsUpAMomentum) {
  const auto after = [](const SGDOptions& options, const std::vector<double>& gradients) {
    const Tensor p = full({1}, 2., float64).requires_grad_();
    SGD sgd({p}, options);
    for (const double gradient : gradients) {
      p.set_grad(full({1}, gradient, float64));
      sgd.step();
    }
    return p.item<double>();
  };
  // b = 4, then 0.5 * 4 + 0.5 * 2
  EXPECT_EQ(after({.lr = 0.5, .momentum = 0.5, .dampening = 0.5}, {4, 2}), 2 - 0.5 * (4 + 3));
  // b = 4, then 0.5 * 4 + 2; steps by 4 + 0.5 * 4 and 2 + 0.5 * 4
  EXPECT_EQ(after({.lr = 0.5, .momentum = 0.5, .nesterov = true}, {4, 2}), 2 - 0.5 * (6 + 4));
  // b = -3 + 0.5 * 2
  EXPECT_EQ(after({.lr = 0.5, .momentum = 0.5, .weight_decay = 0.5, .maximize = true}, {3}), 3);
}

TEST(SGD, HasPyTorchsDefaultLearningRateOfNewVersions) {
  const Tensor p = zeros(1, float64).requires_grad_();
  SGD sgd({p});
  p.set_grad(ones(1, float64));
  sgd.step();
  EXPECT_EQ(p.item<double>(), -1e-3);
}

TEST(SGD, FollowsPyTorchFor100Steps) {
  // torch.optim.SGD([w, c], lr=0.05) on mean((A w + c - b)^2) + 0.01 sum(exp(w)), float64,
  // PyTorch 1.13.
  const Tensor a = tensor({1., 2., 0.5, -1., -1.5, 0.25, 2., 1.}, {4, 2});
  const Tensor b = tensor({1., -2., 0.5, 3.}, {4});
  const Tensor w = tensor({0.1, -0.2}, {2}).requires_grad_();
  const Tensor c = full({}, 0.3, float64).requires_grad_();
  SGD sgd({w, c}, {.lr = 0.05});
  struct Row {
    int step;
    double loss, w0, w1, c;
  };
  const std::vector<Row> rows = {
      {0, 3.7573640167115365, 0.2125724145409622, -0.016659365376539004, 0.33875},
      {9, 1.6378913821050334, 0.38529190855930356, 0.6604201701233802, 0.2572004343497063},
      {99, 1.3946307495325154, 0.284706386679734, 1.0607089210970624, -0.11328425987665239}};
  size_t next = 0;
  for (int step = 0; step < 100; ++step) {
    sgd.zero_grad();
    const Tensor r = matmul(a, w) + c - b;
    const Tensor loss = (r * r).mean() + exp(w).sum() * 0.01;
    loss.backward();
    sgd.step();
    if (step != rows[next].step) continue;
    const Row& row = rows[next++];
    EXPECT_NEAR(loss.item<double>(), row.loss, 1e-14) << step;
    EXPECT_NEAR(w.to_vector<double>()[0], row.w0, 1e-14) << step;
    EXPECT_NEAR(w.to_vector<double>()[1], row.w1, 1e-14) << step;
    EXPECT_NEAR(c.item<double>(), row.c, 1e-14) << step;
  }
  EXPECT_EQ(next, rows.size());
}

TEST(SGD, WithALearningRateOfZeroChangesNothing) {
  const Tensor p = tensor({1.f, -0.f, 1e30f}, {3}).requires_grad_();
  SGD sgd({p}, {.lr = 0});
  p.set_grad(full(3, 7.f));
  sgd.step();
  EXPECT_THAT(p.to_vector<float>(), ElementsAre(1, 0, 1e30f));
}

TEST(SGD, FollowsAParameterToOtherValuesAndDtypes) {
  const Tensor p = ones(2).requires_grad_();
  SGD sgd({p}, {.lr = 1});
  p.sum().backward();
  p.set_data(NDArray::full(3, 5, float64));  // which drops the gradient of the old shape
  sgd.step();
  EXPECT_THAT(p.to_vector<double>(), ElementsAre(5, 5, 5));
  p.sum().backward();
  sgd.step();
  EXPECT_THAT(p.to_vector<double>(), ElementsAre(4, 4, 4));
}

// ---- Construction

TEST(SGD, ThrowsForALearningRateThatIsNegativeOrNotFinite) {
  const std::vector<Tensor> parameters = {ones(2).requires_grad_()};
  const char* text = "[SGD] lr: expected a finite number of at least 0, got ";
  EXPECT_THROWS(ValueError, std::string(text) + "-0.1", SGD(parameters, {.lr = -0.1}));
  EXPECT_THROWS(ValueError, std::string(text) + "nan",
                SGD(parameters, {.lr = std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_THROWS(ValueError, std::string(text) + "inf",
                SGD(parameters, {.lr = std::numeric_limits<double>::infinity()}));
}

}  // namespace
}  // namespace lamina::nn::optim
