#include "lamina/nn/optim/parameters_to_vector.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

TEST(ParametersToVector, JoinsAllElementsInOrder) {
  const Tensor a = tensor({1., 2., 3., 4.}, {2, 2}).transpose(0, 1).detach().requires_grad_();
  const Tensor b = full({}, 5., float64).requires_grad_();
  const Tensor vector = parameters_to_vector({a, zeros({0, 3}, float64), b});
  EXPECT_EQ(vector.shape(), Shape({5}));
  EXPECT_THAT(vector.to_vector<double>(), ElementsAre(1, 3, 2, 4, 5));
  (vector * vector).sum().backward();
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(2, 6, 4, 8));
  EXPECT_EQ(b.grad().item<double>(), 10);
}

TEST(ParametersToVector, IsACopyAlsoOfOneParameter) {
  const Tensor a = zeros(2).requires_grad_();
  NDArray(parameters_to_vector({a}).data()).fill_(7);
  EXPECT_THAT(a.to_vector<float>(), ElementsAre(0, 0));
}

TEST(ParametersToVector, RefusesWhatIsNoParameter) {
  EXPECT_THROWS(ValueError, "[parameters_to_vector] expected at least one parameter, got none",
                parameters_to_vector({}));
  EXPECT_THROWS(RuntimeError,
                "[parameters_to_vector] expected tensors, got an undefined one as parameter 0",
                parameters_to_vector({Tensor()}));
  EXPECT_THROWS(DTypeError,
                "[parameters_to_vector] expected floating parameters, got parameter 1 of int64",
                parameters_to_vector({ones(1), ones(1, int64)}));
}

TEST(VectorToParameters, CopiesTheElementsBack) {
  const Tensor a = zeros({2, 2}).requires_grad_(), b = zeros(1, bfloat16).requires_grad_();
  const Tensor vector = tensor({1., 2., 3., 4., 5.}, {5});
  vector_to_parameters(vector, {a, b});
  EXPECT_THAT(a.to_vector<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(b.item<float>(), 5);
  EXPECT_EQ(a.dtype(), float32);
  EXPECT_EQ(b.dtype(), bfloat16);
  EXPECT_TRUE(a.is_leaf());
  NDArray(vector.data()).fill_(7);
  EXPECT_EQ(b.item<float>(), 5);
}

TEST(VectorToParameters, TakesAPartOfTheParametersThemselves) {
  const Tensor a = tensor({1., 2., 3.}, {3}).requires_grad_();
  vector_to_parameters(a.data().flip({0}), {a});
  EXPECT_THAT(a.to_vector<double>(), ElementsAre(3, 2, 1));
  const NDArray all = NDArray::arange(4).to(float64);
  const Tensor left = Tensor(all.narrow(0, 0, 2)), right = Tensor(all.narrow(0, 2, 2));
  vector_to_parameters(all, {right, left});
  EXPECT_THAT(all.to_vector<double>(), ElementsAre(2, 3, 0, 1));
}

TEST(VectorToParameters, RefusesAVectorOfAnotherSizeBeforeAnythingChanges) {
  const Tensor a = zeros({2, 2}).requires_grad_(), b = zeros(1).requires_grad_();
  EXPECT_THROWS(
      ShapeError,
      "[vector_to_parameters] expected a vector of the 5 elements of all parameters, got (4,)",
      vector_to_parameters(ones(4), {a, b}));
  EXPECT_THROWS(ShapeError, "got (6,)", vector_to_parameters(ones(6), {a, b}));
  EXPECT_THROWS(ShapeError, "got (1, 5)", vector_to_parameters(ones({1, 5}), {a, b}));
  EXPECT_THROWS(DTypeError, "[vector_to_parameters] expected a floating vector, got int64",
                vector_to_parameters(ones(5, int64), {a, b}));
  EXPECT_THROWS(RuntimeError, "[vector_to_parameters] expected a vector, got an undefined tensor",
                vector_to_parameters(Tensor(), {a, b}));
  EXPECT_THROWS(RuntimeError, "[vector_to_parameters]",
                vector_to_parameters(ones(7), {a, zeros(1).expand({3})}));
  EXPECT_THAT(a.to_vector<float>(), ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace lamina::nn
