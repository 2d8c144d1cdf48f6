// Products of vectors and matrices by their own names, and einsum.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

Dense naive_product(const Dense& a, const Dense& b) {  // (m, k) (k, n), vectors as they come
  const int64_t k = b.shape[0], m = a.rank() == 2 ? a.shape[0] : 1,
                n = b.rank() == 2 ? b.shape[1] : 1;
  Dense out{{}, {}};
  if (a.rank() == 2) out.shape.push_back(m);
  if (b.rank() == 2) out.shape.push_back(n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += a.values[static_cast<size_t>(i * k + p)] * b.values[static_cast<size_t>(p * n + j)];
      out.values.push_back(sum);
    }
  }
  return out;
}

void add_products(Table& table) {
  const Form bmm_form = LAMINA_OP(bmm(in[0], in[1]));
  table.push_back(
      OpCase("bmm(a, b)",
             {{Real({2, 2, 3}), Real({2, 3, 2})},
              {Real({0, 2, 3}), Real({0, 3, 2})},
              {Real({2, 2, 0}), Real({2, 0, 3})}},
             {bmm_form, LAMINA_OP(in[0].bmm(in[1]))},
             [](const std::vector<Dense>& in) {
               const int64_t k = in[0].shape[2];
               return make({in[0].shape[0], in[0].shape[1], in[1].shape[2]}, [&](const Extents& i) {
                 double sum = 0;
                 for (int64_t p = 0; p < k; ++p)
                   sum += in[0].at({i[0], i[1], p}) * in[1].at({i[0], p, i[2]});
                 return sum;
               });
             })
          .takes(kNumbers)
          .tolerance(1e-5)
          .values_at({Real({3, 33, 40}), Real({3, 40, 17})})
          .LAMINA_FAILS(ShapeError,
                        "[bmm] expected a (batch, m, k) and b (batch, k, n), got "
                        "(2, 2, 3) and (1, 3, 2)",
                        {zeros_of({2, 2, 3}), zeros_of({1, 3, 2})}, bmm_form)
          .LAMINA_FAILS(ShapeError, "got (2, 3) and (3, 2)", {zeros_of({2, 3}), zeros_of({3, 2})},
                        bmm_form));
  struct Product {
    const char* declaration;
    Form function, method;
    std::vector<Sample> samples;
    Sample large;
    std::string refused;
    std::vector<NDArray> wrong;
  };
  const std::vector<Product> products = {
      {"mm(a, b)",
       LAMINA_OP(mm(in[0], in[1])),
       LAMINA_OP(in[0].mm(in[1])),
       {{Real({2, 3}), Real({3, 4})}, {Real({2, 0}), Real({0, 3})}, {Real({0, 2}), Real({2, 3})}},
       {Real({40, 65}), Real({65, 33})},
       "[mm] expected a (m, k) and b (k, n), got (2, 3) and (2, 3)",
       {zeros_of({2, 3}), zeros_of({2, 3})}},
      {"mv(a, b)",
       LAMINA_OP(mv(in[0], in[1])),
       LAMINA_OP(in[0].mv(in[1])),
       {{Real({2, 3}), Real({3})}, {Real({2, 0}), Real({0})}, {Real({0, 2}), Real({2})}},
       {Real({90, 130}), Real({130})},
       "[mv] expected a (m, k) and b (k), got (2, 3) and (3, 1)",
       {zeros_of({2, 3}), zeros_of({3, 1})}},
      {"dot(a, b)",
       LAMINA_OP(dot(in[0], in[1])),
       LAMINA_OP(in[0].dot(in[1])),
       {{Real({3}), Real({3})}, {Real({0}), Real({0})}},
       {Real({1000}), Real({1000})},
       "[dot] expected a (n) and b (n), got (3,) and (1,)",
       {zeros_of({3}), zeros_of({1})}},
  };
  for (const Product& p : products) {
    table.push_back(
        OpCase(p.declaration, p.samples, {p.function, p.method},
               [](const std::vector<Dense>& in) { return naive_product(in[0], in[1]); })
            .takes(kNumbers)
            .tolerance(1e-5)
            .values_at(p.large)
            .LAMINA_FAILS(ShapeError, p.refused, p.wrong, p.function)
            .LAMINA_FAILS(DTypeError,
                          "expected two operands of one numeric dtype, got float32 and int32",
                          {zeros_of({2, 2}), zeros_of({2, 2}, int32)}, p.function));
  }
  const Form outer_form = LAMINA_OP(outer(in[0], in[1]));
  table.push_back(
      OpCase("outer(a, b)",
             {{Real({3}), Real({2})}, {Real({0}), Real({2})}, {Real({2}), Real({0})}},
             {outer_form, LAMINA_OP(in[0].outer(in[1]))},
             [](const std::vector<Dense>& in) {
               return make({in[0].shape[0], in[1].shape[0]},
                           [&](const Extents& i) { return in[0].at({i[0]}) * in[1].at({i[1]}); });
             })
          .takes(kAll)
          .values_at({Real({200}), Real({300})})
          .LAMINA_FAILS(ShapeError, "[outer] expected a (m) and b (n), got (2, 1) and (2,)",
                        {zeros_of({2, 1}), zeros_of({2})}, outer_form));
  const auto add_addmm = [&](const std::string& label, std::vector<Sample> samples, Form form,
                             double beta, double alpha) {
    table.push_back(
        OpCase("addmm(bias, a, b, beta, alpha)", std::move(samples), {form},
               [=](const std::vector<Dense>& in) {
                 const Dense product = naive_product(in[1], in[2]);
                 return make(product.shape, [&](const Extents& i) {
                   return beta * broadcast_at(in[0], i) + alpha * product.at(i);
                 });
               })
            .named(label)
            .takes(kNumbers)
            .tolerance(1e-5)
            .values_at({Real({33}), Real({40, 65}), Real({65, 33})})
            .LAMINA_FAILS(ShapeError, "[addmm] expected a bias that broadcasts to (2, 4), got (3,)",
                          {zeros_of({3}), zeros_of({2, 3}), zeros_of({3, 4})}, form)
            .LAMINA_FAILS(ShapeError,
                          "[addmm] expected a (m, k) and b (k, n), got (2, 3) and (4, 4)",
                          {zeros_of({4}), zeros_of({2, 3}), zeros_of({4, 4})}, form)
            .LAMINA_FAILS(DTypeError, "[addmm] expected a bias of dtype float32, got float64",
                          {zeros_of({4}, float64), zeros_of({2, 3}), zeros_of({3, 4})}, form));
  };
  const std::vector<Sample> samples = {{Real({4}), Real({2, 3}), Real({3, 4})},
                                       {Real({2, 4}), Real({2, 3}), Real({3, 4})},
                                       {Real({}), Real({2, 3}), Real({3, 4})},
                                       {Real({2, 1}), Real({2, 0}), Real({0, 3})},
                                       {Real({3}), Real({0, 2}), Real({2, 3})}};
  add_addmm("plain", samples, LAMINA_OP(addmm(in[0], in[1], in[2])), 1, 1);
  add_addmm("scaled", samples, LAMINA_OP(addmm(in[0], in[1], in[2], 3, 2)), 3, 2);
  const Form half = LAMINA_OP(addmm(in[0], in[1], in[2], 0.5));
  table.back().LAMINA_FAILS(
      ValueError, "[addmm] expected integral beta and alpha for int32, got 0.5 and 1",
      {zeros_of({4}, int32), zeros_of({2, 3}, int32), zeros_of({3, 4}, int32)}, half);
}

// A sum over all letters of `equation`, whose terms have one character per dimension: '0' to '9'
// stand for the dimensions of an ellipsis.
Dense naive_einsum(const std::string& equation, const std::vector<Dense>& in) {
  std::vector<std::string> terms(1);
  for (char c : equation) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  const std::string result = terms.back();
  terms.pop_back();
  std::string letters = result;
  for (const std::string& term : terms) {
    for (char c : term) {
      if (letters.find(c) == std::string::npos) letters += c;
    }
  }
  Extents extents(letters.size(), 1);
  for (size_t k = 0; k < terms.size(); ++k) {
    for (size_t d = 0; d < terms[k].size(); ++d) {
      int64_t& extent = extents[letters.find(terms[k][d])];
      if (in[k].shape[d] != 1) extent = in[k].shape[d];
    }
  }
  const Extents outer(extents.begin(), extents.begin() + static_cast<int64_t>(result.size()));
  const Extents inner(extents.begin() + static_cast<int64_t>(result.size()), extents.end());
  return make(outer, [&](const Extents& i) {
    double sum = 0;
    for_each_index(inner, [&](const Extents& j) {
      Extents all = i;
      all.insert(all.end(), j.begin(), j.end());
      double product = 1;
      for (size_t k = 0; k < terms.size(); ++k) {
        Extents at;
        for (size_t d = 0; d < terms[k].size(); ++d)
          at.push_back(in[k].shape[d] == 1 ? 0 : all[letters.find(terms[k][d])]);
        product *= in[k].at(at);
      }
      sum += product;
    });
    return sum;
  });
}

// What an equation sums: nothing, some letters of one operand alone, which makes int64 of integers
// and bool, or products only.
enum class Sums { kNothing, kAlone, kProducts };

// `naive` is the equation for naive_einsum, the result's term last.
void add_einsum(Table& table, Sums sums, const std::string& equation, const std::string& naive,
                std::vector<Sample> samples, Sample large = {}) {
  const Form form(
      [equation](const std::vector<NDArray>& in) { return as_list(einsum(equation, in)); },
      [equation](const std::vector<Tensor>& in) { return as_list(einsum(equation, in)); });
  table.push_back(OpCase("einsum(equation, operands)", std::move(samples), {form},
                         [naive](const std::vector<Dense>& in) { return naive_einsum(naive, in); })
                      .named(naive + " " + std::to_string(table.size()))
                      .takes(sums == Sums::kProducts ? kNumbers : kAll)
                      .gives(sums == Sums::kAlone ? sum_result : same_result)
                      .tolerance(1e-5));
  if (!large.empty()) table.back().values_at(std::move(large));
}

void add_einsums(Table& table) {
  const auto two = [](Extents a, Extents b) {
    return Sample{Real(std::move(a)), Real(std::move(b))};
  };
  add_einsum(table, Sums::kProducts, "ij,jk->ik", "ij,jk,ik",
             {two({2, 3}, {3, 4}), two({2, 0}, {0, 3}), two({0, 2}, {2, 3})},
             two({40, 65}, {65, 33}));
  add_einsum(table, Sums::kAlone, "ij,jk->ik", "ij,jk,ik", {two({2, 1}, {3, 2})});
  add_einsum(table, Sums::kProducts, " i j , j k ", "ij,jk,ik", {two({2, 3}, {3, 2})});
  add_einsum(table, Sums::kNothing, "ba", "ba,ab", {{Real({2, 3})}});
  add_einsum(table, Sums::kAlone, "ii", "ii,", {{Real({3, 3})}, {Real({0, 0})}, {Real({1, 1})}});
  add_einsum(table, Sums::kNothing, "ii->i", "ii,i", {{Real({3, 3})}});
  add_einsum(table, Sums::kAlone, "iji,kj->jk", "iji,kj,jk", {two({2, 3, 2}, {2, 3})});
  add_einsum(table, Sums::kNothing, "iijj->ij", "iijj,ij", {{Real({2, 2, 3, 3})}});
  add_einsum(table, Sums::kNothing, "iii->i", "iii,i", {{Real({3, 3, 3})}});
  add_einsum(table, Sums::kAlone, "ij->", "ij,", {{Real({2, 3})}, {Real({0, 3})}});
  add_einsum(table, Sums::kNothing, "i,j->ij", "i,j,ij", {two({2}, {3})});
  add_einsum(table, Sums::kNothing, "i,i->i", "i,i,i", {two({3}, {3}), two({1}, {3})});
  add_einsum(table, Sums::kAlone, "i,j->", "i,j,", {two({2}, {3})});
  add_einsum(table, Sums::kNothing, ",i->i", ",i,i", {two({}, {3})});
  add_einsum(table, Sums::kNothing, "->", ",", {{Real({})}});
  add_einsum(table, Sums::kProducts, "bij,bjk->bik", "bij,bjk,bik",
             {two({2, 2, 3}, {2, 3, 2}), two({1, 2, 3}, {2, 3, 2})}, two({3, 17, 19}, {3, 19, 18}));
  add_einsum(table, Sums::kProducts, "bhqd,bhkd->bhqk", "bhqd,bhkd,bhqk",
             {two({2, 1, 2, 2}, {2, 1, 3, 2})}, two({2, 3, 17, 8}, {2, 3, 19, 8}));
  add_einsum(table, Sums::kProducts, "...ij,...jk", "01ij,1jk,01ik",
             {two({2, 1, 2, 3}, {2, 3, 2})});
  add_einsum(table, Sums::kProducts, "...i,i...->...", "01i,i1,01", {two({2, 2, 3}, {3, 1})});
  add_einsum(table, Sums::kNothing, "i...->...i", "i01,01i", {{Real({2, 3, 2})}});
  add_einsum(table, Sums::kAlone, "i...->i", "i01,i", {{Real({2, 3, 2})}});
  add_einsum(table, Sums::kNothing, "Ab,bA->bA", "Ab,bA,bA", {two({2, 3}, {3, 2})});
  add_einsum(table, Sums::kNothing, "bA", "bA,Ab", {{Real({2, 3})}});
  add_einsum(table, Sums::kProducts, "ij,jk,kl->il", "ij,jk,kl,il",
             {{Real({2, 3}), Real({3, 2}), Real({2, 3})}});
  add_einsum(table, Sums::kProducts, "bn,anm,bm->ba", "bn,anm,bm,ba",
             {{Real({2, 3}), Real({2, 3, 2}), Real({2, 2})}});
  const auto refused = [](const char* equation) {
    return Form(
        [equation](const std::vector<NDArray>& in) { return as_list(einsum(equation, in)); },
        [equation](const std::vector<Tensor>& in) { return as_list(einsum(equation, in)); });
  };
  const NDArray a = zeros_of({2, 3}), b = zeros_of({4, 5});
  table.back()
      .LAMINA_FAILS(ShapeError,
                    "[einsum] expected one extent for subscript 'j' of equation 'ij,jk', got 3 in "
                    "operand 0 and 4 in operand 1",
                    {a, b}, refused("ij,jk"))
      .LAMINA_FAILS(ShapeError, "expected one extent for subscript '...'", {a, b},
                    refused("...,..."))
      .LAMINA_FAILS(ShapeError,
                    "[einsum] expected one extent for the repeated subscript 'i' of operand 0, got "
                    "2 and 3 in shape (2, 3)",
                    {a}, refused("ii"))
      .LAMINA_FAILS(ShapeError,
                    "[einsum] expected operand 0 to have 3 dimensions for equation 'ijk', got "
                    "shape (2, 3)",
                    {a}, refused("ijk"))
      .LAMINA_FAILS(ShapeError, "expected operand 0 to have at least 3 dimensions", {a},
                    refused("ij...k"))
      .LAMINA_FAILS(ValueError, "[einsum] expected 2 operands for equation 'ij,jk', got 1", {a},
                    refused("ij,jk"))
      .LAMINA_FAILS(ValueError, "got '%' at position 1 of equation 'i%'", {a}, refused("i%"))
      .LAMINA_FAILS(ValueError, "expected three dots, got '.' at position 2", {a}, refused("ij.."))
      .LAMINA_FAILS(ValueError, "expected one '...' in a term", {a}, refused("...i..."))
      .LAMINA_FAILS(ValueError, "expected one '->'", {a}, refused("ij-i"))
      .LAMINA_FAILS(ValueError, "expected one '->'", {a}, refused("ij->i->j"))
      .LAMINA_FAILS(ValueError, "expected one term behind '->'", {a}, refused("ij->i,j"))
      .LAMINA_FAILS(ValueError, "expected subscript 'k' of the result in an operand", {a},
                    refused("ij->k"))
      .LAMINA_FAILS(ValueError, "expected subscript 'i' once behind '->'", {a}, refused("ij->ii"))
      .LAMINA_FAILS(DTypeError, "[einsum] expected operands of one dtype, got float32 and float64",
                    {a, zeros_of({2, 3}, float64)}, refused("ij,ij"));
}

}  // namespace

void add_einsum_rows(Table& table) {
  add_products(table);
  add_einsums(table);
}

}  // namespace lamina::op_cases
