// Gradients where linear algebra has edges; tests/op_cases checks the others by differences.
#include "gtest/gtest.h"
#include "lamina/autograd/tensor.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

Tensor gradient_of(const Tensor& x, const Tensor& y) {
  x.set_grad(Tensor());
  sum(y).backward();
  return x.grad();
}

// The cofactors, by hand.
TEST(DetGradient, OfSingularMatricesIsThatOfTheCofactors) {
  const Tensor x = tensor({{1.0, 2.0}, {2.0, 4.0}}).requires_grad_();
  EXPECT_CLOSE(gradient_of(x, det(x)).data(), {4, -2, -2, 1}, 1e-12, 1e-12);
  const Tensor y = zeros({2, 2}, float64).requires_grad_();
  EXPECT_CLOSE(gradient_of(y, det(y)).data(), {0, 0, 0, 0});
  const Tensor z = tensor({{{1.0, 2.0}, {2.0, 4.0}}, {{3.0, 1.0}, {1.0, 1.0}}}).requires_grad_();
  EXPECT_CLOSE(gradient_of(z, det(z)).data(), {4, -2, -2, 1, 1, -1, -1, 3}, 1e-12, 1e-12);
  const Tensor rank_one = ones({3, 3}, float64).requires_grad_();
  EXPECT_CLOSE(gradient_of(rank_one, det(rank_one)).data(), std::vector<double>(9, 0.0), 0, 1e-12);
}

TEST(SvdGradient, OfTheValuesNeedsNoDistinctOnes) {
  const Tensor x = Tensor(NDArray::eye(3, float64)).requires_grad_();
  EXPECT_CLOSE(gradient_of(x, svd(x).s).data(), {1, 0, 0, 0, 1, 0, 0, 0, 1}, 0, 1e-12);
}

TEST(SolveGradient, SumsOverABroadcastMatrix) {
  const Tensor a = tensor({{2.0, 0.0}, {0.0, 4.0}}).requires_grad_();
  const Tensor b = ones({3, 2, 1}, float64);
  // x = (1/2, 1/4), db = (1/2, 1/4); three times -db x^T.
  EXPECT_CLOSE(gradient_of(a, solve(a, b)).data(), {-0.75, -0.375, -0.375, -0.1875}, 1e-12);
}

}  // namespace
}  // namespace lamina
