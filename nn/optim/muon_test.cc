#include "lamina/nn/optim/muon.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

// What five Newton-Schulz steps make of a singular value.
double orthogonalized(double s) {
  for (int i = 0; i < 5; ++i) s = 3.4445 * s - 4.7750 * s * s * s + 2.0315 * std::pow(s, 5);
  return s;
}

Tensor matrix(const std::vector<double>& values, const Shape& shape) {
  return tensor(values, shape).requires_grad_();
}

TEST(Muon, BringsTheSingularValuesNearOne) {
  // The gradient has the singular values 3 and 4, and the norm 5.
  const Tensor p = matrix({1, 2, 3, 4}, {2, 2});
  Muon muon({p}, {.lr = 0.5, .weight_decay = 0.25});
  p.set_grad(tensor({0., 3., 4., 0.}, {2, 2}));
  muon.step();
  const double a = orthogonalized(0.6), b = orthogonalized(0.8);
  EXPECT_CLOSE(p.data(), {0.875, 0.875 * 2 - 0.5 * a, 0.875 * 3 - 0.5 * b, 3.5}, 1e-13);
  EXPECT_NEAR(a, 1, 0.35);
  EXPECT_NEAR(b, 1, 0.35);
}

TEST(Muon, TallMatricesMoveFurther) {
  const Tensor tall = matrix({0, 0, 0, 0}, {4, 1}), wide = matrix({0, 0, 0, 0}, {1, 4});
  Muon muon({tall, wide}, {.lr = 0.5});
  tall.set_grad(tensor({0., 7., 0., 0.}, {4, 1}));
  wide.set_grad(tensor({0., 7., 0., 0.}, {1, 4}));
  muon.step();
  EXPECT_CLOSE(tall.data(), {0, -orthogonalized(1), 0, 0}, 1e-14);  // sqrt(4 / 1) * 0.5
  EXPECT_CLOSE(wide.data(), {0, -0.5 * orthogonalized(1), 0, 0}, 1e-14);
}

TEST(Muon, AveragesTheGradient) {
  for (const bool nesterov : {false, true}) {
    const Tensor p = matrix({0, 0}, {1, 2});
    Muon muon({p}, {.lr = 1, .weight_decay = 0, .momentum = 0.75, .nesterov = nesterov});
    p.set_grad(tensor({4., 0.}, {1, 2}));
    muon.step();  // b = (1, 0)
    p.set_grad(tensor({0., 4.}, {1, 2}));
    const double before = p.to_vector<double>()[0];
    muon.step();  // b = (0.75, 1)
    EXPECT_CLOSE(muon.state_dict().at("state.0.momentum_buffer").data(), {0.75, 1}, 1e-15);
    const double x = nesterov ? 0.75 * 0.75 : 0.75, y = nesterov ? 0.25 * 4 + 0.75 : 1;
    const double scale = orthogonalized(1) / std::hypot(x, y);
    EXPECT_CLOSE(p.data(), {before - x * scale, -y * scale}, 1e-13) << nesterov;
  }
}

TEST(Muon, AZeroGradientMovesNothing) {
  const Tensor p = matrix({1, 2}, {1, 2});
  Muon muon({p}, {.weight_decay = 0});
  p.set_grad(zeros({1, 2}, float64));
  muon.step();
  EXPECT_CLOSE(p.data(), {1, 2});
}

TEST(Muon, RefusesWhatIsNoMatrix) {
  const Tensor w = matrix({1, 2}, {1, 2}), b = matrix({1}, {1});
  EXPECT_THROWS(ValueError, "[Muon] expected matrices, got parameter 1 (bias) of shape (1,)",
                Muon(Parameters({{"weight", w}, {"bias", b}})));
  Muon muon({w});
  EXPECT_THROWS(ValueError, "[Muon] expected matrices, got parameter 1 of shape (1,)",
                muon.add_group({b}, {}));
  w.set_data(NDArray::zeros({1, 2, 1}, float64));
  w.set_grad(zeros({1, 2, 1}, float64));
  EXPECT_THROWS(ValueError, "[Muon] expected matrices, got parameter 0 of shape (1, 2, 1)",
                muon.step());
  EXPECT_THROWS(ValueError, "[Muon] ns_steps: expected at least 1, got 0",
                Muon({matrix({1}, {1, 1})}, {.ns_steps = 0}));
  EXPECT_THROWS(ValueError, "[Muon] ns_steps: expected at most 99, got 1000000000000",
                Muon({matrix({1}, {1, 1})}, {.ns_steps = 1000000000000}));
}

}  // namespace
}  // namespace lamina::nn::optim
