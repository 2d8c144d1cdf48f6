// Naive linear algebra on the matrices in the last two dimensions of a Dense, for the op cases.
#ifndef LAMINA_TESTS_OP_CASES_NAIVE_LINALG_H_
#define LAMINA_TESTS_OP_CASES_NAIVE_LINALG_H_

#include <cstdint>
#include <vector>

#include "lamina/tests/op_cases/dense.h"

namespace lamina::op_cases {

using Rows = std::vector<std::vector<double>>;  // one matrix

Rows zero_rows(int64_t m, int64_t n);
Extents batch_of(const Dense& x);  // the leading dimensions
// The matrices of x, in row-major order; and back from (m, n) matrices.
std::vector<Rows> matrices_of(const Dense& x);
Dense dense_of(const Extents& batch, int64_t m, int64_t n, const std::vector<Rows>& all);

// Gauss and Jordan with pivots: x with a x = b, and the determinant of a.
Rows naive_solve(Rows a, Rows b, double* determinant = nullptr);
// Gram and Schmidt, twice over: q and r with a positive diagonal.
std::vector<Dense> naive_qr(const Dense& x);
// One-sided Jacobi: u, whose first row is not negative, s and vt.
std::vector<Dense> naive_svd(const Dense& x);
Dense naive_cholesky(const Dense& x);

}  // namespace lamina::op_cases

#endif  // LAMINA_TESTS_OP_CASES_NAIVE_LINALG_H_
