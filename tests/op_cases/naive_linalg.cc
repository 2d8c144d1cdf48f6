#include "lamina/tests/op_cases/naive_linalg.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::op_cases {
namespace {

Rows transposed(const Rows& a, int64_t columns) {
  Rows t = zero_rows(columns, static_cast<int64_t>(a.size()));
  for (size_t i = 0; i < t.size(); ++i) {
    for (size_t j = 0; j < a.size(); ++j) t[i][j] = a[j][i];
  }
  return t;
}

}  // namespace

Rows zero_rows(int64_t m, int64_t n) {
  return Rows(static_cast<size_t>(m), std::vector<double>(static_cast<size_t>(n), 0.0));
}

std::vector<Rows> matrices_of(const Dense& x) {
  const int64_t m = x.shape[x.shape.size() - 2], n = x.shape.back();
  std::vector<Rows> all;
  const Extents batch(x.shape.begin(), x.shape.end() - 2);
  size_t at = 0;
  for (int64_t b = 0; b < count(batch); ++b) {
    Rows a = zero_rows(m, n);
    for (auto& row : a) {
      for (double& v : row) v = x.values[at++];
    }
    all.push_back(a);
  }
  return all;
}

Dense dense_of(const Extents& batch, int64_t m, int64_t n, const std::vector<Rows>& all) {
  Dense out{batch, {}};
  out.shape.push_back(m);
  out.shape.push_back(n);
  for (const Rows& a : all) {
    for (const auto& row : a) out.values.insert(out.values.end(), row.begin(), row.end());
  }
  return out;
}

Extents batch_of(const Dense& x) { return Extents(x.shape.begin(), x.shape.end() - 2); }

Rows naive_solve(Rows a, Rows b, double* determinant) {
  const size_t n = a.size();
  double det = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    if (pivot != k) {
      std::swap(a[k], a[pivot]);
      std::swap(b[k], b[pivot]);
      det = -det;
    }
    det *= a[k][k];
    for (size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = a[i][k] / a[k][k];
      for (size_t j = 0; j < n; ++j) a[i][j] -= factor * a[k][j];
      for (size_t j = 0; j < b[i].size(); ++j) b[i][j] -= factor * b[k][j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (double& v : b[i]) v /= a[i][i];
  }
  if (determinant != nullptr) *determinant = det;
  return b;
}

std::vector<Dense> naive_qr(const Dense& x) {
  const int64_t m = x.shape[x.shape.size() - 2], n = x.shape.back(), k = std::min(m, n);
  std::vector<Rows> qs, rs;
  for (const Rows& a : matrices_of(x)) {
    Rows q = zero_rows(m, k), r = zero_rows(k, n);
    const auto dot = [&](const Rows& s, int64_t i, const std::vector<double>& v) {
      double sum = 0;
      for (size_t row = 0; row < v.size(); ++row) sum += s[row][static_cast<size_t>(i)] * v[row];
      return sum;
    };
    for (int64_t j = 0; j < n; ++j) {
      std::vector<double> v;
      for (const auto& row : a) v.push_back(row[static_cast<size_t>(j)]);
      for (int pass = 0; pass < 2; ++pass) {
        for (int64_t i = 0; i < std::min(j, k); ++i) {
          const double along = dot(q, i, v);
          r[static_cast<size_t>(i)][static_cast<size_t>(j)] += along;
          for (size_t row = 0; row < v.size(); ++row)
            v[row] -= along * q[row][static_cast<size_t>(i)];
        }
      }
      if (j >= k) continue;
      double norm = 0;
      for (double e : v) norm += e * e;
      norm = std::sqrt(norm);
      r[static_cast<size_t>(j)][static_cast<size_t>(j)] = norm;
      for (size_t row = 0; row < v.size(); ++row) q[row][static_cast<size_t>(j)] = v[row] / norm;
    }
    qs.push_back(q);
    rs.push_back(r);
  }
  return {dense_of(batch_of(x), m, k, qs), dense_of(batch_of(x), k, n, rs)};
}

// Rotates pairs of rows of the wide matrix until they are orthogonal.
std::vector<Dense> naive_svd(const Dense& x) {
  const int64_t m = x.shape[x.shape.size() - 2], n = x.shape.back(), k = std::min(m, n);
  std::vector<Rows> us, ss, vs;
  for (const Rows& matrix : matrices_of(x)) {
    Rows a = m <= n ? matrix : transposed(matrix, n);  // k rows
    Rows w = zero_rows(k, k);                          // a = w^T (rotated a)
    for (size_t i = 0; i < w.size(); ++i) w[i][i] = 1;
    const auto dot = [](const std::vector<double>& p, const std::vector<double>& q) {
      double sum = 0;
      for (size_t i = 0; i < p.size(); ++i) sum += p[i] * q[i];
      return sum;
    };
    for (int sweep = 0; sweep < 60; ++sweep) {
      for (size_t p = 0; p < a.size(); ++p) {
        for (size_t q = p + 1; q < a.size(); ++q) {
          const double angle =
              0.5 * std::atan2(2 * dot(a[p], a[q]), dot(a[p], a[p]) - dot(a[q], a[q]));
          const double c = std::cos(angle), s = std::sin(angle);
          for (Rows* rows : {&a, &w}) {
            for (size_t i = 0; i < (*rows)[p].size(); ++i) {
              const double at_p = (*rows)[p][i], at_q = (*rows)[q][i];
              (*rows)[p][i] = c * at_p + s * at_q;
              (*rows)[q][i] = c * at_q - s * at_p;
            }
          }
        }
      }
    }
    std::vector<size_t> order(a.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t i, size_t j) { return dot(a[i], a[i]) > dot(a[j], a[j]); });
    Rows left = zero_rows(k, k), right = zero_rows(k, std::max(m, n)), s = zero_rows(k, 1);
    for (size_t i = 0; i < order.size(); ++i) {
      const double norm = std::sqrt(dot(a[order[i]], a[order[i]]));
      s[i][0] = norm;
      left[i] = w[order[i]];
      for (size_t j = 0; j < right[i].size(); ++j) right[i][j] = a[order[i]][j] / norm;
    }
    Rows& u = m <= n ? left : right;  // transposed
    Rows& v = m <= n ? right : left;
    for (size_t i = 0; i < u.size(); ++i) {
      if (u[i][0] >= 0) continue;
      for (double& e : u[i]) e = -e;
      for (double& e : v[i]) e = -e;
    }
    us.push_back(transposed(u, m));
    ss.push_back(s);
    vs.push_back(v);
  }
  Dense values = dense_of(batch_of(x), k, 1, ss);
  values.shape.pop_back();
  return {dense_of(batch_of(x), m, k, us), values, dense_of(batch_of(x), k, n, vs)};
}

Dense naive_cholesky(const Dense& x) {
  std::vector<Rows> all;
  const int64_t n = x.shape.back();
  for (const Rows& a : matrices_of(x)) {
    Rows l = zero_rows(n, n);
    for (size_t i = 0; i < l.size(); ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = a[i][j];
        for (size_t p = 0; p < j; ++p) sum -= l[i][p] * l[j][p];
        l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
      }
    }
    all.push_back(l);
  }
  return dense_of(batch_of(x), n, n, all);
}

}  // namespace lamina::op_cases
