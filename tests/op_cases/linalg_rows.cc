// Linear algebra: triangles, decompositions, and what follows from them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "lamina/tests/op_cases/naive_linalg.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

// ---- Inputs with properties

// Far from singular, with distinct singular values, whatever x is: what is no floating matrix stays
// as it is.
template <class A>
A well_conditioned(const A& x) {
  if (!x.defined() || !is_floating(x.dtype()) || x.dim() < 2) return x;
  const int64_t m = x.size(-2), n = x.size(-1);
  const NDArray ramp = (NDArray::arange(n) * 3 + 5).to(x.dtype());
  return x + A(NDArray::eye(m, n, x.dtype()) * ramp);
}
template <class A>
A positive_definite(const A& x) {
  if (!x.defined() || !is_floating(x.dtype()) || x.dim() < 2) return x;
  return (x + x.transpose(-1, -2)) + A(NDArray::eye(x.size(-1), x.dtype()) * 16);
}
Dense naive_well_conditioned(const Dense& x) {
  return make(x.shape, [&](const Extents& i) {
    const size_t r = i.size() - 2;
    return x.at(i) + (i[r] == i[r + 1] ? 5 + 3 * static_cast<double>(i[r]) : 0);
  });
}
Dense naive_positive_definite(const Dense& x) {
  return make(x.shape, [&](const Extents& i) {
    Extents j = i;
    std::swap(j[j.size() - 1], j[j.size() - 2]);
    return x.at(i) + x.at(j) + (i == j ? 16 : 0);
  });
}

// -1 or 1 for each element, as constants.
template <class A>
A sign_of(const A& x) {
  return A(lamina::lt(x, 0)).to(x.dtype()) * -2 + 1;
}
// Signs are free in these: the diagonal of r positive, the first row of u not negative.
template <class A>
std::vector<A> with_signs(const QrResult<A>& result) {
  const int64_t k = result.q.size(-1);
  if (k == 0 || result.q.numel() == 0) return {result.q, result.r};
  const A diagonal = (result.r.narrow(-1, 0, k) * A(NDArray::eye(k, result.r.dtype()))).sum(-1);
  const A sign = sign_of(diagonal);
  return {result.q * sign.unsqueeze(-2), result.r * sign.unsqueeze(-1)};
}
template <class A>
std::vector<A> with_signs(const SvdResult<A>& result) {
  if (result.u.numel() == 0) return {result.u, result.s, result.vt};
  const A sign = sign_of(result.u.select(-2, 0));
  return {result.u * sign.unsqueeze(-2), result.s, result.vt * sign.unsqueeze(-1)};
}

// ---- Rows

void add_triangles(Table& table) {
  struct Triangle {
    const char* declaration;
    Form function, method;
    bool lower;
    int64_t diagonal;
  };
  const std::vector<Triangle> triangles = {
      {"tril(x, diagonal)", LAMINA_OP(tril(in[0])), LAMINA_OP(in[0].tril()), true, 0},
      {"tril(x, diagonal)", LAMINA_OP(tril(in[0], -1)), LAMINA_OP(in[0].tril(-1)), true, -1},
      {"tril(x, diagonal)", LAMINA_OP(tril(in[0], 1000)), LAMINA_OP(in[0].tril(int64_t{1} << 62)),
       true, 1000},
      {"triu(x, diagonal)", LAMINA_OP(triu(in[0])), LAMINA_OP(in[0].triu()), false, 0},
      {"triu(x, diagonal)", LAMINA_OP(triu(in[0], 2)), LAMINA_OP(in[0].triu(2)), false, 2},
      {"triu(x, diagonal)", LAMINA_OP(triu(in[0], -1000)),
       LAMINA_OP(in[0].triu(std::numeric_limits<int64_t>::min())), false, -1000},
  };
  for (const Triangle& t : triangles) {
    table.push_back(OpCase(t.declaration,
                           {{Real({3, 3})}, {Real({2, 2, 4})}, {Real({4, 2})}, {Real({0, 3})}},
                           {t.function, t.method},
                           [t](const std::vector<Dense>& in) {
                             return make(in[0].shape, [&](const Extents& i) {
                               const int64_t d = i[i.size() - 1] - i[i.size() - 2];
                               const bool kept = t.lower ? d <= t.diagonal : d >= t.diagonal;
                               return kept ? in[0].at(i) : 0;
                             });
                           })
                        .named("at " + std::to_string(table.size()))
                        .takes(kAll)
                        .values_at({Real({3, 130, 120})})
                        .LAMINA_FAILS(ShapeError, "expected (..., m, n), got shape (3,)",
                                      {zeros_of({3})}, t.function));
  }
  const Form form = LAMINA_OP(trace(in[0]));
  table.push_back(OpCase("trace(x)", {{Real({3, 3})}, {Real({2, 4})}, {Real({0, 3})}},
                         {form, LAMINA_OP(in[0].trace())},
                         [](const std::vector<Dense>& in) {
                           return make({}, [&](const Extents&) {
                             double sum = 0;
                             for (int64_t i = 0; i < std::min(in[0].shape[0], in[0].shape[1]); ++i)
                               sum += in[0].at({i, i});
                             return sum;
                           });
                         })
                      .takes(kNumbers)
                      .gives(sum_result)
                      .LAMINA_FAILS(ShapeError, "[trace] expected a matrix, got shape (2, 2, 2)",
                                    {zeros_of({2, 2, 2})}, form));
}

void add_decompositions(Table& table) {
  const std::vector<Sample> any = {{Real({3, 2})},    {Real({2, 3})}, {Real({2, 2})},
                                   {Real({2, 3, 2})}, {Real({1, 1})}, {Real({0, 3})},
                                   {Real({0, 2, 2})}};
  const std::vector<Sample> square = {
      {Real({3, 3})}, {Real({2, 2, 2})}, {Real({1, 1})}, {Real({0, 0})}, {Real({0, 2, 2})}};
  const Form qr_form = LAMINA_OP(with_signs(qr(well_conditioned(in[0]))));
  table.push_back(
      OpCase("qr(x)", any, {qr_form},
             [](const std::vector<Dense>& in) { return naive_qr(naive_well_conditioned(in[0])); })
          .results_alike()
          .tolerance(1e-5)
          .values_at({Real({40, 30})})
          .LAMINA_FAILS(ShapeError, "[qr] expected (..., m, n), got shape (3,)", {zeros_of({3})},
                        qr_form));
  const Form svd_form = LAMINA_OP(with_signs(svd(well_conditioned(in[0]))));
  table.push_back(
      OpCase("svd(x)", any, {svd_form},
             [](const std::vector<Dense>& in) { return naive_svd(naive_well_conditioned(in[0])); })
          .results_alike()
          .tolerance(1e-5)
          .LAMINA_FAILS(ShapeError, "[svd] expected (..., m, n), got shape (3,)", {zeros_of({3})},
                        svd_form)
          .LAMINA_FAILS(RuntimeError,
                        "[svd] expected finite matrices, got one that is not: batch "
                        "element 1",
                        {NDArray::from({1.f, INFINITY}, {2, 1, 1})}, LAMINA_OP(svd(in[0]).s)));
  const Form cholesky_form = LAMINA_OP(cholesky(positive_definite(in[0])));
  const Form cholesky_plain = LAMINA_OP(in[0].cholesky());
  table.push_back(OpCase("cholesky(x)", square, {cholesky_form},
                         [](const std::vector<Dense>& in) {
                           return naive_cholesky(naive_positive_definite(in[0]));
                         })
                      .tolerance(1e-5)
                      .values_at({Real({6, 6})})
                      .LAMINA_FAILS(ShapeError,
                                    "[cholesky] expected square matrices (..., n, n), got shape "
                                    "(2, 3)",
                                    {zeros_of({2, 3})}, cholesky_plain)
                      .LAMINA_FAILS(RuntimeError,
                                    "[cholesky] expected positive definite matrices, got one that "
                                    "is not: batch element 1",
                                    {NDArray::from({1.f, 0.f, -1.f}, {3, 1, 1})}, cholesky_plain)
                      .LAMINA_FAILS(RuntimeError, "batch element 0", {NDArray::full({2, 2}, NAN)},
                                    cholesky_plain));
  const Form inverse_form = LAMINA_OP(inverse(well_conditioned(in[0])));
  const Form inverse_plain = LAMINA_OP(in[0].inverse());
  table.push_back(OpCase("inverse(x)", square, {inverse_form},
                         [](const std::vector<Dense>& in) {
                           std::vector<Rows> all;
                           const int64_t n = in[0].shape.back();
                           for (const Rows& a : matrices_of(naive_well_conditioned(in[0]))) {
                             Rows one = zero_rows(n, n);
                             for (size_t i = 0; i < one.size(); ++i) one[i][i] = 1;
                             all.push_back(naive_solve(a, one));
                           }
                           return dense_of(batch_of(in[0]), n, n, all);
                         })
                      .tolerance(1e-5)
                      .values_at({Real({40, 40})})
                      .LAMINA_FAILS(ShapeError, "[inverse] expected square matrices",
                                    {zeros_of({3, 2})}, inverse_plain)
                      .LAMINA_FAILS(RuntimeError,
                                    "[inverse] expected invertible matrices, got one that is not: "
                                    "batch element 2",
                                    {NDArray::from({1.f, 2.f, 0.f, 0.f}, {4, 1, 1})},
                                    inverse_plain));
  const Form det_form = LAMINA_OP(det(well_conditioned(in[0])));
  table.push_back(OpCase("det(x)", square, {det_form},
                         [](const std::vector<Dense>& in) {
                           Dense out{batch_of(in[0]), {}};
                           for (const Rows& a : matrices_of(naive_well_conditioned(in[0]))) {
                             double value = 1;
                             naive_solve(a, zero_rows(static_cast<int64_t>(a.size()), 0), &value);
                             out.values.push_back(value);
                           }
                           return out;
                         })
                      .tolerance(1e-5)
                      .LAMINA_FAILS(ShapeError, "[det] expected square matrices",
                                    {zeros_of({3, 2})}, LAMINA_OP(in[0].det())));
  const Form solve_form = LAMINA_OP(solve(well_conditioned(in[0]), in[1]));
  table.push_back(
      OpCase("solve(a, b)",
             {{Real({3, 3}), Real({3, 2})},
              {Real({3, 3}), Real({3})},
              {Real({2, 2, 2}), Real({2, 2, 3})},
              {Real({3, 2, 2}), Real({3, 2})},  // one vector for each matrix
              {Real({2, 2, 2}), Real({2})},     // one vector for all
              {Real({2, 2}), Real({2, 2, 1})},  // one matrix for all
              {Real({2, 1, 2, 2}), Real({3, 2, 1})},
              {Real({0, 0}), Real({0, 2})},
              {Real({2, 2}), Real({2, 0})},
              {Real({0, 2, 2}), Real({2})}},
             {solve_form},
             [](const std::vector<Dense>& in) {
               const Dense a = naive_well_conditioned(in[0]);
               Dense b = in[1];
               const bool vector =
                   b.rank() == 1 || b.shape == Extents(a.shape.begin(), a.shape.end() - 1);
               if (vector) b.shape.push_back(1);
               const Extents batch = broadcast(batch_of(a), batch_of(b));
               const int64_t n = a.shape.back(), k = b.shape.back();
               const auto wide = [&](const Dense& x, int64_t columns) {
                 Extents shape = batch;
                 shape.push_back(n);
                 shape.push_back(columns);
                 return matrices_of(
                     make(shape, [&](const Extents& i) { return broadcast_at(x, i); }));
               };
               const std::vector<Rows> as = wide(a, n), bs = wide(b, k);
               std::vector<Rows> all;
               for (size_t i = 0; i < as.size(); ++i) all.push_back(naive_solve(as[i], bs[i]));
               Dense out = dense_of(batch, n, k, all);
               if (vector) out.shape.pop_back();
               return out;
             })
          .tolerance(1e-5)
          .values_at({Real({40, 40}), Real({40, 3})})
          .LAMINA_FAILS(ShapeError,
                        "[solve] expected a (..., n, n) and b (..., n, k) or (n), got (2, 2) and "
                        "(3, 2)",
                        {zeros_of({2, 2}), zeros_of({3, 2})}, solve_form)
          .LAMINA_FAILS(
              ShapeError,
              "[solve] expected batches that broadcast together, got (2, 2, 2) and (3, 2, 2)",
              {zeros_of({2, 2, 2}), zeros_of({3, 2, 2})}, solve_form)
          .LAMINA_FAILS(DTypeError,
                        "[solve] expected two operands of one floating dtype, got float32 and "
                        "float64",
                        {zeros_of({2, 2}), zeros_of({2}, float64)}, solve_form)
          .LAMINA_FAILS(
              RuntimeError,
              "[solve] expected invertible matrices, got one that is not: batch element 0",
              {zeros_of({2, 2}), zeros_of({2})}, LAMINA_OP(solve(in[0], in[1]))));
}

}  // namespace

void add_linalg_rows(Table& table) {
  add_triangles(table);
  add_decompositions(table);
}

}  // namespace lamina::op_cases
