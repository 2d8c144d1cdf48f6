#include "lamina/tests/docs/centred_linear.h"

#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::docs {
namespace {

// Weights 1 and 1, scale 2, shift 1.
CentredLinear small() {
  CentredLinear layer(2, 1, {.momentum = 0.5});
  nn::init::ones_(layer.linear->weight);
  nn::init::constant_(layer.scale, 2);
  nn::init::ones_(layer.shift);
  return layer;
}

TEST(CentredLinear, SubtractsTheRunningMeanThatTrainingMoves) {
  CentredLinear layer = small();
  const Tensor x = tensor({{1.f, 3.f}, {3.f, 5.f}});
  // The batch has the mean (2, 4), half of which counts: 2 (0 + 1) + 1 and 2 (2 + 3) + 1.
  EXPECT_EQ(layer(x).to_vector<float>(), (std::vector<float>{3, 11}));
  EXPECT_EQ(layer.mean.to_vector<float>(), (std::vector<float>{1, 2}));
  layer.eval();
  EXPECT_EQ(layer(x).to_vector<float>(), (std::vector<float>{3, 11}));
  EXPECT_EQ(layer.mean.to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST(CentredLinear, HasDerivatives) {
  CentredLinear layer(3, 2);
  layer.to(float64);
  layer.eval();  // gradcheck calls it many times, and it is to be the same function each time
  const TensorFunction f = [&](absl::Span<const Tensor> in) { return layer(in[0]); };
  const std::vector<Tensor> inputs{randn({4, 3}, float64).requires_grad_()};
  EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
  EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
  for (const auto& [name, parameter] : layer.named_parameters()) {
    const GradcheckReport report =
        gradcheck([&](absl::Span<const Tensor>) { return layer(inputs[0]); }, {parameter});
    EXPECT_TRUE(report.passed) << name << ": " << report.message;
  }
}

TEST(CentredLinear, IsClonedAndLoaded) {
  CentredLinear layer = small();
  const Tensor x = tensor({{1.f, 3.f}, {3.f, 5.f}});
  layer(x);
  CentredLinear copy = nn::clone(layer);
  CentredLinear loaded(2, 1);
  loaded.load_state_dict(layer.state_dict());
  nn::init::zeros_(layer.scale);  // which neither sees
  for (CentredLinear* other : {&copy, &loaded}) {
    other->eval();
    EXPECT_EQ((*other)(x).to_vector<float>(), (std::vector<float>{3, 11}));
  }
}

TEST(CentredLinear, RefusesWhatDoesNotFit) {
  EXPECT_THROWS(ValueError, "[CentredLinear] expected a momentum from 0 to 1, got 2",
                CentredLinear(2, 1, {.momentum = 2}));
  EXPECT_THROWS(ShapeError, "[CentredLinear] expected x (..., 2), got shape (4, 3)",
                small()(zeros({4, 3})));
}

}  // namespace
}  // namespace lamina::docs
