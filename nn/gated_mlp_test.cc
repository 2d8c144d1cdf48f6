#include "lamina/nn/gated_mlp.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/clone.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

// Random calls are compared with float64 references in //tests/differential:golden_layers_test.

// With weights gate 2, up 3 and -1, down 5 and 7: x = 1 gives 2 as gates, 3 and -1 above.
GatedMLP small(const char* activation) {
  GatedMLP mlp(1, 2, {.activation = activation, .dtype = float64});
  mlp.gate_proj->weight.set_data(NDArray::from({2.0, 2.0}, {2, 1}));
  mlp.up_proj->weight.set_data(NDArray::from({3.0, -1.0}, {2, 1}));
  mlp.down_proj->weight.set_data(NDArray::from({5.0, 7.0}, {1, 2}));
  return mlp;
}

TEST(GatedMLP, IsTheProductOfAGateAndALinearMapMappedDown) {
  const Tensor x = tensor({1.0}, {1, 1, 1});
  const double silu = 2 / (1 + std::exp(-2.0)), gelu = 1 + std::erf(std::sqrt(2.0));
  EXPECT_NEAR(small("silu")(x).item<double>(), (5 * 3 - 7) * silu, 1e-12);
  EXPECT_NEAR(small("gelu")(x).item<double>(), (5 * 3 - 7) * gelu, 1e-12);
  GatedMLP copy = clone(small("gelu"));
  EXPECT_NEAR(copy(x).item<double>(), (5 * 3 - 7) * gelu, 1e-12);
}

TEST(GatedMLP, IsAFunctionToo) {
  // With x = 2: gates 2 2 + 1 and 2 2 - 1, above 3 2 + 0.5 and -2 + 0.25; then 5 and 7, and 4.
  const functional::GatedMLPWeights weights = {tensor({2., 2.}, {2, 1}), tensor({3., -1.}, {2, 1}),
                                               tensor({5., 7.}, {1, 2}), tensor({1., -1.}, {2}),
                                               tensor({0.5, 0.25}, {2}), tensor({4.}, {1})};
  const Tensor x = tensor({2.}, {1, 1});
  const auto silu = [](double v) { return v / (1 + std::exp(-v)); };
  EXPECT_NEAR(functional::gated_mlp(x, weights).item<double>(),
              5 * silu(5) * 6.5 - 7 * silu(3) * 1.75 + 4, 1e-12);
  const auto gelu = [](double v) { return v * (1 + std::erf(v / std::sqrt(2.0))) / 2; };
  EXPECT_NEAR(functional::gated_mlp(x, weights, "gelu").item<double>(),
              5 * gelu(5) * 6.5 - 7 * gelu(3) * 1.75 + 4, 1e-12);
  EXPECT_THROWS(ValueError, "[gated_mlp] expected the activation to be silu or gelu, got \"relu\"",
                functional::gated_mlp(x, weights, "relu"));
}

TEST(GatedMLP, HasLlamasNames) {
  const GatedMLP mlp(4, 6);
  std::vector<std::string> names;
  for (const auto& entry : mlp.named_parameters()) names.push_back(entry.first);
  EXPECT_THAT(names,
              ::testing::ElementsAre("gate_proj.weight", "up_proj.weight", "down_proj.weight"));
  EXPECT_EQ(GatedMLP(4, 6, {.bias = true}).parameter_count(), 3 * 4 * 6 + 6 + 6 + 4);
  EXPECT_EQ(GatedMLP(4, 6, {.activation = "gelu", .bias = true}).extra_repr(),
            "features=4, hidden_features=6, activation=gelu, bias=True");
  EXPECT_EQ(mlp.str(),
            "GatedMLP(\n"
            "  features=4, hidden_features=6, activation=silu, bias=False\n"
            "  (gate_proj): Linear(in_features=4, out_features=6, bias=False)\n"
            "  (up_proj): Linear(in_features=4, out_features=6, bias=False)\n"
            "  (down_proj): Linear(in_features=6, out_features=4, bias=False)\n"
            ")");
}

TEST(GatedMLP, HasDerivatives) {
  GatedMLP mlp(3, 4, {.dtype = float64});
  const TensorFunction f = [&](absl::Span<const Tensor> x) { return mlp(x[0]); };
  const std::vector<Tensor> inputs{randn({2, 3}, float64).requires_grad_()};
  EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
  EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
}

TEST(GatedMLP, DrawsNewValues) {
  GatedMLP mlp(3, 4);
  const std::vector<float> before = mlp.down_proj->weight.to_vector<float>();
  mlp.reset_parameters();
  EXPECT_NE(mlp.down_proj->weight.to_vector<float>(), before);
}

TEST(GatedMLP, RefusesWhatDoesNotFit) {
  EXPECT_THROWS(ValueError, "[GatedMLP] expected the activation to be silu or gelu, got \"relu\"",
                GatedMLP(4, 6, {.activation = "relu"}));
  EXPECT_THROWS(ValueError, "[GatedMLP] expected sizes of at least 0, got 4 and -6",
                GatedMLP(4, -6));
  EXPECT_THROWS(DTypeError, "[GatedMLP] expected a floating dtype, got int64",
                GatedMLP(4, 6, {.dtype = int64}));
  GatedMLP mlp(4, 6);
  EXPECT_THROWS(ShapeError, "[GatedMLP] expected x (..., 4), got shape (2, 3)", mlp(ones({2, 3})));
}

}  // namespace
}  // namespace lamina::nn
