// Decompositions and what follows from them, matrix by matrix through Eigen; triangles.
#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <atomic>
#include <cstring>

#include "lamina/tensor/kernels/strided.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using MatrixMap = Eigen::Map<Matrix<T>>;
template <class T>
using ConstMatrixMap = Eigen::Map<const Matrix<T>>;

void check_matrices(const char* op, const NDArray& x) {
  check_defined(op, x);
  check_floating(op, x.dtype());
  if (x.dim() < 2) fail<ShapeError>(op, "expected (..., m, n), got shape ", x.shape().str());
}

void check_square(const char* op, const NDArray& x) {
  check_matrices(op, x);
  if (x.size(-1) != x.size(-2)) {
    fail<ShapeError>(op, "expected square matrices (..., n, n), got shape ", x.shape().str());
  }
}

Shape batch_of(const NDArray& x) {
  Shape shape = x.shape();
  shape.erase(shape.rank() - 1);
  shape.erase(shape.rank() - 1);
  return shape;
}

Shape with(Shape shape, std::initializer_list<int64_t> extents) {
  for (int64_t extent : extents) shape.push_back(extent);
  return shape;
}

// f(type) for float or double.
template <class F>
void dispatch_floating(DType dtype, const F& f) {
  if (dtype == float32) return f(Type<float>{});
  f(Type<double>{});
}

// Runs f(i) for each of `count` matrices; `work` is about what one costs. f returns whether the
// matrix was as wanted; the first one that was not is named in the error.
template <class F>
void for_each_matrix(const char* op, const char* wanted, int64_t count, double work, const F& f) {
  std::atomic<int64_t> bad{count};
  const int64_t grain = std::max<int64_t>(
      1, static_cast<int64_t>(static_cast<double>(kernels::kParallelGrain) / (work + 1)));
  parallel_for(0, count, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (f(i)) continue;
      int64_t known = bad.load();
      while (i < known && !bad.compare_exchange_weak(known, i)) {
      }
    }
  });
  if (bad < count) {
    fail<RuntimeError>(op, "expected ", wanted, ", got one that is not: batch element ",
                       bad.load());
  }
}

double cube(int64_t n) {
  return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
}

template <class T>
bool is_invertible(const Eigen::PartialPivLU<Matrix<T>>& lu) {
  return (lu.matrixLU().diagonal().array() != T(0)).all();
}

NDArray triangle(const char* op, const NDArray& x, int64_t diagonal, bool lower) {
  check_defined(op, x);
  if (x.dim() < 2) fail<ShapeError>(op, "expected (..., m, n), got shape ", x.shape().str());
  const NDArray from = contiguous(x);
  NDArray out = NDArray::empty_unchecked(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  const int64_t m = x.size(-2), n = x.size(-1), item = size_of(x.dtype());
  // Row r changes sides at column r + cut.
  const int64_t cut = std::clamp(diagonal, -m, n) + (lower ? 1 : 0);
  const int64_t grain = std::max<int64_t>(1, kernels::kParallelGrain / n);
  parallel_for(0, out.numel() / n, grain, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const int64_t left = std::clamp<int64_t>(row % m + cut, 0, n) * item, right = n * item - left;
      const char* source = from.raw_data() + row * n * item;
      char* to = out.raw_data() + row * n * item;
      if (lower) {
        std::memcpy(to, source, left);
        std::memset(to + left, 0, right);
      } else {
        std::memset(to, 0, left);
        std::memcpy(to + left, source + left, right);
      }
    }
  });
  return out;
}

}  // namespace

NDArray tril(const NDArray& x, int64_t diagonal) { return triangle("tril", x, diagonal, true); }
NDArray triu(const NDArray& x, int64_t diagonal) { return triangle("triu", x, diagonal, false); }

QrResult<NDArray> qr(const NDArray& x) {
  check_matrices("qr", x);
  if (is_half(x.dtype())) {
    const QrResult<NDArray> wide = qr(to(x, float32));
    return {to(wide.q, x.dtype()), to(wide.r, x.dtype())};
  }
  const Shape batch = batch_of(x);
  const int64_t m = x.size(-2), n = x.size(-1), k = std::min(m, n);
  QrResult<NDArray> out{NDArray::empty(with(batch, {m, k}), x.dtype()),
                        NDArray::empty(with(batch, {k, n}), x.dtype())};
  if (k == 0) return out;
  const NDArray from = contiguous(x);
  dispatch_floating(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_matrix("qr", "matrices", batch.numel(), cube(std::max(m, n)), [&](int64_t i) {
      const ConstMatrixMap<T> a(from.data<T>() + i * m * n, m, n);
      const Eigen::HouseholderQR<Matrix<T>> factors(a);
      MatrixMap<T>(out.q.data<T>() + i * m * k, m, k) =
          factors.householderQ() * Matrix<T>::Identity(m, k);
      MatrixMap<T>(out.r.data<T>() + i * k * n, k, n) =
          factors.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
      return true;
    });
  });
  return out;
}

NDArray cholesky(const NDArray& x) {
  check_square("cholesky", x);
  if (is_half(x.dtype())) return to(cholesky(to(x, float32)), x.dtype());
  NDArray out = NDArray::empty(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  const int64_t n = x.size(-1);
  const NDArray from = contiguous(x);
  dispatch_floating(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_matrix("cholesky", "positive definite matrices", batch_of(x).numel(), cube(n),
                    [&](int64_t i) {
                      const ConstMatrixMap<T> a(from.data<T>() + i * n * n, n, n);
                      const Eigen::LLT<Matrix<T>, Eigen::Lower> factor(a);
                      MatrixMap<T> l(out.data<T>() + i * n * n, n, n);
                      l = factor.matrixL();
                      // NaN goes through the factorisation unnoticed.
                      return factor.info() == Eigen::Success && (l.diagonal().array() > T(0)).all();
                    });
  });
  return out;
}

NDArray solve(const NDArray& a, const NDArray& b) {
  check_square("solve", a);
  check_defined("solve", b);
  if (a.dtype() != b.dtype()) {
    fail<DTypeError>("solve", "expected two operands of one floating dtype, got ",
                     name_of(a.dtype()), " and ", name_of(b.dtype()));
  }
  Shape columns = a.shape();
  columns.erase(columns.rank() - 1);
  const bool vector = b.dim() == 1 || b.shape() == columns;
  if (b.dim() == 0 || b.size(vector ? -1 : -2) != a.size(-1)) {
    fail<ShapeError>("solve", "expected a (..., n, n) and b (..., n, k) or (n), got ",
                     a.shape().str(), " and ", b.shape().str());
  }
  if (is_half(a.dtype())) return to(solve(to(a, float32), to(b, float32)), a.dtype());
  const NDArray right = vector ? unsqueeze(b, -1) : b;
  Shape batch;
  if (!broadcast_shapes(batch_of(a), batch_of(right), &batch)) {
    fail<ShapeError>("solve", "expected batches that broadcast together, got ", a.shape().str(),
                     " and ", b.shape().str());
  }
  const int64_t n = a.size(-1), k = right.size(-1);
  NDArray out = NDArray::empty(with(batch, {n, k}), a.dtype());
  if (out.numel() > 0) {
    const NDArray matrices = contiguous(expand(a, with(batch, {n, n})));
    const NDArray rights = contiguous(expand(right, with(batch, {n, k})));
    dispatch_floating(a.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      for_each_matrix("solve", "invertible matrices", batch.numel(),
                      cube(n) + static_cast<double>(n) * n * k, [&](int64_t i) {
                        const Eigen::PartialPivLU<Matrix<T>> lu(
                            ConstMatrixMap<T>(matrices.data<T>() + i * n * n, n, n));
                        const ConstMatrixMap<T> from(rights.data<T>() + i * n * k, n, k);
                        MatrixMap<T>(out.data<T>() + i * n * k, n, k) = lu.solve(from);
                        return is_invertible<T>(lu);
                      });
    });
  }
  return vector ? squeeze(out, -1) : out;
}

NDArray inverse(const NDArray& x) {
  check_square("inverse", x);
  if (is_half(x.dtype())) return to(inverse(to(x, float32)), x.dtype());
  NDArray out = NDArray::empty(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  const int64_t n = x.size(-1);
  const NDArray from = contiguous(x);
  dispatch_floating(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_matrix("inverse", "invertible matrices", batch_of(x).numel(), cube(n), [&](int64_t i) {
      const Eigen::PartialPivLU<Matrix<T>> lu(ConstMatrixMap<T>(from.data<T>() + i * n * n, n, n));
      MatrixMap<T>(out.data<T>() + i * n * n, n, n) = lu.inverse();
      return is_invertible<T>(lu);
    });
  });
  return out;
}

SvdResult<NDArray> svd(const NDArray& x) {
  check_matrices("svd", x);
  if (is_half(x.dtype())) {
    const SvdResult<NDArray> wide = svd(to(x, float32));
    return {to(wide.u, x.dtype()), to(wide.s, x.dtype()), to(wide.vt, x.dtype())};
  }
  const Shape batch = batch_of(x);
  const int64_t m = x.size(-2), n = x.size(-1), k = std::min(m, n);
  SvdResult<NDArray> out{NDArray::empty(with(batch, {m, k}), x.dtype()),
                         NDArray::empty(with(batch, {k}), x.dtype()),
                         NDArray::empty(with(batch, {k, n}), x.dtype())};
  if (k == 0) return out;
  const NDArray from = contiguous(x);
  dispatch_floating(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using Columns = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
    for_each_matrix(
        "svd", "finite matrices", batch.numel(), 10 * cube(std::max(m, n)), [&](int64_t i) {
          const ConstMatrixMap<T> a(from.data<T>() + i * m * n, m, n);
          if (!a.allFinite()) return false;
          const Eigen::BDCSVD<Columns> factors(Columns(a),
                                               Eigen::ComputeThinU | Eigen::ComputeThinV);
          MatrixMap<T>(out.u.data<T>() + i * m * k, m, k) = factors.matrixU();
          MatrixMap<T>(out.s.data<T>() + i * k, k, 1) = factors.singularValues();
          MatrixMap<T>(out.vt.data<T>() + i * k * n, k, n) = factors.matrixV().transpose();
          return true;
        });
  });
  return out;
}

NDArray det(const NDArray& x) {
  check_square("det", x);
  if (is_half(x.dtype())) return to(det(to(x, float32)), x.dtype());
  const Shape batch = batch_of(x);
  const int64_t n = x.size(-1);
  if (n == 0) return NDArray::ones(batch, x.dtype());
  NDArray out = NDArray::empty(batch, x.dtype());
  const NDArray from = contiguous(x);
  dispatch_floating(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_matrix("det", "matrices", batch.numel(), cube(n), [&](int64_t i) {
      const ConstMatrixMap<T> a(from.data<T>() + i * n * n, n, n);
      out.data<T>()[i] = Eigen::PartialPivLU<Matrix<T>>(a).determinant();
      return true;
    });
  });
  return out;
}

}  // namespace lamina
