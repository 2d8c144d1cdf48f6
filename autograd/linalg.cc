// Linear algebra, with its gradients. Formulas for QR, Cholesky and the singular value
// decomposition after Townsend, "Differentiating the singular value decomposition", 2016, and
// Seeger et al., "Auto-differentiating linear algebra", 2017.
#include <algorithm>
#include <vector>

#include "lamina/autograd/function.h"

namespace lamina {
namespace {

Tensor transposed(const Tensor& x) { return x.transpose(-1, -2); }
// x b^-1
Tensor solve_right(const Tensor& x, const Tensor& b) {
  return transposed(solve(transposed(b), transposed(x)));
}
Tensor identity(int64_t n, DType dtype) { return NDArray::eye(n, n, dtype); }
// x with its diagonal halved
Tensor half_diagonal(const Tensor& x) { return x * (1 - identity(x.size(-1), x.dtype()) * 0.5); }

template <bool kLower>
struct Triangle : Function<Triangle<kLower>> {
  static constexpr const char* kName = kLower ? "tril" : "triu";
  int64_t diagonal = 0;
  NDArray forward(Context&, const NDArray& x, int64_t at) {
    diagonal = at;
    return kLower ? tril(x, at) : triu(x, at);
  }
  Gradients backward(Context&, const Tensor& dy) {
    return {kLower ? tril(dy, diagonal) : triu(dy, diagonal)};
  }
};

struct Qr : Function<Qr> {
  static constexpr const char* kName = "qr";
  static std::array<NDArray, 2> forward(Context& ctx, const NDArray& x) {
    QrResult<NDArray> result = qr(x);
    return {ctx.save_output(std::move(result.q)), ctx.save_output(std::move(result.r))};
  }
  // For m >= n, with the upper triangle of dr r^T - q^T dq mirrored into a symmetric s:
  // (dq + q s) r^-T.
  static Tensor tall(const Tensor& q, const Tensor& r, const Tensor& dq, const Tensor& dr) {
    const Tensor upper = half_diagonal(triu(matmul(dr, transposed(r)) - matmul(transposed(q), dq)));
    return solve_right(dq + matmul(q, upper + transposed(upper)), transposed(r));
  }
  static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    const Tensor q = ctx.saved(0), r = ctx.saved(1);
    const Tensor dq = dy[0].defined() ? dy[0] : zeros(q.shape(), q.dtype());
    const Tensor dr = dy[1].defined() ? dy[1] : zeros(r.shape(), r.dtype());
    const int64_t m = q.size(-2), n = r.size(-1);
    if (m >= n) return {tall(q, r, dq, dr)};
    // x = [x1 x2] with a square x1 = q r1, and r2 = q^T x2.
    const Tensor r1 = r.narrow(-1, 0, m), r2 = r.narrow(-1, m, n - m);
    const Tensor dr1 = dr.narrow(-1, 0, m), dr2 = dr.narrow(-1, m, n - m);
    const Tensor dx1 = tall(q, r1, dq + matmul(matmul(q, r2), transposed(dr2)), dr1);
    return {cat({dx1, matmul(q, dr2)}, -1)};
  }
};

struct Cholesky : Function<Cholesky> {
  static constexpr const char* kName = "cholesky";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(cholesky(x)); }
  // l^-T p l^-1, made symmetric, where p is the lower triangle of l^T dl, its diagonal halved.
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor l = ctx.output();
    const Tensor p = half_diagonal(tril(matmul(transposed(l), dy)));
    const Tensor dx = solve_right(solve(transposed(l), p), l);
    return {(dx + transposed(dx)) * 0.5};
  }
};

struct Solve : Function<Solve> {
  static constexpr const char* kName = "solve";
  bool vector = false;
  NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a);
    NDArray x = ctx.save_output(solve(a, b));
    vector =
        b.dim() == 1 || (b.dim() == a.dim() - 1 && b.size(-1) == a.size(-1) && x.dim() == b.dim());
    return x;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const auto as_matrix = [&](const Tensor& t) { return vector ? t.unsqueeze(-1) : t; };
    const Tensor db = solve(transposed(ctx.saved(0)), as_matrix(dy));
    Tensor da;
    if (ctx.needs_grad(0)) {
      da = ctx.to_input(0, neg(matmul(db, transposed(as_matrix(ctx.output())))));
    }
    return {da, ctx.needs_grad(1) ? ctx.to_input(1, vector ? db.squeeze(-1) : db) : Tensor()};
  }
};

struct Inverse : Function<Inverse> {
  static constexpr const char* kName = "inverse";
  static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(inverse(x)); }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor y_t = transposed(ctx.output());
    return {neg(matmul(matmul(y_t, dy), y_t))};
  }
};

struct Svd : Function<Svd> {
  static constexpr const char* kName = "svd";
  static std::array<NDArray, 3> forward(Context& ctx, const NDArray& x) {
    SvdResult<NDArray> result = svd(x);
    return {ctx.save_output(std::move(result.u)), ctx.save_output(std::move(result.s)),
            ctx.save_output(std::move(result.vt))};
  }
  static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
    const Tensor u = ctx.saved(0), s = ctx.saved(1), vt = ctx.saved(2);
    const Tensor &du = dy[0], &ds = dy[1], &dvt = dy[2];
    const int64_t m = u.size(-2), n = vt.size(-1), k = s.size(-1);
    const Tensor rows = s.unsqueeze(-1), columns = s.unsqueeze(-2), one = identity(k, s.dtype());
    // The gradient is u core vt, and what leaves the span of u or v.
    Tensor core = ds.defined() ? one * ds.unsqueeze(-1) : zeros({k, k}, s.dtype());
    if (du.defined() || dvt.defined()) {
      const Tensor gaps = (columns - rows) * (columns + rows) + one;
      const auto skew_over_gaps = [&](const Tensor& x) { return (x - transposed(x)) / gaps; };
      if (du.defined()) core = core + skew_over_gaps(matmul(transposed(u), du)) * columns;
      if (dvt.defined()) core = core + rows * skew_over_gaps(matmul(vt, transposed(dvt)));
    }
    Tensor dx = matmul(matmul(u, core), vt);
    if (du.defined() && m > k) {
      dx = dx + matmul((du - matmul(u, matmul(transposed(u), du))) / columns, vt);
    }
    if (dvt.defined() && n > k) {
      dx = dx + matmul(u, (dvt - matmul(matmul(dvt, transposed(vt)), vt)) / rows);
    }
    return {dx};
  }
};

struct Det : Function<Det> {
  static constexpr const char* kName = "det";
  static NDArray forward(Context& ctx, const NDArray& x) {
    ctx.save_input(x);
    return ctx.save_output(det(x));
  }
  // The cofactors of u diag(s) vt are det(u) det(vt) u diag(c) vt, where c[i] is the product of the
  // other s.
  static Tensor cofactors(const Tensor& x) {
    const auto [u, s, vt] = svd(x);
    const int64_t n = s.size(-1);
    const Tensor one = identity(n, s.dtype()), others = s.unsqueeze(-2) * (1 - one) + one;
    Tensor c = others.select(-1, 0);
    for (int64_t i = 1; i < n; ++i) c = c * others.select(-1, i);
    const Tensor sign = (det(u) * det(vt)).unsqueeze(-1).unsqueeze(-1);
    return sign * matmul(u * c.unsqueeze(-2), vt);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor x = ctx.saved(0), y = ctx.saved(1);
    if (x.numel() == 0) return {zeros(x.shape(), x.dtype())};
    const std::vector<double> values = y.data().to_vector<double>();
    const bool singular = std::count(values.begin(), values.end(), 0.0) > 0;
    const auto as_matrix = [](const Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
    if (singular) return {as_matrix(dy) * cofactors(x)};
    return {as_matrix(dy * y) * transposed(inverse(x))};
  }
};

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) { return Triangle<true>::apply(x, diagonal); }
Tensor triu(const Tensor& x, int64_t diagonal) { return Triangle<false>::apply(x, diagonal); }
QrResult<Tensor> qr(const Tensor& x) {
  const std::array<Tensor, 2> result = Qr::apply(x);
  return {result[0], result[1]};
}
Tensor cholesky(const Tensor& x) { return Cholesky::apply(x); }
Tensor solve(const Tensor& a, const Tensor& b) { return Solve::apply(a, b); }
Tensor inverse(const Tensor& x) { return Inverse::apply(x); }
SvdResult<Tensor> svd(const Tensor& x) {
  const std::array<Tensor, 3> result = Svd::apply(x);
  return {result[0], result[1], result[2]};
}
Tensor det(const Tensor& x) { return Det::apply(x); }

}  // namespace lamina
