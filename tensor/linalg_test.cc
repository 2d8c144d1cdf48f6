// Edge cases of linear algebra against values of PyTorch 1.13; tests/op_cases has the rest.
#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;

TEST(LinalgTest, QrHasTheSignsOfLapack) {
  const auto [q, r] = qr(NDArray::from({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}}));
  EXPECT_CLOSE(q, {-0.1690, 0.8971, -0.5071, 0.2760, -0.8452, -0.3450}, 0, 1e-4);
  EXPECT_CLOSE(r, {-5.9161, -7.4374, 0, 0.8281}, 0, 1e-4);
  const auto [q2, r2] = qr(NDArray::from({{1.f, 2.f, 3.f}, {3.f, 4.f, 4.f}}));
  EXPECT_CLOSE(q2, {-0.3162, -0.9487, -0.9487, 0.3162}, 0, 1e-4);
  EXPECT_CLOSE(r2, {-3.1623, -4.4272, -4.7434, 0, -0.6325, -1.5811}, 0, 1e-4);
}

TEST(LinalgTest, SvdHasDescendingValues) {
  const auto [u, s, vt] = svd(NDArray::from({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}}));
  EXPECT_CLOSE(s, {9.5255, 0.5143}, 0, 1e-4);
  EXPECT_CLOSE(matmul(u * s, vt), {1, 2, 3, 4, 5, 6}, 1e-5, 1e-5);
  const SvdResult<NDArray> none = svd(NDArray::zeros({4, 0, 3}));
  EXPECT_EQ(none.u.shape(), (Shape{4, 0, 0}));
  EXPECT_EQ(none.s.shape(), (Shape{4, 0}));
  EXPECT_EQ(none.vt.shape(), (Shape{4, 0, 3}));
  EXPECT_CLOSE(svd(NDArray::zeros({2, 2})).s, {0, 0});
}

TEST(LinalgTest, LargeSvdAndQrReconstructTheirInput) {
  for (DType dtype : test::kFloatingDTypes) {
    for (const Shape& shape : {Shape{90, 40}, Shape{40, 90}, Shape{64, 64}}) {
      const NDArray x = test::noise(shape, dtype);
      const double tolerance = dtype == float32 ? 1e-4 : 1e-12;
      const std::vector<double> expected = test::elements(x);
      const SvdResult<NDArray> f = svd(x);
      EXPECT_CLOSE(matmul(f.u * f.s, f.vt), expected, 0, tolerance);
      const int64_t k = f.s.size(0);
      const std::vector<double> one = test::elements(NDArray::eye(k));
      EXPECT_CLOSE(matmul(f.u.t(), f.u), one, 0, tolerance);
      EXPECT_CLOSE(matmul(f.vt, f.vt.t()), one, 0, tolerance);
      const QrResult<NDArray> g = qr(x);
      EXPECT_CLOSE(matmul(g.q, g.r), expected, 0, tolerance);
      EXPECT_CLOSE(matmul(g.q.t(), g.q), one, 0, tolerance);
      EXPECT_EQ(test::elements(g.r), test::elements(triu(g.r)));
    }
  }
}

TEST(LinalgTest, EmptyMatricesHaveDeterminantOne) {
  EXPECT_CLOSE(det(NDArray::zeros({0, 0})), {1});
  EXPECT_CLOSE(det(NDArray::zeros({2, 0, 0})), {1, 1});
  EXPECT_CLOSE(det(NDArray::zeros({2, 2})), {0});
  EXPECT_EQ(inverse(NDArray::zeros({0, 0})).shape(), (Shape{0, 0}));
}

TEST(LinalgTest, NaNGoesThroughTheInverseAndIsRefusedByTheOthers) {
  const NDArray x = NDArray::full({2, 2}, NAN);
  EXPECT_CLOSE(inverse(x), {NAN, NAN, NAN, NAN});
  EXPECT_THROWS(RuntimeError, "[svd] expected finite matrices", svd(x));
  EXPECT_THROWS(RuntimeError, "[cholesky] expected positive definite matrices", cholesky(x));
}

TEST(LinalgTest, CholeskyReadsTheLowerTriangle) {
  EXPECT_CLOSE(cholesky(NDArray::from({{4.f, 99.f}, {2.f, 5.f}})), {2, 0, 1, 2});
}

TEST(EinsumTest, DimensionsOfAnEllipsisBroadcast) {
  const NDArray x = array({1, 2, 3, 4}, {2, 1, 2}), y = array({1, 10}, {2});
  EXPECT_CLOSE(einsum("...i,...i", {x, y}), {21, 43});
  EXPECT_CLOSE(einsum("...,...->...", {x, y}), {1, 20, 3, 40});
  EXPECT_EQ(einsum("...i->i...", {x}).shape(), (Shape{2, 2, 1}));
}

TEST(EinsumTest, AMatrixProductIsAView) {  // nothing is copied on the way to matmul
  const NDArray x = test::noise({3, 4});
  EXPECT_EQ(einsum("ij->ji", {x}).storage(), x.storage());
  EXPECT_CLOSE(einsum("ij,kj->ik", {x, x}), test::elements(matmul(x, x.t())));
}

TEST(AddmmTest, BetaOfZeroLeavesTheBiasOut) {
  const NDArray a = NDArray::ones({2, 2});
  EXPECT_CLOSE(addmm(NDArray::full(2, NAN), a, a, 0), {2, 2, 2, 2});
  EXPECT_CLOSE(addmm(NDArray::full(2, 1.0), a, a, 3, 0.5), {4, 4, 4, 4});
}

// dtypes as PyTorch 1.13 gives them; it refuses the last one, in which an int64 sum meets an int32 matrix.
TEST(EinsumTest, SumsOfOneOperandAloneAreInt64) {
  const NDArray x = NDArray::full({2, 2}, 200, uint8), b = NDArray::ones({2, 2}, bool_);
  EXPECT_CLOSE(einsum("ij->i", {x}), {400, 400});
  EXPECT_EQ(einsum("ij->", {x}).dtype(), int64);
  EXPECT_EQ(einsum("ij->ji", {x}).dtype(), uint8);
  EXPECT_EQ(einsum("ij,jk->ik", {x, x}).dtype(), uint8);
  EXPECT_EQ(einsum("ij,kl->ik", {x, x}).dtype(), int64);
  EXPECT_EQ(einsum("ij,jk->", {x, x}).dtype(), int64);
  EXPECT_CLOSE(einsum("ij->i", {b}), {2, 2});
  EXPECT_EQ(einsum("ij,ij->ij", {b, b}).dtype(), bool_);
  EXPECT_EQ(einsum("ii->i", {b}).dtype(), bool_);
  EXPECT_THROWS(DTypeError, "[einsum] expected a numeric dtype where products are summed, got bool",
                einsum("ij,jk->ik", {b, b}));
  EXPECT_EQ(einsum("ij,jk->i", {x, x}).dtype(), int64);
}

TEST(EinsumTest, AnExtentOfOneBroadcastsInALaterOperand) {
  const NDArray a = NDArray::ones({2, 3});
  EXPECT_CLOSE(einsum("ij,j->i", std::vector<NDArray>{a, NDArray::ones(1)}), {3, 3});
  EXPECT_CLOSE(einsum("ij,j,j->i", std::vector<NDArray>{a, NDArray::ones(1), NDArray::ones(3)}),
               {3, 3});
}

TEST(AddmmTest, NoProductMeansNoNaN) {
  const NDArray nan = NDArray::full({1, 1}, std::nan(""));
  EXPECT_CLOSE(addmm(NDArray::ones({1, 1}), nan, NDArray::ones({1, 1}), 1, 0), {1});
}

}  // namespace
}  // namespace lamina
